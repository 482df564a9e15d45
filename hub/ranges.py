"""Some bytes from the middle of a file on the Hub, without the rest."""

from __future__ import annotations

import time
from dataclasses import dataclass

from base.errors import UserError
from hub.errors import UnreachableError, explained, short
from hub.transfer import PASSING, PAUSES_S, Kind, request


@dataclass(frozen=True)
class RemoteBytes:
    """A file of a repository at a full revision, of `size` bytes, to be read in parts."""

    repo: str
    revision: str
    path: str
    size: int
    kind: Kind = "dataset"

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.rsplit("/", 1)[-1]

    def read(self, start: int, count: int) -> bytes:
        """`count` bytes from byte `start`, fewer only where the file ends.

        What was cut is asked for again, beginning where it was cut. Raises UserError, and
        UnreachableError when nothing more comes.
        """
        stop = min(start + count, self.size)
        parts: list[bytes] = []
        pauses = iter(PAUSES_S)
        with explained(self.repo):
            while start < stop:
                got, reason = self._read_some(start, stop)
                if got:
                    parts.append(got)
                    start += len(got)
                    pauses = iter(PAUSES_S)
                elif (pause := next(pauses, None)) is None:
                    raise UnreachableError(
                        f"{self.name} comes no further than byte {start} ({reason}); run the same "
                        "again to go on from what is finished"
                    )
                else:
                    time.sleep(pause)
        return b"".join(parts)

    def _read_some(self, start: int, stop: int) -> tuple[bytes, str]:
        """Return the bytes received until the connection broke, and why it broke."""
        import httpx2
        from huggingface_hub import constants
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils import get_session, hf_raise_for_status

        wanted = f"bytes={start}-{stop - 1}"
        asked = request(self.repo, self.path, self.kind, self.revision, wanted)
        got = bytearray()
        reason = "the connection was cut"
        try:
            with get_session().stream(**asked) as answer:
                hf_raise_for_status(answer)
                if not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                    raise UserError(
                        f"what answers at {constants.ENDPOINT} sends whole files only, and "
                        f"{self.name} has {self.size} bytes; set HF_ENDPOINT to another mirror"
                    )
                for piece in answer.iter_bytes():
                    got += piece
                    if len(got) > stop - start:
                        raise UserError(f"more comes of {self.name} than was asked for")
        except httpx2.TransportError as error:
            reason = short(error)
        except HfHubHTTPError as error:
            reason = f"answer {error.response.status_code}"
            if error.response.status_code not in PASSING:
                raise
        return bytes(got), reason
