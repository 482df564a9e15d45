"""From keys and mouse to what a player did in one step, and the keys that steer the player."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto

from engine.bindings import device_of, written
from engine.contracts import Action, Switch
from engine.screen import Event, FocusLost, KeyDown, KeyUp, MouseMoved, Tilted

LOOK_COUNTS = (200.0, 100.0)  # right and down in a step, with a pad's stick tilted all the way


class Command(Enum):
    """What a key can ask of the player itself rather than of the game."""

    RESTART = auto()
    PREVIOUS = auto()
    PAUSE = auto()
    SINGLE_STEP = auto()
    REWIND = auto()
    SAVE = auto()
    SLOT_BEFORE = auto()
    SLOT_AFTER = auto()
    LOAD = auto()
    RECORD = auto()
    SCREENSHOT = auto()
    HUD = auto()
    FULLSCREEN = auto()
    HELP = auto()
    PANEL = auto()
    SETTINGS = auto()
    LEAVE = auto()


# One table: key -> command, how the key is written on the help page, what it does.
COMMANDS: tuple[tuple[str, Command, str, str], ...] = (
    ("return", Command.RESTART, "Enter", "restart from the next starting point"),
    ("page up", Command.PREVIOUS, "Page up", "restart from the starting point before"),
    ("p", Command.PAUSE, "P", "pause, play on"),
    (".", Command.SINGLE_STEP, ".", "one step, then pause"),
    ("backspace", Command.REWIND, "Backspace", "hold to rewind"),
    ("f5", Command.SAVE, "F5", "save this moment in the chosen slot"),
    ("f6", Command.SLOT_BEFORE, "F6", "choose the save slot before"),
    ("f7", Command.SLOT_AFTER, "F7", "choose the next save slot"),
    ("f8", Command.RECORD, "F8", "record an episode and a film, or stop"),
    ("f9", Command.LOAD, "F9", "play on from the chosen slot"),
    ("f12", Command.SCREENSHOT, "F12", "screenshot"),
    ("h", Command.HUD, "H", "figures on, off"),
    ("f11", Command.FULLSCREEN, "F11", "full screen"),
    ("f4", Command.PANEL, "F4", "adjust the world, by arrow keys"),
    ("f10", Command.SETTINGS, "F10", "set keys and the mouse"),
    ("f1", Command.HELP, "F1", "this list"),
    ("escape", Command.LEAVE, "Esc", "leave"),
)
PAD_COMMANDS: Mapping[str, Command] = {
    "pad start": Command.PAUSE,
    "pad back": Command.REWIND,
    "pad y": Command.RESTART,
    "pad right stick": Command.PANEL,
    "pad left stick": Command.SETTINGS,
    "pad guide": Command.LEAVE,
}
# Keys of the player too, in games that have no use for them.
SPARE_KEYS: Mapping[str, Command] = {"r": Command.RECORD}
COMMAND_OF_KEY: Mapping[str, Command] = {
    **{key: command for key, command, _, _ in COMMANDS},
    **PAD_COMMANDS,
}


def help_rows(
    keys: Mapping[str, tuple[str, ...]], switches: Iterable[Switch] = (), mouse: bool = False
) -> tuple[tuple[str, str], ...]:
    """(keys, what they do): a game's bindings, then its switches, then the player's own; then the
    same of pads."""
    looking = (("Mouse", "look around, once clicked"),) if mouse else ()
    turned = tuple((switch.written, switch.meaning) for switch in switches)
    bound = {key for keys_of_one in keys.values() for key in keys_of_one}
    spare = {command: f"{written(k)}, " for k, command in SPARE_KEYS.items() if k not in bound}
    own = tuple((spare.get(command, "") + words, about) for _, command, words, about in COMMANDS)
    tilted = (("Right stick", "look around"),) if mouse else ()
    meanings = {command: meaning for _, command, _, meaning in COMMANDS}
    of_pads = tuple((written(key), meanings[command]) for key, command in PAD_COMMANDS.items())
    without = _game_rows(keys, {"keyboard", "mouse"}) + looking + turned + own
    return without + _game_rows(keys, {"pad"}) + tilted + of_pads


def _game_rows(
    keys: Mapping[str, tuple[str, ...]], devices: set[str]
) -> tuple[tuple[str, str], ...]:
    """The keys of these devices, for each button that has any."""
    rows = (
        (
            ", ".join(
                written(key)
                for key in bound
                if key not in COMMAND_OF_KEY and device_of(key) in devices
            ),
            button,
        )
        for button, bound in keys.items()
    )
    return tuple(row for row in rows if row[0])


class Controls:
    """Collects a player's input between steps.

    A key that is pressed and let go between two samples still counts for one sample; mouse
    motion adds up. A tilt counts as motion in every sample, however often it is told. Keys that
    are commands of the player are never the game's.

    keys: logical button -> names of the keys bound to it.
    sensitivity: the game's counts per pixel of mouse motion; a tilt's are multiplied by it.
    """

    def __init__(self, keys: Mapping[str, tuple[str, ...]], sensitivity: float = 1.0) -> None:
        self._sensitivity = sensitivity
        self._button_of = {
            key: button
            for button, bound in keys.items()
            for key in bound
            if key not in COMMAND_OF_KEY
        }
        self._pressed: list[str] = []  # in the order they went down
        self._fresh: set[str] = set()  # went down since the last sample
        self._let_go: set[str] = set()  # fresh and already up again
        self._mouse = [0.0, 0.0]
        self._tilt = (0.0, 0.0)
        self._waiting: list[float] = []

    def handle(self, event: Event) -> None:
        """Take note of an event; those that are not input to the game are ignored."""
        if isinstance(event, KeyDown) and event.key in self._button_of:
            if event.key in self._pressed:
                self._pressed.remove(event.key)
            self._pressed.append(event.key)
            self._fresh.add(event.key)
            self._let_go.discard(event.key)
            self._waiting.append(event.at)
        elif isinstance(event, KeyUp) and event.key in self._pressed:
            if event.key in self._fresh:
                self._let_go.add(event.key)
            else:
                self._pressed.remove(event.key)
                self._waiting.append(event.at)
        elif isinstance(event, FocusLost):
            self._let_go.update(self._fresh)
            self._pressed = [key for key in self._pressed if key in self._fresh]
            self._tilt = (0.0, 0.0)
        elif isinstance(event, MouseMoved):
            self._mouse[0] += event.right * self._sensitivity
            self._mouse[1] += event.down * self._sensitivity
        elif isinstance(event, Tilted):
            self._tilt = (event.right, event.down)

    def sample(self) -> tuple[Action, list[float]]:
        """The action of this step, and when the key events that are new in it happened."""
        buttons = tuple(dict.fromkeys(self._button_of[key] for key in self._pressed))
        right, down = (
            moved + tilt * abs(tilt) * counts * self._sensitivity  # squared, to aim finely
            for moved, tilt, counts in zip(self._mouse, self._tilt, LOOK_COUNTS, strict=True)
        )
        action = Action(buttons, (right, down))
        waited = self._waiting
        self._pressed = [key for key in self._pressed if key not in self._let_go]
        self._fresh, self._let_go = set(), set()
        self._mouse, self._waiting = [0.0, 0.0], []
        return action, waited

    def forget(self) -> None:
        """Drop taps and motion from while the game stood still; held keys stay held."""
        self.sample()
