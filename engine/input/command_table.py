"""What a key can ask of the player itself rather than of the game, and the keys it comes with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum


class Command(Enum):
    """Values are the names under which a user's settings keep the keys of each."""

    RESTART = "restart"
    PREVIOUS = "previous start"
    PAUSE = "pause"
    SINGLE_STEP = "single step"
    REWIND = "rewind"
    SAVE = "save"
    SLOT_BEFORE = "slot before"
    SLOT_AFTER = "slot after"
    LOAD = "load"
    RECORD = "record"
    SAVE_REPLAY = "save replay"
    SCREENSHOT = "screenshot"
    HUD = "figures"
    FULLSCREEN = "full screen"
    PANEL = "panel"
    SETTINGS = "settings"
    HELP = "help"
    LEAVE = "leave"


# One table: command, keys as in engine.ui.screen, what it does.
COMMANDS: tuple[tuple[Command, tuple[str, ...], str], ...] = (
    (Command.RESTART, ("return", "enter", "pad y"), "restart from the next starting point"),
    (Command.PREVIOUS, ("page up",), "restart from the starting point before"),
    (Command.PAUSE, ("p", "pad start"), "pause, play on"),
    (Command.SINGLE_STEP, (".",), "one step, then pause"),
    (Command.REWIND, ("backspace", "pad back"), "hold to rewind"),
    (Command.SAVE, ("f5",), "save this moment in the chosen slot"),
    (Command.SLOT_BEFORE, ("f6",), "choose the save slot before"),
    (Command.SLOT_AFTER, ("f7",), "choose the next save slot"),
    (Command.RECORD, ("f8",), "record an episode and a film, or stop"),
    (Command.LOAD, ("f9",), "play on from the chosen slot"),
    (Command.SAVE_REPLAY, ("v",), "save a replay, from the start until now"),
    (Command.SCREENSHOT, ("f12",), "screenshot"),
    (Command.HUD, ("h",), "figures on, off"),
    (Command.FULLSCREEN, ("f11",), "full screen"),
    (Command.PANEL, ("f4", "pad right stick"), "adjust the world, by arrow keys"),
    (Command.SETTINGS, ("f10", "pad left stick"), "set keys and the mouse"),
    (Command.HELP, ("f1",), "this list"),
    (Command.LEAVE, ("escape", "pad guide"), "leave"),
)
# These do so whatever else is set, so that nobody is locked in, or out of the settings.
FIXED: Mapping[str, Command] = {
    "escape": Command.LEAVE,
    "f1": Command.HELP,
    "f10": Command.SETTINGS,
}
# Keys too, in games that have no use for them, of commands that nobody has set keys for.
SPARE: Mapping[str, Command] = {"r": Command.RECORD}
PLAYER = "player"  # what the keys of commands are kept under, beside those of games


def check_keys(keys: Mapping[str, Iterable[str]]) -> None:
    """Whether these, by the values of commands, can be set; ValueError says why not."""
    names = {command.value for command in Command}
    for name, bound in keys.items():
        if name not in names:
            raise ValueError("a command that is not known here")
        if any(FIXED.get(key, Command(name)) is not Command(name) for key in bound):
            raise ValueError("a key that always does something else")
