"""Upload recordings to the Hub: python -m tools.push_data DIR OWNER/NAME --licence cc0-1.0."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from base.errors import UserError, run_main
from base.sizes import in_words
from base.terminal import say
from datasets.store import Store
from hub.recordings_upload import push
from tools.app.prompts import confirm


@dataclass(frozen=True)
class PushDataConfig:
    """Upload a folder of recordings as a dataset, with a card, so that others train on it."""

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """The folder, as tools.record wrote it."""
    repo: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="OWNER/NAME")]
    """The dataset; made if there is none. Its newest files are replaced, older ones stay."""
    licence: str
    """What others may do with the recordings: cc0-1.0, cc-by-4.0, mit, or in your own words."""
    private: bool = False
    """Make a new dataset for yourself alone."""
    yes: bool = False
    """Upload without asking."""

    def __post_init__(self) -> None:
        if not (self.licence.strip() and self.licence.isprintable()):
            raise UserError("--licence needs a name, such as cc0-1.0")


def main() -> None:
    """Parse the command line and upload."""
    upload(tyro.cli(PushDataConfig, prog="python -m tools.push_data"))


def upload(config: PushDataConfig) -> None:
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
    say(f"they are at {push(config.data, config.repo, config.licence, config.private)}")
    say(f"fetch them with: python -m tools.pull_data {config.repo} DIR")


if __name__ == "__main__":
    run_main(main)
