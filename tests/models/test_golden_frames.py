"""Cards that were written once are read for ever, and their worlds dream the same frames."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import golden


@pytest.mark.parametrize("name", golden.cards())
def test_a_world_dreams_what_it_dreamed(name: str) -> None:
    expected = golden.recorded_frames()[name]
    made = golden.frames(golden.cards()[name])
    assert made.shape == expected.shape and np.std(made) > 5
    off = np.abs(made.astype(int) - expected).max(axis=-1)
    assert (off <= 1).mean() >= 0.999
