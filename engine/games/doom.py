"""Doom as a world: ViZDoom with Freedoom's art, on the map of doom_map.py."""

from __future__ import annotations

import hashlib
import signal
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import vizdoom
from vizdoom import Button, GameVariable

from engine.contracts import ActionVector, CsgoActions, Frame, Snapshot, State, Step
from engine.csgo_actions import BUTTONS, MOUSE_X, MOUSE_Y
from engine.games import doom_map

# Doom's clock ticks 35 times a second at home. Here it ticks 32 times, two in every step: with 35
# some steps would be half as long again as others, which nobody could tell from the pictures.
RATE_FPS = 16.0
TICS = 2

FRAME_SHAPE = (150, 280, 3)
DRAWN = vizdoom.ScreenResolution.RES_512X288
CUT_ROWS = slice(7, 281)  # of those drawn: 512 × 274 is as wide as a frame, so pixels stay square

# Counter-Strike as it is installed: 0.022 degrees a count, times a sensitivity of 2.5.
DEGREES_PER_COUNT = 0.055
RUN, SIDEWAYS = 25, 24  # of Doom's own units of push in a tic: 266 map units a second in the end
WALK = 0.5  # of that, while the walking key is held

ROUND_STEPS = 9600  # ten minutes; going back to a moment plays all that led to it again
AWAKE_TICS, READY_TICS = 16, 8  # until the player can turn, and then until the weapon is up

_W, _A, _S, _D, _JUMP, _CROUCH, _WALK, _FIRST, _SECOND, _KNIFE, _USE, _FIRE, _ZOOM = range(
    len(BUTTONS)
)
_X_AT = len(BUTTONS)
_Y_AT = _X_AT + len(MOUSE_X)
_PUSHED = (
    Button.MOVE_FORWARD_BACKWARD_DELTA,
    Button.MOVE_LEFT_RIGHT_DELTA,
    Button.TURN_LEFT_RIGHT_DELTA,
    Button.LOOK_UP_DOWN_DELTA,
    Button.JUMP,
    Button.CROUCH,
    Button.SELECT_WEAPON3,  # the shotgun
    Button.SELECT_WEAPON2,  # the pistol
    Button.SELECT_WEAPON1,  # the fist
    Button.USE,
    Button.ATTACK,
)
_HELD = (_JUMP, _CROUCH, _FIRST, _SECOND, _KNIFE, _USE, _FIRE)  # entries of the last seven of them
_WATCHED = (
    GameVariable.POSITION_X,
    GameVariable.POSITION_Y,
    GameVariable.ANGLE,
    GameVariable.PITCH,
)

# With these sections missing the game makes a folder for them where one happens to be.
_SETTINGS = "".join(
    f"[{game}.AutoExec]\n" for game in ("Doom", "Heretic", "Hexen", "Strife", "Chex")
)


@dataclass(frozen=True)
class Pose:
    """Position and view direction of the player.

    x, y:    map coordinates, as in doom_map.py.
    heading: degrees, counter-clockwise from the right of the map, 0 to 360.
    pitch:   degrees, upwards; -56 to 32.
    """

    x: float
    y: float
    heading: float
    pitch: float


class DoomWorld:
    """An empty house and its courtyard in Doom, as `engine.contracts.World`.

    Actions are those of Counter-Strike: W A S D, Space jumps, Ctrl crouches, Shift walks, 1 2 3
    take shotgun, pistol and fist in hand, R opens doors (there is nothing to reload), the left
    button fires. The right button means nothing and stays 0 in what is recorded. The mouse looks
    around, `DEGREES_PER_COUNT`.

    A step is two of the game's tics. Frames are drawn at 512 × 288, cut to their shape's width to
    height and shrunk to 150 × 280 RGB by area averaging. Nothing else lives there, nothing is
    earned, and a game ends, as truncated, after `ROUND_STEPS`. A seed and the actions decide all
    frames; the seed chooses where the player stands first.
    """

    name = "doom"
    frame_shape = FRAME_SHAPE
    rate_fps = RATE_FPS
    starts = 1  # the seed chooses the place
    state_names = ("x", "y", "angle", "pitch")

    def __init__(self) -> None:
        self.actions = CsgoActions()
        folder = TemporaryDirectory(prefix="dreamcart-doom-")
        wad = doom_map.wad()
        path = Path(folder.name) / "house.wad"
        path.write_bytes(wad)
        self._content = Path(vizdoom.__file__).parent / "freedoom2.wad"
        # Hashed once, and not when an episode begins: it takes as long as a step.
        self._content_sha256 = hashlib.sha256(self._content.read_bytes()).hexdigest()
        self._map_sha256 = hashlib.sha256(wad).hexdigest()
        self._game = _configured(self._content, path)
        with _ctrl_c_kept_away():
            self._game.init()
        self._end = weakref.finalize(self, _end, self._game, folder)
        self.reset(seed=0)

    @property
    def provenance(self) -> Mapping[str, str]:
        """Engine, map and their hashes in hex, for `engine.contracts.provenance_of`."""
        return {
            "version": str(vizdoom.__version__),
            "content": self._content.name,
            "content_sha256": self._content_sha256,
            "map_sha256": self._map_sha256,
        }

    @property
    def pose(self) -> Pose:
        """Current pose of the player, for scripted players."""
        x, y, heading, down = (float(self._game.get_game_variable(var)) for var in _WATCHED)
        return Pose(x, y, heading, -down)

    @property
    def state(self) -> State:
        """The pose, float32 (4,), as `state_names` names it."""
        pose = self.pose
        return np.array((pose.x, pose.y, pose.heading, pose.pitch), np.float32)

    def reset(self, seed: int, start: int = 0) -> Frame:
        """Place the player in the house by the seed."""
        self._begin(seed)
        self._game.advance_action(1, True)
        self._frame = self._drawn()
        return self._frame.copy()

    def step(self, action: ActionVector) -> Step:
        """Hold one action for two tics."""
        done = action.astype(np.float32)
        done[_ZOOM] = 0
        self._push(done)
        self._game.advance_action(TICS, True)
        self._played += np.packbits(done > 0.5).tobytes()
        self._steps += 1
        self._frame = self._drawn()
        changed = done if action[_ZOOM] else None
        truncated = self._steps >= ROUND_STEPS
        return Step(self._frame.copy(), truncated=truncated, action=changed, state=self.state)

    def snapshot(self) -> Snapshot:
        """Return the seed and all actions since: the game's own saves change what follows."""
        return {
            "seed": np.array(self._seed, np.uint64),
            "actions": np.frombuffer(bytes(self._played), np.uint8).copy(),
            "steps": np.array(self._steps),
            "frame": self._frame.copy(),
        }

    def restore(self, snapshot: Snapshot) -> Frame:
        """Replay the snapshot's actions without drawing: a second for about a minute of play."""
        self._begin(int(snapshot["seed"]))
        self._game.advance_action(1, False)
        steps = int(snapshot["steps"])
        played = snapshot["actions"].reshape(steps, -1)
        for packed in played:
            self._push(np.unpackbits(packed, count=self.actions.size).astype(np.float32))
            self._game.advance_action(TICS, False)
        self._played, self._steps = bytearray(played.tobytes()), steps
        self._frame = snapshot["frame"].copy()
        return self._frame.copy()

    def close(self) -> None:
        """End the game's process and remove its files."""
        self._end()

    def _begin(self, seed: int) -> None:
        """Start a new game, up to its last tic before the first frame."""
        self._seed = seed % 2**64
        self._played, self._steps = bytearray(), 0
        rng = np.random.default_rng(self._seed)
        places = doom_map.open_cells()
        x, y = doom_map.middle(places[int(rng.integers(len(places)))])
        x, y = (at + rng.uniform(-0.5, 0.5) * doom_map.CELL for at in (x, y))
        self._game.set_seed(int(rng.integers(2**32)))
        self._game.new_episode()
        self._game.send_game_command(f"warp {x:.2f} {y:.2f}")
        self._game.send_game_command("give Shotgun")
        nothing = [0.0] * len(_PUSHED)
        turn = list(nothing)
        turn[_PUSHED.index(Button.TURN_LEFT_RIGHT_DELTA)] = float(rng.uniform(-180, 180))
        for push, tics in ((nothing, AWAKE_TICS), (turn, 1), (nothing, READY_TICS)):
            self._game.set_action(push)
            self._game.advance_action(tics, False)

    def _push(self, action: ActionVector) -> None:
        """Set what the game's buttons do in each tic of a step."""
        pace = WALK if action[_WALK] else 1.0
        right = MOUSE_X[int(action[_X_AT:_Y_AT].argmax())]
        down = MOUSE_Y[int(action[_Y_AT:].argmax())]
        self._game.set_action(
            [
                pace * RUN * float(action[_W] - action[_S]),
                pace * SIDEWAYS * float(action[_D] - action[_A]),
                right * DEGREES_PER_COUNT / TICS,
                -down * DEGREES_PER_COUNT / TICS,
                *(float(action[entry]) for entry in _HELD),
            ]
        )

    def _drawn(self) -> Frame:
        """Return the game's picture as a frame."""
        screen = self._game.get_state().screen_buffer[CUT_ROWS]
        height, width, _ = FRAME_SHAPE
        frame = cv2.resize(screen, (width, height), interpolation=cv2.INTER_AREA)
        return frame.astype(np.uint8, copy=False)


def _configured(content: Path, wad: Path) -> vizdoom.DoomGame:
    """Configure a game, not started yet."""
    game = vizdoom.DoomGame()
    game.set_doom_game_path(str(content))
    game.set_doom_scenario_path(str(wad))
    game.set_doom_map(doom_map.MAP_NAME)
    settings = wad.with_suffix(".ini")
    settings.write_text(_SETTINGS)
    game.set_doom_config_path(str(settings))
    game.set_doom_skill(1)
    game.set_mode(vizdoom.Mode.PLAYER)
    game.set_episode_timeout(0)
    game.set_window_visible(False)
    game.set_sound_enabled(False)
    game.set_screen_resolution(DRAWN)
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_render_hud(False)
    # What stays where somebody fired, or flies about, is not worth learning.
    game.set_render_decals(False)
    game.set_render_particles(False)
    game.set_available_buttons(list(_PUSHED))
    game.set_available_game_variables(list(_WATCHED))
    game.add_game_args("+sv_infiniteammo 1")
    return game


def _end(game: vizdoom.DoomGame, folder: TemporaryDirectory[str]) -> None:
    """End the game's process, which writes its settings, and then remove its files."""
    game.close()
    folder.cleanup()


@contextmanager
def _ctrl_c_kept_away() -> Iterator[None]:
    """Protect processes started in the block from Ctrl-C: the recorder ends them in order."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
