"""Exchange with the Hub: python -m tools.hub list|download|push|pull-data|push-data."""

from __future__ import annotations

import tyro

from base.errors import run_main
from base.terminal import say
from hub.catalogue import read_catalogue
from tools.options.hub import DownloadWorld, HubCommand, ListWorlds, PullData, PushData, PushWorld


def main() -> None:
    """Parse the command line and list, download or upload."""
    command: ListWorlds | DownloadWorld | PushWorld | PullData | PushData = tyro.cli(
        HubCommand,
        prog="python -m tools.hub",
        description="Download worlds and recordings from the Hugging Face Hub, or upload them.",
    )
    if isinstance(command, PullData | PushData):
        from tools.sharing import recordings

        recordings.pull(command) if isinstance(command, PullData) else recordings.push(command)
        return
    from tools.sharing import worlds

    match command:
        case ListWorlds():
            say(worlds.table(read_catalogue()))
        case DownloadWorld():
            worlds.download(command, read_catalogue())
        case PushWorld():
            worlds.push(command)


if __name__ == "__main__":
    run_main(main)
