"""Folders of cartridges: given by a path, shipped with the program, or trained here."""

from __future__ import annotations

from pathlib import Path

from base.errors import UserError, unknown
from base.files import check_inside, read_bytes
from base.folders import worlds_folder
from base.sizes import MB

SHIPPED = Path(__file__).resolve().parent.parent / "cartridges"
CARD, PREVIEW = "cartridge.json", "preview.png"
README = "README.md"
LARGEST_CARD_BYTES = LARGEST_README_BYTES = MB
LARGEST_PICTURE_BYTES = 16 * MB
HUB_PREFIX = "hf:"  # before the OWNER/NAME of a cartridge in a repository on the Hub
OWN_PREFIX = "own:"  # before the name of a world that was trained in the app
LARGE = "large"  # in the folder of such a world: the run that teaches it to enlarge its pictures


def shipped_names(folder: Path = SHIPPED) -> list[str]:
    """Names of the cartridges in `folder`, sorted."""
    return sorted(card.parent.name for card in folder.glob(f"*/{CARD}"))


def own_cartridges() -> dict[str, Path]:
    """The cartridges of worlds that were trained in the app, or are being trained, by name.

    Of a world in two sizes the one that enlarges its pictures, as soon as there is one.
    """
    worlds = worlds_folder()
    cards = sorted(worlds.glob(f"*/cartridge/{CARD}"))
    cards += worlds.glob(f"*/{LARGE}/cartridge/{CARD}")
    return {OWN_PREFIX + card.relative_to(worlds).parts[0]: card.parent for card in cards}


def find_cartridge(name: str, folder: Path = SHIPPED) -> Path:
    """The folder of a cartridge, by its name in `folder` or by its own path.

    Raises UserError for a name that is neither, and for a folder without a card.
    """
    names = shipped_names(folder)
    if name in names:
        return folder / name
    path = Path(name)
    if path.is_dir():
        if not (path / CARD).is_file():
            raise UserError(f"{path} is not a cartridge: it has no {CARD}")
        return path
    if path.exists():
        raise UserError(f"{path} is not a cartridge: a cartridge is a folder with a {CARD}")
    raise unknown("cartridge", name, names)


def read_part(folder: Path, name: str, most_bytes: int) -> bytes:
    """A small file of a cartridge. UserError for one of more than `most_bytes`, one that leads
    out of the cartridge, and one that cannot be read, as a pipe or a device."""
    check_part(folder, name)
    try:
        return read_bytes(folder / name, most_bytes)
    except OSError as error:
        raise UserError(f"cannot read {folder / name}: {error.strerror or error}") from error


def check_part(folder: Path, name: str) -> None:
    """UserError for a file of a cartridge that is a link to somewhere outside of it."""
    check_inside(_home(folder), folder / name, "the cartridge's folder")


def _home(folder: Path) -> Path:
    """Return the root of a cartridge's files: its folder, or the Hub's cache that holds it.

    There CACHE/models--OWNER--NAME/snapshots/REVISION holds links to other places in CACHE.
    """
    folder = folder.resolve()
    repo = folder.parent.parent
    linked = folder.parent.name == "snapshots" and repo.name.startswith("models--")
    return repo.parent if linked else folder
