"""Worlds from the Hub: fetched at a pinned revision, shown and checked before they count.

Released worlds (models/catalogue.py) and cartridges of our own format in any repository. All of it
lands in the Hub's own cache, so HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE and what other programs have
downloaded count here too; a world that is there needs no network and asks nothing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from base.cartridges import CARD, LARGEST_CARD_BYTES
from base.errors import UserError
from base.files import write_text
from models.catalogue import REPO_NAME, HubFile, World, in_words
from models.hub_errors import UnreachableError, explained
from models.hub_file import (
    DamagedError,
    Remote,
    cache_folder,
    check,
    receive,
    repo_folder,
    snapshot_folder,
)

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

NEWEST = "main"
LARGEST_FILE_BYTES = 16 << 30  # far beyond what plays in real time
SPARE_BYTES = 64 << 20  # left free on the disk
REVISION = re.compile("[0-9a-f]{40}")
DIGEST = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


class CancelledError(UserError):
    """The person does not want the download: answered no, or stopped it."""


@dataclass(frozen=True)
class Offer:
    """A download that waits for a yes.

    title, licence: of the world. files: those that are not in the cache.
    """

    title: str
    repo: str
    revision: str
    licence: str
    files: tuple[Remote, ...]

    @property
    def bytes(self) -> int:
        """The size of its files."""
        return sum(file.bytes for file in self.files)

    @property
    def held(self) -> int:
        """How much of that an earlier, unfinished download left in the cache."""
        return sum(min(file.held, file.bytes) for file in self.files)


Ask = Callable[[Offer], bool]
Watch = Callable[[int, int], None]


def cached(world: World) -> Path | None:
    """The folder with all files of a world, at their own paths; None if any is not in the cache.

    Quick: asks no network and reads no file; `verify` does that.
    """
    folder = snapshot_folder(world.repo, world.revision)
    return folder if all((folder / file.path).is_file() for file in world.files) else None


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
    missing = [file for path, file in wanted.items() if not (folder / path).is_file()]
    if missing:
        revision, listing = _list(first.repo, first.revision)
        remotes = tuple(_remote(first.repo, revision, file, listing) for file in missing)
        _bring(
            Offer(title or first.title, first.repo, revision, first.licence, remotes), ask, watch
        )
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
            aside = path.replace(path.with_name(f"{path.name}.rejected"))
            raise DamagedError(
                f"{error}; it was moved to {aside}, so run the same to fetch it"
            ) from error
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    return found


def fetch_repo(repo: str, ask: Ask, watch: Watch = lambda done, whole: None) -> Path:
    """The folder of the cartridge that the repository `repo` ("owner/name") holds.

    Its newest revision is downloaded as far as it is not in the cache; where the Hub cannot be
    reached, what was downloaded last counts. `models.cartridge.load` checks what is in the folder.
    ask, watch and errors are those of `fetch`; also refused are repositories without a cartridge,
    and files that are larger than any cartridge's.
    """
    from models.cartridge import read_card  # loads torch

    if not REPO_NAME.fullmatch(repo):
        raise UserError(f"'{repo}' is no repository on the Hub; those are called owner/name")
    newest = repo_folder(repo) / "refs" / NEWEST
    try:
        revision, listing = _list(repo, NEWEST)
    except UnreachableError:
        folder = _last_fetched(repo, newest)
        if folder is None:
            raise
        return folder
    folder = snapshot_folder(repo, revision)
    if CARD not in listing:
        raise UserError(f"{repo} holds no cartridge: it has no {CARD}")
    if not (folder / CARD).is_file():
        card = _remote(repo, revision, HubFile(CARD, about_bytes=LARGEST_CARD_BYTES), listing)
        receive(card, lambda done: None)  # small, and says what the question needs
    manifest, entries = read_card(folder)
    try:
        wanted = [
            HubFile(name, entry.bytes, sha256=entry.sha256) for name, entry in entries.items()
        ]
    except ValueError as error:
        raise UserError(f"{repo} holds no cartridge that could be: {error}") from error
    missing = [file for file in wanted if not (folder / file.path).is_file()]
    if missing:
        remotes = tuple(_remote(repo, revision, file, listing) for file in missing)
        _bring(Offer(manifest.title, repo, revision, manifest.licence, remotes), ask, watch)
    write_text(newest, revision)
    return folder


def _last_fetched(repo: str, newest: Path) -> Path | None:
    """The cartridge of `repo` that is in the cache as a whole; None if there is none."""
    from models.cartridge import read_card

    try:
        folder = snapshot_folder(repo, newest.read_text("utf-8").strip())
        _, entries = read_card(folder)
    except (OSError, ValueError, UserError):
        return None
    return folder if all((folder / name).is_file() for name in entries) else None


def _list(repo: str, revision: str) -> tuple[str, dict[str, RepoSibling]]:
    """A revision in full, and what the Hub lists of its files by path."""
    from huggingface_hub import HfApi, constants

    with explained(repo):
        try:
            info = HfApi(library_name="dreamcart").model_info(
                repo, revision=revision, files_metadata=True, timeout=constants.HF_HUB_ETAG_TIMEOUT
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreachableError(
                f"what answers at {constants.ENDPOINT} is not the Hub; check HF_ENDPOINT, and "
                "whether this network asks for a login"
            ) from error
    if not REVISION.fullmatch(info.sha or ""):
        raise UserError(f"the Hub at {constants.ENDPOINT} names no revision of {repo}")
    return str(info.sha), {file.rfilename: file for file in info.siblings or []}


def _remote(repo: str, revision: str, file: HubFile, listing: Mapping[str, RepoSibling]) -> Remote:
    """A file as the Hub lists it. UserError if it lists none, or another than it should be."""
    listed = listing.get(file.path)
    if listed is None:
        raise UserError(f"{file.path} is missing in {repo} on the Hub, at revision {revision[:8]}")
    size, digest = (listed.lfs or listed).size, listed.lfs.sha256 if listed.lfs else listed.blob_id
    if type(size) is not int or size < 0 or not DIGEST.fullmatch(str(digest)):
        raise UserError(f"the Hub lists no size or no hash of {file.path} in {repo}")
    if file.bytes and size != file.bytes:
        raise UserError(
            f"the Hub lists {file.path} of {repo} with {size} bytes, and it should have "
            f"{file.bytes}"
        )
    if size > min(LARGEST_FILE_BYTES, 2 * (file.about_bytes or file.bytes)):
        raise UserError(f"{file.path} of {repo} is too large: {in_words(size)}")
    if file.sha256 and len(str(digest)) == 64 and digest != file.sha256:
        raise UserError(
            f"the Hub lists {file.path} of {repo} with the SHA-256 {digest}, and it should have "
            f"{file.sha256}"
        )
    return Remote(repo, revision, file.path, size, str(digest), file.sha256)


def _bring(offer: Offer, ask: Ask, watch: Watch) -> None:
    """Download what was offered, after a yes."""
    _make_room(offer)
    if not ask(offer):
        raise CancelledError(f"{offer.title} was not downloaded")
    done = 0
    for file in offer.files:
        receive(file, _from(done, offer.bytes, watch))
        done += file.bytes


def _from(before: int, whole: int, watch: Watch) -> Callable[[int], None]:
    """What watches one file of a download, after `before` of its `whole` bytes."""
    return lambda held: watch(before + held, whole)


def _make_room(offer: Offer) -> None:
    """UserError if the disk of the cache has no room for a download."""
    cache = cache_folder()
    place = next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())
    free, needed = shutil.disk_usage(place).free, offer.bytes - offer.held + SPARE_BYTES
    if free < needed:
        raise UserError(
            f"{offer.title} needs {in_words(needed)} at {cache}, and {in_words(free)} are free; "
            "make room, or set HF_HOME to a folder elsewhere"
        )


def _listed(path: Path) -> str:
    """The hash that the Hub listed for a file in its cache; "" where the cache has no links."""
    target = path.readlink() if path.is_symlink() else path
    return target.name if target.parent.name == "blobs" and DIGEST.fullmatch(target.name) else ""
