"""Worlds from the Hub: fetched at a pinned revision, shown and checked before they count.

Released worlds (hub/catalogue.py) and cartridges of our own format in any repository. All of it
lands in the Hub's own cache, so HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE and what other programs have
downloaded count here too; a world that is there needs no network and asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from base.cartridges import CARD, LARGEST_CARD_BYTES
from base.errors import UserError
from base.files import write_text
from hub.catalogue import World
from hub.downloads import (
    DIGEST,
    NEWEST,
    Ask,
    HubFile,
    Offer,
    Watch,
    bring,
    check_name,
    listing,
    remote,
)
from hub.errors import UnreachableError
from hub.transfer import DamagedError, check, receive, repo_folder, snapshot_folder

NEARLY = 0.1  # a size that is about another differs by so much of it at most
State = Literal["yes", "no", "partial", "damaged"]


def cached(world: World, verified: bool = True) -> Path | None:
    """The folder with all files of a world, at their own paths; None if any is not in the cache.

    verified: neither counts one whose size is not its own, and which the Hub has to bring again.
    Quick: asks no network and reads no file; `verify` does that.
    """
    folder = snapshot_folder(world.repo, world.revision)
    if verified:
        return folder if all(_is_whole(folder, file) for file in world.files) else None
    return folder if all((folder / file.path).is_file() for file in world.files) else None


def state(world: World) -> State:
    """Return how much of a world is in the cache, as quickly as `cached` tells.

    Damaged is one with a file of a wrong size. Partial is one of which some files are there, or
    begun, and not only those that it shares with other worlds.
    """
    folder = snapshot_folder(world.repo, world.revision)
    found = [file for file in world.files if (folder / file.path).exists()]
    if not all(_is_whole(folder, file) for file in found):
        return "damaged"
    if len(found) == len(world.files):
        return "yes"
    blobs = repo_folder(world.repo) / "blobs"
    own = (world.checkpoint, *world.spawns)
    begun = (blobs / f"{file.sha256}.incomplete" for file in own if file.sha256)
    return "partial" if set(own) & set(found) or any(map(Path.exists, begun)) else "no"


def fetch(world: World, ask: Ask, watch: Watch = lambda done, whole: None) -> Path:
    """The folder with all files of a world, at their own paths, after downloading what is missing.

    ask:   shown what is about to be downloaded; on no the download is CancelledError.
    watch: told the bytes there are and the bytes there will be, many times a second. It may raise
           CancelledError; what has arrived is kept, and a later fetch goes on from there.
    What is downloaded has the sizes and hashes of the catalogue and of the Hub's own list; what
    was in the cache before is as it is (`verify`). Raises UserError, one line for each way to fail;
    the cache stays whole.
    """
    return fetch_all([world], ask, watch)


def fetch_all(
    worlds: Iterable[World], ask: Ask, watch: Watch = lambda done, whole: None, title: str = ""
) -> Path:
    """Like `fetch`, for several worlds of one repository and revision, called `title`, at once."""
    worlds = tuple(worlds)
    first = worlds[0]
    folder = snapshot_folder(first.repo, first.revision)
    wanted = {file.path: file for world in worlds for file in world.files}
    missing = [file for file in wanted.values() if not _is_whole(folder, file)]
    if missing:
        revision, files = listing(first.repo, first.revision)
        remotes = tuple(remote(first.repo, revision, file, files) for file in missing)
        bring(Offer(title or first.title, first.repo, revision, first.licence, remotes), ask, watch)
    return folder


def verify(world: World, folder: Path) -> dict[str, str]:
    """Check the size and hash of every file of a world in `folder`; their SHA-256 by path.

    What counts is the catalogue, and where that knows no hash the name under which the Hub's cache
    keeps the content, which is the hash that the Hub listed; a file that is neither is taken as it
    is. Raises UserError for a file that is not as it should be, naming both hashes; it is moved
    aside, so that the next fetch brings it anew.
    """
    found = {}
    for file in world.files:
        path = folder / file.path
        try:
            found[file.path] = check(path, file.path, file.bytes, (file.sha256, _listed(path)))
        except DamagedError as error:
            aside = path.with_name(f"{path.name}.rejected")
            with suppress(FileNotFoundError):  # another program may have been quicker
                path.replace(aside)
            raise DamagedError(f"{error}; it was moved to {aside}, so {_fetch_anew()}") from error
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    return found


def fetch_repo(repo: str, ask: Ask, watch: Watch = lambda done, whole: None) -> Path:
    """The folder of the cartridge that the repository `repo` ("owner/name") holds.

    Its newest revision is downloaded as far as it is not in the cache; where the Hub cannot be
    reached, what was downloaded last counts. `models.cartridge.reader.load` checks what is in the
    folder.
    ask, watch and errors are those of `fetch`; also refused are repositories without a cartridge,
    and files that are larger than any cartridge's.
    """
    from models.cartridge.reader import read_card  # loads torch

    check_name(repo)
    newest = repo_folder(repo) / "refs" / NEWEST
    try:
        revision, files = listing(repo, NEWEST)
    except UnreachableError:
        folder = _last_fetched(repo, newest)
        if folder is None:
            raise
        return folder
    folder = snapshot_folder(repo, revision)
    if CARD not in files:
        raise UserError(f"{repo} holds no cartridge: it has no {CARD}")
    if not (folder / CARD).is_file():
        card = remote(repo, revision, HubFile(CARD, about_bytes=LARGEST_CARD_BYTES), files)
        receive(card, lambda done: None)  # small, and says what the question needs
    manifest, entries = read_card(folder)
    try:
        wanted = [
            HubFile(name, entry.bytes, sha256=entry.sha256) for name, entry in entries.items()
        ]
    except ValueError as error:
        raise UserError(f"{repo} holds no cartridge that could be: {error}") from error
    missing = [file for file in wanted if not _is_whole(folder, file)]
    if missing:
        remotes = tuple(remote(repo, revision, file, files) for file in missing)
        bring(Offer(manifest.title, repo, revision, manifest.licence, remotes), ask, watch)
    if not newest.is_file() or newest.read_bytes().strip() != revision.encode():
        write_text(newest, revision)
    return folder


def _is_whole(folder: Path, file: HubFile) -> bool:
    """Return True if a file is there with its size, or about that if no more is known."""
    size = file.bytes or file.about_bytes
    return _has_size(folder / file.path, size, within=NEARLY * file.about_bytes)


def _has_size(path: Path, size: int, within: float = 0.0) -> bool:
    """Return True if a file is there and has so many bytes, or so many more or less."""
    try:
        return abs(path.stat().st_size - size) <= within
    except OSError:
        return False


def _fetch_anew() -> str:
    """Return what to do about a file that is damaged here."""
    from huggingface_hub import constants

    offline = "unset HF_HUB_OFFLINE and " if constants.HF_HUB_OFFLINE else ""
    return f"{offline}run the same to fetch it"


def _last_fetched(repo: str, newest: Path) -> Path | None:
    """The cartridge of `repo` that is in the cache as a whole; None if there is none."""
    from models.cartridge.reader import read_card

    try:
        folder = snapshot_folder(repo, newest.read_text("utf-8").strip())
        _, entries = read_card(folder)
    except (OSError, ValueError, UserError):
        return None
    return folder if all(_has_size(folder / n, one.bytes) for n, one in entries.items()) else None


def _listed(path: Path) -> str:
    """The hash that the Hub listed for a file in its cache; "" where the cache has no links."""
    target = path.readlink() if path.is_symlink() else path
    return target.name if target.parent.name == "blobs" and DIGEST.fullmatch(target.name) else ""
