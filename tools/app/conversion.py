"""DIAMOND checkpoints as cartridges, and back."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from base.cartridges import CARD
from base.errors import UserError
from base.files import replacing
from base.terminal import say
from engine.contracts import Frame
from engine.games.atari_games import find_game
from models.cartridge.reader import load
from models.diamond import released
from models.diamond.weights import AtariNetworks, CsgoNetworks, load_atari, load_csgo, to_checkpoint
from tools.app import own_games
from tools.app.installed import with_emulator, write
from tools.options.convert import ConvertConfig

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def convert(config: ConvertConfig) -> None:
    """Convert in the direction that `src` asks for; report what was written."""
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
    """Return the world that a command line describes, and a picture of its game if there is another
    than of its first start."""
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
    """Return True if a checkpoint is of such networks; others may use the same names."""
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
    """Return the spawn folders in `folder`, in order of their names."""
    try:
        spawns = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error.strerror or error}") from error
    if not spawns:
        raise UserError(f"{folder} holds no spawn folders")
    return spawns
