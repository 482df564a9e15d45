"""Worlds to and from the Hub, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from base.cartridges import HUB_PREFIX, find_cartridge
from base.errors import UserError, unknown
from base.sizes import in_words
from base.terminal import say
from hub.catalogue import World, atari, find_world
from hub.worlds import fetch, fetch_all, fetch_repo, state
from tools.app.prompts import confirm
from tools.options.hub import ALL_ATARI, DownloadWorld, PushWorld
from tools.sharing.terminal import on_terminal


def download(config: DownloadWorld, worlds: Sequence[World]) -> None:
    """Download a world, one of `worlds` or a repository; report where it is and how to play it."""
    name = config.world.strip()
    if name.lower().startswith(HUB_PREFIX):
        folder = on_terminal(lambda a, w: fetch_repo(name[len(HUB_PREFIX) :], a, w), config.yes)
    elif name.lower() == ALL_ATARI:
        games = atari(worlds)
        title = f"all {len(games)} Atari worlds"
        folder = on_terminal(lambda a, w: fetch_all(games, a, w, title), config.yes)
        name = "NAME"
    else:
        world = _find(name, worlds)
        folder = on_terminal(lambda a, w: fetch(world, a, w), config.yes)
        name = world.name
    say(f"it is in {folder}; play it with: python play.py {name}")


def push(config: PushWorld) -> None:
    """Show what is about to be published and under which licence; upload after a yes."""
    from hub.world_upload import push as upload
    from models.cartridge.reader import read_card

    folder = find_cartridge(config.cartridge)
    manifest, entries = read_card(folder)
    size = in_words(sum(entry.bytes for entry in entries.values()))
    say(f"{manifest.title} to {config.repo}: {size}\n  licence: {manifest.licence}")
    if not (config.yes or confirm("May you publish it, and shall it go there?", "upload")):
        raise UserError("nothing was uploaded")
    say(f"it is at {upload(folder, config.repo, config.private)}")
    say(f"play it with: python play.py {HUB_PREFIX}{config.repo}")


def table(worlds: Sequence[World]) -> str:
    """The worlds, a line each: name, size, how much of it is in the cache, licence, title."""
    rows = [("WORLD", "SIZE", "IN CACHE", "LICENCE", "TITLE")]
    for world in worlds:
        about = "" if world.exact else "about "
        size = about + in_words(world.bytes)
        rows.append((world.name, size, state(world), world.licence, world.title))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def _find(name: str, worlds: Sequence[World]) -> World:
    try:
        return find_world(name, worlds)
    except UserError:
        raise unknown("world", name, [*(world.name for world in worlds), ALL_ATARI]) from None
