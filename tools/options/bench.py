"""Options of python -m tools.bench, one class for each subcommand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from base.errors import UserError


@dataclass(frozen=True)
class PlayBench:
    """Start and play a cartridge in processes of their own, and time it.

    first_start_s: from the start of play.py to its first dreamed frame, on a machine that never
    played this cartridge, so the runtime is chosen by measuring; start_s: every later start.
    steps_per_s: of play as fast as it goes, of which the world wants rate_fps.
    model_median_ms, model_p95_ms: the networks' time for a frame. memory_mb: most resident memory
    while playing. eager_median_ms: the same frames by PyTorch in float32 without compilation;
    eager_ratio: how many times slower that is.
    """

    cartridge: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CARTRIDGE")] = "breakout"
    """Folder of a cartridge, or the name of one in cartridges/."""
    json: bool = False
    """Print one line of JSON instead of a table."""
    steps: int = 400
    """Frames to time."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"--steps must be 1 or more, not {self.steps}")


@dataclass(frozen=True)
class RecordBench:
    """Record random play of a game for a while, and time it."""

    game: str = "breakout"
    """The game to record."""
    json: bool = False
    """Print one line of JSON instead of a table."""
    steps: int = 6000
    """Steps to record."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"--steps must be 1 or more, not {self.steps}")


@dataclass(frozen=True)
class SoakBench:
    """Play a world through the real loop for a long time, keys pressed by a script.

    In a window if there is a display. steps_per_s, jitter (how late a step starts), model, present
    and input_to_display milliseconds; resident memory once the memory for rewinding is full, at the
    end, and the slope of a line through all samples between; frame time (model, snapshot and
    present) of the first and last tenth of the game, and beside it how long a fixed piece of work
    took there, done once a second after a frame was shown: the machine's own pace; and the share
    of one core while paused.
    verdict: what of it is too much, or "ok". Memory may grow by 20 MB, frame time by a tenth more
    than the machine slowed down; 99 of 100 steps start at most 4 ms late; half the keys show within
    a step's period and the model's time; a pause takes less than 5 % of a core.
    """

    world: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WORLD")] = "breakout"
    """The world, named as for play.py."""
    json: bool = False
    """Print one line of JSON instead of a table."""
    minutes: float = 30.0
    """Minutes to play after the warm-up."""
    warm_up_seconds: float = 30.0
    """Play before memory is first looked at; what can be rewound fills 20 seconds."""
    paused_seconds: float = 20.0
    """Seconds to pause at the end."""
    seed: int = 0
    """Seed of the game and of the keys."""

    def __post_init__(self) -> None:
        for name in ("minutes", "warm_up_seconds", "paused_seconds"):
            if not 0 < getattr(self, name) < 1e6:
                flag = name.replace("_", "-")
                raise UserError(f"--{flag} must be more than 0, not {getattr(self, name)}")


@dataclass(frozen=True)
class RuntimeBench:
    """Time every way to run whole steps of play on this machine, in rounds, beside plain eager
    float32 on the same device.

    median_ms and from min_ms to max_ms: of a frame. ratio: how many times as fast as eager float32
    by the medians. off_levels: the most that a value of one frame differs from eager float32's;
    near_share: how many values differ by 2 grey levels at most. limit_ms: what the machine's own
    rates of convolving and copying would allow; reached: that, of the median.
    """

    json: bool = False
    """Print one line of JSON at the end instead of a table."""
    worlds: Annotated[tuple[str, ...], tyro.conf.arg(metavar="WORLD...")] = (
        "atari",
        "csgo",
        "breakout",
    )
    """atari and csgo: DIAMOND's networks in full size with random weights, three steps and the fast
    preset; else a cartridge."""
    frames: int = 5
    """Rounds: three frames of every way, and one to warm up."""
    device: str | None = None
    """cpu, cuda or mps; the quickest here unless given."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Time torch.compile too; auto does so on CUDA only."""

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise UserError(f"--frames must be 1 or more, not {self.frames}")
        if not self.worlds:
            raise UserError("--worlds needs a world: atari, csgo or a cartridge")


@dataclass(frozen=True)
class ReadingBench:
    """Read random windows of an import of the CS:GO dataset and of its original files, in turns.

    Originals are read as they are laid out, frame by frame: a file is opened, and each frame and
    its action read from it. low_ratio, full_ratio: how many times more windows a second come from
    the import, of 8 frames of low and of 2 frames of full resolution; an original has the full
    resolution only. reading_growth_mb: what the process gained after the first round.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SRC")]
    """A folder of original HDF5 files."""
    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """The import that python -m tools.import csgo made of them."""
    json: bool = False
    """Print one line of JSON instead of a table."""
    seconds: float = 20.0
    """Seconds to read in all."""

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise UserError(f"--seconds must be more than 0, not {self.seconds:g}")


@dataclass(frozen=True)
class LoadingBench:
    """Read random batches for a long time as training does, in advance by a thread.

    Windows of 8 frames; of recordings in two sizes also pairs of 2 small and 2 large frames, in
    turns. No frames are kept in memory. windows_per_s, pairs_per_s; resident memory after the
    warm-up and at the end (medians of the first and last tenth of the time), the growth between and
    the slope of a line through all. verdict: what of it is too much, or "ok"; 20 MB may be gained.
    """

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """A folder of recordings, or one of recordings in two sizes."""
    json: bool = False
    """Print one line of JSON instead of a table."""
    minutes: float = 60.0
    """Minutes to read after the warm-up."""
    warm_up_seconds: float = 30.0
    """Read before memory is first looked at: files and what the thread reads ahead take some."""

    def __post_init__(self) -> None:
        for name in ("minutes", "warm_up_seconds"):
            if not 0 < getattr(self, name) < 1e6:
                flag = name.replace("_", "-")
                raise UserError(f"--{flag} must be more than 0, not {getattr(self, name)}")


Bench = (
    Annotated[PlayBench, tyro.conf.subcommand("play")]
    | Annotated[RecordBench, tyro.conf.subcommand("record")]
    | Annotated[SoakBench, tyro.conf.subcommand("soak")]
    | Annotated[RuntimeBench, tyro.conf.subcommand("runtime")]
    | Annotated[ReadingBench, tyro.conf.subcommand("reading")]
    | Annotated[LoadingBench, tyro.conf.subcommand("loading")]
)
