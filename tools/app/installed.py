"""Released worlds as cartridges in the cache folder, converted on first use."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from base.errors import UserError
from base.folders import cache_folder
from base.locks import holding
from engine.contracts import Frame, Report
from engine.media.video import encode_png
from hub import worlds as hub
from hub.catalogue import World
from models.cartridge.reader import Checked, check
from models.cartridge.writer import save
from models.diamond import released
from models.runtime.selection import quick_dtype

PREVIEW_STEPS = 40  # into a game, so that something is going on


def installed(
    world: World, snapshot: Path, report: Report = lambda line: None, *, verified: bool = True
) -> Checked:
    """Return the cartridge of a released world, converted on first use and then kept.

    snapshot: its downloaded files; they are read only if there is no whole cartridge of them yet.
    verified: compare them with the catalogue's hashes first.
    Raises UserError for files that are not as they should be.
    """
    report("checking the weights")
    checkpoint = snapshot / world.checkpoint.path
    # The file's own name in the Hub's cache is its hash; of a plain file size and time will do.
    stat = checkpoint.stat()
    key = f"{checkpoint.resolve().name[:16]}-{stat.st_size:x}-{stat.st_mtime_ns:x}"
    kind = str(quick_dtype()).removeprefix("torch.") + ("" if verified else "-unverified")
    path = cache_folder() / "worlds" / f"{world.name}-{key}-{kind}"
    with suppress(UserError):
        return check(path)
    with holding(path):
        with suppress(UserError):  # another program converted it meanwhile, and may be playing it
            return check(path)
        _install(world, snapshot, path, report, verified)
        return check(path)


def _install(world: World, snapshot: Path, path: Path, report: Report, verified: bool) -> None:
    """Convert a released world into the cartridge at `path`, as `installed` says."""
    if verified:
        hub.verify(world, snapshot)
    report("converting the weights, this once")
    checkpoint = snapshot / world.checkpoint.path
    picture = None
    if world.game:
        made, picture = with_emulator(
            checkpoint, world.name, world.title, world.game, world.licence
        )
    else:
        spawns = sorted({(snapshot / file.path).parent for file in world.spawns})
        made = released.csgo(checkpoint, spawns, world.name, world.title, world.licence)
    released.check_numbers(snapshot / world.agent.path, made.networks)
    shutil.rmtree(path, ignore_errors=True)  # what a broken disk may have left
    write(made, path, quick_dtype(), picture)


def with_emulator(
    checkpoint: Path, name: str, title: str, game: str, licence: str
) -> tuple[released.Released, Frame]:
    """Return the world of an Atari checkpoint, and a picture of the game that it dreams."""
    # Imported here: without ale-py, which a bundle may have to leave out, other worlds still play.
    from engine.games.atari import AtariWorld

    real = AtariWorld(game)
    made = released.atari(checkpoint, name, title, game, real.actions, licence)
    picture, rng = real.reset(seed=0), np.random.default_rng(0)
    for _ in range(PREVIEW_STEPS):
        picture = real.step(real.actions.random(rng)).frame
    return made, picture


def write(
    made: released.Released, out: Path, dtype: torch.dtype, picture: Frame | None = None
) -> None:
    """Write a released world as a cartridge; its picture is the first start's unless given."""
    if picture is None:
        starts = made.starts
        picture = starts["large"][0] if "large" in starts else starts["frames"][0, -1]
    manifest = made.manifest
    readme = (
        f"# {manifest.title}\n\nA world of DIAMOND (Alonso et al., NeurIPS 2024) as a cartridge of "
        f"Dreamcart.\n\nLicence of the weights: {manifest.licence}.\n"
    )
    save(out, manifest, made.networks, made.starts, encode_png(picture), readme, dtype)
