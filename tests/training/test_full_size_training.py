"""One optimiser step of the published networks of CS:GO, and their checkpoint, on a CPU.

Slow: the larger one has 330 million weights, of which training keeps five copies.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.recordings import record_in_two_sizes

ROOT = Path(__file__).resolve().parents[2]
MOST_GB = 12.0  # half of a machine of 24 GiB

PROGRAM = """
import json, resource, sys
from dataclasses import replace
from pathlib import Path
import torch
from base.memory import keep_freed_memory
from training import checkpoint
from training.beginning import build
from training.data import open_data
from training.recipes.presets import PRESETS

preset, data, out = sys.argv[1:]
keep_freed_memory()
recipe = replace(PRESETS[preset], batch=1, accumulate=2)
learner = build(recipe, open_data(Path(data), recipe, 0.1), torch.device("cpu"))
network = learner.denoiser
start = network.unet.conv_out.weight.clone()
losses = learner.update(0, learner.batches[0])
checkpoint.save(Path(out), {"update": 1, "learner": learner.state_dict()})
print(json.dumps({
    **losses,
    "moved": (network.unet.conv_out.weight - start).abs().max().item(),
    "millions": sum(p.numel() for p in network.parameters()) / 1e6,
    "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    "saved_gb": (Path(out) / checkpoint.NAME).stat().st_size / 1e9,
}))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("csgo")
    record_in_two_sizes(folder, 1000, 60, shape=(30, 56), factor=5)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("preset", "millions"), [("csgo", 330.5), ("csgo-upsampler", 51.1)])
def test_a_step_of_the_full_size_fits_a_small_machine(
    data: Path, tmp_path: Path, preset: str, millions: float
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, preset, str(data), str(tmp_path)],
        cwd=ROOT, text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    print(told)
    assert told["millions"] == pytest.approx(millions, abs=0.1)
    # The last layer starts silent; Adam's first step is as long as the learning rate.
    assert told["moved"] == pytest.approx(1e-4 / 100, rel=0.05)
    assert 0.1 < told["first"] < 10 and told["gradient_norm"] > 0
    assert told["saved_gb"] == pytest.approx(4 * told["millions"] * 4 / 1e3, rel=0.05)
    assert told["gb"] < MOST_GB
