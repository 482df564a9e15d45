"""Steps start on time, never early, and lost time is not made up."""

from __future__ import annotations

import gc
import sys
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import UserError
from engine.player.pacing import SWITCH_S, Pacer, RateMeter, Spread, Timings, percentile, steady

PERIOD = 1 / 15


def starts(pacer: Pacer, delays: list[float]) -> list[float]:
    """When steps start if each one finds the loop `delay` seconds after it was due."""
    now, times = 0.0, []
    for delay in delays:
        now += pacer.wait_s(now) + delay
        pacer.begin(now)
        times.append(now)
    return times


def test_small_delays_do_not_add_up() -> None:
    times = starts(Pacer(15), [0.002] * 1000)
    assert times[-1] == pytest.approx(0.002 + 999 * PERIOD + 0.002)


def test_a_long_delay_is_lost_and_not_made_up() -> None:
    delays = [0.0] * 20
    delays[5] = 2.0
    times = starts(Pacer(15), delays)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[4] == pytest.approx(PERIOD + 2.0)
    assert gaps[5:] == pytest.approx([PERIOD] * 14)


def test_how_late_a_step_is_and_that_nobody_waited_for_some() -> None:
    pacer = Pacer(10)
    assert pacer.begin(5.0) is None  # the first
    assert pacer.begin(5.103) == pytest.approx(0.003)
    assert pacer.begin(5.2) == pytest.approx(0.0)
    pacer.interrupt()
    assert pacer.wait_s(5.25) == pytest.approx(0.05)  # stopping does not bring it forward
    assert pacer.begin(9.0) is None
    assert pacer.begin(9.4) == pytest.approx(0.3)


@given(st.lists(st.floats(0, 0.5), min_size=2, max_size=60))
def test_never_faster_than_the_game(delays: list[float]) -> None:
    times = starts(Pacer(15), delays)
    for i, earlier in enumerate(times):
        for n, later in enumerate(times[i:]):
            assert later - earlier >= (n - Pacer.SLACK) * PERIOD - 1e-9


@pytest.mark.parametrize("rate", [0, -15, 1e6, float("nan")])
def test_impossible_rates_are_refused(rate: float) -> None:
    with pytest.raises(UserError, match="rate"):
        Pacer(rate)


def test_rate_is_measured_over_two_seconds_and_forgets_pauses() -> None:
    meter = RateMeter()
    assert meter.rate_fps is None
    for i in range(100):
        meter.tick(i * 0.1)
    assert meter.rate_fps == pytest.approx(10)
    meter.interrupt()
    assert meter.rate_fps is None
    meter.tick(1000.0)
    meter.tick(1004.0)  # a machine that takes four seconds a step still gets a figure
    assert meter.rate_fps == pytest.approx(0.25)


def test_timings_summary() -> None:
    timings = Timings()
    assert timings.recent("model") is None
    for ms in range(1, 101):
        timings.add("model", float(ms))
    figures = {"median_ms": 50.5, "p95_ms": 95.0, "p99_ms": 99.0, "count": 100}
    assert timings.summary() == {"model": figures}
    assert timings.recent("model") == Spread(70.5, 97.0, 100.0)  # of 41 ... 100
    assert list(timings.all_ms("model")) == list(range(1, 101))
    assert not timings.all_ms("encode")


def test_percentile_is_by_nearest_rank() -> None:
    assert percentile(array("d", [3.0]), 0.95) == 3.0
    assert percentile(array("d", [2.0, 1.0]), 0.5) == 1.0


def test_python_holds_nothing_up_while_a_game_is_played_and_is_as_before_then() -> None:
    before, frozen = sys.getswitchinterval(), gc.get_freeze_count()
    with pytest.raises(KeyError), steady():
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S) and before > SWITCH_S
        assert gc.isenabled() and gc.get_freeze_count() > 1000  # all that was loaded
        raise KeyError
    assert sys.getswitchinterval() == before and gc.get_freeze_count() == frozen
