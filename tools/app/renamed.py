"""Programs under their old names: a line that names the new one."""

from __future__ import annotations

from base.errors import UserError, run_main


def renamed(old: str, new: str) -> None:
    """End with a line that names the program to call instead, and exit code 2."""

    def say_so() -> None:
        raise UserError(f"python -m tools.{old} is now python -m tools.{new}")

    run_main(say_so)
