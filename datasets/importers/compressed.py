"""Archives that are compressed, known by their first bytes, and the commands that unpack them."""

from __future__ import annotations

import re
import shlex

HEAD_BYTES = 8
SUFFIXES = (".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".tzst", ".zip", ".7z", ".rar")
_STREAMS = {  # of one file, mostly a tar: what it is called, and the program that undoes it
    b"\x1f\x8b": ("gzip", "gzip"),
    b"BZh": ("bzip2", "bzip2"),
    b"\xfd7zXZ\x00": ("xz", "xz"),
    b"\x28\xb5\x2f\xfd": ("Zstandard", "zstd"),
}
_ARCHIVES = {  # of many
    b"PK\x03\x04": ("zip", "unzip {} -d FOLDER"),
    b"PK\x05\x06": ("zip", "unzip {} -d FOLDER"),  # an empty one
    b"7z\xbc\xaf\x27\x1c": ("7z", "7z x {} -oFOLDER"),
    b"Rar!\x1a\x07": ("RAR", "unrar x {} FOLDER/"),
}
_TAR = re.compile(r"\.(tar(\.\w+)?|t[gx]z|tbz2|tzst)$")


def explain_compression(path: str, head: bytes) -> str | None:
    """Name a file's compression and the command that unpacks it; None for an uncompressed file.

    path: for the command. head: its first `HEAD_BYTES` bytes.
    """
    quoted = shlex.quote(path)
    for magic, (kind, program) in _STREAMS.items():
        if head.startswith(magic):
            if _TAR.search(path):
                how = "-xzf" if program == "gzip" else f"--use-compress-program={program} -xf"
                command = f"mkdir FOLDER && tar {how} {quoted} -C FOLDER"
            else:
                name = re.sub(r"\.(gz|bz2|xz|zst)$", "", path.rsplit("/", 1)[-1])
                command = f"mkdir FOLDER && {program} -dc {quoted} > FOLDER/{shlex.quote(name)}"
            return _line(kind, command)
    for magic, (kind, command) in _ARCHIVES.items():
        if head.startswith(magic):
            return _line(kind, command.format(quoted))
    return None


def _line(kind: str, command: str) -> str:
    return f"it is compressed with {kind}; unpack it, and import that folder: {command}"
