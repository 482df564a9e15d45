"""Training on a full disk, on files that were altered, and on figures that go astray."""

from __future__ import annotations

import errno
import json
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.summary.writer.record_writer import RecordWriter

from base.errors import UserError
from tests.support.tiny_training import ROOT, Train, environment, program
from training import checkpoint, progress
from training.recipes import run_config

pytest_plugins = "tests.support.training_runs"

SIXTEEN_KB = 16 << 10


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
        (edited(train__sigma=-1), "--sigma must be more than 0, not -1.0"),
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


def flip_a_bit(path: Path) -> None:
    """In the middle of some weights, where torch itself would not see it."""
    weights = next(iter(torch.load(path)["learner"]["denoiser"].values())).numpy().tobytes()
    whole = bytearray(path.read_bytes())
    whole[whole.index(weights) + len(weights) // 2] ^= 1
    path.write_bytes(whole)
    torch.load(path)


def claim_much(path: Path) -> None:
    state = torch.load(path)
    state["learner"]["more"] = torch.ones(1).expand(10**12)
    torch.save(state, path)


def ask_for_memory(path: Path) -> None:
    torch.save({**torch.load(path), "more": bytearray(9)}, path)


def replace_by_something(path: Path) -> None:
    torch.save({"something": 1}, path)


def forget_the_head(path: Path) -> None:
    state = torch.load(path)
    del state["learner"]["head"]
    torch.save(state, path)


def roll_elsewhere(path: Path) -> None:
    state = torch.load(path)
    state["learner"]["rollouts"]["places"][0] = torch.tensor([7, 0])
    state["learner"]["rollouts"]["ages"][0] = 1
    torch.save(state, path)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (truncate, "cannot be read as a checkpoint; remove it to start the run over"),
        (flip_a_bit, r"cannot be read as a checkpoint; .* \(.* is damaged \(Bad CRC-32"),
        (claim_much, "cannot be read as a checkpoint; .*claim more than its"),
        (ask_for_memory, "cannot be read as a checkpoint; .*more than plain data"),
        (replace_by_something, "is not a checkpoint of this program; remove it to start over"),
        (
            forget_the_head,
            r"does not fit the run's configuration and recordings \('head'\); put those back",
        ),
        (roll_elsewhere, r"recordings \(a rollout goes on where nothing is recorded\); put"),
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
