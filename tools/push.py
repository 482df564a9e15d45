"""Upload a cartridge to the Hub: python -m tools.push CARTRIDGE OWNER/NAME."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from base.cartridges import HUB_PREFIX, find_cartridge
from base.errors import UserError, run_main
from base.sizes import in_words
from base.terminal import say
from hub.world_upload import push
from models.cartridge.reader import read_card
from tools.app.prompts import confirm


@dataclass(frozen=True)
class PushConfig:
    """Upload a cartridge, with a model card, so that others play it with hf:OWNER/NAME."""

    cartridge: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CARTRIDGE")]
    """Folder of a cartridge, or the name of one in cartridges/."""
    repo: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="OWNER/NAME")]
    """The repository; made if there is none. Its newest files are replaced, older ones stay."""
    private: bool = False
    """Make a new repository for yourself alone."""
    yes: bool = False
    """Upload without asking."""


def main() -> None:
    """Parse the command line and upload."""
    upload(tyro.cli(PushConfig, prog="python -m tools.push"))


def upload(config: PushConfig) -> None:
    """Show what is about to be published and under which licence; upload after a yes."""
    folder = find_cartridge(config.cartridge)
    manifest, entries = read_card(folder)
    size = in_words(sum(entry.bytes for entry in entries.values()))
    say(f"{manifest.title} to {config.repo}: {size}\n  licence: {manifest.licence}")
    if not (config.yes or confirm("May you publish it, and shall it go there?", "upload")):
        raise UserError("nothing was uploaded")
    say(f"it is at {push(folder, config.repo, config.private)}")
    say(f"play it with: python play.py {HUB_PREFIX}{config.repo}")


if __name__ == "__main__":
    run_main(main)
