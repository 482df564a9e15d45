"""One file from the Hub into its cache: resumed where it stopped, checked before it counts.

huggingface_hub's own download forgets what it has when a connection stays cut or the program ends,
and CS:GO weighs 1.5 GB. So the bytes are received here, through its session, and laid where its
cache has them: blobs/HASH holds the content, snapshots/REVISION/PATH is a link to it, and
blobs/HASH.incomplete is what has arrived so far. Everything else finds them there.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from base.errors import UserError
from base.files import sha256
from base.sizes import in_words
from hub.errors import UnreachableError, explained, short

Kind = Literal["model", "dataset"]  # of a repository, as the Hub calls it
REPO_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")

PAUSES_S = (1.0, 2.0, 4.0, 8.0)  # before the tries that follow one that brought nothing
PASSING = (408, 429, 500, 502, 503, 504)  # answers that may be better the next time
NO_SUCH_RANGE = 416


class DamagedError(UserError):
    """A file whose content is not what it should be."""


@dataclass(frozen=True)
class Remote:
    """A file of a repository, as the Hub describes it.

    bytes:  its exact size.
    digest: what the cache calls its content: the SHA-256 of large files, git's SHA-1 of others.
    sha256: known from elsewhere, or "". kind: of the repository.
    """

    repo: str
    revision: str
    path: str
    bytes: int
    digest: str
    sha256: str = ""
    kind: Kind = "model"

    @property
    def pointer(self) -> Path:
        """Path of the file in the cache once it is there."""
        return snapshot_folder(self.repo, self.revision, self.kind) / self.path

    @property
    def blob(self) -> Path:
        """Path of its content."""
        return repo_folder(self.repo, self.kind) / "blobs" / self.digest

    @property
    def partial(self) -> Path:
        """Path of what has arrived so far."""
        return self.blob.with_name(f"{self.digest}.incomplete")

    @property
    def held(self) -> int:
        """Bytes of it that have arrived."""
        return next(filter(None, map(_size, (self.blob, self.partial))), 0)


def cache_folder() -> Path:
    """The Hub's cache, which HF_HOME and HF_HUB_CACHE move."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repo_folder(repo: str, kind: Kind = "model") -> Path:
    """Return the folder of a repository in the cache."""
    return cache_folder() / f"{kind}s--{repo.replace('/', '--')}"


def snapshot_folder(repo: str, revision: str, kind: Kind = "model") -> Path:
    """Return the folder in which the cache shows a revision's files under their own names."""
    return repo_folder(repo, kind) / "snapshots" / revision


def receive(remote: Remote, watch: Callable[[int], None]) -> None:
    """Bring a file into the cache, beginning with what an earlier try left there.

    watch: told how many bytes of it are there, many times a second; what it raises ends the
    download, and a later one goes on from there.
    Raises UserError, and UnreachableError when the connection stays cut; neither leaves behind
    anything that would be taken for the file. What is there and sound stays untouched, since
    other programs may be reading it.
    """
    blob, pointer = remote.blob, remote.pointer
    with explained(remote.repo):
        for folder in (blob.parent, pointer.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with _held_alone(remote):
            if not _is_sound(remote, pointer):
                if not _is_sound(remote, blob):  # nor there from another revision
                    _complete(remote, watch)
                    _keep(remote, remote.partial)
                    os.replace(remote.partial, blob)
                _link(blob, pointer)
    watch(remote.bytes)


def recheck(remote: Remote) -> None:
    """Check a file of the cache as the Hub lists it. One that is another is removed.

    Raises DamagedError for that, and UserError if it cannot be read.
    """
    with explained(remote.repo), _held_alone(remote):
        _keep(remote, remote.pointer, remote.blob)


@contextmanager
def _held_alone(remote: Remote) -> Iterator[None]:
    """Hold the lock of a file's content, as huggingface_hub does while it downloads."""
    from huggingface_hub.utils import WeakFileLock

    name = repo_folder(remote.repo, remote.kind).name
    lock = cache_folder() / ".locks" / name / f"{remote.digest}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        yield


def check(path: Path, name: str, size: int, digests: Iterable[str]) -> str:
    """Check the content of the file called `name`; its hex SHA-256.

    size: in bytes, 0 where not known. digests: SHA-256 or git's SHA-1, "" for none.
    Raises DamagedError, naming what was found and what should be.
    """
    found, content = path.stat().st_size, sha256(path)
    wrong_size = size and found != size
    for digest in filter(None, digests):
        kind, other = ("SHA-256", content) if len(digest) == 64 else ("git hash", git_sha1(path))
        if wrong_size or other != digest:
            raise DamagedError(
                f"{name} has {found} bytes and the {kind} {other}, and should have "
                f"{size or found} bytes and the {kind} {digest}"
            )
    if wrong_size:
        raise DamagedError(f"{name} has {found} bytes, and should have {size}")
    return content


def git_sha1(path: Path) -> str:
    """Hex SHA-1 of a file as git counts it; the Hub lists that of small files."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _size(path: Path) -> int:
    """Bytes of a file; 0 if there is none, any more."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_sound(remote: Remote, path: Path) -> bool:
    """Return True if a file is there as the Hub lists it."""
    with suppress(DamagedError):
        return path.is_file() and bool(
            check(path, remote.path, remote.bytes, (remote.digest, remote.sha256))
        )
    return False


def _keep(remote: Remote, path: Path, *others: Path) -> None:
    """Check a file as the Hub lists it. If it is another: DamagedError, and `others` go with it."""
    try:
        check(path, remote.path, remote.bytes, (remote.digest, remote.sha256))
    except DamagedError as error:
        for wrong in (path, *others):
            wrong.unlink(missing_ok=True)
        raise DamagedError(
            f"{error}; it was thrown away, so run the same again to fetch it"
        ) from error


def _complete(remote: Remote, watch: Callable[[int], None]) -> None:
    """Receive until all is there, going on after every cut; gives up when nothing more comes."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    remote.blob.unlink(missing_ok=True)  # of another content, or we would not be here
    remote.partial.touch()
    if remote.held > remote.bytes:
        os.truncate(remote.partial, 0)
    most, pauses = remote.held, iter(PAUSES_S)
    reason = "the connection was cut"
    while remote.held < remote.bytes:
        try:
            _receive_some(remote, watch)
        except httpx2.TransportError as error:
            reason = short(error)
        except HfHubHTTPError as error:
            status = error.response.status_code
            reason = f"answer {status}"
            if status == NO_SUCH_RANGE:
                os.truncate(remote.partial, 0)
            elif status not in PASSING:
                raise
        if remote.held > most:
            most, pauses = remote.held, iter(PAUSES_S)
        elif (pause := next(pauses, None)) is None:
            raise UnreachableError(
                f"{remote.path} comes no further than {in_words(remote.held)} of "
                f"{in_words(remote.bytes)} ({reason}); what arrived is kept, so run the same again "
                "to go on from there"
            )
        else:
            time.sleep(pause)
            watch(remote.held)


def request(repo: str, path: str, kind: Kind, revision: str, wanted: str = "") -> dict[str, Any]:
    """Return the arguments of a session's `stream` for a file; wanted: a range of bytes of it."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    headers = {"Accept-Encoding": "identity"}  # ranges count the file's own bytes
    if wanted:
        headers["Range"] = wanted
    return {
        "method": "GET",
        "url": hf_hub_url(
            repo, path, repo_type=kind, revision=revision, endpoint=constants.ENDPOINT
        ),
        "headers": build_hf_headers(library_name="dreamcart") | headers,
        "timeout": constants.HF_HUB_DOWNLOAD_TIMEOUT,  # seconds without a single byte
    }


def _receive_some(remote: Remote, watch: Callable[[int], None]) -> None:
    """Ask for the rest of a file and append what comes, until the answer ends or breaks."""
    from huggingface_hub.utils import get_session, hf_raise_for_status

    held = remote.held
    wanted = f"bytes={held}-" if held else ""
    asked = request(remote.repo, remote.path, remote.kind, remote.revision, wanted)
    with (
        get_session().stream(**asked) as answer,
        open(remote.partial, "ab") as file,
    ):
        hf_raise_for_status(answer)
        if not answer.headers.get("Content-Range", "").startswith(f"bytes {held}-"):
            file.truncate(0)  # the whole file comes, whatever was asked for
            held = 0
        for piece in answer.iter_bytes():
            held += len(piece)
            if held > remote.bytes:
                file.truncate(0)
                raise UserError(f"more comes of {remote.path} than the {remote.bytes} bytes listed")
            file.write(piece)
            watch(held)
        file.flush()
        os.fsync(file.fileno())


def _link(blob: Path, pointer: Path) -> None:
    """Show a blob under its own name, in one step; where links cannot be made, move it there."""
    link = pointer.with_name(f".{pointer.name}.link")
    link.unlink(missing_ok=True)  # left by a kill
    try:
        link.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:
        link = blob
    os.replace(link, pointer)
