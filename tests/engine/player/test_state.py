"""The states of the player, one line each: where every event leads from every state."""

from __future__ import annotations

import pytest

from engine.player.state import TRANSITIONS, Playback, PlayEvent, PlayState

# What leads to a state, for a screen that is away from the world wherever rewinding led.
WAYS = {
    "LOADING": "",
    "PLAYING": "opened",
    "PAUSED": "opened pause",
    "STEPPING": "opened step",
    "REWIND_PRESSED": "opened rewind",
    "REWINDING": "opened rewind tick",
    "STEPPING_BACK": "opened rewind release",
    "RETURNING": "opened rewind tick release",
    "OVER": "opened changed:over",
    "LEAVING": "opened leave",
}

LINES = [
    ("LOADING", "opened", "PLAYING"),
    ("PLAYING", "pause", "PAUSED"),
    ("PAUSED", "pause", "PLAYING"),
    ("STEPPING", "pause", "PLAYING"),
    ("PLAYING", "step", "STEPPING"),
    ("PAUSED", "step", "STEPPING"),
    ("STEPPING", "tick", "PAUSED"),
    ("STEPPING", "moved", "PAUSED"),
    ("STEPPING", "interrupted", "PAUSED"),
    ("PLAYING", "rewind", "REWIND_PRESSED"),
    ("PAUSED", "rewind", "REWIND_PRESSED"),
    ("STEPPING", "rewind", "REWIND_PRESSED"),
    ("OVER", "rewind", "REWIND_PRESSED"),
    ("REWINDING", "rewind", "REWIND_PRESSED"),
    ("STEPPING_BACK", "rewind", "REWIND_PRESSED"),
    ("RETURNING", "rewind", "REWIND_PRESSED"),
    ("REWIND_PRESSED", "tick", "REWINDING"),
    ("STEPPING_BACK", "tick", "RETURNING"),
    ("REWIND_PRESSED", "release", "STEPPING_BACK"),
    ("REWINDING", "release", "RETURNING"),
    ("REWIND_PRESSED", "interrupted", "RETURNING"),
    ("REWINDING", "interrupted", "RETURNING"),
    ("STEPPING_BACK", "interrupted", "RETURNING"),
]


def after(events: str) -> Playback:
    """Go through events; ":over" and ":away" say how the game is by then, away by default."""
    playback = Playback()
    for event in events.split():
        name, _, facts = event.partition(":")
        over, away = "over" in facts, "here" not in facts
        playback.handle(PlayEvent[name.upper()], away=away, over=over)
    return playback


@pytest.mark.parametrize("state", PlayState)
def test_every_state_is_reached(state: PlayState) -> None:
    assert after(WAYS[state.name]).state is state


@pytest.mark.parametrize(("state", "event", "leads_to"), LINES)
def test_a_transition(state: str, event: str, leads_to: str) -> None:
    assert after(f"{WAYS[state]} {event}{':over' * (state == 'OVER')}").state.name == leads_to
    assert TRANSITIONS[PlayState[state], PlayEvent[event.upper()]].name == leads_to


@pytest.mark.parametrize("state", PlayState)
@pytest.mark.parametrize("event", PlayEvent)
def test_what_is_no_transition_changes_nothing_and_leaving_always_does(
    state: PlayState, event: PlayEvent
) -> None:
    facts = ":over" * (state is PlayState.OVER)
    left = after(f"{WAYS[state.name]} {event.name}{facts}").state
    if event is PlayEvent.LEAVE:
        assert left is PlayState.LEAVING
    elif (state, event) not in TRANSITIONS:
        assert left is state


def test_every_transition_has_its_line() -> None:
    assert {(PlayState[s], PlayEvent[e.upper()]) for s, e, _ in LINES} == set(TRANSITIONS)


@pytest.mark.parametrize(
    ("events", "leads_to"),
    [
        # Rewinding that led nowhere, and the end of rewinding.
        ("opened rewind tick:here release:here", "PLAYING"),
        ("opened pause rewind tick release changed:here", "PAUSED"),
        ("opened pause rewind release tick changed:here", "PAUSED"),
        ("opened rewind tick release moved:here", "PLAYING"),
        ("opened rewind tick changed:here", "REWINDING"),
        # The end of a game.
        ("opened rewind tick release changed:here,over", "OVER"),
        ("opened pause changed:over", "OVER"),
        ("opened changed:over changed", "PLAYING"),
        ("opened pause changed:over moved", "PAUSED"),
        ("opened changed:over rewind:over tick release", "RETURNING"),
        ("opened changed:over rewind:over tick release changed:here", "PLAYING"),
        # Pausing while something else goes on.
        ("opened changed:over pause:over moved", "PAUSED"),
        ("opened pause changed:over pause:over moved", "PLAYING"),
        ("opened changed:over step:over changed", "STEPPING"),
        ("opened changed:over step:over moved", "PAUSED"),
        ("opened rewind tick pause release changed:here", "PAUSED"),
        ("opened rewind tick step release changed:here", "STEPPING"),
        ("opened rewind step tick release changed:here", "PAUSED"),
        ("opened step rewind tick release changed:here", "PAUSED"),
        ("opened step rewind interrupted changed:here", "PAUSED"),
        # Leaving, and what comes too early or too late.
        ("opened leave opened", "LEAVING"),
        ("pause opened", "PLAYING"),
        ("leave opened", "LEAVING"),
    ],
)
def test_a_way(events: str, leads_to: str) -> None:
    assert after(events).state.name == leads_to


@pytest.mark.parametrize(
    ("events", "paused"),
    [
        ("opened", False),
        ("opened pause", True),
        ("opened step", True),
        ("opened pause rewind tick", True),
        ("opened pause pause rewind tick", False),
        ("opened pause changed:over", True),
    ],
)
def test_a_pause_is_known_beneath_whatever_else_goes_on(events: str, paused: bool) -> None:
    assert after(events).paused is paused


@pytest.mark.parametrize(
    ("state", "ticking", "backwards"),
    [
        ("LOADING", False, False),
        ("PLAYING", True, False),
        ("PAUSED", False, False),
        ("STEPPING", True, False),
        ("REWIND_PRESSED", True, True),
        ("REWINDING", True, True),
        ("STEPPING_BACK", True, True),
        ("RETURNING", True, False),
        ("OVER", False, False),
        ("LEAVING", False, False),
    ],
)
def test_a_tick_does_something(state: str, ticking: bool, backwards: bool) -> None:
    assert (PlayState[state].ticking, PlayState[state].backwards) == (ticking, backwards)
