"""A cartridge to a repository on the Hub, with the model card that the Hub reads."""

from __future__ import annotations

import os
from pathlib import Path

from base.cartridges import CARD, HUB_PREFIX, LARGEST_README_BYTES, README, read_part
from base.errors import UserError
from base.files import decode_text
from hub.downloads import check_name
from hub.uploads import front_matter, upload
from models.cartridge.manifest import Manifest
from models.cartridge.reader import check

TAGS = ["dreamcart", "world-model", "diffusion", "game"]


def push(folder: Path, repo: str, private: bool = False) -> str:
    """Upload a cartridge to the repository `repo` ("owner/name"); the address of its page.

    The repository is made if there is none, for its owner alone if `private`. The whole cartridge
    is checked first, and all files arrive in one commit. Raises UserError.
    """
    check_name(repo)
    checked = check(folder)
    manifest = checked.load().manifest
    card = model_card(manifest, _readme(folder), repo)
    files: dict[str, Path | bytes] = {name: folder / name for name in (CARD, *checked.entries)}
    message = f"Upload the cartridge {manifest.name}"
    return upload({**files, README: card.encode()}, repo, message, private)


def _readme(folder: Path) -> str:
    """A cartridge's own card; empty if it has none. UserError for one that cannot be read."""
    if not os.path.lexists(folder / README):
        return ""
    try:
        return decode_text(read_part(folder, README, LARGEST_README_BYTES))
    except UnicodeDecodeError as error:
        raise UserError(f"{folder / README} is not a text file") from error


def model_card(manifest: Manifest, readme: str, repo: str) -> str:
    """A cartridge's README as the Hub's model card: with front matter, and how to play it."""
    text = readme or f"# {manifest.title}\n\nLicence: {manifest.licence}\n"
    command = f"python play.py {HUB_PREFIX}{repo}"
    if command not in text:
        text = f"{text.rstrip()}\n\n## Play it from here\n\n    {command}\n"
    if text.startswith("---\n"):
        return text
    return front_matter(manifest.licence, {"library_name": "dreamcart", "tags": TAGS}) + text
