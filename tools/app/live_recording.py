"""Recording while playing: a dataset episode and a film, begun and stopped at any moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from base.errors import UserError
from base.folders import recordings_folder
from engine.contracts import ActionVector, Frame, Step, World, shown_provenance_of
from engine.media.live_film import LiveFilm
from engine.media.overlay import pressed
from engine.player.observer import Recorder
from engine.player.saves import file_stem, stamp

if TYPE_CHECKING:  # what keeps recordings takes a while to import: not before one is begun
    from tools.app.games import Keeper


class LiveRecording(Recorder):
    """Writes what is played into a folder that tools.train takes, and a film beside it.

    Of the folder's episodes each begins where a game began, or where the player went to; the film
    goes on over that. What the disk refuses ends the recording and not the game.

    folder:  where to; one for the world in the user's folder of recordings if None.
    game:    that is played itself, and recorded as tools.record does; empty for a dream.
    overlay: whether the film shows what was pressed.
    player:  who plays, for the episodes' metadata.
    running: record from the first frame on.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        game: str = "",
        overlay: bool = False,
        player: str = "human",
        running: bool = False,
    ) -> None:
        self._folder, self._overlay, self._player = folder, overlay, player
        self._game = game
        self._wanted, self._running = running, False
        self._problem = ""
        self._world: World | None = None
        self._frame: Frame | None = None
        self._seed = 0
        self._recording: Keeper | None = None
        self._film: LiveFilm | None = None
        self._finished: list[LiveFilm] = []
        self._steps = 0  # since the recording began
        self._shape: tuple[int, ...] = ()
        self._mixture: dict[str, int] = {}

    @property
    def status(self) -> str:
        if not self._running or self._world is None:
            return self._problem
        seconds = int(self._steps / self._world.rate_fps)
        return f"• REC {seconds // 60}:{seconds % 60:02}"

    def toggle(self) -> str:
        if self._running:
            self._stop()
            return f"recorded in {self._place}"
        self._start()
        return f"recording to {self._place}" if self._running else ""

    def opened(self, world: World) -> None:
        self._world = world

    def began(self, frame: Frame, seed: int, start: int) -> None:
        self._seed = seed
        self.jumped(frame)
        if self._wanted:
            self._wanted = False
            self._start()
            if not self._running:
                problem, self._problem = self._problem, ""  # said once
                raise UserError(problem)

    def jumped(self, frame: Frame) -> None:
        self._frame = frame
        if self._running:
            self._unless_refused(self._begin_episode, frame)

    def stepped(self, action: ActionVector, step: Step) -> None:
        self._frame = step.frame
        if self._running:
            self._unless_refused(self._add, action, step)

    def close(self) -> str:
        """Wait until all is on disk; what went wrong, or an empty line."""
        if self._running:
            self._stop()
        self._let_go()
        for film in self._finished:
            self._problem = film.close() or self._problem
        return self._problem

    @property
    def _place(self) -> Path:
        assert self._world is not None
        return self._folder or recordings_folder() / file_stem(self._world.name)

    def _start(self) -> None:
        assert self._frame is not None, "a recording begins in a game"
        self._problem, self._steps, self._shape = "", 0, self._frame.shape
        self._running = True
        self._unless_refused(self._open, self._frame)

    def _stop(self) -> None:
        self._running = False
        if self._film is not None:
            self._film.finish()
            self._finished.append(self._film)
            self._film = None
        if self._recording is not None:
            try:
                self._recording.finish()
            except UserError as error:
                self._problem = str(error)

    def _let_go(self) -> None:
        """Close the folder."""
        recording, self._recording = self._recording, None
        if recording is not None:
            try:
                recording.close()
            except UserError as error:
                self._problem = self._problem or str(error)

    def _unless_refused(self, job: Callable[..., None], *arguments: object) -> None:
        """Do a part of the recording; an error is its end, and is shown until the next begins."""
        try:
            job(*arguments)
        except UserError as error:
            self._stop()
            self._problem = f"recording stopped: {error}"
            self._let_go()

    def _open(self, frame: Frame) -> None:
        assert self._world is not None
        if self._recording is None:
            self._recording = self._keeper(self._world.name)
        self._begin_episode(frame)

    def _keeper(self, world: str) -> Keeper:
        """Return the keeper of a world's episodes."""
        from datasets.recording import Recording
        from tools.app.games import game_called

        if self._game:
            return game_called(self._game).keeper("dreamcart", self._place)
        return Recording(self._place, world)

    def _begin_episode(self, frame: Frame) -> None:
        from datasets.episode import EpisodeInfo

        world, recording = self._world, self._recording
        assert world is not None and recording is not None
        self._mixture = {}
        info = EpisodeInfo(
            game=world.name,
            actions=world.actions,
            rate_fps=world.rate_fps,
            seed=self._seed,
            player=self._player,
            emulator=shown_provenance_of(world),
        )
        self._check_size(frame)
        recording.begin(info, frame)  # refuses what would not go with the others, before any film
        if self._film is None:
            self._film = LiveFilm(self._place / f"{stamp()}.mp4", world.rate_fps)
        self._show(frame, None)

    def _add(self, action: ActionVector, step: Step) -> None:
        assert self._recording is not None
        player = "agent" if step.piloted else self._player
        self._mixture[player] = self._mixture.get(player, 0) + 1
        self._check_size(step.frame)
        self._show(step.frame, action)
        self._recording.add(action, step, self._mixture)
        self._steps += 1

    def _check_size(self, frame: Frame) -> None:
        if frame.shape != self._shape:
            raise UserError("the picture changed its size")

    def _show(self, frame: Frame, action: ActionVector | None) -> None:
        assert self._film is not None and self._world is not None
        words = pressed(self._world.actions, action) if self._overlay else None
        self._film.add(frame, words)
