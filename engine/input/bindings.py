"""Which keys, of keyboard, mouse and pad, do what in a game: as it comes, and as it was set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.actions import ARCADE_KEYS
from engine.contracts import SWITCHES, ActionSpace, CsgoActions, HeldActions, Switch
from engine.input.keyboard import KEYPAD, sign_of
from engine.settings import Settings
from engine.ui.screen import MOUSE_BUTTONS

Keys = Mapping[str, tuple[str, ...]]  # logical button -> names of the keys bound to it

# The keys that point somewhere on a page or a panel, whatever game they belong to otherwise.
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


SHORT_NAMES = {
    "escape": "Esc",
    "return": "Enter",
    **{key.name: f"Keypad {key.name.strip('[]').capitalize()}" for key in KEYPAD},
}


@dataclass(frozen=True)
class Layout:
    """The buttons of a kind of game, and the keys that they come with.

    name: what a player's own keys are kept under. title: for people. mouse: the game is steered
    by it too, and by the right stick. meanings: what each button does, of keys that stand beside
    those of every game; a game's own buttons say it by their names, and it has none.
    """

    name: str
    title: str
    keys: Keys
    mouse: bool = False
    meanings: Mapping[str, str] | None = None

    def bound(self, settings: Settings) -> dict[str, tuple[str, ...]]:
        """Each button's keys, as the player set them."""
        own = settings.keys.get(self.name, {})
        return {button: own.get(button, keys) for button, keys in self.keys.items()}


def layout_of(actions: ActionSpace) -> Layout:
    """The layout of an action space. Games of named actions share one: left is left in all."""
    if isinstance(actions, CsgoActions):
        return Layout("shooter", "Counter-Strike", _joined(actions.keys, SHOOTER_PAD), mouse=True)
    if isinstance(actions, HeldActions):  # its profile bound pads as well
        return Layout(f"game {actions.game}", actions.game, actions.keys, actions.mouse)
    return Layout("arcade", "Arcade games", _joined(actions.keys, ARCADE_PAD))


def layout_of_switches(switches: Sequence[Switch]) -> Layout:
    """The layout of a world's switches: each is a button that goes by the key it comes with."""
    keys = {switch.key: (switch.key,) for switch in switches}
    meanings = {switch.key: switch.meaning for switch in switches}
    return Layout("switches", "Switches", keys, meanings=meanings)


def all_layouts() -> tuple[Layout, ...]:
    """Those of the games that there are, and of all switches."""
    arcade = Layout("arcade", "Arcade games", _joined(ARCADE_KEYS, ARCADE_PAD))
    return arcade, layout_of(CsgoActions()), layout_of_switches(SWITCHES)


def device_of(key: str) -> str:
    """What a key is of: "pad", "mouse" or "keyboard"."""
    if key.startswith(("pad ", "stick ")):
        return "pad"
    return "mouse" if key in MOUSE_BUTTONS else "keyboard"


def written(key: str) -> str:
    """A key's name for people: of one that writes something, what it writes on their keyboard."""
    if key in SHORT_NAMES:
        return SHORT_NAMES[key]
    device, _, rest = key.partition(" ")
    if device == "pad" and len(rest) == 1:
        return f"Pad {rest.upper()}"
    sign = sign_of(key)
    if len(sign) > 1:
        return sign.capitalize()
    return sign.upper() if len(sign.upper()) == 1 else sign  # ß has no large letter


def _joined(keys: Keys, more: Keys) -> dict[str, tuple[str, ...]]:
    return {button: (*bound, *more.get(button, ())) for button, bound in keys.items()}
