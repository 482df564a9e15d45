"""Real Atari games as worlds, stepped by the Arcade Learning Environment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import ale_py
import cv2
import numpy as np
from ale_py import roms
from numpy.typing import NDArray

from engine.actions import ARCADE_KEYS
from engine.contracts import ActionVector, DiscreteActions, Frame, Snapshot, Step
from engine.games.atari_games import find_game

FRAME_SKIP = 4  # emulated frames a step
RATE_FPS = 15.0  # 60 emulated frames a second / FRAME_SKIP
SIZE_PX = 64
MAX_NO_OPS = 30  # emulated frames

BUTTONS = ("up", "down", "left", "right", "fire")


@dataclass(frozen=True)
class Emulator:
    """Version and settings of the emulator, which replay a game bit for bit.

    version: of ale-py. rom: the game's name there. The hashes are of the ROM file, in hex.
    no_ops: what the time is counted in that a game runs before its first frame.
    """

    version: str
    rom: str
    rom_md5: str
    rom_sha256: str
    no_ops: str = "whole steps"

    def to_json(self) -> dict[str, str]:
        """Plain data for recordings."""
        return asdict(self)


class AtariWorld:
    """One of the 26 Atari 100k games, as `engine.contracts.World`.

    A step holds the action for four emulated frames and shows the larger of the last two in each
    pixel (the console draws some objects every other frame), shrunk by area averaging to 64 × 64
    RGB or another size. The reward is the game's own score gained over the four frames, unclipped.
    Every action counts (none is repeated by chance), so a seed and the actions decide all frames.

    size_px: height and width of the frames.
    Raises UserError for a game that is not in the table.
    """

    rate_fps = RATE_FPS
    starts = 1  # the seed chooses how long the game runs before the first frame

    def __init__(self, game: str, size_px: tuple[int, int] = (SIZE_PX, SIZE_PX)) -> None:
        self.name = find_game(game)
        self.frame_shape = (*size_px, 3)
        rom = Path(str(roms.get_rom_path(self.name)))
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self._ale = ale_py.ALEInterface()
        self._ale.setInt("random_seed", 0)
        self._ale.setFloat("repeat_action_probability", 0.0)
        self._ale.loadROM(rom)
        self._ale.reset_game()
        self._switched_on = self._ale.cloneSystemState()
        self._codes = self._ale.getMinimalActionSet()
        self.actions = _action_space(tuple(code.name for code in self._codes))

        data = rom.read_bytes()
        self.emulator = Emulator(
            version=ale_py.__version__,
            rom=self.name,
            rom_md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
            rom_sha256=hashlib.sha256(data).hexdigest(),
        )
        height, width = self._ale.getScreenDims()
        self._screen = np.empty((height, width, 3), np.uint8)
        self._screen_before = np.empty_like(self._screen)
        self.reset(seed=0)

    @property
    def provenance(self) -> Mapping[str, str]:
        """Emulator, ROM and settings, for `engine.contracts.provenance_of`."""
        return self.emulator.to_json()

    def reset(self, seed: int, start: int = 0) -> Frame:
        """Switch the console on and let it run for 1 to 7 steps, chosen by the seed.

        Whole steps, since games draw random numbers from the number of the emulated frame. Breakout
        serves from one of four places by that number modulo 4, which no frame shows: a dream
        could only guess it. Whole steps keep it constant.
        """
        # Restoring forgets the games before, and is far quicker than resetting the emulator.
        self._ale.restoreSystemState(self._switched_on)
        most = MAX_NO_OPS // FRAME_SKIP
        steps = int(np.random.default_rng(seed).integers(1, most, endpoint=True))
        for _ in range(steps * FRAME_SKIP - 2):
            self._ale.act(ale_py.Action.NOOP)
        self._show_two_frames(ale_py.Action.NOOP)
        self._lives = self._ale.lives()
        return self._frame.copy()

    def step(self, action: ActionVector) -> Step:
        """Hold one action for four emulated frames. An ended game stays as it is."""
        code = self._codes[int(action.argmax())]
        reward = sum(self._ale.act(code) for _ in range(FRAME_SKIP - 2))
        reward += self._show_two_frames(code)
        before, self._lives = self._lives, self._ale.lives()
        return Step(
            frame=self._frame.copy(),
            reward=float(reward),
            ended=self._ale.game_over(with_truncation=False),
            life_lost=self._lives < before,
        )

    def snapshot(self) -> Snapshot:
        """Return the emulator's state with its random numbers, and the current frame."""
        state = self._ale.cloneSystemState().serialize()
        return {
            "state": np.frombuffer(state, np.uint8).copy(),
            "frame": self._frame.copy(),
            "lives": np.array(self._lives),
        }

    def restore(self, snapshot: Snapshot) -> Frame:
        """Go back to a snapshot of the same game."""
        self._ale.restoreSystemState(ale_py.ALEState(snapshot["state"].tobytes()))
        self._frame = snapshot["frame"].copy()
        self._lives = int(snapshot["lives"])
        return self._frame.copy()

    def close(self) -> None:
        """Do nothing: the emulator is released with the object."""

    def ram(self) -> NDArray[np.uint8]:
        """Return a copy of the console's 128 bytes of memory, for scripted players."""
        return self._ale.getRAM()

    def poke(self, address: int, value: int) -> None:
        """Set a byte of the console's memory."""
        self._ale.setRAM(address, value)

    def _show_two_frames(self, code: ale_py.Action) -> int:
        """Hold `code` for two emulated frames and keep their maximum, shrunk; return the reward."""
        reward = self._ale.act(code)
        self._ale.getScreenRGB(self._screen_before)
        reward += self._ale.act(code)
        self._ale.getScreenRGB(self._screen)
        np.maximum(self._screen, self._screen_before, out=self._screen)
        height, width, _ = self.frame_shape
        self._frame = cv2.resize(
            self._screen, (width, height), interpolation=cv2.INTER_AREA
        ).astype(np.uint8, copy=False)
        return reward


def _action_space(names: tuple[str, ...]) -> DiscreteActions:
    """Build the space of the emulator's actions; names such as UPRIGHTFIRE spell the buttons."""
    choices = tuple(tuple(b for b in BUTTONS if b in name.lower()) for name in names)
    used = {button for choice in choices for button in choice}
    return DiscreteActions(names, choices, {b: ARCADE_KEYS[b] for b in BUTTONS if b in used})
