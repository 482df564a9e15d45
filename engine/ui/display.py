"""The picture of a session: a pure function of what is going on."""

from __future__ import annotations

from dataclasses import dataclass

from engine.contracts import Frame, Notes
from engine.input.keymap import Command, Keymap
from engine.player.history import Moment
from engine.player.pacing import Spread
from engine.player.state import PlayState
from engine.ui import hud
from engine.ui.help_pages import Pairs
from engine.ui.screen import Picture, Thumbnail

HINT_S = 4.0  # of a game, in which the line says how to get help
TAKING_OVER = (Command.RESTART, Command.REWIND)  # the keys that are named during a replay


@dataclass(frozen=True)
class GameView:
    """A game as it stands.

    state:     one that the player knows of: PLAYING, PAUSED, REWINDING, OVER or LEAVING.
    frame:     of `moment`, or one on the way to it.
    oldest:    no moment before this one is remembered.
    replaying: the steps come from a replay.
    action:    of the step that led here; empty for none.
    rate_fps:  steps per second; natural_fps: those that the world is made for.
    runtime:   what the world runs on.
    hint:      how to take the mouse, for one who may not know; mostly empty.
    auto:      the denoising steps are chosen for the player.
    panel:     rows of the panel; empty while it is closed.
    """

    state: PlayState
    moment: Moment
    frame: Frame
    natural_fps: float
    rate_fps: float | None = None
    oldest: bool = False
    replaying: bool = False
    action: str = ""
    runtime: str = ""
    hint: str = ""
    auto: bool = False
    panel: Pairs = ()


@dataclass(frozen=True)
class View:
    """All that a picture shows.

    game:         None while the world is loading; then the line is `loading`.
    notice:       a line that goes before all others, such as "saved"; empty for none.
    status:       what goes on beside the game, such as a recording; it goes before any line.
    row:          small pictures, over the game.
    help:         a page of the list of keys; empty for none.
    model, input: milliseconds of the latest steps, and from a key to the picture of its effect.
    interpolated: there are pictures between those that the world made.
    """

    keymap: Keymap
    game: GameView | None = None
    loading: str = ""
    notice: str = ""
    status: str = ""
    row: tuple[Thumbnail, ...] = ()
    help: Pairs = ()
    show_hud: bool = True
    model: Spread | None = None
    input: Spread | None = None
    interpolated: bool = False


def picture(view: View) -> Picture:
    """Return the picture of a session."""
    game = view.game
    if game is None:
        return Picture(line=view.notice or view.loading, help=view.help)
    line = "   ".join(filter(None, (view.status, view.notice or _line(view, game))))
    return Picture(
        frame=game.frame,
        hud=hud.rows(_figures(view, game, bool(line))) if view.show_hud else (),
        line=line,
        row=() if game.state is PlayState.REWINDING else view.row,
        help=view.help,
        panel=game.panel,
    )


def _figures(view: View, game: GameView, has_line: bool) -> hud.Figures:
    notes: Notes = game.moment.notes
    notes += (("target", "auto"),) if game.auto else ()
    notes += (("display", "interpolated"),) if view.interpolated else ()
    return hud.Figures(
        rate_fps=game.rate_fps,
        model=view.model,
        input=view.input,
        action=game.action,
        reward=game.moment.reward,
        total=game.moment.total,
        notes=notes,
        runtime="" if has_line and notes else game.runtime,  # there is room for one of them
    )


def _line(view: View, game: GameView) -> str:
    """Return the line under a game that has no notice."""
    keymap = view.keymap
    match game.state:
        case PlayState.REWINDING:
            return "as far back as memory goes" if game.oldest else "rewinding"
        case PlayState.OVER:
            return _joined("game over", keymap.hint(Command.RESTART, "restarts"))
        case PlayState.PAUSED:
            on = keymap.hint(Command.PAUSE, "plays on")
            step = keymap.hint(Command.SINGLE_STEP, "makes one step")
            return _joined("paused", ", ".join(filter(None, (on, step))))
    slow, hint = hud.slow_motion(game.rate_fps, game.natural_fps), game.hint
    if game.replaying:
        keys = " or ".join(filter(None, map(keymap.written, TAKING_OVER)))
        hint = _joined("a replay", f"{keys} takes over" if keys else "")
    if not slow and not hint and game.moment.steps < HINT_S * game.natural_fps:
        return "F1 lists the keys"
    return _joined(slow, hint)


def _joined(*parts: str) -> str:
    """Join the parts of a line that are not empty."""
    return " - ".join(filter(None, parts))
