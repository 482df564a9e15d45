"""Mix the weights of two cartridges."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from base.cartridges import LARGEST_PICTURE_BYTES, PREVIEW, find_cartridge, read_part
from base.errors import UserError
from base.terminal import say
from models.cartridge.reader import Cartridge, load
from models.cartridge.writer import check_place, save
from models.networks.denoiser import DenoiserConfig
from training.export import card, remade
from training.lengthen import lengthened


def blend(first: str, second: str, out: Path, said: str, share: float = 0.5) -> None:
    """Write the cartridge between two others.

    first, second: folders of cartridges, or names of those in cartridges/.
    said:  the command line, for the card.
    share: how much of the second is in it, from 0 to 1.
    Raises UserError, before anything is written, for networks that are not alike.
    """
    check_place(out)
    folder = find_cartridge(second)
    one, other = load(find_cartridge(first)), load(folder)
    for name in ("denoiser", "upsampler"):
        if not (getattr(one.manifest, name) and getattr(other.manifest, name)):
            continue
        if not _mix(name, one, other, share):
            raise UserError(
                f"the {name}s of {first} and {second} are not of one kind; blend a world with one "
                "that it was trained on from"
            )
    manifest = remade(other.manifest, said)
    preview = read_part(folder, PREVIEW, LARGEST_PICTURE_BYTES)
    save(out, manifest, other.networks, other.starts, preview, card(manifest))
    say(f"wrote {out}: play it with python play.py {out}")


def _mix(name: str, first: Cartridge, second: Cartridge, share: float) -> bool:
    """Move a network of the second towards that of the first; False if they are of two kinds."""
    network = second.networks[name]
    weights = lengthened(network, first.networks[name].state_dict())
    own = network.state_dict()
    if _kind(getattr(first.manifest, name)) != _kind(getattr(second.manifest, name)):
        return False
    if {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in own.items()}:
        return False
    with torch.no_grad():
        for key, weight in own.items():
            weight.copy_(torch.lerp(weights[key], weight, share))
    return True


def _kind(config: DenoiserConfig) -> dict[str, Any]:
    """Return the configuration without how far back it looks: weights of one kind can be mixed."""
    kind = dataclasses.asdict(config)
    del kind["context"], kind["last_actions"]
    return kind
