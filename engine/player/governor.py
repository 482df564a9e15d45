"""The governor of the denoising steps: as many as let a game hold its rate on this machine."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence

from engine.contracts import Knob
from engine.player.pacing import percentile

FULL = 0.95  # of a period: a longer step leaves no time for anything else
ROOM = 0.75  # of a period: the estimated time of a step with the count that is chosen, at most
FALL_STEPS = 9  # measured before the count goes down: a hitch alone does not do it
RISE_STEPS = 45  # measured before it goes up
LONGEST_STEPS = 4500  # measured, at most, before it goes up after a rise that was taken back


class Governor:
    """Moves a count of denoising steps by the time that the steps of a game take.

    The time of a step with another count is estimated as proportional to it. This is too much for
    a higher count, as part of a step does not depend on it, so a rise leaves room. After a rise
    that had to be taken back, under a load that comes and goes, the next is waited for twice as
    long.
    """

    def __init__(self, period_s: float) -> None:
        self._period_ms = period_s * 1e3
        self._count = 0
        self._recent: deque[float] = deque(maxlen=RISE_STEPS)
        self._measured = 0  # since the count changed
        self._rise_after = RISE_STEPS
        self._rose = False

    def move(self, knob: Knob, ms: float) -> int:
        """Note that a step of the game took `ms`; return how far to move the knob of the count."""
        counts, count = [int(choice) for choice in knob.choices], int(knob.value)
        return counts.index(self.stepped(count, ms, counts)) - counts.index(count)

    def stepped(self, count: int, ms: float, counts: Sequence[int]) -> int:
        """Note that a step of the game with `count` took `ms`; return the count to go on with.

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
        """Steps with `count` would leave room, if they take `ms` with the present count."""
        return ms * count / self._count <= ROOM * self._period_ms
