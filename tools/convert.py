"""DIAMOND checkpoints into cartridges and back: python -m tools.convert SRC OUT."""

from __future__ import annotations

import io
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro

from base.cartridges import CARD
from base.errors import UserError, run_main
from base.files import replacing
from base.folders import cache_folder
from base.locks import holding
from base.terminal import say
from engine.contracts import Frame, Report
from engine.games.atari_games import find_game
from engine.media.video import encode_png
from hub import worlds as hub
from hub.catalogue import World
from models.cartridge.reader import Checked, check, load
from models.cartridge.writer import save
from models.diamond import released
from models.diamond.weights import AtariNetworks, CsgoNetworks, load_atari, load_csgo, to_checkpoint
from models.runtime.selection import quick_dtype
from tools.app import own_games

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
OWN_LICENCE = "not stated"
PREVIEW_STEPS = 40  # into a game, so that something is going on


@dataclass(frozen=True)
class ConvertConfig:
    """Turn a DIAMOND checkpoint into a cartridge, or a cartridge that came from one back.

    A checkpoint of CS:GO needs its spawn folders. One of an Atari game has to be named, and its
    emulator begins the dream. Of any other game a profile says what is pressed, how fast it steps
    and how large its frames are; without one its actions are numbered.
    """

    src: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    """A .pt file, or the folder of a cartridge."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Folder of the cartridge to write, or the .pt file."""
    game: str | None = None
    """The Atari game that the checkpoint dreams."""
    spawns: Path | None = None
    """Folder that holds CS:GO's spawn folders 0, 1, ..."""
    profile: Path | None = None
    """A TOML file that describes any other game (engine/profile.py). Its keys are the actions in
    their order, without the first one if that presses nothing."""
    numbered: bool = False
    """Of another game: play it with numbers for its actions."""
    episodes: Path | None = None
    """Folder of DIAMOND's episodes of another game (dataset/test), to begin from. Without them a
    dream begins from a black frame."""
    precision: str = "float32"
    """What weights are stored as: float32, bfloat16, float16."""
    licence: str = OWN_LICENCE
    """Of the weights, for the card."""


def main() -> None:
    """Parse the command line and convert."""
    convert(tyro.cli(ConvertConfig, prog="python -m tools.convert"))


def convert(config: ConvertConfig) -> None:
    """Convert in the direction that `src` asks for; says what was written."""
    if config.precision not in DTYPES:
        raise UserError(f"--precision must be one of {', '.join(DTYPES)}, not {config.precision}")
    if not config.src.exists():
        raise UserError(f"{config.src} is not there")
    if (config.src / CARD).is_file():
        to_pt(config.src, config.out)
    else:
        made, picture = _read(config)
        write(made, config.out, DTYPES[config.precision], picture)
    say(f"wrote {config.out}")


def _read(config: ConvertConfig) -> tuple[released.Released, Frame | None]:
    """The world that a command line describes, and a picture of its game if there is another than
    of its first start."""
    kinds = (config.game, config.spawns, config.profile, config.numbered or None)
    if sum(kind is not None for kind in kinds) != 1:
        raise UserError(
            "say which world it is by one of these: --game pong, --spawns FOLDER for CS:GO, "
            "--profile GAME.toml for a game that no emulator here plays, or --numbered for one of "
            "which only the numbers of its actions are known"
        )
    src, licence = config.src, config.licence
    if config.episodes and not (config.profile or config.numbered):
        raise UserError("--episodes goes with --profile or --numbered: other worlds have starts")
    if config.spawns is not None:
        return released.csgo(src, _spawns(config.spawns), "csgo", "CS:GO", licence), None
    if config.game is not None:
        game = find_game(config.game)
        title = game.replace("_", " ").title()
        return with_emulator(src, game, title, game, licence)
    if config.profile is not None:
        return own_games.with_profile(src, config.profile, config.episodes, licence), None
    return own_games.numbered(src, config.out.resolve().name, config.episodes, licence), None


def installed(
    world: World, snapshot: Path, report: Report = lambda line: None, *, verified: bool = True
) -> Checked:
    """The cartridge of a released world, converted on first use and kept in the cache folder.

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
    """The world of an Atari checkpoint, and a picture of the game that it dreams."""
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


def to_pt(src: Path, out: Path) -> None:
    """Write a cartridge's networks as a DIAMOND checkpoint."""
    networks = released.back(load(src).networks)
    file = io.BytesIO()
    torch.save(to_checkpoint(networks), file)
    with replacing(out) as temporary:
        temporary.write_bytes(file.getvalue())
        if not _holds(temporary, networks):
            raise UserError(f"{src} is of no world that a DIAMOND checkpoint can hold")


def _holds(checkpoint: Path, networks: AtariNetworks | CsgoNetworks) -> bool:
    """Whether a checkpoint is of such networks; others may have the same names for them."""
    try:
        atari = isinstance(networks, AtariNetworks)
        config = networks.denoiser.config
        size_px = config.height, config.width
        held = load_atari(checkpoint, size_px) if atari else load_csgo(checkpoint)
    except UserError:
        return False
    here, there = ([net.config for net in vars(all_).values()] for all_ in (networks, held))
    return here == there


def _spawns(folder: Path) -> list[Path]:
    """The spawn folders in `folder`, in order of their names."""
    try:
        spawns = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error.strerror or error}") from error
    if not spawns:
        raise UserError(f"{folder} holds no spawn folders")
    return spawns


if __name__ == "__main__":
    run_main(main)
