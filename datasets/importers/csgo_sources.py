"""Sources of CS:GO dataset files: folders, tar archives read in place, and the Hub."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from base.errors import UserError
from datasets.importers.compressed import HEAD_BYTES, SUFFIXES, explain_compression
from datasets.importers.csgo import SPLIT_SET, parse_name
from datasets.importers.csgo_layout import CsgoFileError
from datasets.importers.tar_members import Archive, walk_tar
from hub.downloads import check_name, listing
from hub.ranges import RemoteBytes

HUB = "hub:"
REPO = "TeaPearce/CounterStrike_Deathmatch"
REVISION = "265c6e5ac7aa335f58a2f2e864aad176fecfedde"
LICENCES = (
    "the card of the dataset on the Hub: MIT",
    "the older page of its authors on GitHub: for personal projects and open-sourced research; no "
    "licence for commercial use in any form",
)
WALKERS = 8  # tars on the Hub looked through at a time: waiting, mostly
_TAR = re.compile(r"hdf5_([a-z0-9_]+?)_(\d+)_to_(\d+)\.tar")


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine. Raises CsgoFileError where it cannot be read."""

    path: Path

    @property
    def name(self) -> str:
        """File name, without folders."""
        return self.path.name

    @property
    def size(self) -> int:
        """In bytes."""
        try:
            return self.path.stat().st_size
        except OSError as error:
            raise _unreadable(self.path, error) from error

    def read(self, start: int, count: int) -> bytes:
        """`count` bytes from byte `start`, fewer only where it ends."""
        try:
            with open(self.path, "rb", buffering=0) as file:
                file.seek(start)
                return file.read(count)
        except OSError as error:
            raise _unreadable(self.path, error) from error


@dataclass(frozen=True)
class CsgoSourceFile:
    """One file of the dataset: its name, and its bytes in an archive.

    fault: why it cannot be read, where the archive tells.
    """

    name: str
    archive: Archive
    start: int
    size: int
    fault: str = ""

    def read(self) -> bytes:
        """All of its bytes. Raises CsgoFileError if its archive ends before it does."""
        if self.fault:
            raise CsgoFileError("not packed", self.fault)
        data = self.archive.read(self.start, self.size)
        if len(data) < self.size:
            raise CsgoFileError(
                "truncated",
                f"{self.archive.name} is cut short: {len(data)} of its {self.size} bytes are there",
            )
        _check_plain(self.name, data)
        return data


@dataclass(frozen=True)
class CsgoFiles:
    """Files of the dataset in the order of their names, and what could not be looked through.

    refused: names of archives and files, with the reason.
    """

    items: tuple[CsgoSourceFile, ...]
    refused: tuple[tuple[str, CsgoFileError], ...]


def find(source: str, wanted: Collection[int] = ()) -> CsgoFiles:
    """The files in a folder of tars or HDF5 files, or in the dataset on the Hub ("hub:NAME").

    wanted: numbers of episodes; all if empty. Raises UserError for a source that cannot be read
    or holds none of the dataset's files.
    """
    remote = source.startswith(HUB)
    archives = _on_the_hub(source[len(HUB) :]) if remote else _in_folder(Path(source))
    archives = [a for a in archives if _may_hold(a.name, wanted)]
    with ThreadPoolExecutor(WALKERS if remote else 1) as pool:
        looked = list(pool.map(_look, archives))
    items: dict[int, CsgoSourceFile] = {}
    refused = [fault for found in looked for fault in found.refused]
    for item in (item for found in looked for item in found.items):
        try:
            episode = parse_name(item.name).episode
            if episode in items:
                raise CsgoFileError("twice", f"it is in {items[episode].archive.name} already")
        except CsgoFileError as error:
            # What becomes of the first of two by one name must not be lost for the second.
            refused.append((f"another {item.name}" if error.kind == "twice" else item.name, error))
            continue
        if not wanted or episode in wanted:
            items[episode] = item
    if missing := sorted(set(wanted) - set(items)):
        raise UserError(f"{source} has no episode {', '.join(map(str, missing))}")
    if not items and not refused:
        raise UserError(f"{source} holds no file of the dataset: hdf5_SET_NUMBER.hdf5, or tars")
    return CsgoFiles(tuple(items[episode] for episode in sorted(items)), tuple(refused))


def members(tar: Archive) -> Iterator[CsgoSourceFile]:
    """The HDF5 files in a tar that is not compressed, reading its headers alone.

    Raises CsgoFileError where it cannot be looked through any further.
    """
    for member in walk_tar(tar):
        name = posixpath.basename(member.path)
        if name.endswith(".hdf5") and not name.startswith("."):
            yield CsgoSourceFile(name, tar, member.start, member.size, member.fault)


def _look(archive: Archive) -> CsgoFiles:
    """List the files in one archive, or the one file that it is."""
    items: list[CsgoSourceFile] = []
    try:
        if archive.name.endswith(".hdf5"):
            return CsgoFiles((CsgoSourceFile(archive.name, archive, 0, archive.size),), ())
        _check_plain(str(archive.path), archive.read(0, HEAD_BYTES))
        for item in members(archive):
            items.append(item)  # noqa: PERF402 - those before a fault count
    except CsgoFileError as error:
        return CsgoFiles(tuple(items), ((archive.name, error),))
    return CsgoFiles(tuple(items), ())


def _check_plain(path: str, head: bytes) -> None:
    """Raise CsgoFileError, with the command that unpacks it, for a compressed file."""
    if explained := explain_compression(path, head):
        raise CsgoFileError("compressed", explained)


def _in_folder(folder: Path) -> list[Archive]:
    if folder.is_file():
        return [LocalFile(folder)]
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder; give one of tars or HDF5 files, or {HUB}{REPO}")
    return [LocalFile(path) for path in _files(folder)]


def _files(folder: Path) -> list[Path]:
    """Find the HDF5 files and tars in a folder, following links, each once."""
    folders: set[tuple[int, int]] = set()
    found: dict[object, Path] = {}
    for place, inner, names in os.walk(folder, followlinks=True):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in folders:  # links may lead in a circle
            inner.clear()
            continue
        folders.add((status.st_dev, status.st_ino))
        inner.sort()
        for path in (Path(place) / name for name in names if _may_be_ours(name)):
            if path.is_file():
                found.setdefault((path.name, path.resolve()), path)
            elif path.is_symlink() and not path.exists():  # to be told of
                found[path] = path
    return sorted(found.values())


def _may_be_ours(name: str) -> bool:
    return name.endswith((".tar", ".hdf5", *SUFFIXES)) and not name.startswith(".")


def _on_the_hub(repo: str) -> list[Archive]:
    check_name(repo)
    revision, files = listing(repo, REVISION if repo == REPO else "main", "dataset")
    return [
        RemoteBytes(repo, revision, path, int(file.size))
        for path, file in sorted(files.items())
        if _may_be_ours(posixpath.basename(path)) and file.size
    ]


def _may_hold(name: str, wanted: Collection[int]) -> bool:
    """Tell by its name whether an archive may hold a wanted episode."""
    match = _TAR.fullmatch(name)
    if not wanted or match is None or match[1] != SPLIT_SET:
        return True
    return any(int(match[2]) <= episode <= int(match[3]) for episode in wanted)


def _unreadable(path: Path, error: OSError) -> CsgoFileError:
    return CsgoFileError("unreadable", f"cannot read {path}: {error.strerror or error}")
