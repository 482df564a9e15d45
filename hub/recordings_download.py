"""Recordings from a dataset on the Hub: each file checked against the Hub's hash, then as ours."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from base.errors import UserError
from base.files import clear_unfinished, read_bytes, replacing
from base.isolated_call import IsolatedProcess
from base.sizes import MB
from datasets.episode import EpisodeFile
from datasets.folder import HELD_OUT, is_episode, numbered, sole_writer
from hub.downloads import (
    LARGEST_FILE_BYTES,
    NEWEST,
    Ask,
    HubFile,
    Offer,
    Watch,
    bring,
    check_name,
    listing,
    remote,
)
from hub.transfer import DamagedError, Remote, check, git_sha1, receive, recheck
from hub.uploads import README

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

LARGEST_TEXT_BYTES = MB
LARGEST_CARD_BYTES = 2 * LARGEST_TEXT_BYTES  # as hub.downloads.remote takes what is about so large
FRAMES_AT_ONCE = 256
UNSTATED = "not stated"


def pull(
    repo: str, folder: Path, ask: Ask, watch: Watch = lambda done, whole: None
) -> dict[str, str]:
    """Bring the newest recordings of the dataset `repo` ("owner/name") into a folder.

    They come through the Hub's cache, where a download that was cut goes on; files that the folder
    has already are not asked for again. ask and watch: as in `hub.downloads.bring`.
    Returns what is left out, with the reason: episodes that are damaged though they came as they
    are on the Hub, and a card or a list in whose place the folder has one of its own. Raises
    UserError, also for a folder that holds other recordings.
    """
    check_name(repo)
    revision, files = listing(repo, NEWEST, "dataset")
    remotes = _wanted(repo, revision, files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from error
    ours = {*numbered(folder, "h5").values(), *numbered(folder, "journal").values()}
    if others := ours - {folder / one.path for one in remotes}:
        raise UserError(f"{min(others)} is not from {repo}; choose another folder")
    with sole_writer(folder) as free:
        if not free:
            raise UserError(f"{folder} is being recorded to by another program")
        todo = [r for r in remotes if not _is_there(r, folder / r.path)]
        missing = tuple(r for r in todo if not (r.blob.is_file() or r.pointer.is_file()))
        if missing:
            title = f"{sum(map(is_episode, files))} recorded episodes"
            bring(Offer(title, repo, revision, _licence(remotes), missing), ask, watch)
        refused = {}
        with IsolatedProcess() as process:
            for one in todo:
                clear_unfinished(folder / one.path)
                _verify(one)
                place = folder / one.path
                if not is_episode(one.path):
                    if place.exists() and not _from_the_hub(one, place):
                        refused[one.path] = f"{place} is your own, and stays as it is"
                        continue
                else:
                    try:
                        process.call(one.path, read_whole, one.pointer)
                    except UserError as error:
                        refused[one.path] = str(error)
                        continue
                _place(one.pointer, place)
        return refused


def read_whole(path: Path) -> int:
    """Read all of an episode, as training would; its steps. UserError if it cannot be read."""
    file = EpisodeFile(path)
    for start in range(0, len(file) + 1, FRAMES_AT_ONCE):
        file.read_frames(start, min(start + FRAMES_AT_ONCE, len(file) + 1))
    return len(file)


def _wanted(repo: str, revision: str, files: dict[str, RepoSibling]) -> list[Remote]:
    """The files of a dataset that recordings consist of, the smallest kinds first."""
    texts = [HubFile(n, about_bytes=LARGEST_TEXT_BYTES) for n in (README, HELD_OUT) if n in files]
    episodes = [HubFile(n, about_bytes=LARGEST_FILE_BYTES) for n in sorted(files) if is_episode(n)]
    if not episodes:
        raise UserError(f"{repo} holds no recordings: no files episode_000000.h5 and so on")
    return [remote(repo, revision, file, files, "dataset") for file in (*texts, *episodes)]


def _is_there(one: Remote, path: Path) -> bool:
    """Return True if a file lies where it should. UserError if another episode is in its place."""
    if not path.exists():
        return False
    try:
        check(path, one.path, one.bytes, (one.digest,))
    except DamagedError as error:
        if not is_episode(one.path):  # a card, or a list, of an earlier revision
            return False
        raise UserError(
            f"{path} is not what {one.repo} holds under this name; choose another folder"
        ) from error
    return True


def _licence(remotes: list[Remote]) -> str:
    """Return the licence in the dataset's card, which is fetched first, being small."""
    card = next((one for one in remotes if one.path == README), None)
    if card is None:
        return UNSTATED
    if not card.pointer.is_file():
        receive(card, lambda done: None)
    try:
        text = read_bytes(card.pointer, LARGEST_CARD_BYTES).decode()
        data = yaml.safe_load(text.split("---\n")[1])
        name = data.get("license_name") or data["license"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError):
        return UNSTATED
    return name[:80] if isinstance(name, str) and name.isprintable() else UNSTATED


def _verify(one: Remote) -> None:
    """Make sure that the cache has a file, and that it is the one which the Hub lists."""
    if not one.pointer.is_file():  # its content came with another revision
        receive(one, lambda done: None)
        return
    recheck(one)


def _from_the_hub(one: Remote, path: Path) -> bool:
    """Return True if a text in a folder came from the Hub, perhaps with an earlier revision."""
    return one.blob.with_name(git_sha1(path)).exists()


def _place(source: Path, target: Path) -> None:
    """Show a file of the cache in a folder as well: no second copy of an episode where the disk can
    do so. Texts are copied, since people edit them."""
    if is_episode(target.name):
        with suppress(OSError):
            os.link(source.resolve(), target)
            return
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
