"""As many denoising steps as the machine can afford, moved with its load and never to and fro."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.player.governor import FALL_STEPS, RISE_STEPS, Governor

PERIOD_S = 1 / 15
COUNTS = range(1, 11)


def play(
    cost_ms: Callable[[int, int], float],
    steps: int,
    count: int = 3,
    governor: Governor | None = None,
) -> list[int]:
    """The counts that a game is played with, if step i takes cost_ms(i, count)."""
    governor = governor or Governor(PERIOD_S)
    counts = []
    for i in range(steps):
        counts.append(count)
        count = governor.stepped(count, cost_ms(i, count), COUNTS)
    return counts


def changes(counts: list[int]) -> int:
    return sum(one != other for one, other in pairwise(counts))


def test_a_count_that_holds_the_rate_with_little_to_spare_stays() -> None:
    assert changes(play(lambda i, count: 18 * count, 2000)) == 0


def test_too_slow_a_world_gets_fewer_steps_within_a_second_and_in_one_move() -> None:
    counts = play(lambda i, count: 3 + 20 * count, 200, count=10)
    assert counts[FALL_STEPS + 1] == counts[-1] == 2
    assert changes(counts) == 1


def test_room_to_spare_is_used_one_step_at_a_time() -> None:
    counts = play(lambda i, count: 8 * count, 1000, count=1)
    assert counts[-1] == 6  # 48 of 66 ms; 7 would be 56
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(counts))


def test_a_load_that_comes_and_goes_is_answered() -> None:
    def cost_ms(i: int, count: int) -> float:
        return 11.0 * count * (3 if 500 <= i < 1000 else 1)

    counts = play(cost_ms, 2000)
    assert counts[499] == 4 and counts[500 + FALL_STEPS] == 1 and counts[999] == 1
    assert counts[1000 + 10 * RISE_STEPS] == 4
    assert changes(counts) == 1 + 1 + 3


def test_a_hitch_is_no_reason() -> None:
    assert changes(play(lambda i, count: 400 if i % 5 == 0 else 15 * count, 1000)) == 0


def test_a_load_that_flutters_makes_it_ever_more_patient() -> None:
    """An hour of a machine that is busy for five seconds in every twenty."""

    def cost_ms(i: int, count: int) -> float:
        return 15.0 * count * (2.5 if i % 300 < 75 else 1)

    counts = play(cost_ms, 15 * 3600)
    first, last = counts[: 15 * 600], counts[-15 * 600 :]
    assert changes(first) > changes(last)
    assert changes(last) <= 4  # in ten minutes


def test_nothing_can_be_done_at_the_ends() -> None:
    assert set(play(lambda i, count: 1000, 200)[20:]) == {1}
    assert set(play(lambda i, count: 0.1, 1000)[600:]) == {10}


def test_a_count_that_was_changed_by_hand_is_measured_anew() -> None:
    governor = Governor(PERIOD_S)
    assert set(play(lambda i, count: 20 * count, 100, 2, governor)) == {2}
    # The player asks for five, which this machine cannot do: it is given back.
    counts = play(lambda i, count: 20 * count, 30, 5, governor)
    assert counts[FALL_STEPS] == 5 and counts[-1] == 2


@given(st.floats(0.1, 60), st.floats(0, 30), st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_a_steady_machine_settles(per_step: float, fixed: float, count: int, seed: int) -> None:
    noise: Iterator[float] = iter(np.random.default_rng(seed).uniform(0.95, 1.05, 2000))
    counts = play(lambda i, n: (fixed + per_step * n) * next(noise), 2000, count)
    moves = [later - earlier for earlier, later in pairwise(counts) if later != earlier]
    assert len(moves) <= 9
    assert sum(one * other < 0 for one, other in pairwise(moves)) <= 1  # to, but not to and fro
    settled_ms = fixed + per_step * counts[-1]
    assert settled_ms <= PERIOD_S * 1e3 or counts[-1] == 1


@pytest.mark.parametrize("counts", [[2, 4, 8], [1]])
def test_only_counts_that_there_are_are_chosen(counts: list[int]) -> None:
    governor, count = Governor(PERIOD_S), counts[-1]
    for i in range(3000):
        count = governor.stepped(count, 30.0 if i % 1000 < 300 else 1.0, counts)
        assert count in counts
