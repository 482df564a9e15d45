"""Folders of this platform for a program's files of one user."""

from __future__ import annotations

from pathlib import Path

import platformdirs

NAME = "dreamcart"


def data_folder() -> Path:
    """For what the user made: saved moments, screenshots, recordings."""
    return platformdirs.user_data_path(NAME, appauthor=False)


def recordings_folder() -> Path:
    """For what is recorded while playing: a folder for each world or game."""
    return data_folder() / "recordings"


def worlds_folder() -> Path:
    """For worlds that are trained in the app: the folder of a run for each."""
    return data_folder() / "worlds"


def cache_folder() -> Path:
    """For what the program can make again."""
    return platformdirs.user_cache_path(NAME, appauthor=False, opinion=False)


def config_folder() -> Path:
    """For what the user set."""
    return platformdirs.user_config_path(NAME, appauthor=False)
