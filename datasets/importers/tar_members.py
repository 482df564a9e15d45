"""Byte ranges of the files in an uncompressed tar, found in its headers."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from datasets.importers.csgo_layout import CsgoFileError

_AHEAD_BYTES = 8 * tarfile.BLOCKSIZE  # one request for all headers of a file
_LONGEST_CHAIN = 8  # of links to links
_MOST_BYTES = 1 << 20  # that a header can have, names and remarks included


class Archive(Protocol):
    """A source of bytes that any process can read.

    path: where it is, for people.
    """

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> object: ...

    @property
    def size(self) -> int: ...

    def read(self, start: int, count: int) -> bytes:
        """`count` bytes from byte `start`, fewer only where it ends."""
        ...


@dataclass(frozen=True)
class TarMember:
    """A file in a tar: its path there, its first byte and how many it has.

    fault: why its bytes cannot be had, if they cannot.
    """

    path: str
    start: int
    size: int
    fault: str = ""


def walk_tar(archive: Archive) -> Iterator[TarMember]:
    """All files of a tar, links to files in it among them, reading its headers alone.

    Knows the long names of GNU and of POSIX (pax). Raises CsgoFileError where it cannot be looked
    through any further.
    """
    found: dict[str, TarMember] = {}
    links: dict[str, str] = {}
    fault = None
    try:
        for info in _headers(archive):
            path = posixpath.normpath(info.name)
            if info.issym() or info.islnk():
                folder = posixpath.dirname(path) if info.issym() else ""
                links[path] = posixpath.normpath(posixpath.join(folder, info.linkname))
            elif info.issparse():
                yield TarMember(path, 0, 0, "it is packed with holes; unpack the tar first")
            elif info.isfile():
                found[path] = TarMember(path, info.offset_data, info.size)
                yield found[path]
    except CsgoFileError as error:
        fault = error
    yield from _resolve(links, found)
    if fault is not None:
        raise fault


def _resolve(links: dict[str, str], found: dict[str, TarMember]) -> Iterator[TarMember]:
    """Yield the targets of links by the links' paths, without links of the file's own name."""
    for path, target in links.items():
        for _ in range(_LONGEST_CHAIN):
            target = links.get(target, target)
        if target not in found:
            fault = f"it is a link to {target}, which is not in the tar; pack it with tar -h"
            yield TarMember(path, 0, 0, fault)
        elif posixpath.basename(target) != posixpath.basename(path):
            yield TarMember(path, found[target].start, found[target].size)


def _headers(archive: Archive) -> Iterator[tarfile.TarInfo]:
    """Yield the headers of a tar's members. Raises CsgoFileError where it is damaged."""
    reader, at = _Reader(archive), 0
    try:
        tar = tarfile.TarFile(fileobj=reader, encoding="utf-8", errors="replace")  # type: ignore[arg-type]
        while (info := tar.next()) is not None:
            if tar.offset <= info.offset:
                raise tarfile.InvalidHeaderError("it leads back")  # type: ignore[attr-defined]
            at = tar.offset
            yield info
        end = tar.offset
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        raise _cut() if reader.tell() >= archive.size else _damaged(at) from error
    # The library takes a damaged header for the end, as it does a file's.
    reader.seek(end)
    block = reader.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise _cut()
    if block.strip(b"\0"):
        raise _damaged(end)


class _Reader:
    """An archive as the file that `tarfile` reads headers from: some kilobytes at a time."""

    def __init__(self, archive: Archive) -> None:
        self._archive, self._at = archive, 0
        self._kept, self._kept_at = b"", 0

    def tell(self) -> int:
        return self._at

    def seek(self, at: int) -> int:
        self._at = max(at, 0)
        return self._at

    def read(self, count: int) -> bytes:
        if not 0 <= count <= _MOST_BYTES:
            raise tarfile.HeaderError(f"a header of {count} bytes")
        first = self._at - self._kept_at
        if first < 0 or first + count > len(self._kept):
            self._kept_at, first = self._at, 0
            self._kept = self._archive.read(self._at, max(count, _AHEAD_BYTES))
        data = self._kept[first : first + count]
        self._at += len(data)
        return data


def _cut() -> CsgoFileError:
    return CsgoFileError("truncated", "it ends without a tar's end: it is cut short")


def _damaged(at: int) -> CsgoFileError:
    return CsgoFileError("damaged tar", f"it cannot be read from byte {at} on")
