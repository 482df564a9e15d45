"""The keymap: the meaning of keys, by default, in a game and as the player has set them.

Keys of keyboard, mouse and pad are named alike (engine.input.keyboard, engine.input.pads). A key
means a command of the player, a button of the game or a switch of the world.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from engine.actions import ARCADE_KEYS
from engine.contracts import SWITCHES, ActionSpace, CsgoActions, HeldActions, Switch
from engine.input.key_names import device_of, written

Keys = Mapping[str, tuple[str, ...]]  # button, command or switch -> keys bound to it
KeySettings = Mapping[str, Keys]  # name of a layout -> what the player has set of it

# Defaults


class Command(Enum):
    """A request to the player rather than to the game. Settings keep its keys under its value."""

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


COMMANDS: tuple[tuple[Command, tuple[str, ...], str], ...] = (  # with keys and meaning
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
MEANINGS: Mapping[Command, str] = {command: meaning for command, _, meaning in COMMANDS}
# Bound whatever the settings say, so that nobody is locked in, or out of the settings.
FIXED: Mapping[str, Command] = {
    "escape": Command.LEAVE,
    "f1": Command.HELP,
    "f10": Command.SETTINGS,
}
# Bound too, in games without a use for them, while the keys of their commands are the defaults.
SPARE: Mapping[str, Command] = {"r": Command.RECORD}

# Keys that point somewhere on a page or a panel, whatever they mean in a game.
DIRECTIONS: Mapping[str, str] = {
    f"{device}{way}": way
    for device in ("", "pad ", "stick ")
    for way in ("up", "down", "left", "right")
}
ARCADE_PAD: Keys = {
    **{way: (f"pad {way}", f"stick {way}") for way in ("up", "down", "left", "right")},
    "fire": ("pad a",),
}
SHOOTER_PAD: Keys = {
    "forward": ("stick up",),
    "left": ("stick left",),
    "back": ("stick down",),
    "right": ("stick right",),
    "jump": ("pad a",),
    "crouch": ("pad b",),
    "walk": ("pad left shoulder",),
    "first weapon": ("pad up",),
    "second weapon": ("pad right",),
    "knife": ("pad down",),
    "reload": ("pad x",),
    "fire": ("pad right trigger",),
    "zoom": ("pad left trigger",),
}


# Layouts


@dataclass(frozen=True)
class KeyLayout:
    """The buttons of a kind of game, of all switches or of all commands, with their default keys.

    name:     key of its entries in the settings.
    title:    for people.
    mouse:    the mouse, and the right stick of a pad, steer the game too.
    meanings: button -> what it does. None for games: their buttons are called by what they do.
    """

    name: str
    title: str
    keys: Keys
    mouse: bool = False
    meanings: Mapping[str, str] | None = None

    def bound(self, settings: KeySettings) -> dict[str, tuple[str, ...]]:
        """Return the keys of each button, as the player has set them."""
        own = settings.get(self.name, {})
        return {button: own.get(button, keys) for button, keys in self.keys.items()}


PLAYER = KeyLayout(
    "player",
    "Player",
    {command.value: keys for command, keys, _ in COMMANDS},
    meanings={command.value: meaning for command, meaning in MEANINGS.items()},
)


def layout_of(actions: ActionSpace) -> KeyLayout:
    """Return the layout of an action space. Games of named actions share one: left is left."""
    if isinstance(actions, CsgoActions):
        keys = _joined(actions.keys, SHOOTER_PAD)
        return KeyLayout("shooter", "Counter-Strike", keys, mouse=True)
    if isinstance(actions, HeldActions):  # its profile binds pads as well
        return KeyLayout(f"game {actions.game}", actions.game, actions.keys, actions.mouse)
    return KeyLayout("arcade", "Arcade games", _joined(actions.keys, ARCADE_PAD))


def layout_of_switches(switches: Sequence[Switch]) -> KeyLayout:
    """Return the layout of a world's switches, each named by its default key."""
    keys = {switch.key: (switch.key,) for switch in switches}
    meanings = {switch.key: switch.meaning for switch in switches}
    return KeyLayout("switches", "Switches", keys, meanings=meanings)


def all_layouts() -> tuple[KeyLayout, ...]:
    """Return the layouts of all games that ship and of all switches."""
    arcade = KeyLayout("arcade", "Arcade games", _joined(ARCADE_KEYS, ARCADE_PAD))
    return arcade, layout_of(CsgoActions()), layout_of_switches(SWITCHES)


def _joined(keys: Keys, more: Keys) -> dict[str, tuple[str, ...]]:
    return {button: (*bound, *more.get(button, ())) for button, bound in keys.items()}


# The keymap


class Keymap:
    """The meaning of each key. A key that is bound more than once goes to the first of: fixed
    commands, commands set by the player, default commands, the game's buttons, switches, spare
    commands.

    buttons:  the game's buttons, and the keys that the commands leave them; none without a game.
    switches: the world's switches by their names, and the keys that are left for them.
    meanings: what each switch does.
    mouse:    the mouse steers the game.
    """

    def __init__(
        self,
        settings: KeySettings,
        game: KeyLayout | None = None,
        switches: KeyLayout | None = None,
    ) -> None:
        self._commands = _commands(settings)
        bound = game.bound(settings) if game is not None else {}
        self.buttons = {
            button: tuple(key for key in keys if key not in self._commands)
            for button, keys in bound.items()
        }
        self.mouse = game is not None and game.mouse
        self.meanings = (switches.meanings if switches is not None else None) or {}
        taken = {*self._commands, *(key for keys in self.buttons.values() for key in keys)}
        self._switches: dict[str, str] = {}
        for switch, keys in switches.bound(settings).items() if switches is not None else ():
            self._switches |= {
                key: switch for key in keys if key not in taken and key not in self._switches
            }
        if game is not None:
            self._commands |= _spare(settings, taken | self._switches.keys())

    def command(self, key: str) -> Command | None:
        """Return the command that a key asks for, if any."""
        return self._commands.get(key)

    def switch(self, key: str) -> str | None:
        """Return the name of the switch that a key turns, if any."""
        return self._switches.get(key)

    def keys_of(self, command: Command) -> tuple[str, ...]:
        """Return the keys of a command."""
        return tuple(key for key, own in self._commands.items() if own is command)

    @property
    def switches(self) -> dict[str, tuple[str, ...]]:
        return {
            switch: tuple(key for key, own in self._switches.items() if own == switch)
            for switch in self.meanings
        }

    def written(self, command: Command) -> str:
        """Return a key of a command for people: a keyboard's rather than a pad's; "" for none."""
        keys = sorted(self.keys_of(command), key=lambda key: device_of(key) == "pad")
        name = written(keys[0]) if keys else ""
        return name if len(name) != 1 or name.isalnum() else f"'{name}'"

    def hint(self, command: Command, does: str) -> str:
        """Return a hint such as "P plays on"; empty if the command has no key."""
        name = self.written(command)
        return f"{name} {does}" if name else ""


def _commands(settings: KeySettings) -> dict[str, Command]:
    """Return the command of each key. Of two on one key, the one that was set goes first."""
    own, bound = settings.get(PLAYER.name, {}), PLAYER.bound(settings)
    commands = dict(FIXED)
    for name in sorted(bound, key=lambda name: name not in own):
        for key in bound[name]:
            commands.setdefault(key, Command(name))
    return commands


def _spare(settings: KeySettings, taken: Iterable[str]) -> dict[str, Command]:
    """Return the spare keys that are not taken, of commands whose keys nobody has set."""
    own = settings.get(PLAYER.name, {})
    return {key: command for key, command in SPARE.items()
            if key not in taken and command.value not in own}  # fmt: skip


def check_keys(keys: Mapping[str, Iterable[str]]) -> None:
    """Raise ValueError unless the player may set these keys, by the values of commands."""
    names = {command.value for command in Command}
    for name, bound in keys.items():
        if name not in names:
            raise ValueError("a command that is not known here")
        if any(FIXED.get(key, Command(name)) is not Command(name) for key in bound):
            raise ValueError("a key that always does something else")
