"""Downloads from the Hub on a terminal: the question before, and the progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from base.progress import ProgressBar
from base.sizes import in_words
from base.terminal import say
from hub.downloads import Ask, Offer, Watch
from hub.transfer import cache_folder
from tools.app.prompts import confirm

T = TypeVar("T")


def on_terminal(fetching: Callable[[Ask, Watch], T], yes: bool = False) -> T:
    """Fetch with the question and the progress bar on the terminal.

    fetching: calls something of hub.worlds or hub.recordings_download. yes: no question.
    UserError if there is a question and no terminal to ask it on.
    """
    with _bar() as watch:
        return fetching(lambda offer: _ask(offer, yes), watch)


def describe(offer: Offer) -> str:
    """Describe a download to a person who is about to say yes."""
    held = f" ({in_words(offer.held)} of them are here already)" if offer.held else ""
    return "\n".join(
        [
            f"{offer.title}: {offer.repo} at {offer.revision[:8]} on the Hub",
            f"  size:    {in_words(offer.bytes)}{held}",
            f"  licence: {offer.licence}",
            f"  into:    {cache_folder()}",
        ]
    )


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
