"""Scripts that play a game, or a dream of it, from frames alone: one registry for all games."""

from __future__ import annotations

from typing import Protocol

from engine.contracts import ActionSpace, World
from engine.games.breakout_player import BreakoutPlayer
from engine.players import Player, RestlessPlayer


class ScriptedPlayer(Player, Protocol):
    """A script for one game. The seed and the frames decide what it does."""

    def __init__(self, space: ActionSpace, seed: int) -> None: ...

    @classmethod
    def can_play(cls, world: World) -> bool:
        """Tell whether the script was written for this world."""
        ...


# A game that gets a script is added here.
SCRIPTED_PLAYERS: tuple[type[ScriptedPlayer], ...] = (BreakoutPlayer,)


def scripted_player(world: World) -> type[ScriptedPlayer] | None:
    """Find the script for a world; None if there is none."""
    return next((player for player in SCRIPTED_PLAYERS if player.can_play(world)), None)


def choose_player(world: World, seed: int) -> Player:
    """Return the script for a world, or a player of random actions if there is none."""
    return (scripted_player(world) or RestlessPlayer)(world.actions, seed)
