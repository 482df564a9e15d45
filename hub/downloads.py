"""Downloads from the Hub into its cache: listed, shown, and brought after a yes.

Of any repository: cartridges and released worlds (hub/worlds.py), and recordings.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from base.errors import UserError
from base.sizes import GB, MB, in_words
from hub.errors import UnreachableError, explained
from hub.transfer import REPO_NAME, Kind, Remote, cache_folder, receive

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

NEWEST = "main"  # what the Hub calls the last revision
LARGEST_FILE_BYTES = 16 * GB  # far beyond what plays in real time, and beyond any episode
SPARE_BYTES = 64 * MB  # left free on the disk
REVISION = re.compile("[0-9a-f]{40}")
DIGEST = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the Hub, and what is known of it here.

    path:        inside the repository; never leads out of it.
    bytes:       its size, or 0 where only the Hub knows.
    about_bytes: its size more or less, where `bytes` is 0.
    sha256:      in hex, or "" where the hash that the Hub lists has to do.

    Raises ValueError for what no file can have.
    """

    path: str
    bytes: int = 0
    about_bytes: int = 0
    sha256: str = ""

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path):
            raise ValueError(f"a file at '{self.path}'")
        if (self.bytes > 0) == (self.about_bytes > 0) or min(self.bytes, self.about_bytes) < 0:
            raise ValueError(f"{self.path} needs either bytes or about_bytes")
        if self.sha256 and not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"{self.path} with the SHA-256 '{self.sha256}'")


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
        """Bytes of that which an earlier, unfinished download left in the cache."""
        return sum(min(file.held, file.bytes) for file in self.files)


Ask = Callable[[Offer], bool]
Watch = Callable[[int, int], None]


def check_name(repo: str) -> None:
    """UserError unless a repository can be called so."""
    if not REPO_NAME.fullmatch(repo) or any(sign in repo for sign in ("--", "..")):
        raise UserError(f"'{repo}' is no repository on the Hub; those are called owner/name")


def listing(repo: str, revision: str, kind: Kind = "model") -> tuple[str, dict[str, RepoSibling]]:
    """A revision in full, and what the Hub lists of its files by path. Raises UserError."""
    from huggingface_hub import HfApi, constants

    with explained(repo):
        try:
            api = HfApi(library_name="dreamcart")
            info = (api.model_info if kind == "model" else api.dataset_info)(
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


def remote(
    repo: str,
    revision: str,
    file: HubFile,
    files: Mapping[str, RepoSibling],
    kind: Kind = "model",
) -> Remote:
    """A file as the Hub lists it among `files`.

    UserError if it lists none, or another than it should be.
    """
    listed = files.get(file.path)
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
    return Remote(repo, revision, file.path, size, str(digest), file.sha256, kind)


def bring(offer: Offer, ask: Ask, watch: Watch) -> None:
    """Download what was offered, after a yes. Raises UserError, CancelledError on a no."""
    _make_room(offer)
    if not ask(offer):
        raise CancelledError(f"{offer.title} was not downloaded")
    done = 0
    for file in offer.files:
        receive(file, _from(done, offer.bytes, watch))
        done += file.bytes


def _from(before: int, whole: int, watch: Watch) -> Callable[[int], None]:
    """Return the watch of one file of a download, after `before` of its `whole` bytes."""
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
