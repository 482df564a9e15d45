"""How many denoising steps this machine can afford: as many as let the game hold its rate."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence

from engine.player.pacing import percentile

FULL = 0.95  # of a period: a step that takes longer leaves no time for anything else
ROOM = 0.75  # of a period, at most, for what a step would take with the count that is chosen
FALL_STEPS = 9  # measured before the count goes down: a hitch alone does not do it
RISE_STEPS = 45  # measured before it goes up
LONGEST_STEPS = 4500  # measured, at most, before it goes up after a rise that was wrong


class Governor:
    """Moves a count of denoising steps by what the steps of a game take on this machine.

    What a step would take with another count is taken to be proportional to it. That is too much
    for a higher one, as something of a step does not depend on the count, so a rise that is made
    leaves room. If a load that comes and goes proves rises wrong all the same, each is waited for
    twice as long as the one before.
    """

    def __init__(self, period_s: float) -> None:
        self._period_ms = period_s * 1e3
        self._count = 0
        self._recent: deque[float] = deque(maxlen=RISE_STEPS)
        self._measured = 0  # since the count changed
        self._rise_after = RISE_STEPS
        self._rose = False

    def stepped(self, count: int, ms: float, counts: Sequence[int]) -> int:
        """Note that a step of the game with `count` took `ms`; the count to go on with.

        counts: those there are, rising, `count` among them. It may have been changed by others
        since the last step.
        """
        if count != self._count:
            # The first step after a change may include getting ready: it says nothing.
            self._count, self._measured = count, 0
            self._recent.clear()
            return count
        self._recent.append(ms)
        self._measured += 1
        if self._measured >= FALL_STEPS:
            latest_ms = statistics.median(list(self._recent)[-FALL_STEPS:])
            if latest_ms > FULL * self._period_ms:
                return self._fallen(latest_ms, counts)
        if self._rose and self._measured >= LONGEST_STEPS:
            self._rise_after, self._rose = RISE_STEPS, False  # that rise was right
        if self._measured >= self._rise_after:
            return self._risen(counts)
        return count

    def _fallen(self, ms: float, counts: Sequence[int]) -> int:
        if self._rose:
            self._rise_after, self._rose = min(2 * self._rise_after, LONGEST_STEPS), False
        fewer = [count for count in counts if count < self._count]
        held = [count for count in fewer if self._fits(ms, count)]
        return max(held) if held else min(fewer, default=self._count)

    def _risen(self, counts: Sequence[int]) -> int:
        more = min((count for count in counts if count > self._count), default=self._count)
        if more == self._count or not self._fits(percentile(self._recent, 0.9), more):
            return self._count
        self._rose = True
        return more

    def _fits(self, ms: float, count: int) -> bool:
        """Whether steps with `count` would leave room, if they take `ms` as things are."""
        return ms * count / self._count <= ROOM * self._period_ms
