"""What makes training quick on a processor."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

FLUSHED = """
import torch
from training.speed import denormals_flushed
torch.set_num_threads(2)
with denormals_flushed():
    tiny = torch.full((1 << 20,), 1e-30)  # large enough for torch to start its threads
    assert not (tiny * 1e-10).any(), "all threads"
assert (tiny[:1] * 1e-10).any(), "this thread is as it was"
"""


@pytest.mark.skipif(
    not torch.set_flush_denormal(False), reason="this processor cannot flush denormals"
)
def test_gradients_next_to_nothing_do_not_slow_training_down() -> None:
    """Half of a backward pass in fp32 went to numbers below 1e-38, on every thread."""
    ran = subprocess.run([sys.executable, "-c", FLUSHED], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
