"""Recordings to a repository on the Hub, with the card that the Hub shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from base.errors import UserError
from base.files import check_inside
from base.terminal import printable
from datasets.folder import DAMAGED, HELD_OUT, held_out_numbers, numbered
from datasets.store import Store
from hub.downloads import check_name
from hub.uploads import README, front_matter, upload

TAGS = ["dreamcart", "world-model", "gameplay"]
MOST_NAMED = 60  # actions in a card


def push(folder: Path, repo: str, licence: str, private: bool = False) -> str:
    """Upload the episodes of a folder to the dataset `repo` ("owner/name"); its page's address.

    The repository is made if there is none, for its owner alone if `private`. All files arrive in
    one commit. Raises UserError, also for a folder in which not every episode is whole.
    """
    check_name(repo)
    store = Store(folder)
    unfinished = [f"{path} is not finished" for path in store.paths if path.suffix != ".h5"]
    # All that is whole of a damaged recording is in episodes of their own.
    damaged = numbered(folder, DAMAGED).values()
    skipped = [reason for path, reason in store.skipped.items() if path not in damaged]
    if reasons := [*skipped, *unfinished]:
        raise UserError(f"not all of {folder} can be published: {reasons[0]}")
    for path in store.paths:
        check_inside(folder, path)
    files: dict[str, Path | bytes] = {path.name: path for path in store.paths}
    if held_out_numbers(folder) is not None:  # and it is such a list, in the folder
        files[HELD_OUT] = (folder / HELD_OUT).read_bytes()
    files[README] = card(store, repo, licence).encode()
    return upload(files, repo, f"Upload recordings of {store.info.game}", private, "dataset")


def card(store: Store, repo: str, licence: str) -> str:
    """Return the Hub's dataset card for a folder of recordings."""
    info, lengths = store.info, [store.length(i) for i in range(len(store))]
    steps = sum(lengths)
    players: Counter[str] = Counter()
    mixture: Counter[str] = Counter()
    for i in range(len(store)):
        players[store.episode_info(i).player] += 1
        mixture.update(store.episode_info(i).mixture)
    names = info.actions.names
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    height, width, _ = store.frame_shape
    rows = {
        "game": info.game,
        "episodes": f"{len(store)}, of {min(lengths)} to {max(lengths)} steps",
        "steps": f"{steps}, {info.rate_fps:g} a second: {steps / info.rate_fps / 60:.1f} minutes",
        "frames": f"{height} × {width} pixels, RGB",
        "actions": ", ".join(names[:MOST_NAMED]) + more,
        "episodes by player": _parts(players),
        "steps by way of playing": _parts(mixture) or "not counted",
        "licence": licence,
    }
    table = "\n".join(f"| {name} | {_cell(text)} |" for name, text in rows.items())
    place = re.sub(r"[^A-Za-z0-9_-]+", "-", info.game).strip("-") or "game"
    head = {
        "pretty_name": f"Recordings of {info.game}",
        "task_categories": ["reinforcement-learning"],
        "tags": TAGS,
    }
    return f"""{front_matter(licence, head)}# Recordings of {_cell(info.game)}

Gameplay to train a world model on: frames, the action taken at each, rewards and ends.

| | |
|---|---|
{table}

## Train on it

With Dreamcart:

    python -m tools.hub pull-data {repo} data/{place}
    python -m tools.inspect data/{place}
    python -m tools.train --data data/{place} --out runs/{place}

## Format

One HDF5 file an episode. With T steps, `frames` is uint8 (T + 1, height, width, 3) and `actions`,
`rewards`, `ended`, `truncated` and `life_lost` have T rows: row t leads from frame t to frame
t + 1. The attribute `actions` tells what the columns of the actions mean.
"""


def _parts(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    return ", ".join(f"{name} {n} ({n / total:.1%})" for name, n in counts.items() if n)


def _cell(text: str) -> str:
    """Text that stays in its cell of a table."""
    return printable(" ".join(text.replace("|", "/").split()))
