"""Download released worlds: python -m tools.download csgo | pong | all-atari | list [--yes]."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, TypeVar

import tyro

from base.cartridges import HUB_PREFIX
from base.errors import UserError, run_main, unknown
from base.progress import ProgressBar
from base.sizes import in_words
from base.terminal import say
from hub.catalogue import World, atari, find_world, read_catalogue
from hub.downloads import Ask, Offer, Watch
from hub.transfer import cache_folder
from hub.worlds import fetch, fetch_all, fetch_repo, state
from tools.app.prompts import confirm

T = TypeVar("T")

LIST, ALL_ATARI = "list", "all-atari"


@dataclass(frozen=True)
class DownloadConfig:
    """Download a released world into the Hub's cache, after showing its size and licence.

    A download that was stopped or cut goes on where it was when the same is run again. HF_HOME
    moves the cache, HF_ENDPOINT names a mirror, HF_HUB_OFFLINE=1 keeps off the network.
    """

    world: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WORLD")]
    """csgo, an Atari game such as pong, all-atari, hf:OWNER/NAME for a cartridge in a repository,
    or list to see what there is."""
    yes: bool = False
    """Download without asking."""


def main() -> None:
    """Parse the command line and download."""
    download(tyro.cli(DownloadConfig, prog="python -m tools.download"), read_catalogue())


def download(config: DownloadConfig, worlds: Sequence[World]) -> None:
    """Download what is asked for, or list `worlds`; says where it is and how to play it."""
    name = config.world.strip()
    if name.lower() == LIST:
        say(table(worlds))
        return
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


def on_terminal(fetching: Callable[[Ask, Watch], T], yes: bool = False) -> T:
    """Fetch with the question and the progress bar on the terminal.

    fetching: calls something of hub.worlds or hub.recordings_download. yes: no question.
    UserError if there is a question and no terminal to ask it on.
    """
    with _bar() as watch:
        return fetching(lambda offer: _ask(offer, yes), watch)


def describe(offer: Offer) -> str:
    """What a person should know before saying yes."""
    held = f" ({in_words(offer.held)} of them are here already)" if offer.held else ""
    return "\n".join(
        [
            f"{offer.title}: {offer.repo} at {offer.revision[:8]} on the Hub",
            f"  size:    {in_words(offer.bytes)}{held}",
            f"  licence: {offer.licence}",
            f"  into:    {cache_folder()}",
        ]
    )


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


def _ask(offer: Offer, yes: bool) -> bool:
    say(describe(offer))
    return yes or confirm("Download?", "download")


@contextmanager
def _bar() -> Iterator[Watch]:
    """A progress bar that appears once there is progress."""
    bar: ProgressBar | None = None

    def watch(done: int, whole: int) -> None:
        nonlocal bar
        if bar is None:
            bar = ProgressBar(total=whole, initial=done, unit="B", unit_scale=True)
        bar.update(done - bar.n)

    try:
        yield watch
    finally:
        if bar is not None:
            bar.close()


def _find(name: str, worlds: Sequence[World]) -> World:
    try:
        return find_world(name, worlds)
    except UserError:
        raise unknown("world", name, [*(w.name for w in worlds), LIST, ALL_ATARI]) from None


if __name__ == "__main__":
    run_main(main)
