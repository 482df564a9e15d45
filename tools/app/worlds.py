"""Library of the menu: worlds that ship, that were downloaded, and that can be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from base.cartridges import CARD, HUB_PREFIX, SHIPPED, own_cartridges, shipped_names
from base.errors import UserError
from base.folders import cache_folder
from base.sizes import in_words
from engine.jobs import Watch
from engine.player.pacing import keeps_up
from engine.player.replay_file import Replay, read_replay
from engine.settings import SettingsFile
from engine.ui.screen import Window
from engine.ui.screens.library import LibraryEntry
from hub import transfer as hub_file
from hub import worlds as hub
from hub.catalogue import World, read_catalogue
from hub.downloads import NEWEST, REVISION
from hub.transfer import REPO_NAME
from tools.app.replays import PREFIX, delete_replay, replay_entry, saved_replays
from tools.app.resolver import GAME_PREFIX, ResolvedWorld, resolve
from tools.app.speeds import kept_speeds
from tools.app.summaries import CartridgeSummary, read_preview, read_summary

NOT_MEASURED = "not measured yet"


class Play(Protocol):
    """Plays a world that was found in a window, after going through a replay of it if one is
    given."""

    def __call__(
        self, found: ResolvedWorld, window: Window, /, replay: Replay | None = None
    ) -> None: ...


class Worlds:
    """The library of the menu.

    replays: folder of those that were saved.
    settings: know when each world was last played.
    verified: as in tools.app.resolver.resolve.
    """

    def __init__(
        self, play: Play, settings: SettingsFile, replays: Path, *, verified: bool = True
    ) -> None:
        self._play, self._settings, self._verified = play, settings, verified
        self._replays = replays
        self._names: set[str] = set()  # of all worlds
        self._released = {world.name: world for world in read_catalogue()}
        self._fetched: dict[str, Path] = {}  # cartridges of repositories on the Hub

    def entries(self) -> Sequence[LibraryEntry]:
        """Every world once: last played first, then what is here, then what is not. The latest
        replays stand behind the worlds that are here."""
        speeds, played = kept_speeds(), self._settings.now.last_played
        self._fetched = dict(_fetched_repos())
        entries = [_cartridge(name, SHIPPED / name, speeds) for name in shipped_names()]
        entries += [_cartridge(name, folder, speeds) for name, folder in self._fetched.items()]
        entries += [_cartridge(name, folder, speeds) for name, folder in own_cartridges().items()]
        titles = {entry.title for entry in entries}
        entries += [
            _released(world, titles, speeds, self._verified) for world in self._released.values()
        ]
        by_name = {entry.name: entry for entry in entries}
        self._names = set(by_name)
        for path in saved_replays(self._replays):
            with contextlib.suppress(UserError, OSError):  # other files do not belong here
                entries.append(replay_entry(path, by_name))
        return sorted(entries, key=lambda e: (-played.get(e.name, 0.0), not e.here))

    def download(self, name: str, watch: Watch) -> None:
        """Fetch a released world; the menu has asked already."""
        hub.fetch(self._released[name], lambda offer: True, watch)

    def play(self, name: str, window: Window) -> None:
        """Play a world that is here, or go through a replay. Asks nobody and no network, for the
        window waits."""
        if not name.startswith(PREFIX):
            self._play(self._find(name), window)
            return
        path = Path(name.removeprefix(PREFIX))
        replay = read_replay(path)
        # It may come from somebody else, so that it must not choose a folder or a repository.
        if replay.cartridge not in self._names and not replay.cartridge.startswith(GAME_PREFIX):
            raise UserError(f"{replay.cartridge} is not in the menu: play.py WORLD --replay {path}")
        self._play(self._find(replay.cartridge), window, replay)

    def delete(self, name: str) -> None:
        """Delete a saved replay; the menu has asked already."""
        delete_replay(Path(name.removeprefix(PREFIX)))

    def _find(self, name: str) -> ResolvedWorld:
        if name in self._fetched:
            return replace(resolve(str(self._fetched[name])), name=name, title=name)
        if name in self._released and hub.cached(self._released[name], self._verified) is None:
            raise UserError("it is no longer here; choose it again to download it")
        return resolve(
            f"diamond:{name}" if name in self._released else name, verified=self._verified
        )


def speed_in_words(ms: float | None, rate_fps: float | None) -> str:
    """Describe the speed of a world whose steps take `ms`, against its natural rate."""
    if ms is None or rate_fps is None:
        return NOT_MEASURED
    pace = "full speed" if keeps_up(1e3 / ms, rate_fps) else "slow motion"
    return f"{pace}, {ms:.3g} ms a frame"


def _cartridge(name: str, folder: Path, speeds: dict[str, float]) -> LibraryEntry:
    """A cartridge that is here; of one whose card is damaged choosing it says what is wrong."""
    summary = read_summary(folder) or CartridgeSummary(name, 0.0, 0)
    return LibraryEntry(
        name=name,
        title=summary.title,
        here=True,
        size=in_words(summary.bytes) if summary.bytes else "damaged",
        speed=speed_in_words(speeds.get(name), summary.rate_fps or None),
        picture=read_preview(folder),
    )


def _released(
    world: World, taken: set[str], speeds: dict[str, float], verified: bool
) -> LibraryEntry:
    """A released world; the picture is that of the cartridge that was made of it, if one was."""
    snapshot = hub.cached(world, verified)
    about = "" if world.exact else "about "
    made = _converted(world) if snapshot is not None else None
    summary = read_summary(made) if made is not None else None
    size = about + in_words(world.bytes)
    if snapshot is not None:
        files = sum((snapshot / file.path).stat().st_size for file in world.files)
        size = in_words(files + (summary.bytes if summary else 0))
    return LibraryEntry(
        name=world.name,
        title=f"{world.title} (released)" if world.title in taken else world.title,
        here=snapshot is not None,
        size=size,
        speed=speed_in_words(speeds.get(world.name), summary.rate_fps if summary else None),
        terms=(
            f"{size} from {world.repo} on the Hub",
            f"licence: {world.licence}",
            f"into {hub_file.cache_folder()}",
        ),
        picture=read_preview(made) if made is not None else None,
    )


def _converted(world: World) -> Path | None:
    """The cartridge that was made of a released world last."""
    made = [card.parent for card in (cache_folder() / "worlds").glob(f"{world.name}-*/{CARD}")]
    return max(made, key=lambda folder: folder.stat().st_mtime, default=None)


def _fetched_repos() -> Iterator[tuple[str, Path]]:
    """Names and folders of the cartridges that were fetched from repositories on the Hub."""
    for ref in sorted(hub_file.cache_folder().glob(f"models--*/refs/{NEWEST}")):
        repo = ref.parent.parent.name.removeprefix("models--").replace("--", "/", 1)
        try:
            revision = ref.read_text("utf-8").strip()
        except (OSError, ValueError):
            continue
        if not (REPO_NAME.fullmatch(repo) and REVISION.fullmatch(revision)):
            continue
        folder = hub_file.snapshot_folder(repo, revision)
        if read_summary(folder) is not None:
            yield HUB_PREFIX + repo, folder
