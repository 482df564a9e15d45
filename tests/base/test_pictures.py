"""Pictures made small: they fit, keep their shape, and are not made larger unasked."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from base.pictures import fitted

sides = st.integers(1, 300)


@given(sides, sides, sides, sides, st.booleans())
def test_a_picture_fits_and_keeps_its_shape(
    height: int, width: int, down: int, across: int, enlarge: bool
) -> None:
    picture = np.zeros((height, width, 3), np.uint8)
    made = fitted(picture, across, down, enlarge)
    assert made.shape[0] <= max(down, 1) and made.shape[1] <= max(across, 1) and made.shape[2] == 3
    scale = min(across / width, down / height)
    scale = scale if enlarge else min(1.0, scale)
    assert abs(made.shape[0] - scale * height) <= 1 and abs(made.shape[1] - scale * width) <= 1
    assert made is picture or scale != 1


def test_it_is_smooth_when_smaller_and_square_pixels_when_larger() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[::2, ::2] = picture[1::2, 1::2] = 200
    assert (fitted(picture, 2, 2) == 100).all()
    assert np.array_equal(fitted(picture, 8, 8, enlarge=True), picture.repeat(2, 0).repeat(2, 1))
