"""Recordings to and from the Hub, on a terminal."""

from __future__ import annotations

from base.errors import UserError
from base.sizes import in_words
from base.terminal import say
from datasets.store import Store
from hub.recordings_download import pull as download
from hub.recordings_upload import push as upload
from tools.app.prompts import confirm
from tools.importing.parts import left_out
from tools.options.hub import PullData, PushData
from tools.sharing.terminal import on_terminal


def pull(config: PullData) -> None:
    """Download a dataset; report what is there now, and how to train on it."""
    refused = on_terminal(
        lambda ask, watch: download(config.repo, config.out, ask, watch), config.yes
    )
    left_out(list(refused.values()))
    if refused and not any(config.out.glob("episode_*.h5")):
        raise UserError(f"none of the episodes of {config.repo} can be read")
    store = Store(config.out)
    say(f"{len(store)} episodes of {store.info.game} are in {config.out}")
    say(f"look at them with: python -m tools.inspect {config.out}")
    say(f"train on them with: python -m tools.train --data {config.out} --out RUN")


def push(config: PushData) -> None:
    """Show what is about to be published and under which licence; upload after a yes."""
    store = Store(config.data)
    size = in_words(sum(path.stat().st_size for path in store.paths))
    players = sorted({store.episode_info(i).player for i in range(len(store))})
    say(
        f"{len(store)} episodes of {store.info.game}, played by {', '.join(players)}, to "
        f"{config.repo}: {size}\n  licence: {config.licence}"
    )
    if not (config.yes or confirm("May you publish them, and shall they go there?", "upload")):
        raise UserError("nothing was uploaded")
    say(f"they are at {upload(config.data, config.repo, config.licence, config.private)}")
    say(f"fetch them with: python -m tools.hub pull-data {config.repo} DIR")
