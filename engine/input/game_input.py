"""The input of an open world: its keymap, and from keys, mouse and pad to actions."""

from __future__ import annotations

from engine.contracts import World, switches_of
from engine.input.controls import Controls
from engine.input.keymap import Keymap, layout_of, layout_of_switches
from engine.input.pointer import Pointer
from engine.settings import Settings
from engine.ui.panel import Panel
from engine.ui.screen import Event, Window


class GameInput:
    """Input as the player has set it.

    layouts:  of the world's actions and, if it has any, of its switches: what can be set.
    keymap:   what each key means.
    controls: collects the game's input between two steps.
    pointer:  the mouse, which is the game's or the desktop's.
    panel:    where the world's knobs are moved.
    """

    def __init__(
        self, world: World, window: Window, settings: Settings, sensitivity: float = 1.0
    ) -> None:
        self._layout = layout_of(world.actions)
        self._switches = layout_of_switches(switches_of(world))
        self.layouts = (self._layout, *((self._switches,) if self._switches.keys else ()))
        self.pointer = Pointer(window, world.actions.mouse)
        self.panel = Panel()
        self._sensitivity = sensitivity
        self.bind(settings)

    def bind(self, settings: Settings) -> None:
        """Take keys and sensitivity from the settings. Keys that are held count no more."""
        self.keymap = Keymap(settings.keys, self._layout, self._switches)
        self.controls = Controls(self.keymap.buttons, self._sensitivity * settings.sensitivity)

    def handle(self, event: Event) -> None:
        """Take an event as input to the game, unless the mouse is the desktop's."""
        if self.pointer.passes(event):
            self.controls.handle(event)
