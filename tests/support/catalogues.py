"""The text of a small catalogue of released worlds, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.hub_server import sha256

REPO, REVISION = "some/diamond", "ab" * 20


def catalogue_of(*worlds: str) -> str:
    """A catalogue of what `world` made."""
    head = f'repo = "{REPO}"\nrevision = "{REVISION}"\nlicence = "none stated"\n'
    return head + "".join(worlds)


def world(
    name: str,
    title: str,
    checkpoint: str,
    agent: str,
    env: str,
    game: str = "",
    spawns: Sequence[str] = (),
) -> str:
    """A world; its files are what `known` and `about` made."""
    return f"""
[[worlds]]
name = "{name}"
title = "{title}"
game = "{game}"
checkpoint = {checkpoint}
agent = {agent}
env = {env}
spawns = [{", ".join(spawns)}]
"""


def known(path: str, data: bytes) -> str:
    """A file of which the catalogue has size and hash."""
    return f'{{ path = "{path}", bytes = {len(data)}, sha256 = "{sha256(data)}" }}'


def about(path: str, bytes: int) -> str:
    """A file of which it has a rough size."""
    return f'{{ path = "{path}", about_bytes = {bytes} }}'
