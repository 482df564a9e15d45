"""Resolve a name to a world that can be played: shipped, on disk, released, or on the Hub."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from base.cartridges import (
    CARD,
    HUB_PREFIX,
    OWN_PREFIX,
    SHIPPED,
    find_cartridge,
    own_cartridges,
    shipped_names,
)
from base.errors import UserError, unknown
from base.terminal import say
from engine.contracts import Report, World

GAME_PREFIX = "game:"  # before the name of a game that is played itself, and not dreamed

if TYPE_CHECKING:
    from models.cartridge.reader import Checked
    from models.dream import DiffusionWorld


@dataclass(frozen=True)
class ResolvedWorld:
    """A world that a name stands for, downloaded if need be.

    name:      what the menu calls it; empty for a world that it has not. title: for people.
    cartridge: compares its files with its card, once they are made; the first time that may take
               a while. None for a game itself.
    game:      the game that is played itself; empty for a cartridge.
    """

    name: str
    title: str
    cartridge: Callable[[Report], Checked] | None
    game: str = ""


@dataclass(frozen=True)
class RunOptions:
    """Options to run a world with; None leaves them to the world and this machine.

    device, precision, compiled: as for models.runtime.selection. preset, steps: as for
    models.runtime.sampler_cache.
    """

    device: str | None = None
    precision: str | None = None
    preset: str | None = None
    steps: int | None = None
    compiled: Literal["auto", "on", "off"] = "auto"


def resolve(name: str, *, yes: bool = False, verified: bool = True) -> ResolvedWorld:
    """Return the world that a name stands for, downloaded if need be.

    name: a shipped cartridge, the folder of one, hf:OWNER/NAME, own:NAME for a world trained in the
          menu, game:NAME for a game itself, or a released world, also as diamond:NAME.
    yes:  download without asking on the terminal.
    verified: compare released weights with their hashes before their first use.
    Raises UserError for any other name, and for a download that fails.
    """
    return _at_hand(name) or _on_the_hub(name, yes, verified)


def _at_hand(name: str) -> ResolvedWorld | None:
    """Return a world that is here whole: a cartridge, a game or a world trained in the menu."""
    if name in shipped_names() or (Path(name) / CARD).is_file():
        path = find_cartridge(name).resolve()
        shown = path.name if path.parent == SHIPPED.resolve() else ""
        return ResolvedWorld(shown, path.name, lambda report: _checked(path))
    if name.startswith(GAME_PREFIX):
        # Imported late, as all that a cartridge at hand has no need of.
        from tools.app.games import game_called

        game = game_called(name.removeprefix(GAME_PREFIX)).name
        return ResolvedWorld(GAME_PREFIX + game, game, None, game)
    if name.startswith(OWN_PREFIX):
        own = own_cartridges()
        if name not in own:
            raise unknown("world", name, own)
        return ResolvedWorld(
            name, name.removeprefix(OWN_PREFIX), lambda report: _checked(own[name])
        )
    return None


def _on_the_hub(name: str, yes: bool, verified: bool) -> ResolvedWorld:
    """Return a released world or one of a repository, as `resolve` does."""
    # Imported late: these take a while, and a cartridge at hand needs none of them.
    from hub import worlds as hub
    from hub.catalogue import find_world, read_catalogue
    from tools.sharing.terminal import on_terminal

    if name.lower().startswith(HUB_PREFIX):
        repo = name[len(HUB_PREFIX) :]
        folder = on_terminal(lambda ask, watch: hub.fetch_repo(repo, ask, watch), yes)
        return ResolvedWorld(HUB_PREFIX + repo, repo, lambda report: _checked(folder))
    released = read_catalogue()
    try:
        world = find_world(name, released)
    except UserError:
        if Path(name).exists():
            find_cartridge(name)  # says why it is none
        raise unknown("world", name, [*shipped_names(), *(w.name for w in released)]) from None
    snapshot = hub.cached(world, verified) or on_terminal(
        lambda ask, watch: hub.fetch(world, ask, watch), yes
    )

    def cartridge(report: Report) -> Checked:
        from tools.app.installed import installed

        return installed(world, snapshot, report, verified=verified)

    return ResolvedWorld(world.name, world.title, cartridge)


def open_world(
    found: ResolvedWorld, options: RunOptions, report: Report = lambda line: None
) -> World:
    """Load a world and get it ready to play; a game that an emulator plays comes beside it.

    report: takes a line on how far this has come.
    Raises UserError for what is not a whole cartridge and for what this machine cannot do.
    """
    if found.cartridge is None:
        from tools.app.games import game_called

        return game_called(found.game).open()
    from models.dream import open_world as open_dream

    checked = found.cartridge(report)
    report("reading the weights")
    dream = open_dream(
        checked,
        device=options.device,
        precision=options.precision,
        preset=options.preset,
        steps=options.steps,
        compiled=options.compiled,
    )
    explain(dream, options)
    if not dream.game:
        return dream
    from engine.games.pair import PairWorld
    from tools.app.games import game_called

    report("starting the emulator")
    opening = [dream.actions.idle()] * (dream.context - 1)
    real = game_called(dream.game).beside(dream)
    return PairWorld(dream, real, dream.enter, opening, dream.agent)


def explain(dream: DiffusionWorld, options: RunOptions) -> None:
    """Print what a world runs on, and a hint if a GPU stays idle that nobody excluded."""
    from models.runtime.gpus import unused_gpu

    say(f"runs on {dream.runtime}", error=True)
    idle = None
    if options.device is None and dream.provenance["device"] == "cpu":
        idle = unused_gpu()
    if idle:
        say(idle, error=True)


def _checked(path: Path) -> Checked:
    from models.cartridge.reader import check

    return check(path)
