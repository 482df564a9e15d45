"""A world between two cartridges: python -m tools.blend FIRST SECOND OUT."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from base.cartridges import LARGEST_PICTURE_BYTES, PREVIEW, find_cartridge, read_part
from base.errors import UserError, run_main
from base.terminal import say
from models.cartridge.reader import Cartridge, load
from models.cartridge.writer import check_place, save
from models.networks.denoiser import DenoiserConfig
from training.export import card, remade
from training.lengthen import lengthened

PROGRAM = "python -m tools.blend"


@dataclass(frozen=True)
class BlendConfig:
    """Mix the weights of two cartridges, of which one was trained on from the other.

    Between two such there is often one that dreams better than both (Wortsman et al. 2022, "Model
    soups"): what one has unlearnt the other still has. Mixed are the denoisers and, where both have
    one, the networks that enlarge; all else is as in SECOND. FIRST may see fewer frames.
    """

    first: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FIRST")]
    """A cartridge: its folder, or the name of one in cartridges/."""
    second: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SECOND")]
    """Another, trained with --start-from FIRST."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Folder of the cartridge to write."""
    share: float = 0.5
    """How much of SECOND is in it, from 0 to 1."""

    def __post_init__(self) -> None:
        """Raise UserError for a share that cannot be."""
        if not 0 <= self.share <= 1:
            raise UserError(f"--share must be from 0 to 1, not {self.share:g}")


def main() -> None:
    """Parse the command line and blend."""
    blend(tyro.cli(BlendConfig, prog=PROGRAM), f"{PROGRAM} {shlex.join(sys.argv[1:])}")


def blend(config: BlendConfig, said: str) -> None:
    """Write the cartridge between the two; said: the command line, for its card.

    Raises UserError, before anything is written, for networks that are not alike.
    """
    check_place(config.out)
    folder = find_cartridge(config.second)
    first, second = load(find_cartridge(config.first)), load(folder)
    _mix("denoiser", first, second, config)
    if first.manifest.upsampler and second.manifest.upsampler:
        _mix("upsampler", first, second, config)
    manifest = remade(second.manifest, said)
    preview = read_part(folder, PREVIEW, LARGEST_PICTURE_BYTES)
    save(config.out, manifest, second.networks, second.starts, preview, card(manifest))
    say(f"wrote {config.out}: play it with python play.py {config.out}")


def _mix(name: str, first: Cartridge, second: Cartridge, config: BlendConfig) -> None:
    """Move a network of the second towards that of the first."""
    network = second.networks[name]
    weights = lengthened(network, first.networks[name].state_dict())
    own = network.state_dict()
    alike = _kind(getattr(first.manifest, name)) == _kind(getattr(second.manifest, name))
    if not alike or {k: v.shape for k, v in weights.items()} != {
        k: v.shape for k, v in own.items()
    }:
        raise UserError(
            f"the {name}s of {config.first} and {config.second} are not of one kind; "
            "blend a world with one that it was trained on from"
        )
    with torch.no_grad():
        for key, weight in own.items():
            weight.copy_(torch.lerp(weights[key], weight, config.share))


def _kind(config: DenoiserConfig) -> dict[str, Any]:
    """What weights mean: all of it but how far back they look."""
    kind = dataclasses.asdict(config)
    del kind["context"], kind["last_actions"]
    return kind


if __name__ == "__main__":
    run_main(main)
