"""A Hub on loopback: its API, its redirects to a content network, ranges, and faults to order."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants

LARGE = (".pt", ".safetensors", ".npy", ".png", ".tar", ".h5")  # what the Hub keeps apart from git


@dataclass
class Repo:
    """A repository at one revision."""

    revision: str
    files: dict[str, bytes]


@dataclass(frozen=True)
class Request:
    """What was asked. range: the Range header, or ""."""

    method: str
    path: str
    range: str
    token: str


@dataclass
class Faults:
    """What to do wrong.

    cut:    path → after how many bytes of an answer the connection breaks; `cuts` times in all.
    wrong:  path → other bytes than those that are listed.
    status: path, or "api" → an answer of this status instead. code: its X-Error-Code.
    deaf:   ranges are ignored: the whole file comes.
    page:   answers the API in place of JSON, as a hotel's network does.
    stall:  path → after how many bytes of an answer nothing more comes, until the client leaves.
    """

    cut: dict[str, int] = field(default_factory=dict)
    cuts: int = 1
    wrong: dict[str, bytes] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    code: str = ""
    deaf: bool = False
    page: bytes = b""
    stall: dict[str, int] = field(default_factory=dict)


class HubServer(ThreadingHTTPServer):
    """Serves `repos`, by name; `requests` is what was asked so far."""

    daemon_threads = True

    def __init__(self, repos: Mapping[str, Repo]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos = dict(repos)
        self.faults = Faults()
        self.requests: list[Request] = []
        self.uploads: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        """What HF_ENDPOINT has to be."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def ranges(self) -> list[str]:
        """The ranges that files were asked for with, in order, redirects not counted."""
        return [r.range for r in self.requests if r.method == "GET" and "/resolve/" in r.path]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news."""


@contextmanager
def serving(repos: Mapping[str, Repo]) -> Iterator[HubServer]:
    """A server that runs until the end of the block."""
    with HubServer(repos) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def use(server: HubServer, home: Path, patch: pytest.MonkeyPatch) -> None:
    """Make the library what it would be with HF_ENDPOINT and HF_HOME set, and quick to give up."""
    settings = {
        "ENDPOINT": server.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_TOKEN_PATH": str(home / "token"),
        "HF_STORED_TOKENS_PATH": str(home / "tokens"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_TELEMETRY": True,
        "HF_HUB_DISABLE_PROGRESS_BARS": True,
    }
    for name, value in settings.items():
        patch.setattr(constants, name, value)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        patch.delenv(name, raising=False)
    patch.setattr("hub.transfer.PAUSES_S", (0.0, 0.0))


def sha256(data: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def git_sha1(data: bytes) -> str:
    """What git calls a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def digest(path: str, data: bytes) -> str:
    """What the Hub's ETag of a file is."""
    return sha256(data) if path.endswith(LARGE) else git_sha1(data)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def do_HEAD(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(
            Request(
                self.command,
                path,
                self.headers.get("Range", ""),
                self.headers.get("Authorization", ""),
            )
        )
        if found := re.fullmatch(
            r"/api/(?:models|datasets)/([^/]+/[^/]+)(?:/(\w[\w-]*)(?:/([^/]+))?)?", path
        ):
            self._api(*found.groups())
        elif found := re.fullmatch(r"/(?:datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(*found.groups())
        elif found := re.fullmatch(r"/cdn/([^/]+/[^/]+)/(.+)", path):
            self._send_file(found[2], self._content(found[1], found[2]), {})
        elif path == "/api/repos/create":
            asked = json.loads(self.body)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            self.server.repos.setdefault(name, Repo("0" * 40, {}))
            self._json({"url": f"{self.server.url}/{name}", "name": name})
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif path.endswith(".git/info/lfs/objects/batch"):
            objects = [
                {**o, "actions": {"upload": {"href": f"{self.server.url}/upload/{o['oid']}"}}}
                for o in json.loads(self.body)["objects"]
            ]
            self._json({"transfer": "basic", "objects": objects})
        elif self.command == "PUT" and path.startswith("/upload/"):
            self.server.uploads[path.rsplit("/", 1)[1]] = self.body
            self._json({})
        else:
            self._error(404)

    def _api(self, name: str, action: str | None, revision: str | None) -> None:
        faults = self.server.faults
        if status := faults.status.get("api"):
            return self._error(status, faults.code)
        if faults.page:
            return self._answer(200, faults.page, {"Content-Type": "text/html"})
        repo = self.server.repos.get(name)
        if repo is None:
            return self._error(401, "RepoNotFound")
        if action == "preupload":
            modes = [
                {
                    "path": f["path"],
                    "uploadMode": "lfs" if f["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                }
                for f in json.loads(self.body)["files"]
            ]
            return self._json({"files": modes})
        if action == "commit":
            return self._commit(name, repo)
        if revision not in (None, "main", repo.revision):
            return self._error(404, "RevisionNotFound")
        return self._json(
            {
                "id": name,
                "sha": repo.revision,
                "siblings": [_listed(path, data) for path, data in repo.files.items()],
            }
        )

    def _commit(self, name: str, repo: Repo) -> None:
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                repo.files[value["path"]] = self.server.uploads[value["oid"]]
        repo.revision = sha256(b"".join(sorted(repo.files.values())))[:40]
        url = f"{self.server.url}/{name}/commit/{repo.revision}"
        self._json({"success": True, "commitOid": repo.revision, "commitUrl": url})

    def _resolve(self, name: str, revision: str, path: str) -> None:
        faults, repo = self.server.faults, self.server.repos.get(name)
        if status := faults.status.get(path):
            return self._error(status, faults.code)
        if repo is None:
            return self._error(401, "RepoNotFound")
        if revision not in ("main", repo.revision):
            return self._error(404, "RevisionNotFound")
        if path not in repo.files:
            return self._error(404, "EntryNotFound", {"X-Repo-Commit": repo.revision})
        data = repo.files[path]
        headers = {"X-Repo-Commit": repo.revision, "ETag": f'"{digest(path, data)}"'}
        if not path.endswith(LARGE):
            return self._send_file(path, self._content(name, path), headers)
        headers |= {
            # By another name of the same machine: another origin, that must not see a token.
            "Location": f"http://localhost:{self.server.server_port}/cdn/{name}/{path}",
            "X-Linked-Etag": f'"{digest(path, data)}"',
            "X-Linked-Size": str(len(data)),
        }
        return self._answer(302, b"", headers)

    def _content(self, name: str, path: str) -> bytes:
        return self.server.faults.wrong.get(path, self.server.repos[name].files[path])

    def _send_file(self, path: str, data: bytes, headers: Mapping[str, str]) -> None:
        faults = self.server.faults
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        status, part = 200, data
        if asked and not faults.deaf:
            start, last = int(asked[1]), min(int(asked[2] or len(data)), len(data) - 1)
            if start >= len(data):
                return self._error(416)
            status, part = 206, data[start : last + 1]
            headers = {**headers, "Content-Range": f"bytes {start}-{last}/{len(data)}"}
        stall = faults.stall.get(path) if self.command == "GET" else None
        end = stall
        if self.command == "GET" and path in faults.cut and faults.cuts > 0:
            faults.cuts -= 1
            end = faults.cut[path]
        self._answer(status, part, headers, end)
        if stall is not None:
            self.connection.recv(1)  # nothing is asked before an answer is whole: this waits

    def _answer(
        self, status: int, body: bytes, headers: Mapping[str, str], end: int | None = None
    ) -> None:
        """Send an answer; with `end` only that many bytes of it, and then hang up."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:end])
        if end is not None:
            self.close_connection = True

    def _json(self, data: Any) -> None:
        self._answer(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        named = {"X-Error-Code": code} if code else {}
        self._answer(status, b"", {**named, **(headers or {})})


def _listed(path: str, data: bytes) -> dict[str, Any]:
    """A file as the API lists it."""
    entry: dict[str, Any] = {"rfilename": path, "size": len(data), "blobId": git_sha1(data)}
    if path.endswith(LARGE):
        entry["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 130}
    return entry
