"""Work for processes of their own; here alone, so that they need not load what tests load."""

from __future__ import annotations

import os
import time

from base.errors import UserError


def halve_or_die(number: int) -> int:
    """Half of a number; 3 kills the process, 4 takes for ever, and 5 fails."""
    if number == 3:
        os.abort()
    while number == 4:
        time.sleep(1)
    return number // (2 if number != 5 else 0)


def refuse(number: int) -> int:
    """Find the disk full."""
    raise UserError(f"the disk is full at {number}")
