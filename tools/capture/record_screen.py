"""Record any game on the screen.

Keys and mouse are heard while the game's window has the focus, and of them only what the profile
names is written down. Ctrl-C in the terminal, or closing the game, ends it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import numpy as np

from base.errors import UserError
from base.interrupts import ctrl_c
from base.progress import ProgressBar
from base.terminal import say
from datasets.recording import Recording
from engine.contracts import Frame
from engine.input.controls import Controls
from engine.input.key_names import device_of
from engine.input.keyboard import sign_of
from engine.media.video import write_png
from engine.player.pacing import Clock, Pacer
from engine.profile import Profile, read_profile
from engine.ui.screen import FocusLost
from tools.app.prompts import confirm
from tools.capture.desktop import FixedPlace, Place, Region, Scene, ScreenScene, check_desktop
from tools.capture.footage import Footage, shrink
from tools.options.record import ScreenConfig

PREVIEW_HEIGHT_PX = 360


def record_screen(config: ScreenConfig) -> None:
    """Record as asked for; report what was recorded. Raises UserError for what cannot be."""
    profile = read_profile(config.profile)
    check_desktop()
    with open_scene(config) as scene:
        preview = config.out.parent / f"{config.out.name}_preview.png"
        write_png(preview, _preview(scene, profile))
        say(_announcement(config, profile, scene, preview))
        if not config.yes and not confirm("Record this?", "record"):
            return
        with (
            ctrl_c() as stopped,
            Recording(config.out, profile.name) as recording,
            ProgressBar(total=config.steps, unit="step") as bar,
        ):
            footage = Footage(recording, profile, "human", {"screen": scene.title})

            def goes_on(waiting: bool) -> bool:
                bar.set_description("waiting for the focus" if waiting else "recording", False)
                bar.update(footage.steps - bar.n)
                return not stopped and (config.steps is None or footage.steps < config.steps)

            late = film(scene, profile, footage, goes_on)
    say(
        f"recorded {footage.steps} steps in {footage.episodes} episodes into {config.out}"
        + (f"; {late} of the steps came late: the machine was busy" if late else "")
    )


def film(
    scene: Scene,
    profile: Profile,
    footage: Footage,
    goes_on: Callable[[bool], bool],
    clock: Clock = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Record a scene at the profile's rate until it is gone or `goes_on` says no.

    A step's action is what was pressed and moved since the frame before. While there is no frame
    an episode pauses, and what is pressed is not heard.

    goes_on: told whether a frame is being waited for; whether to go on.
    Returns how many steps began more than a quarter of a step late.
    """
    pacer, controls = Pacer(profile.rate_fps), Controls(profile.actions.keys)
    running, late_steps = False, 0
    while goes_on(not running) and not scene.gone:
        sleep(pacer.wait_s(clock()))
        late_s = pacer.begin(clock())
        frame, events = scene.frame(), scene.events()
        if frame is None:
            if running:
                footage.pause()
                controls.handle(FocusLost())
            running = False
        elif not running:
            controls.forget()
            footage.begin(frame)
            running = True
        else:
            for event in events:
                controls.handle(event)
            footage.add(profile.actions.encode(controls.sample()[0]), frame)
            late_steps += late_s is not None and late_s > Pacer.SLACK * pacer.period_s
    return late_steps


@contextmanager
def open_scene(config: ScreenConfig) -> Iterator[ScreenScene]:
    """Open the scene that is to be recorded."""
    region = Region(*config.region) if config.region else None
    with ExitStack() as stack:
        place: Place
        if sys.platform == "linux":
            from tools.capture.desktop_x11 import X11Desktop, X11Region, find_window

            desktop = X11Desktop()
            stack.callback(desktop.close)
            place = X11Region(desktop, region) if region else find_window(desktop, config.window)
            if not config.unfocused:
                desktop.focused()  # or it says that it cannot tell
            listen = desktop.events
        else:
            from tools.capture.desktop_pynput import PynputListener

            if region is None or not config.unfocused:
                raise UserError(
                    "windows and their focus can be told under X11 only: say --region LEFT TOP "
                    "WIDTH HEIGHT and --unfocused, and mind what lies there"
                )
            listener = PynputListener()
            stack.callback(listener.close)
            place, listen = FixedPlace(region), listener.events
        scene = ScreenScene(place, listen, config.unfocused)
        stack.callback(scene.close)
        yield scene


def _preview(scene: ScreenScene, profile: Profile) -> Frame:
    """Return the scene as it is now beside the frame that will be recorded. UserError if hidden."""
    picture = scene.picture()
    if picture is None:
        raise UserError(f"{scene.title} is not wholly on the screen")
    small = shrink(picture, profile)
    both = []
    for frame, way in ((picture, cv2.INTER_AREA), (small, cv2.INTER_NEAREST)):
        width = max(1, round(frame.shape[1] * PREVIEW_HEIGHT_PX / frame.shape[0]))
        both.append(cv2.resize(frame, (width, PREVIEW_HEIGHT_PX), interpolation=way))
    return np.concatenate(both, axis=1)


def _key_here(key: str) -> str:
    """A key's name, and what it writes on the keyboard in use if that is something else."""
    sign = sign_of(key)
    return key if sign == key else f"{key} (here '{sign}')"


def _announcement(config: ScreenConfig, profile: Profile, scene: Scene, preview: Path) -> str:
    """Describe what will be recorded, and when."""
    actions = profile.actions
    keys = (key for bound in actions.keys.values() for key in bound if device_of(key) != "pad")
    heard = ", ".join(map(_key_here, keys)) + (", the mouse's motion" if actions.mouse else "")
    when = "whatever has the focus" if config.unfocused else "only while it has the focus"
    return (
        f"records {scene.title}, {profile.rate_fps:g} times a second, {when}, into {config.out}\n"
        f"hears {heard}, and nothing else; what lies over it is recorded with it\n"
        f"{preview} shows it as it is now, and as {profile.width_px}×{profile.height_px} pixels"
    )
