"""Advice on a folder of recordings: problems for training, and data to record more of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from datasets.inspect.health import Health
from datasets.inspect.motion import PARTLY
from datasets.inspect.repeats import UnchangingSpan

FEW_STEPS = 20_000
FEW_EPISODES = 10
# An action is hardly used below this share of the steps, unless it is in this many all the same.
HARDLY_USED, OFTEN_ENOUGH = 0.01, 2_000
MOSTLY_IDLE = 0.6
MOSTLY_FROZEN = 0.1
MOSTLY_REPEATED = 0.2
# Of the steps, with the mouse's motion at the end of its range; a range of fewer motions than
# FEWEST_MOTIONS is meant to be used to its ends.
CLIPPED, FEWEST_MOTIONS = 0.02, 7


def warnings(health: Health) -> Iterator[str]:
    """Yield problems for training, a sentence each; none for a good recording."""
    steps, episodes = health.steps, len(health.lengths)
    if steps < FEW_STEPS:
        minutes = steps / health.rate_fps / 60
        yield f"{steps} steps are few ({minutes:.1f} minutes of play): record {FEW_STEPS} or more"
    if episodes == 1:
        yield "there is one episode only: none can be held out to score the model on"
    elif episodes < FEW_EPISODES:
        yield f"{episodes} episodes are few: scores on the held-out ones will depend on chance"
    rare = hardly_used(health)
    never = [name for name, count in rare.items() if not count]
    if never:
        yield f"never used: {', '.join(never)}: the model cannot learn what that does"
    few = [f"{name} ({count} steps)" for name, count in rare.items() if count]
    if few:
        yield f"hardly used: {', '.join(few)}: the model will not learn what that does"
    if health.idle > MOSTLY_IDLE * steps:
        share = health.idle / steps
        yield f"nothing is pressed in {share:.0%} of the steps: the model may ignore the keys"
    for way, share in clipped(health).items():
        if share > CLIPPED:
            yield (
                f"the mouse's motion {way} is at the end of its range in {share:.0%} of the steps: "
                "faster turns look like the fastest; turn more slowly, or widen the range"
            )
    if not health.rewards:
        yield "no reward was ever earned: the model cannot learn to give any"
    if not health.ended:
        yield "no game was ever over: the model cannot learn when one is"
    yield from _of_pictures(health)
    for copy, first in health.duplicates:
        yield f"{copy.name} is a copy of {first.name}: remove it"
    for reason in health.skipped.values():
        yield f"left out: {reason}"


def to_record(health: Health) -> list[str]:
    """List data to record more of, a few words each; empty if there is enough."""
    wanted = []
    if health.steps < FEW_STEPS:
        wanted.append(f"play in all ({FEW_STEPS - health.steps} steps)")
    if len(health.lengths) < FEW_EPISODES:
        wanted.append(f"episodes ({FEW_EPISODES - len(health.lengths)})")
    rare = hardly_used(health)
    wanted += [f"{name} ({_uses_missing(health, n)} steps)" for name, n in rare.items() if n]
    if never := [name for name, count in rare.items() if not count]:
        wanted.append(f"{', '.join(never)}, where the game has it")
    if health.idle > MOSTLY_IDLE * health.steps:
        wanted.append("play with something pressed")
    if not health.rewards:
        wanted.append("rewards, if the game has any")
    if not health.ended:
        wanted.append("games that are played to their end")
    return wanted


def hardly_used(health: Health) -> dict[str, int]:
    """The actions that are used too little to be learnt, and in how many steps they are."""
    return {name: n for name, n in health.actions.items() if _uses_missing(health, n) > 0}


def clipped(health: Health) -> dict[str, float]:
    """Share of the steps in which the mouse's motion is at either end of its range, by axis."""
    return {
        way: sum(counts[end] for end in (min(counts), max(counts))) / health.steps
        for way, counts in health.mouse.items()
        if len(counts) >= FEWEST_MOTIONS
    }


def share_of_looked_at(stretches: Sequence[UnchangingSpan], health: Health) -> float:
    """Return the share of all inspected frames that some segments take up."""
    return sum(stretch.steps for stretch in stretches) / max(1, health.looked_at)


def _of_pictures(health: Health) -> Iterator[str]:
    frozen = share_of_looked_at(health.frozen, health)
    if frozen > MOSTLY_FROZEN:
        yield f"the picture stands still in {frozen:.0%} of the time"
    repeated = share_of_looked_at(health.repeated, health)
    if repeated > MOSTLY_REPEATED:
        yield f"{repeated:.0%} of the time shows again, frame by frame, what was recorded before"
    if health.channels.order == "BGR":
        yield f"red and blue may be swapped: {health.channels}; look at the contact sheet"
    if health.explained and all(abs(a.correlation) < PARTLY for a in health.explained):
        yield "the actions hardly explain how the picture moves: do they belong to these frames?"
    for axis in health.explained:
        if not axis.in_step:
            yield f"actions and pictures are out of step: {axis}"


def _uses_missing(health: Health, count: int) -> int:
    """In how many more steps an action should have been used."""
    needed = max(1, min(round(HARDLY_USED * health.steps), OFTEN_ENOUGH))
    return max(0, needed - count)
