"""Gamepads, with the button names of SDL's controller database."""

from __future__ import annotations

import contextlib

import pygame
from pygame._sdl2 import controller  # pygame has no other way to that table

from base.terminal import printable, say
from engine.input.pads import Pads
from engine.ui.screen import Event, Notice

BUTTONS = {
    pygame.CONTROLLER_BUTTON_A: "a",
    pygame.CONTROLLER_BUTTON_B: "b",
    pygame.CONTROLLER_BUTTON_X: "x",
    pygame.CONTROLLER_BUTTON_Y: "y",
    pygame.CONTROLLER_BUTTON_BACK: "back",
    pygame.CONTROLLER_BUTTON_GUIDE: "guide",
    pygame.CONTROLLER_BUTTON_START: "start",
    pygame.CONTROLLER_BUTTON_LEFTSTICK: "left stick",
    pygame.CONTROLLER_BUTTON_RIGHTSTICK: "right stick",
    pygame.CONTROLLER_BUTTON_LEFTSHOULDER: "left shoulder",
    pygame.CONTROLLER_BUTTON_RIGHTSHOULDER: "right shoulder",
    pygame.CONTROLLER_BUTTON_DPAD_UP: "up",
    pygame.CONTROLLER_BUTTON_DPAD_DOWN: "down",
    pygame.CONTROLLER_BUTTON_DPAD_LEFT: "left",
    pygame.CONTROLLER_BUTTON_DPAD_RIGHT: "right",
}
AXES = {
    pygame.CONTROLLER_AXIS_LEFTX: "left x",
    pygame.CONTROLLER_AXIS_LEFTY: "left y",
    pygame.CONTROLLER_AXIS_RIGHTX: "right x",
    pygame.CONTROLLER_AXIS_RIGHTY: "right y",
    pygame.CONTROLLER_AXIS_TRIGGERLEFT: "left trigger",
    pygame.CONTROLLER_AXIS_TRIGGERRIGHT: "right trigger",
}
WHOLE_WAY = 32767
MAP_IT = "map it with SDL2 Gamepad Tool, and set SDL_GAMECONTROLLERCONFIG to the line that it gives"


class PadReader:
    """Opens every pad that is plugged in, now or later, and turns what it does into events.

    A device that SDL has no mapping for, such as a steering wheel, is ignored with a message.
    """

    def __init__(self) -> None:
        self._pads = Pads()
        self._told: set[str] = set()  # names of devices that are left alone
        self._open: dict[int, controller.Controller] = {}  # a pad is only heard while it is kept
        with contextlib.suppress(pygame.error):  # no pads on this machine, no harm
            controller.init()

    def read(self, raw: pygame.event.Event, at: float) -> list[Event]:
        """Translate a pygame event; an empty list if it does not come from a pad."""
        match raw.type:
            case pygame.CONTROLLERDEVICEADDED:
                self._plug_in(raw.device_index)
            case pygame.JOYDEVICEADDED if not controller.is_controller(raw.device_index):
                return self._leave_alone(raw.device_index, at)
            case pygame.CONTROLLERDEVICEREMOVED:
                self._open.pop(raw.instance_id, None)
                return self._pads.unplug(raw.instance_id, at)
            case pygame.CONTROLLERBUTTONDOWN if raw.button in BUTTONS:
                return self._pads.press(raw.instance_id, BUTTONS[raw.button], at)
            case pygame.CONTROLLERBUTTONUP if raw.button in BUTTONS:
                return self._pads.let_go(raw.instance_id, BUTTONS[raw.button], at)
            case pygame.CONTROLLERAXISMOTION if raw.axis in AXES:
                value = max(-1.0, raw.value / WHOLE_WAY)
                return self._pads.move(raw.instance_id, AXES[raw.axis], value, at)
        return []

    def _leave_alone(self, index: int, at: float) -> list[Event]:
        try:
            name = pygame.joystick.Joystick(index).get_name()
        except pygame.error:  # it may be gone again by now
            return []
        if name in self._told:
            return []
        self._told.add(name)
        line = printable(f"SDL does not know the pad '{name}', so nothing of it is heard: {MAP_IT}")
        say(line, error=True)
        return [Notice(line, at)]

    def _plug_in(self, index: int) -> None:
        with contextlib.suppress(pygame.error):  # it may be gone again by now
            pad = controller.Controller(index)
            self._open[pad.as_joystick().get_instance_id()] = pad
