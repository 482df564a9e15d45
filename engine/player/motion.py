"""How a game moves: forwards, by one step, backwards, or not at all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Motion:
    """What the player asked of a game's clock; changed by commands, read at every tick.

    single_step: one step is wanted although the game is paused.
    rewind_held, rewind_tapped: the key is down; it went down and has not been answered yet.
    rewound:     the screen went back, and the world has not followed yet.
    replaying:   what comes next is read from a replay.
    """

    paused: bool = False
    single_step: bool = False
    rewind_held: bool = False
    rewind_tapped: bool = False
    rewound: bool = False
    replaying: bool = False

    @property
    def backwards(self) -> bool:
        """The next tick shows the moment before."""
        return self.rewind_held or self.rewind_tapped

    @property
    def forwards(self) -> bool:
        """The next tick may make a step."""
        return self.single_step or not self.paused

    @property
    def rewinding(self) -> bool:
        """What is on screen is the past, or about to be."""
        return self.rewind_held or self.rewound
