"""The CS:GO gameplay dataset as recordings: its names, its split, and episodes made of its files.

Counter-Strike Deathmatch with Large-Scale Behavioural Cloning, Pearce and Zhu 2022.
`csgo_layout` has what a file holds, FORMAT.md what becomes of it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.episode import UNMARKED, EpisodeInfo, write_raw_episode
from datasets.folder import episode_path
from datasets.importers.csgo_layout import FILE_NAME, RATE_FPS, CsgoFile, CsgoFileError, Gameplay
from datasets.packed import Steps
from datasets.resize import shrink
from engine.contracts import CsgoActions

GAME = "csgo"
LOW, FULL = "low", "full"  # the folders of an import
LOW_SHAPE = (30, 56)
SPLIT_SET = "dm_july2021"  # the set that the published split is of
TEST_SPLIT = Path(__file__).with_name("csgo_test_split.txt")  # DIAMOND's, 500 names

# The published sets, and where the numbers of their episodes begin. Other files of this layout
# are somebody's own; their game is called as their set.
SETS = {
    SPLIT_SET: 0,
    "dm_july2021_expert": 10_000,
    "aim_july2021_expert": 20_000,
    "dm_nuke_expert": 30_000,
    "dm_mirage_expert": 40_000,
    "dm_inferno_expert": 50_000,
}
OWN_FROM = 1_000_000
HELD_OUT_EVERY = 10  # of sets without a published split

# On the map of these sets nearly everything is warm: sand, plaster, wood. So red outweighs blue in
# a minute of play, and where it is the other way round by this much the channels are swapped.
WARM_SETS = (SPLIT_SET, "dm_july2021_expert")
COLD_LEVELS = 2.0


@dataclass(frozen=True)
class Name:
    """Name of a file in the dataset, read into the set it belongs to and its number there."""

    set: str
    number: int

    @property
    def episode(self) -> int:
        """The number of the episode, the same wherever the file comes from."""
        return SETS.get(self.set, OWN_FROM) + self.number

    @property
    def game(self) -> str:
        """The name of the game that was played."""
        return GAME if self.set in SETS else self.set

    @property
    def held_out(self) -> bool:
        """Tell whether its episode is held out: by the published split, or every tenth."""
        if self.set == SPLIT_SET:
            return self.episode in published_split()
        return self.episode % HELD_OUT_EVERY == 1


def parse_name(name: str) -> Name:
    """Read a file's name. Raises CsgoFileError if it is none of the layout's."""
    match = FILE_NAME.fullmatch(name)
    if match is None or (match[1] in SETS and int(match[2]) >= 10_000):
        raise CsgoFileError("wrong name", f"'{name}' is not of the form hdf5_SET_NUMBER.hdf5")
    return Name(match[1], int(match[2]))


@functools.cache
def published_split() -> frozenset[int]:
    """The episodes that DIAMOND's split keeps for testing, 500 of `SPLIT_SET`."""
    return frozenset(parse_name(n).episode for n in TEST_SPLIT.read_text("utf-8").split())


@dataclass(frozen=True)
class Converted:
    """Result of importing a file.

    frames: how many it has. written: the type of its actions.
    warmth: mean red minus mean blue, in levels of 0 to 255. judged: whether the order of its
            channels was judged by that. marked: whether it tells kills and deaths.
    """

    frames: int
    written: str
    warmth: float
    judged: bool
    marked: bool = True


def convert(
    data: bytes, name: Name, folder: Path, low_only: bool, least: int, trust_channels: bool
) -> Converted:
    """Write a file's frames and steps as episodes of `folder`/low and, unless told not to, /full.

    data: the file. least: how many frames it must have. trust_channels: take them for BGR,
    whatever they look like. Raises CsgoFileError for a file that is not as it should be, before
    anything is written, and UserError when an episode cannot be written.
    """
    with CsgoFile(data) as file:
        played = file.read(max(least, 2))
    low = shrink(played.frames, *LOW_SHAPE)
    warmth = float(low[..., 0].mean() - low[..., 2].mean())
    judged = name.set in WARM_SETS and not trust_channels
    if judged and warmth < -COLD_LEVELS:
        raise CsgoFileError(
            "swapped channels",
            f"read as BGR its blue outweighs its red by {-warmth:.1f} levels, on a map of sand",
        )
    info = EpisodeInfo(
        game=name.game,
        actions=CsgoActions(),
        rate_fps=RATE_FPS,
        seed=name.number,
        player="human",
        mixture={"human": len(played.actions) - 1},
        emulator={
            "file": f"hdf5_{name.set}_{name.number}.hdf5",
            **({} if played.marked else UNMARKED),
        },
    )
    steps = steps_of(played)
    write_raw_episode(episode_path(folder / LOW, name.episode), info, low, steps)
    if not low_only:
        write_raw_episode(episode_path(folder / FULL, name.episode), info, played.frames, steps)
    return Converted(len(low), played.written, round(warmth, 2), judged, played.marked)


def steps_of(played: Gameplay) -> Steps:
    """N - 1 steps between N frames: a kill earns 1, a death is a life lost.

    A file marks both at the frame they are first seen in, so they belong to the step before it;
    the last frame's action led to a frame that was not kept. What is not marked is unknown, and
    earns nothing. The original trains on no rewards.
    """
    count = len(played.frames) - 1
    never: NDArray[np.bool_] = np.zeros(count, np.bool_)
    return Steps(
        actions=played.actions[:-1],
        rewards=played.kills[1:].astype(np.float32),
        ended=never,
        truncated=np.arange(count) == count - 1,
        life_lost=played.deaths[1:],
    )
