"""A trained player at the controls: an actor-critic as engine.players.Autopilot."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from engine.contracts import ActionSpace, ActionVector, Frame, Snapshot
from models.networks.actor_critic import ActorCritic
from models.runtime.frame_step import draw, to_context

ACTION_STREAM = 102  # tells its random numbers from those of a dream with the same seed


class Agent:
    """Player that sees one frame after another and draws an action as often as its network says.

    It runs in float32 on the CPU: a hundredth of what a dreamed frame costs.
    """

    def __init__(self, network: ActorCritic, actions: ActionSpace) -> None:
        self._network, self._actions = network.float().cpu(), actions
        self.begin(seed=0)

    def begin(self, seed: int) -> None:
        """Forget everything; from here on the seed and the frames decide what it does."""
        width = self._network.config.lstm
        self._memory: NDArray[np.float32] = np.zeros((2, width), np.float32)
        self._seed, self._steps = seed % 2**63, 0

    @torch.inference_mode()
    def act(self, frame: Frame) -> ActionVector:
        """The action (A,) for the step after `frame` (H, W, 3)."""
        seen = to_context(torch.from_numpy(frame)[None, None])[:, 0]
        h, c = torch.from_numpy(self._memory)[:, None]
        logits, _, memory = self._network(seen, (h, c))
        self._memory = torch.cat(memory).numpy().copy()
        rng = np.random.default_rng([self._seed, self._steps, ACTION_STREAM])
        self._steps += 1
        vector = np.zeros(self._actions.size, np.float32)
        vector[draw(logits[0].numpy(), rng)] = 1
        return vector

    def snapshot(self) -> Snapshot:
        """Return everything `act` depends on apart from the frame, copied, as plain arrays."""
        clock = np.array([self._seed, self._steps], np.int64)
        return {"memory": self._memory.copy(), "clock": clock}

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot exactly."""
        self._memory = snapshot["memory"].copy()
        self._seed, self._steps = (int(value) for value in snapshot["clock"])
