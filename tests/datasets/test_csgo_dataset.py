"""The CS:GO dataset: its files, its tars and the Hub, and the recordings that they become."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import json
import lzma
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from base.errors import UserError
from base.worker_pool import LostItem, map_in_pool
from datasets.importers import csgo_import
from datasets.importers.csgo import LOW_SHAPE, convert, parse_name, published_split
from datasets.importers.csgo_import import ImportOptions, report, run
from datasets.importers.csgo_layout import CsgoFile, CsgoFileError
from datasets.importers.csgo_sources import REPO, REVISION, LocalFile, find, members
from datasets.resize import shrink
from datasets.store import Store
from engine.csgo_actions import MOUSE_X, MOUSE_Y
from tests.programs.crew_tasks import halve_or_die, refuse
from tests.support.csgo_files import (
    COUNT,
    faulty,
    file_bytes,
    float32,
    gameplay,
    tar_bytes,
    without,
    written_as,
)
from tests.support.hub_server import HubServer, Repo, serving, use
from tools import bench
from tools.importing.csgo import import_csgo
from tools.inspection.folders import inspect
from tools.options.imports import CsgoImport

NAME = "hdf5_dm_july2021_{}.hdf5"
FAULTS = faulty()
FOREIGN = Path(__file__).parents[1] / "data" / "foreign" / "hdf5_dm_july2021_1.hdf5"


def _in_this_process(work, items, processes, limit_s):  # type: ignore[no-untyped-def]
    """What `map_in_pool` does, without the second that a process takes to start."""
    return ((item, work(item)) for item in items)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csgo_import, "map_in_pool", _in_this_process)


def _fill(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def _import(source: object, out: Path, **options: object) -> None:
    import_csgo(CsgoImport(str(source), out, least=COUNT, **options))  # type: ignore[arg-type]


# One file


def test_a_written_file_has_the_layout_of_the_dataset() -> None:
    played = gameplay()
    with h5py.File(io.BytesIO(file_bytes())) as file:
        assert len(file) == 4 * COUNT
        assert file["frame_3_x"].dtype == np.uint8 and file["frame_3_x"].chunks is None
        np.testing.assert_array_equal(file["frame_3_x"][()][..., ::-1], played.frames[3])  # BGR
        for kind, width in (("y", 51), ("xaux", 54), ("helperarr", 2)):
            data = file[f"frame_3_{kind}"]
            assert (data.dtype, data.shape) == (np.float64, (width,))
        np.testing.assert_array_equal(file["frame_3_y"][()], played.actions[3])
        assert [tuple(file[f"frame_{i}_helperarr"]) for i in (1, 2, 5)] == [(0, 0), (1, 0), (0, 1)]
        past = file["frame_3_xaux"][()].reshape(3, 18)
        np.testing.assert_array_equal(past[:, :13], played.actions[[2, 1, 0], :13])
        assert not file["frame_0_xaux"][()].any()


def test_the_mouse_of_past_steps_is_written_as_shares_of_its_range() -> None:
    actions = gameplay().actions
    with h5py.File(io.BytesIO(file_bytes())) as file:
        right, down = file["frame_1_xaux"][13:15]
    assert right * 1000 == pytest.approx(np.dot(MOUSE_X, actions[0, 13:36]))
    assert down * 200 == pytest.approx(np.dot(MOUSE_Y, actions[0, 36:]))


@pytest.mark.parametrize("data", [file_bytes(), float32()], ids=["float64", "float32"])
def test_what_was_played_is_read_back_from_both_types(data: bytes) -> None:
    with CsgoFile(data) as file:
        read = file.read(COUNT)
    played = gameplay()
    for name in ("frames", "actions", "kills", "deaths"):
        np.testing.assert_array_equal(getattr(read, name), getattr(played, name))
    assert read.actions.dtype == np.float32
    assert read.written == ("float64" if data == file_bytes() else "float32")


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.bool_, np.float16, np.float32, ">f8"])
def test_any_type_that_says_0_and_1_is_read_as_actions(kind: type) -> None:
    with CsgoFile(written_as(kind)) as file:
        np.testing.assert_array_equal(file.read(COUNT).actions, gameplay().actions)


def test_pictures_and_actions_alone_are_enough(
    tmp_path: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """As DIAMOND reads them; this file has its pictures in packed chunks, too."""
    source = _fill(tmp_path / "source", {FOREIGN.name: FOREIGN.read_bytes()})
    import_csgo(CsgoImport(str(source), tmp_path / "out", least=6))
    store = Store(tmp_path / "out" / "full")
    window = store.read(0, 0, 6)
    with h5py.File(FOREIGN) as file:
        for i in range(5):
            np.testing.assert_array_equal(window.frames[i], file[f"frame_{i}_x"][()][..., ::-1])
            np.testing.assert_array_equal(window.actions[i], file[f"frame_{i}_y"][()])
    assert not window.rewards.any() and not window.life_lost.any()
    assert not store.info.marked
    assert "kills and deaths: 1 files do not tell them" in (
        tmp_path / "out" / "report.txt"
    ).read_text("utf-8")
    capsys.readouterr()
    inspect(tmp_path / "out" / "low")
    assert "rewards and lives lost of 1 episodes are not known" in capsys.readouterr().out


def test_what_is_not_read_may_be_missing_and_what_is_known_counts(tmp_path: Path) -> None:
    def told(data: bytes) -> tuple[list[int], list[int], bool]:
        with CsgoFile(data) as file:
            read = file.read(COUNT)
        return [*np.flatnonzero(read.kills)], [*np.flatnonzero(read.deaths)], read.marked

    assert told(without("xaux")) == told(without("xaux", 3)) == ([2], [5], True)
    assert told(without("helperarr")) == ([], [], False)
    assert told(without("helperarr", 2)) == ([], [5], False)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_told_apart(fault: str, tmp_path: Path) -> None:
    kind, data = FAULTS[fault]
    with pytest.raises(CsgoFileError) as raised:
        convert(data, parse_name(NAME.format(4)), tmp_path, False, COUNT, False)
    assert raised.value.kind == kind
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.rglob("*.h5"))


@given(st.binary(max_size=600), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_refused_in_one_line(data: bytes, as_hdf5: bool) -> None:
    with (
        pytest.raises(CsgoFileError, match=r"^[^\n]+$"),
        CsgoFile(b"\x89HDF\r\n\x1a\n" + data if as_hdf5 else data) as file,
    ):
        file.read()


def test_damage_between_the_frames_is_an_error_or_no_matter() -> None:
    """A damaged name came as bytes once, and ended the run. Seeded: HDF5 itself may crash."""
    whole, rng = file_bytes(), np.random.default_rng(5)
    with h5py.File(io.BytesIO(whole)) as file:
        starts = [file[f"frame_{i}_x"].id.get_offset() for i in range(COUNT)]
    near = np.concatenate([np.arange(at - 600, at) for at in starts])
    names = np.array([whole.index(f"frame_{i}_x\0".encode()) for i in range(COUNT)])
    outcomes = set()
    for i in range(30):
        damaged = bytearray(whole)
        if i < COUNT:
            damaged[names[i]] = 0xE9  # no UTF-8
        else:
            for at in rng.choice(near, 40):
                damaged[at] = rng.integers(256)
        try:
            with CsgoFile(bytes(damaged)) as file:
                file.read(COUNT)
            outcomes.add("read")
        except CsgoFileError as error:
            assert "\n" not in str(error)
            outcomes.add(error.kind)
    assert {"missing frames", "damaged"} <= outcomes


def test_colours_are_judged_on_the_map_of_sand_alone(tmp_path: Path) -> None:
    swapped = FAULTS["swapped channels"][1]
    for name in ("hdf5_dm_nuke_expert_3.hdf5", "hdf5_doom_3.hdf5"):
        assert not convert(swapped, parse_name(name), tmp_path, True, COUNT, False).judged
    assert convert(swapped, parse_name(NAME.format(3)), tmp_path, True, COUNT, True).warmth < -30
    assert convert(file_bytes(), parse_name(NAME.format(3)), tmp_path, True, COUNT, False).judged


# What becomes of it


def test_shrinking_is_what_pytorch_makes_of_it() -> None:
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (3, 150, 280, 3), dtype=np.uint8)
    frames[1] = (np.indices((150, 280)).sum(0) // 7 % 2 * 255)[..., None]  # overshoots
    tensor = torch.from_numpy(frames).permute(0, 3, 1, 2).float()
    expected = interpolate(tensor, LOW_SHAPE, mode="bicubic", antialias=True).clamp(0, 255)
    small = shrink(frames, *LOW_SHAPE).astype(np.float32)
    assert np.abs(small - expected.permute(0, 2, 3, 1).numpy()).max() < 0.501


def test_episodes_hold_the_frames_and_what_came_of_each_action(tmp_path: Path, quick: None) -> None:
    source = _fill(tmp_path / "source", {NAME.format(5): file_bytes(), NAME.format(8): float32()})
    _import(source, tmp_path / "out")
    played = gameplay()
    low, full = Store(tmp_path / "out" / "low"), Store(tmp_path / "out" / "full")
    assert low.numbers == full.numbers == [5, 8]
    assert low.info.game == "csgo" and low.info.rate_fps == 16 and low.info.player == "human"
    window = full.read(0, 0, COUNT)
    np.testing.assert_array_equal(window.frames, played.frames)
    np.testing.assert_array_equal(window.actions[:-1], played.actions[:-1])
    np.testing.assert_array_equal(low.read(0, 0, COUNT).frames, shrink(played.frames, *LOW_SHAPE))
    # The kill is first seen at frame 2, so the action at frame 1 brought it; the death likewise.
    assert low.steps(0).rewards.tolist() == [0, 1, 0, 0, 0, 0, 0]
    assert np.flatnonzero(low.steps(0).life_lost).tolist() == [4]
    assert not low.steps(0).ended.any() and low.steps(0).truncated[-1]
    assert low.split() == full.split() == ([1], [0])  # 5 is in the published test split


def test_the_published_split_is_known_by_name() -> None:
    assert len(published_split()) == 500
    assert {3, 5, 19, 5480} <= published_split()
    names = [NAME.format(3), NAME.format(11), "hdf5_dm_july2021_expert_11.hdf5", "hdf5_doom_3.hdf5"]
    assert [parse_name(name).held_out for name in names] == [True, False, True, False]
    assert [parse_name(name).episode for name in names] == [3, 11, 10_011, 1_000_003]
    assert parse_name("hdf5_doom_3.hdf5").game == "doom"
    for name in ("episode_3.hdf5", "hdf5_dm_july2021_3.h5", "hdf5_dm_july2021_20000.hdf5"):
        with pytest.raises(CsgoFileError, match="not of the form"):
            parse_name(name)


def test_a_split_of_its_own_replaces_the_rule_of_a_folder(tmp_path: Path, quick: None) -> None:
    files = {f"hdf5_doom_{n}.hdf5": file_bytes() for n in (0, 1, 2)}
    _import(_fill(tmp_path / "source", files), tmp_path / "out", low_only=True)
    folder = tmp_path / "out" / "low"
    assert Store(folder).split() == ([0, 2], [1])
    (folder / "held_out.txt").write_text("# mine\n1000002\n7\n")
    assert Store(folder).split() == ([0, 1], [2])
    (folder / "held_out.txt").write_text("7\n")
    assert Store(folder).split() == ([0, 1], [2])  # nothing of it is there: the last one
    (folder / "held_out.txt").write_text("some of them")
    with pytest.raises(UserError, match=r"held_out\.txt lists 'some of them'"):
        Store(folder).split()


# Sources


def test_files_in_tars_are_found_without_unpacking(tmp_path: Path) -> None:
    files = {NAME.format(n): bytes(range(n)) * n for n in (3, 4, 200)}
    tar = _fill(tmp_path, {"hdf5_dm_july2021_1_to_200.tar": tar_bytes(files)})
    found = find(str(tar))
    assert {item.name: item.read() for item in found.items} == files
    assert not found.refused
    assert [item.name for item in find(str(tar), {4}).items] == [NAME.format(4)]
    with pytest.raises(UserError, match="has no episode 5, 6"):
        find(str(tar), {4, 5, 6})


LONG = "a" * 70 + "/" + "b" * 70


def _packed(folder: Path, *options: str) -> Path:
    """A file under a name of 150 signs, and links to it, as the system's own tar packs them."""
    (folder / "in" / LONG).mkdir(parents=True)
    there = folder / "in" / LONG / NAME.format(1)
    there.write_bytes(FOREIGN.read_bytes())
    (folder / "in" / NAME.format(2)).hardlink_to(there)
    (folder / "in" / NAME.format(3)).symlink_to(f"{LONG}/{there.name}")
    (folder / "in" / NAME.format(4)).symlink_to("/nowhere/else")
    (folder / "out").mkdir()
    tar = folder / "out" / "hdf5_dm_july2021_1_to_200.tar"
    subprocess.run(["tar", *options, "-cf", tar, "-C", folder / "in", "."], check=True)
    return tar


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_long_names_and_links_in_tars_are_read(tmp_path: Path, form: str) -> None:
    """Names of over 100 signs go before the file that they are of; they were taken for damage."""
    found = find(str(_packed(tmp_path, f"--format={form}").parent))
    items = {item.name: item for item in found.items}
    assert list(items) == [NAME.format(n) for n in (1, 2, 3, 4)] and not found.refused
    for n in (1, 2, 3):
        assert items[NAME.format(n)].read() == FOREIGN.read_bytes()
    with pytest.raises(CsgoFileError, match=r"link to /nowhere/else, which is not in the tar"):
        items[NAME.format(4)].read()


def test_a_file_packed_with_its_holes_left_out_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with open(tmp_path / "in" / NAME.format(1), "wb") as file:
        file.truncate(1 << 20)
        file.seek(1 << 19)
        file.write(b"something")
    tar = tmp_path / "some.tar"
    subprocess.run(["tar", "-Scf", tar, "-C", tmp_path / "in", "."], check=True)
    (item,) = find(str(tar)).items
    with pytest.raises(CsgoFileError, match="packed with holes"):
        item.read()


def test_a_tar_damaged_between_its_files_gives_those_before(tmp_path: Path) -> None:
    """The library takes what is no header for the end, and the rest would be lost in silence."""
    data = bytearray(_tar())
    second = data.rindex(b"set/")
    data[second + 148 : second + 156] = b"!" * 8  # its checksum
    (tmp_path / "some.tar").write_bytes(data)
    found = find(str(tmp_path))
    assert [item.name for item in found.items] == [NAME.format(3)]
    ((name, fault),) = found.refused
    assert name == "some.tar" and fault.kind == "damaged tar"
    assert str(fault) == f"it cannot be read from byte {second} on"


@pytest.mark.parametrize(
    ("name", "pack", "says"),
    [
        (
            "some.tar.gz",
            gzip.compress,
            r"with gzip; .*: mkdir FOLDER && tar -xzf \S+some.tar.gz ",
        ),
        ("some.tar", gzip.compress, r"with gzip; .*tar -xzf \S+some.tar -C FOLDER"),
        ("some.tgz", gzip.compress, r"with gzip; .*tar -xzf"),
        ("some.tar.bz2", bz2.compress, r"with bzip2; .*tar --use-compress-program=bzip2 -xf"),
        ("some.tar.xz", lzma.compress, r"with xz; "),
        (NAME.format(1) + ".gz", gzip.compress, rf"gzip -dc \S+ > FOLDER/{NAME.format(1)}"),
        (NAME.format(1), gzip.compress, r"with gzip; .*gzip -dc"),
    ],
)
def test_what_is_compressed_is_named_with_the_command_that_helps(
    tmp_path: Path, quick: None, name: str, pack: Callable[[bytes], bytes], says: str
) -> None:
    source = _fill(tmp_path / "source", {name: pack(_tar())})
    with pytest.raises(UserError, match=says) as raised:
        _import(source, tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.rglob("*.h5"))


def test_a_zip_is_named_and_the_rest_beside_it_imported(
    tmp_path: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    source = _fill(tmp_path / "source", {NAME.format(1): file_bytes()})
    shutil.make_archive(str(tmp_path / "source" / "more"), "zip", tmp_path, "source")
    _import(source, tmp_path / "out", low_only=True)
    says = f"more.zip: it is compressed with zip; unpack it, and import that folder: unzip {source}"
    assert f"left out: {says}" in capsys.readouterr().out
    assert says in (tmp_path / "out" / "report.txt").read_text("utf-8")
    assert Store(tmp_path / "out" / "low").numbers == [1]


def test_linked_folders_and_files_are_read_once(tmp_path: Path) -> None:
    """A disk beside the source is linked into it, as people do; links in a circle have an end."""
    disk = _fill(tmp_path / "disk", {NAME.format(1): b"1", NAME.format(2): b"2"})
    source = _fill(tmp_path / "source", {NAME.format(3): b"3"})
    (source / "disk").symlink_to(disk)
    (source / "again").symlink_to(disk)
    (disk / "back").symlink_to(source)
    (source / NAME.format(4)).symlink_to(disk / "elsewhere")
    (source / NAME.format(5)).symlink_to(disk / NAME.format(2))
    found = find(str(source))
    names = {item.name: item.read() for item in found.items}
    assert names == {
        NAME.format(n): data for n, data in ((1, b"1"), (2, b"2"), (3, b"3"), (5, b"2"))
    }
    assert [name for name, _ in found.refused] == [NAME.format(4)]


@functools.cache
def _tar() -> bytes:
    return tar_bytes({NAME.format(n): bytes(700) for n in (3, 4)})


@given(st.integers(0, len(_tar()) - 1))
@settings(max_examples=60, deadline=None)
def test_a_tar_cut_short_gives_what_is_whole_and_says_so(tmp_path_factory, length: int) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("tar") / "some.tar"
    path.write_bytes(_tar()[:length])
    end = tarfile.BLOCKSIZE * 2 * 3  # two files: a header and two blocks each
    found, fault = [], None
    try:
        for item in members(LocalFile(path)):
            try:
                found.append(item.read())
            except CsgoFileError as error:
                fault = error
    except CsgoFileError as error:
        fault = error
    assert all(data == bytes(700) for data in found)
    if length <= end:
        assert fault is not None
    else:
        assert len(found) == 2


@given(st.binary(max_size=3000))
@settings(max_examples=60, deadline=None)
def test_any_bytes_of_a_tar_are_an_error_or_an_end(tmp_path_factory, data: bytes) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("tar") / "some.tar"
    path.write_bytes(data)
    try:
        assert list(members(LocalFile(path))) == []
    except CsgoFileError as error:
        assert "\n" not in str(error)


def test_bad_files_are_set_aside_and_the_run_goes_on(
    tmp_path: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    tar = tar_bytes({NAME.format(20): file_bytes(), NAME.format(21): file_bytes()})
    files = {NAME.format(30 + i): data for i, (_, data) in enumerate(FAULTS.values())}
    files |= {
        NAME.format(2): float32(),
        "hdf5_dm_july2021_1_to_200.tar": tar[: len(tar) - 1_000_000],
        "holiday.hdf5": file_bytes(),
    }
    _import(_fill(tmp_path / "source", files), tmp_path / "out", low_only=True)
    assert Store(tmp_path / "out" / "low").numbers == [2, 20]
    assert f"{len(FAULTS) + 3} set aside" in capsys.readouterr().out
    told = (tmp_path / "out" / "report.txt").read_text()
    assert "imported: 2 files, 16 frames" in told
    assert "float32 in 1" in told and "float64 in 1" in told
    assert "2 files were checked to be BGR" in told
    for name in (*files, NAME.format(21)):
        assert (f"  {name}: " in told) == (name != NAME.format(2))


def test_a_second_run_goes_on_where_the_first_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _fill(tmp_path / "source", {NAME.format(n): file_bytes() for n in range(1, 5)})
    worked: list[str] = []

    def killed_after_two(work, items, processes, limit_s):  # type: ignore[no-untyped-def]
        for i, job in enumerate(items):
            if i == 2:
                work(job)  # its episode is written, and nobody hears of it
                raise KeyboardInterrupt
            worked.append(job[0].name)
            yield job, work(job)

    out = tmp_path / "out"
    monkeypatch.setattr(csgo_import, "map_in_pool", killed_after_two)
    with pytest.raises(KeyboardInterrupt):
        _import(source, out)
    assert "imported: 2 files" in (out / "report.txt").read_text()
    (out / "full" / ".episode_000004.x1y2.h5").write_bytes(b"half")
    with open(out / "import.jsonl", "a") as log:
        log.write('{"name": "hdf5_dm_ju')
    before = {path: path.stat().st_mtime_ns for path in out.rglob("episode_*.h5")}
    assert len(before) == 6
    _import(source, out)
    assert worked == [NAME.format(n) for n in (1, 2, 4)]
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())
    assert "imported: 4 files, 32 frames" in (out / "report.txt").read_text()
    assert not list(out.rglob(".episode*"))
    _import(source, out)
    assert len(worked) == 3


def test_a_process_that_dies_or_hangs_costs_its_item_alone() -> None:
    """HDF5's library may crash on a damaged file, or never come back."""
    results = dict(map_in_pool(halve_or_die, range(2, 7), 2, limit_s=2.0))
    assert (results[2], results[6]) == (1, 3)
    assert isinstance(results[3], LostItem) and "signal 6" in results[3].reason
    assert results[4] == LostItem("it gave nothing in 2 s")
    assert results[5] == LostItem(
        "it failed with ZeroDivisionError: integer division or modulo by zero"
    )


def test_an_error_of_the_user_ends_the_work() -> None:
    with pytest.raises(UserError, match="the disk is full at 2"):
        list(map_in_pool(refuse, [2], 1, limit_s=60.0))


def test_reading_is_measured_against_the_originals_in_one_run(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {NAME.format(n): file_bytes() for n in (1, 3)}
    source, out = _fill(tmp_path / "source", files), tmp_path / "out"
    _import(source, out)
    capsys.readouterr()
    command = ["bench", "reading", str(source), str(out), "--json", "--seconds", "0.2"]
    monkeypatch.setattr("sys.argv", command)
    bench.main()
    figures = json.loads(capsys.readouterr().out)
    for name in ("low", "full"):
        rates = figures[f"{name}_windows_per_s"], figures[f"original_{name}_windows_per_s"]
        assert figures[f"{name}_ratio"] == pytest.approx(rates[0] / rates[1], rel=0.1)
    assert "reading_growth_mb" in figures
    monkeypatch.setattr("sys.argv", ["bench", "reading", str(tmp_path / "other"), str(out)])
    with pytest.raises(UserError, match="holds no episode of the files in"):
        bench.main()


# The Hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    first = {NAME.format(n): file_bytes(n) for n in (1, 3, 5)}
    second = {NAME.format(n): file_bytes() for n in (201, 202)}
    files = {
        "README.md": b"a card",
        "hdf5_dm_july2021_1_to_200.tar": tar_bytes(first),
        "hdf5_dm_july2021_201_to_400.tar": tar_bytes(second),
    }
    with serving({REPO: Repo(REVISION, files)}) as server:
        use(server, tmp_path / "home", monkeypatch)
        monkeypatch.setattr("hub.ranges.PAUSES_S", (0.0, 0.0))
        yield server


def test_two_episodes_are_fetched_without_the_rest(
    hub: HubServer, tmp_path: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    _import(f"hub:{REPO}", tmp_path / "out", episodes="3,5", yes=True)
    store = Store(tmp_path / "out" / "full")
    assert store.numbers == [3, 5]
    np.testing.assert_array_equal(store.read(0, 0, COUNT).frames, gameplay(3).frames)
    assert all("201_to_400" not in request.path for request in hub.requests)
    ends = [tuple(map(int, r.removeprefix("bytes=").split("-"))) for r in hub.ranges]
    asked = sum(last + 1 - first for first, last in set(ends))
    assert asked < 2.1 * len(file_bytes())
    said = capsys.readouterr().out
    assert "MIT" in said and "no licence for commercial use" in said


def test_without_a_yes_nothing_is_downloaded(hub: HubServer, tmp_path: Path, quick: None) -> None:
    with pytest.raises(UserError, match="--yes"):
        _import(f"hub:{REPO}", tmp_path / "out", episodes="3")
    assert not (tmp_path / "out").exists()


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    hub: HubServer, tmp_path: Path
) -> None:
    name = "hdf5_dm_july2021_1_to_200.tar"
    item = find(f"hub:{REPO}", {3}).items[0]
    hub.faults.cut, hub.faults.cuts = {name: 100_000}, 3
    assert item.read() == file_bytes(3)
    hub.faults.cuts, hub.faults.cut = 100, {name: 0}
    with pytest.raises(UserError, match="comes no further than byte"):
        item.read()


def test_a_mirror_that_knows_no_ranges_is_refused(hub: HubServer) -> None:
    """Or 24 GB would come for each header of a tar."""
    hub.faults.deaf = True
    with pytest.raises(UserError, match="sends whole files only"):
        find(f"hub:{REPO}", {3})


def test_the_limit_counts_what_is_read(tmp_path: Path, quick: None) -> None:
    source = _fill(tmp_path / "source", {NAME.format(n): file_bytes() for n in range(1, 5)})
    gb = len(file_bytes()) / 1e9
    _import(source, tmp_path / "out", limit_gb=2.5 * gb)
    assert Store(tmp_path / "out" / "low").numbers == [1, 2]
    _import(source, tmp_path / "out", limit_gb=2.5 * gb)
    assert Store(tmp_path / "out" / "low").numbers == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"episodes": "3;5"}, "takes numbers such as 3,5,19 or 1-200, not '3;5'"),
        ({"episodes": "9-3"}, "not '9-3'"),
        ({"limit_gb": 0.0}, "--limit-gb must be more than 0"),
        ({"processes": -1}, "--processes must be"),
    ],
)
def test_impossible_wishes_are_refused_by_name(options: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        CsgoImport("source", Path("out"), **options)  # type: ignore[arg-type]


def test_processes_of_its_own_import_the_same(tmp_path: Path) -> None:
    """All of it as the command does it."""
    data = {NAME.format(1): file_bytes(), NAME.format(2): FAULTS["cut by a byte"][1]}
    found = find(str(_fill(tmp_path / "source", data)))
    rules = ImportOptions(tmp_path / "out", low_only=True, least=COUNT)
    outcome = run(found, found.items, rules, 2)
    assert list(outcome.done) == [NAME.format(1)]
    assert outcome.aside[NAME.format(2)].kind == "truncated"
    assert "bytes are there" in report(outcome)
    assert Store(tmp_path / "out" / "low").length(0) == COUNT - 1


def test_files_of_different_sets_with_the_same_number_are_not_lost(
    tmp_path: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second was said to be imported, and its frames were nowhere."""
    for game in ("gamea", "gameb"):
        name = f"hdf5_{game}_1.hdf5"
        _import(_fill(tmp_path / game, {name: file_bytes()}), tmp_path / "out", low_only=True)
    assert "1 files are imported" in capsys.readouterr().out.splitlines()[-1]
    told = (tmp_path / "out" / "report.txt").read_text()
    assert "imported: 1 files" in told
    assert "hdf5_gameb_1.hdf5: hdf5_gamea_1.hdf5 is imported under its number" in told


def test_two_files_by_one_name_are_one_imported_and_one_set_aside(
    tmp_path: Path, quick: None
) -> None:
    """The second took the place of the first in the report, or was dropped without a word."""
    (tmp_path / "source").mkdir()
    for folder in ("m1", "m2"):
        _fill(tmp_path / "source" / folder, {"hdf5_mygame_1.hdf5": file_bytes()})
    for _ in range(2):
        _import(tmp_path / "source", tmp_path / "out", low_only=True)
        told = (tmp_path / "out" / "report.txt").read_text()
        assert "imported: 1 files" in told and "set aside: 1 files" in told
        assert "another hdf5_mygame_1.hdf5: it is in hdf5_mygame_1.hdf5 already" in told
