"""The keys of the player's own commands as they are bound now, and the list of all keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.input.bindings import Layout, device_of, written
from engine.input.command_table import COMMANDS, FIXED, PLAYER, SPARE, Command
from engine.settings import Settings

MEANINGS: Mapping[Command, str] = {command: meaning for command, _, meaning in COMMANDS}
OWN = Layout(
    PLAYER,
    "Player",
    {command.value: keys for command, keys, _ in COMMANDS},
    meanings={command.value: meaning for command, meaning in MEANINGS.items()},
)
NO_KEY = "no key"


class OwnKeys:
    """Which key asks for which command; one object is shared by all that need to know.

    spare: keys of commands in games that have no use for them.
    """

    def __init__(self, settings: Settings) -> None:
        self.bind(settings)

    def bind(self, settings: Settings) -> None:
        """Take the keys as they are set now. Of two commands on one key, one that was set to it
        goes before one that came with it, and then the first in the table."""
        own, bound = settings.keys.get(PLAYER, {}), OWN.bound(settings)
        self._of_key: dict[str, Command] = dict(FIXED)
        for name in sorted(bound, key=lambda name: name not in own):
            for key in bound[name]:
                self._of_key.setdefault(key, Command(name))
        self.spare: Mapping[str, Command] = {
            key: command
            for key, command in SPARE.items()
            if key not in self._of_key and command.value not in own
        }

    @property
    def keys(self) -> frozenset[str]:
        """All that are bound: no game gets them."""
        return frozenset(self._of_key)

    def command(self, key: str) -> Command | None:
        """What a key asks for, if anything."""
        return self._of_key.get(key)

    def keys_of(self, command: Command) -> tuple[str, ...]:
        """The keys that ask for a command."""
        return tuple(key for key, own in self._of_key.items() if own is command)

    def written(self, command: Command) -> str:
        """A key of a command for people: of the keyboard if there is one; empty for none."""
        keys = sorted(self.keys_of(command), key=lambda key: device_of(key) == "pad")
        name = written(keys[0]) if keys else ""
        return name if len(name) != 1 or name.isalnum() else f"'{name}'"

    def hint(self, command: Command, does: str) -> str:
        """Such as "P plays on"; empty if there is no key."""
        name = self.written(command)
        return f"{name} {does}" if name else ""


def help_rows(
    own: OwnKeys,
    game: Mapping[str, tuple[str, ...]],
    switches: Mapping[str, tuple[str, ...]] | None = None,
    mouse: bool = False,
    spare: Mapping[str, Command] | None = None,
) -> tuple[tuple[str, str], ...]:
    """(keys, what they do): a game's bindings, then its switches, then the player's own; then the
    same of pads. A switch or a command without a key is listed as such.

    game:     its buttons and their keys.
    switches: what they do, and their keys.
    spare:    keys of commands that the game leaves them.
    """
    looking = (("Mouse", "look around, once clicked"),) if mouse else ()
    tilted = (("Right stick", "look around"),) if mouse else ()
    commands = {
        MEANINGS[command]: own.keys_of(command)
        + tuple(key for key, spared in (spare or {}).items() if spared is command)
        for command in MEANINGS
    }
    switched = switches or {}
    return (
        *_rows({b: _of({"keyboard", "mouse"}, keys) for b, keys in game.items()}),
        *looking,
        *_rows(_of_hands(switched)),
        *_rows(_of_hands(commands)),
        *_rows({b: _of({"pad"}, keys) for b, keys in game.items()}),
        *tilted,
        *_rows({meaning: _of({"pad"}, keys) for meaning, keys in switched.items()}),
        *_rows({meaning: _of({"pad"}, keys) for meaning, keys in commands.items()}),
    )


def _of_hands(bound: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The names of keys of keyboard and mouse; what has not even a pad's says so."""
    return {
        meaning: _of({"keyboard", "mouse"}, keys) or ("" if keys else NO_KEY)
        for meaning, keys in bound.items()
    }


def _of(devices: set[str], keys: Iterable[str]) -> str:
    """The names of those keys that are of some devices."""
    return ", ".join(written(key) for key in keys if device_of(key) in devices)


def _rows(words: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((keys, what) for what, keys in words.items() if keys)
