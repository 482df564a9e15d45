"""Training from the command line, end to end: what it leaves, what it refuses, how it goes on."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer.record_writer import RecordWriter

from base.errors import UserError
from models.cartridge import load
from tests.recordings import record_toys
from tests.tiny_training import TINY, flags_of, record_enough
from tools import train as tool
from training import checkpoint, progress, run_config, speed, trainer
from training.config import TrainConfig
from training.run_lock import alone_in
from training.trainer import Run

ROOT = Path(__file__).resolve().parent.parent
PLAINLY = ["--precision", "fp32", "--compile", "off"]
SIXTEEN_KB = 16 << 10

Train = Callable[..., int]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_enough(tmp_path_factory.mktemp("toys"))


@pytest.fixture
def train(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Call the tool in this process: a run in tmp_path / "run", of TINY unless resumed."""
    monkeypatch.setattr(tool, "keep_freed_memory", lambda: None)  # it cannot be taken back

    def call(*words: str, out: Path = tmp_path / "run", on: Path | None = data) -> int:
        begun = "--resume" in words
        how = [] if begun else [*flags_of(TINY), *PLAINLY]
        where = [] if begun or on is None else ["--data", str(on)]
        return tool.main(["--out", str(out), *where, *how, *words])

    return call


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that were done: "whole" of all of TINY's updates, "finished" of a single one."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tool, "keep_freed_memory", lambda: None)
        for name, updates in (("whole", TINY.updates), ("finished", 1)):
            recipe = flags_of(replace(TINY, updates=updates))
            tool.main(["--out", str(folder / name), "--data", str(data), *recipe, *PLAINLY])
    return folder


@pytest.fixture
def whole(runs: Path) -> Path:
    """A run of all of TINY's updates, to be looked at only."""
    return runs / "whole"


@pytest.fixture
def finished(runs: Path, tmp_path: Path) -> Path:
    """A run of one update, in tmp_path / "run"."""
    return Path(shutil.copytree(runs / "finished", tmp_path / "run"))


def program(*words: str) -> list[str]:
    return [sys.executable, "-m", "tools.train", *words]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the tool as people do."""
    return subprocess.run(
        program(*words), cwd=ROOT, env=environment(), text=True, capture_output=True
    )


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """Every figure that TensorBoard would draw: by name, then by update."""
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return {
        name: {event.step: event.value for event in events.Scalars(name)}
        for name in events.Tags()["scalars"]
    }


def same(one: Any, other: Any) -> bool:
    """Whether two checkpoints hold the same, bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other) and one.dtype == other.dtype
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def checkpoints_are_the_same(one: Path, other: Path) -> bool:
    ours, theirs = checkpoint.load(one), checkpoint.load(other)
    assert ours is not None and theirs is not None
    return same(ours, theirs)


def test_a_killed_run_goes_on_as_if_it_had_not_been(data: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    recipe = flags_of(replace(TINY, updates=40))
    how = ["--evaluate-every", "15", "--checkpoint-seconds", "0", *PLAINLY]
    words = ["--data", str(data), *recipe, *how]
    done = run("--out", str(whole), *words)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last == f"done: play it with python play.py {whole / 'cartridge'}"

    process = subprocess.Popen(
        program("--out", str(killed), *words),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # Late enough that some figures were logged before the last checkpoint.
    moment = random.randrange(11, 20)
    while (at := checkpoint.load(killed)) is None or at["update"] < moment:
        assert process.poll() is None, "it ended too early"
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was done before it could be killed"
    at = checkpoint.load(killed)
    assert at is not None and moment <= at["update"] < 40
    assert (told := progress.read(killed)) is not None and told[1] == 40 > told[0]
    (killed / ".checkpoint.half.pt").write_bytes(b"as when killed while writing one")

    resumed = run("--out", str(killed), "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert f"going on after update {at['update']}" in resumed.stdout
    assert checkpoints_are_the_same(whole, killed)
    figures = scalars(whole)
    assert figures == scalars(killed)
    assert set(figures["train/recorded"]) == {10, 20, 30, 40}
    assert set(figures["held_out/psnr_n"]) == {15, 30, 40}

    # What both leave behind.
    for folder in (whole, killed):
        assert load(folder / "cartridge").manifest.metrics["updates"] == 40
        assert progress.read(folder) == (40, 40)
        for strip in ("000015.png", "000030.png", "000040.png"):
            picture = cv2.imread(str(folder / "strips" / strip))
            assert picture is not None and picture.std() > 10
        assert not list(folder.glob(".*")), "an unfinished file was left"
    commands = load(killed / "cartridge").manifest.source["commands"]
    assert [" --resume" in command for command in commands] == [False, True]
    assert commands[0].startswith(f"python -m tools.train --out {killed} --data {data} ")


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("--data", str(tmp_path / "empty"), "--out", str(tmp_path / "run"))
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line == (
        f"error: {tmp_path / 'empty'} holds no recorded episode that can be read; "
        "record some with python -m tools.record"
    )
    assert not (tmp_path / "run").exists()


def tiny(folder: Path) -> None:
    record_toys(folder, 900, 300)


def single(folder: Path) -> None:
    record_toys(folder, 1200)


def short(folder: Path) -> None:
    record_toys(folder, 1200, 3)


def foreign(folder: Path) -> None:
    (folder / "thesis.txt").write_text("precious")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (tiny, r"has 900 steps to train on; record at least 1000 \(100000 make a good world\)"),
        (single, "holds a single episode; record one more, since one is kept for testing"),
        (short, "kept for testing have 4 frames at most, and 5 are needed; record longer ones"),
        (foreign, "holds no recorded episode that can be read"),
        (Path.rmdir, "cannot open .*: No such file or directory"),
    ],
)
def test_recordings_that_will_not_do_are_refused_before_anything_is_written(
    train: Train, tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    make(folder)
    with pytest.raises(UserError, match=says):
        train(on=folder)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--updates", "0"], "--updates must be more than 0, not 0"),
        (["--batch", "2"], "--streams must be fewer than --batch: 1 at most"),
        (["--streams", "-1"], "--streams must not be negative, and -1 is"),
        (["--sigmas", "0.5", "2"], "--sigmas: noise levels must be positive and falling"),
        (["--sigmas", "nan"], "--sigmas: noise levels must be positive and falling"),
        (["--share-first", "0.9", "--share-later", "0.2"], "must add up to 1 or less"),
        (["--share-first", "-0.5"], "--share-first must not be negative, and -0.5 is"),
        (["--learning-rate", "nan"], "--learning-rate must be a finite number, not nan"),
        (["--gradient-clip", "0"], "--gradient-clip must be more than 0, not 0.0"),
        (["--share-enduring", "1.5"], "--share-enduring must be at most 1, not 1.5"),
        (["--start-from", "nowhere"], "nowhere"),
        (["--ema", "1"], "--ema must be less than 1"),
        (["--seed", "-1"], "--seed must not be negative, and -1 is"),
        (["--seed", "99999999999999999999"], "--seed must be at most"),
        (["--channels", "8"], "needs? one entry for each level"),
        (["--channels", "8", "100"], "100 channels do not divide into 3 groups"),
        (["--channels", "8", "9999"], "9999 channels are more than there can be"),
        (["--cond", "12"], "unet.cond must be a multiple of 8"),
        (["--head-channels", "0"], "--head-channels must be more than 0"),
        (["--context", "700"], "13 frames at most, and 701 are needed"),
        (["--evaluate-every", "0"], "--evaluate-every must be 1 or more, not 0"),
        (["--memory-gb", "-1"], "--memory-gb must be 0 or more, not -1.0"),
        (["--checkpoint-seconds", "inf"], "--checkpoint-seconds must be 0 or more, not inf"),
    ],
)
def test_flags_that_will_not_do_are_refused_before_anything_is_written(
    train: Train, tmp_path: Path, words: list[str], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        train(*words)
    assert not (tmp_path / "run").exists()


def test_json_is_of_a_dry_run(train: Train) -> None:
    with pytest.raises(UserError, match="--json goes with --dry-run"):
        train("--json")


@given(
    st.binary()
    | st.recursive(
        st.none() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["done", "updates"]), inner)
        ),
    ).map(lambda data: json.dumps(data).encode())
)
def test_whatever_a_file_of_progress_holds_it_tells_sense_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / progress.NAME).write_bytes(data)
    told = progress.read(folder)
    assert told is None or 0 <= told[0] <= told[1] > 0


def test_recordings_are_asked_for(train: Train) -> None:
    with pytest.raises(UserError, match="--data is needed"):
        train(on=None)


def test_a_gpu_that_is_not_there_is_refused(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no CUDA GPU that torch can use; use --device cpu"):
        train("--device", "cuda")


def test_frames_of_a_size_that_no_cartridge_has_are_refused(train: Train, tmp_path: Path) -> None:
    record_toys(tmp_path / "data", 1000, 10, shape=(4, 8))
    with pytest.raises(UserError, match="frames cannot be 4 x 8 pixels"):
        train(on=tmp_path / "data")


def test_episodes_of_another_size_and_damaged_ones_are_left_out_and_named(
    train: Train, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "data")
    record_toys(tmp_path / "data", 30, shape=(16, 16))
    (tmp_path / "data" / "episode_000009.h5").write_bytes(b"not an episode")
    train("--dry-run", on=tmp_path / "data")
    said = capsys.readouterr().out
    assert re.search("left out: .*episode_000003.h5 differs .* in its frame size", said)
    assert re.search("left out: .*episode_000009.h5 is not an episode file", said)


def test_a_dry_run_tells_what_would_be_and_writes_nothing(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--dry-run", "--json", "--updates", "1000") == 0
    *lines, last = capsys.readouterr().out.splitlines(keepends=True)
    said, figures = "".join(lines), json.loads(last)
    assert figures["steps"] == figures["updates"] == 1000 and figures["seconds"] > 0
    assert re.search(r"updates +1000\n", said) and re.search(r"channels +\(8, 16\)\n", said)
    assert re.search(r"parameters: denoiser 0\.\d\d M, head 0\.\d\d M\n", said)
    assert "2 episodes with 1000 steps to train on, 1 episodes held out" in said
    assert re.search(r"memory \d+\.\d GB, and up to 0\.0 GB more for decoded recordings", said)
    assert re.search(r"an update of 4 examples takes \d+\.\d\d s", said)
    assert re.search(r"1000 updates would take about 0 h \d\d min here", said)
    assert not list(tmp_path.iterdir())


def test_a_run_is_never_begun_over_another(train: Train, finished: Path) -> None:
    kept = (finished / run_config.NAME).read_bytes()
    with pytest.raises(UserError, match="already holds a run; add --resume to go on with it"):
        train("--updates", "2")
    assert (finished / run_config.NAME).read_bytes() == kept


def test_a_place_that_is_taken_is_noticed_before_training(train: Train, tmp_path: Path) -> None:
    thesis = tmp_path / "run" / "cartridge" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("precious")
    with pytest.raises(UserError, match="in the way and is not a cartridge"):
        train()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["cartridge"]


def test_a_folder_that_cannot_be_made_is_one_line(train: Train, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match=r"cannot write .*run\.lock: Not a directory"):
        train(out=tmp_path / "file" / "run")


def test_a_log_that_cannot_be_made_is_one_line(train: Train, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").write_text("no folder")
    with pytest.raises(UserError, match=r"cannot write .*tensorboard.*: (File exists|Not a dir)"):
        train()


def test_a_full_disk_is_one_line_and_the_older_checkpoint_is_kept(finished: Path) -> None:
    """The system refuses to write larger files, much as a full disk would."""
    before = (finished / checkpoint.NAME).read_bytes()
    assert len(before) > SIXTEEN_KB
    done = subprocess.run(
        program("--out", str(finished), "--resume", "--updates", "3", "--checkpoint-seconds", "0"),
        cwd=ROOT,
        env=environment(),
        text=True,
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (SIXTEEN_KB, SIXTEEN_KB)),
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: cannot write ") and last.endswith(": File too large")
    assert checkpoint.NAME in last
    assert (finished / checkpoint.NAME).read_bytes() == before
    assert not list(finished.glob(".*"))
    assert checkpoint.load(finished)


@pytest.mark.filterwarnings("error")
def test_a_disk_too_full_for_the_log_is_one_line(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorBoard writes in a thread, whose traceback used to come before the line."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(RecordWriter, "write", refuse)
    with pytest.raises(UserError, match=r"cannot write .*run: No space left on device"):
        train()


def test_ctrl_c_finishes_the_update_and_says_how_to_go_on(
    train: Train,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It used to save in the middle of an update, from which no run goes on exactly."""
    monkeypatch.setattr(trainer, "LOG_EVERY", 1)
    before = signal.getsignal(signal.SIGINT)  # ignored, if the tests run in the background
    log = Run._log

    def interrupt(self: Run, *rest: Any) -> None:
        log(self, *rest)
        if self.done == 3:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_log", interrupt)
        assert train() == 130
    command = f"python -m tools.train --out {tmp_path / 'run'} --resume"
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"stopped after 3 of 6 updates; go on with: {command}"
    state = checkpoint.load(tmp_path / "run")
    assert state is not None and state["update"] == 3
    assert signal.getsignal(signal.SIGINT) is before
    assert train("--resume") == 0
    assert checkpoints_are_the_same(whole, tmp_path / "run")
    assert set(scalars(tmp_path / "run")["train/recorded"]) == {1, 2, 3, 4, 5, 6}


def test_killed_before_its_first_checkpoint_it_starts_over(
    train: Train, whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / checkpoint.NAME).unlink()
    train("--resume")
    assert checkpoints_are_the_same(whole, tmp_path / "run")


def test_resumed_it_is_in_every_way_as_it_was(train: Train, tmp_path: Path) -> None:
    train("--name", "my_toy", "--evaluate-every", "2", "--updates", "2", "--memory-gb", "0.5")
    before = run_config.load(tmp_path / "run")
    assert train("--resume", "--updates", "4") == 0
    after = run_config.load(tmp_path / "run")
    assert len(after.commands) == 2
    assert after == replace(before, train=replace(before.train, updates=4), commands=after.commands)
    assert load(tmp_path / "run" / "cartridge").manifest.name == "my_toy"
    assert sorted(path.stem for path in (tmp_path / "run" / "strips").iterdir()) == [
        "000002",
        "000004",
    ]


def test_more_updates_may_be_asked_for_and_fewer_if_they_are_still_to_come(
    train: Train, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train("--resume")  # nothing left to do
    assert "going on after update 1" in capsys.readouterr().out
    train("--resume", "--updates", "3")
    for few in ("2", "1"):
        with pytest.raises(UserError, match="made 3 updates already; --updates must be more"):
            train("--resume", "--updates", few)
    assert run_config.load(finished).train.updates == 3
    # The default number is a number like any other.
    default = TrainConfig().updates
    train("--resume", "--updates", str(default), "--dry-run")
    left = default - 3
    assert f"{left} updates would take about" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["--seed", "1"], ["--batch", "32"], ["--channels", "8", "24"], ["--sigmas", "2"]],
)
def test_the_recipe_of_a_run_cannot_change(train: Train, finished: Path, words: list[str]) -> None:
    """--batch 32, being the default, used to be taken for no answer."""
    with pytest.raises(UserError, match=f"{words[0]} cannot change when a run is resumed"):
        train("--resume", *words)
    assert run_config.load(finished).train == replace(TINY, updates=1)


def test_the_recipe_of_a_run_may_be_said_again(train: Train, finished: Path) -> None:
    train("--resume", "--batch", str(TINY.batch), "--seed", "0")


def test_precision_is_kept_unless_asked_for(
    train: Train, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def choose(*given: Any) -> speed.Choice:
        measured.append(given[-2:])
        return speed.Choice("bf16", False, "as a test says")

    monkeypatch.setattr(speed, "choose", choose)
    train("--resume", "--updates", "2", "--precision", "fp32", "--compile", "off")
    assert not measured
    train("--resume", "--updates", "3", "--precision", "bf16")
    assert measured == [("bf16", "off")]
    assert run_config.load(finished).choice.precision == "bf16"


def test_a_run_may_start_from_a_cartridges_weights(
    train: Train, whole: Path, tmp_path: Path
) -> None:
    start = str(whole / "cartridge")
    slowly = ["--learning-rate", "1e-9", "--muon-learning-rate", "1e-9", "--ema", "0"]
    assert train("--start-from", start, "--updates", "1", *slowly) == 0
    first, made = load(whole / "cartridge"), load(tmp_path / "run" / "cartridge")
    for tensor, other in zip(
        first.networks["denoiser"].parameters(), made.networks["denoiser"].parameters(), strict=True
    ):
        torch.testing.assert_close(tensor, other, atol=1e-6, rtol=0)
    # Killed before its first checkpoint, it starts from there once more.
    once = checkpoint.load(tmp_path / "run")
    (tmp_path / "run" / checkpoint.NAME).unlink()
    assert train("--resume") == 0
    again = checkpoint.load(tmp_path / "run")
    assert once is not None and same(once, again)


def test_weights_of_another_shape_are_no_start(train: Train, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the denoiser of .* is not of this recipe's shape"):
        train("--start-from", str(whole / "cartridge"), "--cond", "32")
    assert not (tmp_path / "run").exists()


def test_two_do_not_train_in_one_folder(train: Train, finished: Path) -> None:
    """Both would have written checkpoints and figures over those of the other."""
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    with alone_in(finished):
        with pytest.raises(UserError, match="another process is training in"):
            train("--resume", "--updates", "2")
        train("--resume", "--updates", "2", "--dry-run")  # writes nothing
    assert {path: path.read_bytes() for path in before} == before
    assert train("--resume", "--updates", "2") == 0


def test_there_must_be_a_run_to_resume(train: Train, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run to resume in .*run: it has no config\.json"):
        train("--resume")
    assert not (tmp_path / "run").exists()


def edited(**changes: Any) -> Callable[[dict[str, Any]], str]:
    def edit(config: dict[str, Any]) -> str:
        for name, value in changes.items():
            part, _, field = name.rpartition("__")
            (config[part] if part else config)[field] = value
        return json.dumps(config)

    return edit


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda _: "", "it is not JSON"),
        (lambda config: json.dumps(config)[:-9], "it is not JSON"),
        (lambda _: "[" * 100_000, "it is not JSON"),
        (lambda _: "[]", "'config' has a value that it cannot have: list"),
        (lambda _: "{}", "'config' lacks 'choice'"),
        (edited(train=None), "'config.train' has a value that it cannot have: None"),
        (edited(train__updates="many"), "'config.train.updates' has a value .*: 'many'"),
        (edited(train__updates=2.5), "'config.train.updates' has a value .*: 2.5"),
        (edited(train__updates=0), "--updates must be more than 0, not 0"),
        (edited(train__learning_rate=float("nan")), "'config.train.learning_rate' .*: nan"),
        (edited(train__sigmas=[0.5, 2]), "noise levels must be positive and falling"),
        (edited(train__target="noise"), "'config.train.target' has a value .*: 'noise'"),
        (edited(train__flavour=1), "'config.train' has a field .* not known here: 'flavour'"),
        (edited(choice__precision="fp8"), "'config.choice.precision' has a value .*: 'fp8'"),
        (edited(evaluate_every=0), "--evaluate-every must be 1 or more, not 0"),
        (edited(commands=[1]), r"'config.commands\[0\]' has a value that it cannot have: 1"),
    ],
)
def test_a_configuration_that_was_altered_is_one_line(
    finished: Path, train: Train, edit: Callable[[dict[str, Any]], str], says: str
) -> None:
    path = finished / run_config.NAME
    path.write_text(edit(json.loads(path.read_text())))
    with pytest.raises(UserError, match=f"{path} is not a run's configuration: .*{says}"):
        train("--resume")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def replace_by_something(path: Path) -> None:
    torch.save({"something": 1}, path)


def forget_the_head(path: Path) -> None:
    state = torch.load(path)
    del state["learner"]["head"]
    torch.save(state, path)


def dream_elsewhere(path: Path) -> None:
    state = torch.load(path)
    state["learner"]["streams"]["places"][0] = torch.tensor([7, 0])
    state["learner"]["streams"]["ages"][0] = 1
    torch.save(state, path)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (truncate, "cannot be read as a checkpoint; remove it to start the run over"),
        (replace_by_something, "is not a checkpoint of this program; remove it to start over"),
        (
            forget_the_head,
            r"does not fit the run's configuration and recordings \('head'\); put those back",
        ),
        (dream_elsewhere, r"recordings \(a dream goes on where nothing is recorded\); put"),
    ],
)
def test_a_checkpoint_that_was_altered_is_one_line(
    finished: Path, train: Train, spoil: Callable[[Path], None], says: str
) -> None:
    path = finished / checkpoint.NAME
    spoil(path)
    with pytest.raises(UserError, match=f"{path} .*{says}"):
        train("--resume", "--updates", "3")


def test_a_checkpoint_of_another_network_is_one_line(finished: Path, train: Train) -> None:
    path = finished / run_config.NAME
    path.write_text(edited(train__channels=[8, 24])(json.loads(path.read_text())))
    with pytest.raises(UserError, match="does not fit the run's configuration") as refused:
        train("--resume", "--updates", "3")
    assert "\n" not in str(refused.value) and "size mismatch" in str(refused.value)


def test_training_that_goes_astray_stops_and_keeps_the_last_good_checkpoint(
    train: Train, tmp_path: Path
) -> None:
    """Weights that are no numbers never become numbers again, and were saved over the good."""
    with pytest.raises(UserError, match=r"astray at update [1-6]: a loss is not a finite number"):
        train("--learning-rate", "1e30", "--checkpoint-seconds", "0")
    state = checkpoint.load(tmp_path / "run")
    if state is not None:
        assert all(w.isfinite().all() for w in state["learner"]["denoiser"].values())
    assert not (tmp_path / "run" / "cartridge").exists()


@pytest.mark.slow
def test_compiled_it_learns_the_same(train: Train, tmp_path: Path) -> None:
    train(out=tmp_path / "plain")
    train("--compile", "on")
    assert run_config.load(tmp_path / "run").choice.compiled
    plain, compiled = (checkpoint.load(tmp_path / name) for name in ("plain", "run"))
    assert plain is not None and compiled is not None
    for name, weight in plain["learner"]["denoiser"].items():
        torch.testing.assert_close(
            compiled["learner"]["denoiser"][name], weight, atol=1e-2, rtol=1e-2
        )
