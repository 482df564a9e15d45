"""The 26 games of the Atari 100k benchmark, by the emulator's own names for them."""

from __future__ import annotations

from base.errors import unknown

GAMES: tuple[str, ...] = (
    "alien",
    "amidar",
    "assault",
    "asterix",
    "bank_heist",
    "battle_zone",
    "boxing",
    "breakout",
    "chopper_command",
    "crazy_climber",
    "demon_attack",
    "freeway",
    "frostbite",
    "gopher",
    "hero",
    "jamesbond",
    "kangaroo",
    "krull",
    "kung_fu_master",
    "ms_pacman",
    "pong",
    "private_eye",
    "qbert",
    "road_runner",
    "seaquest",
    "up_n_down",
)

_BY_LETTERS = {game.replace("_", ""): game for game in GAMES}


def find_game(name: str) -> str:
    """Return the name in `GAMES` for a spelling: 'MsPacman', 'ms-pacman' and 'mspacman' all fit.

    Raises UserError, suggesting the nearest game, if there is none.
    """
    letters = "".join(letter for letter in name.lower() if letter.isalnum())
    if letters not in _BY_LETTERS:
        raise unknown("game", name, GAMES)
    return _BY_LETTERS[letters]
