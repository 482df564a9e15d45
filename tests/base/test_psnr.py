"""PSNR by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from base.psnr import MOST_DB, mean_error, psnr_db

SIDE = 4


def test_by_hand() -> None:
    grey = np.full((3, SIDE, SIDE), 100, np.uint8)
    one_off, pixel = grey + np.uint8(1), grey.copy()
    pixel[0, 0, 0] = 100 + 51  # a fifth of the range, in one value of 48
    error = mean_error(np.stack((grey, one_off, pixel)), grey)
    by_hand = [MOST_DB, min(MOST_DB, 20 * np.log10(255)), 10 * np.log10(48 * 25)]
    np.testing.assert_allclose(psnr_db(error), by_hand, atol=1e-3)
    assert psnr_db(error[0], math.inf) == math.inf


def test_bytes_do_not_wrap_around() -> None:
    black, white = (np.full((2, 2, 3), value, np.uint8) for value in (0, 255))
    for one, other in ((black, white), (white, black)):
        assert float(psnr_db(mean_error(one, other))) == pytest.approx(0)
