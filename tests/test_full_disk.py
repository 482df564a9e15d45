"""Imports and inspect on a disk that is full: one line, nothing half-written, and they go on."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from base.errors import UserError
from datasets.episode import EpisodeFile
from datasets.importers import csgo_import, minari
from datasets.store import Store
from engine.media.video import writing_video
from tests.support.csgo_files import COUNT, file_bytes
from tests.support.recordings import Here, record_toys
from tools.importing.csgo import import_csgo
from tools.importing.diamond import import_diamond
from tools.importing.minari import import_minari
from tools.importing.video import import_films
from tools.inspection.folders import inspect
from tools.options.imports import CsgoImport, DiamondImport, MinariImport, VideoImport

NOISE = np.random.default_rng(4)
PROFILE = """
name = "Film game"
rate_fps = 15
size_px = [64, 64]
[keys]
right = "d"
"""


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: the system refuses, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(autouse=True)
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All in this process, which the limit holds for; its output goes to no file."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    for source in ("minari", "diamond"):
        monkeypatch.setattr(f"tools.importing.{source}.IsolatedProcess", Here)
    monkeypatch.setattr(
        csgo_import, "map_in_pool", lambda work, jobs, *_: ((job, work(job)) for job in jobs)
    )


def _csgo(folder: Path) -> Callable[[Path], None]:
    folder.mkdir()
    for number in (1, 2):
        (folder / f"hdf5_dm_july2021_{number}.hdf5").write_bytes(file_bytes(number))
    return lambda out: import_csgo(CsgoImport(str(folder), out, least=COUNT))


def _minari(folder: Path) -> Callable[[Path], None]:
    record_toys(folder, 20, 300, shape=(40, 40))
    minari.export(Store(folder), "dreamcart/toy-v0")
    return lambda out: import_minari(MinariImport("dreamcart/toy-v0", out))


def _diamond(folder: Path) -> Callable[[Path], None]:
    folder.mkdir()
    for number, count in enumerate((3, 60)):
        frames = torch.from_numpy(NOISE.integers(0, 256, (count, 3, 64, 64), dtype=np.uint8))
        flags = torch.zeros(count, dtype=torch.int64)
        episode = {"obs": frames, "act": flags, "rew": flags.float(), "end": flags, "trunc": flags}
        torch.save({**episode, "info": {}}, folder / f"{number}.pt")
    return lambda out: import_diamond(DiamondImport(src=folder, out=out))


def _video(folder: Path) -> Callable[[Path], None]:
    folder.mkdir()
    (folder / "game.toml").write_text(PROFILE)
    (folder / "keys.csv").write_text("time_s,keys\n0.0,d\n")
    for name, count in (("a", 4), ("b", 60)):
        with writing_video(folder / f"{name}.mp4", 15.0) as film:
            for frame in NOISE.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8):
                film.add(frame)
    films, keys = tuple(folder / f"{name}.mp4" for name in "ab"), (folder / "keys.csv",) * 2
    return lambda out: import_films(VideoImport(films, keys, folder / "game.toml", out))


@pytest.mark.parametrize(
    ("prepare", "kept"), [(_csgo, "low"), (_minari, ""), (_diamond, ""), (_video, "")]
)
@pytest.mark.parametrize("size", [0, 90, 900, 120_000])
def test_an_import_to_a_full_disk_says_so_and_goes_on_when_there_is_room(
    tmp_path: Path, prepare: Callable[[Path], Callable[[Path], None]], kept: str, size: int
) -> None:
    run, out = prepare(tmp_path / "source"), tmp_path / "out"
    with (
        room(size),
        pytest.raises(UserError, match=r"^cannot [^\n]*File too large[^\n]*$") as raised,
    ):
        run(out)
    assert "until then is kept" not in str(raised.value)  # a part of an import is not
    for path in out.rglob("*.h5"):
        EpisodeFile(path)
    assert not list(out.rglob(".episode*")) and not list(out.rglob("*.journal"))
    before = {path: path.read_bytes() for path in out.rglob("*.h5")}
    run(out)
    run(tmp_path / "at once")
    for path in (tmp_path / "at once").rglob("*.h5"):
        there = out / path.relative_to(tmp_path / "at once")
        assert there.read_bytes() == path.read_bytes() == before.get(there, path.read_bytes())
    assert len(Store(out / kept)) == 2


@pytest.mark.parametrize("size", [0, 900, 18_000])
def test_inspect_on_a_full_disk_leaves_no_half_of_a_picture(tmp_path: Path, size: int) -> None:
    record_toys(tmp_path, 20, 30, shape=(40, 40))
    with room(size), pytest.raises(UserError, match=r"^cannot write \S+\.png: File too large$"):
        inspect(tmp_path)
    names = {path.name for path in tmp_path.iterdir() if "episode" not in path.name}
    assert names <= {".recording", "histograms.png"}
    inspect(tmp_path)
    assert (tmp_path / "contact_sheet.png").is_file()
