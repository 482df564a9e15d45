"""Training from the command line: what it leaves, and what it refuses before it begins."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from base.errors import UserError
from tests.support.recordings import record_toys
from tests.support.tiny_training import Train, run
from training import checkpoint
from training.recipes import run_config

pytest_plugins = "tests.support.training_runs"


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
        (["--batch", "2"], "--rollouts must be fewer than --batch: 1 at most"),
        (
            ["--samples", "1", "--rollouts", "0", "--texture-weight", "1"],
            "--texture-weight counts in rollouts only",
        ),
        (["--texture-weight", "1"], "--texture-weight and --log-loss need --samples 1"),
        (["--rollouts", "-1"], "--rollouts must not be negative, and -1 is"),
        (["--streams", "2"], "--streams is called --rollouts now"),
        (["--share-enduring=0.3"], "--share-enduring is called --keep-diverged-share now"),
        (["--sigma", "0"], "--sigma must be more than 0, not 0.0"),
        (["--sigma", "nan"], "--sigma must be a finite number, not nan"),
        (["--sigma", "1e9"], "--sigma must be at most 1000, not 1000000000.0"),
        (["--replay-share", "1.5"], "--replay-share must be at most 1, not 1.5"),
        (["--prior-sigma", "0"], "sigma must be between 0 and 1, not 0.0"),
        (["--prior-channels", "100"], "100 channels do not divide into 3 groups"),
        (["--replay-share", "-0.5"], "--replay-share must not be negative, and -0.5 is"),
        (["--learning-rate", "nan"], "--learning-rate must be a finite number, not nan"),
        (["--gradient-clip", "0"], "--gradient-clip must be more than 0, not 0.0"),
        (["--keep-diverged-share", "1.5"], "--keep-diverged-share must be at most 1, not 1.5"),
        (["--start-from", "nowhere"], "nowhere"),
        (["--start-from", "brekout"], "did you mean 'breakout'"),
        (["--ema", "1"], "--ema must be less than 1"),
        (["--seed", "-1"], "--seed must not be negative, and -1 is"),
        (["--seed", "99999999999999999999"], "--seed must be at most"),
        (["--channels", "8"], "needs? one entry for each level"),
        (["--channels", "8", "100"], "100 channels do not divide into 3 groups"),
        (["--channels", "8", "9999"], "9999 channels are more than there can be"),
        (["--cond", "12"], "unet.cond must be a multiple of 8"),
        (["--head-channels", "0"], "--head-channels must be more than 0"),
        (["--lags", "0", "699"], "13 frames at most, and 701 are needed"),
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
    record_toys(tmp_path / "other", 30, shape=(16, 16))
    shutil.copy(tmp_path / "other" / "episode_000000.h5", tmp_path / "data" / "episode_000003.h5")
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
    sizes = r"denoiser 0\.\d\d M, head 0\.\d\d M, frame_prior 0\.\d\d M\n"
    assert re.search(f"parameters: {sizes}", said)
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


def test_weights_of_another_shape_are_no_start(train: Train, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the denoiser of .* is not of this recipe's shape"):
        train("--start-from", str(whole / "cartridge"), "--cond", "32")
    assert not (tmp_path / "run").exists()


def test_a_run_may_start_from_a_shipped_world_by_its_name(train: Train) -> None:
    """Only its folder's path would do; this recipe is too small for it, so it was found."""
    with pytest.raises(UserError, match=r"the denoiser of .*breakout is not of this recipe's"):
        train("--start-from", "breakout")


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
