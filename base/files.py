"""Files that are either whole or absent: temporary name, fsync, rename."""

from __future__ import annotations

import codecs
import errno
import glob
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from base.errors import UserError
from base.sizes import MB, in_words

LARGEST_TEXT_BYTES = 256 * MB
_MARKS = (  # in this order, since UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and rename it into place.

    The temporary keeps `path`'s suffix, since some writers choose a format by it. On any error
    the temporary is removed and `path` stays as it was. Raises UserError when the operating
    system refuses (full disk, no permission), naming `path`.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """UserError unless a file can be written there: what takes long is not to learn it at its end.

    Makes the folder that it will lie in.
    """
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder")
    _temporary(path).unlink()


def _temporary(path: Path) -> Path:
    """An empty file beside `path`, in a folder that is made if need be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    return Path(name)


def clear_unfinished(path: Path) -> None:
    """Remove what `replacing` left beside `path` when it was killed; nobody may be writing it."""
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*{glob.escape(path.suffix)}"):
        left.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Replace `path` by `data`, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by UTF-8 `text`, atomically."""
    write_bytes(path, text.encode("utf-8"))


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file to read its bytes, through links too.

    Files that came from elsewhere are opened by this: a pipe in their place would never answer,
    and a device never end. Raises OSError for either, as for a file that is not there.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    return open(path, "rb")


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """The content of a regular file. Raises OSError, also for one of more than `most_bytes`."""
    with open_regular(path) as file:
        return _bounded(file, path, most_bytes)


def read_text(path: Path, inside: Path | None = None) -> str:
    """A text that a person may have written and names: UTF-8, or UTF-16 as some editors save it.

    It may come through a pipe, but not if it has to lie `inside` a folder that is somebody else's.
    Raises UserError for one that cannot be read, is no text, or is too large to be meant.
    """
    if inside is not None:
        check_inside(inside, path)
    try:
        with open(path, "rb") if inside is None else open_regular(path) as file:
            return decode_text(_bounded(file, path, LARGEST_TEXT_BYTES))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file, or none in UTF-8: save it as that") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def decode_text(data: bytes) -> str:
    """The text in a file's bytes: UTF-8, or UTF-16 or -32 where a mark at its beginning says so,
    or zeros beside its first two letters; with lines that end as Python's do.

    Raises UnicodeDecodeError for anything else.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    if encoding == "utf-8" and 0 in data[:4]:
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    text = data.decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_inside(folder: Path, file: Path, named: str = "") -> None:
    """UserError for a file that is a link to somewhere outside of the folder it belongs to.

    named: what the message calls the folder.
    """
    try:
        inside = folder.resolve() in file.resolve().parents
    except (OSError, RuntimeError) as error:  # before Python 3.13 links in a circle are the latter
        raise UserError(f"cannot read {file}: {error}") from error
    if not inside:
        raise UserError(f"{file} leads out of {named or folder}")


def _bounded(file: BufferedReader, path: Path, most_bytes: int) -> bytes:
    """Return all of a file's bytes; OSError if there are more than `most_bytes`."""
    data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        large = f"it is too large: more than {in_words(most_bytes)}"
        raise OSError(errno.EFBIG, large, str(path))
    return data


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable where the platform lets a folder be synced."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a regular file's content."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
