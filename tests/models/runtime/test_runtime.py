"""How a step of play runs: every fast way makes the frames of the plain one, and the choice is
measured once."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from base.errors import UserError
from models.cartridge.manifest import Manifest
from models.runtime import choice as runtime_choice
from models.runtime import openvino_core
from models.runtime import openvino_runner as runners_openvino
from models.runtime import selection as runtime
from models.runtime.frame_step import FrameStep
from models.runtime.selection import (
    Choice,
    Decision,
    Inputs,
    Runner,
    candidates,
    choose,
    measure,
    prepare,
    quick_dtype,
)
from tests.support.processor import OPENVINO, cpu_way, openvino
from tests.support.tiny_cartridge import manifest, networks, starts

ROOT = Path(__file__).resolve().parents[3]

PLAIN = Choice("torch", "cpu", "float32")
FAST = Choice("openvino", "cpu", "bfloat16")
INT8 = pytest.mark.skipif(not runtime_choice.sums_int8(), reason="no exact sums of int8 here")


def make_step(of: Manifest) -> FrameStep:
    return FrameStep(*networks(of).values(), of.sampler)


def example(of: Manifest, seed: int = 0) -> Inputs:
    places = starts(of, seed)
    noise = np.random.default_rng(seed).standard_normal(
        (1, 3, of.denoiser.height, of.denoiser.width), np.float32
    )
    return {"frames": places["frames"][0], "actions": places["actions"][0], "noise": noise}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads that wait for each other are slow where other programs are at work."""
    monkeypatch.setattr(runtime_choice, "cpu_threads", lambda: 1)


@pytest.fixture(autouse=True)
def int8(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this processor were quick in int8."""
    monkeypatch.setattr(runtime_choice, "sums_int8", lambda: True)


@pytest.mark.parametrize(
    "choice",
    [
        cpu_way("openvino", "float32"),
        cpu_way("openvino", "bfloat16"),
        pytest.param(Choice("openvino", "cpu", "int8"), marks=INT8),
        cpu_way("torch", "bfloat16"),
    ],
    ids=Choice.describe,
)
@pytest.mark.parametrize("target", ["change", "frame", "warp"])
def test_a_fast_frame_is_a_plain_frame(choice: Choice, target: str) -> None:
    """Two grey levels on 99 % of the pixels is what the eye and the network forgive."""
    of = manifest(side_px=32, channels=(32, 64))
    of = replace(of, denoiser=replace(of.denoiser, target=target, sigma_data=0.5))
    plain = prepare(make_step(of), PLAIN, example(of))
    fast = prepare(make_step(of), choice, example(of))
    for seed in range(3):
        expected, expected_events = plain.run(example(of, seed))
        frame, events = fast.run(example(of, seed))
        assert frame.shape == (32, 32, 3) and frame.dtype == np.uint8
        off = np.abs(frame.astype(int) - expected)
        assert (off <= 2).mean() >= 0.99
        assert expected.std() > 10, "a picture of one colour proves nothing"
        np.testing.assert_allclose(events, expected_events, atol=0.05)


@pytest.mark.parametrize("precision", [openvino("float32"), openvino("bfloat16")])
def test_what_does_not_change_stays_as_it_is(precision: str) -> None:
    """With bfloat16 for the last sum, walls would drift by a level at every step."""
    of = manifest()
    of = replace(of, denoiser=replace(of.denoiser, sigma_data=1e-6))  # no change, whatever happens
    every_level = example(of)
    every_level["frames"][-1].reshape(-1)[:256] = np.arange(256)
    fast = prepare(make_step(of), Choice("openvino", "cpu", precision), every_level)
    frame, _ = fast.run(every_level)
    np.testing.assert_array_equal(frame, every_level["frames"][-1])


def test_what_a_runner_gave_stays_as_it_was() -> None:
    of = manifest()
    for choice in (PLAIN, OPENVINO):
        runner = prepare(make_step(of), choice, example(of))
        frame, events = runner.run(example(of, 1))
        kept = frame.copy(), events.copy()
        runner.run(example(of, 2))
        np.testing.assert_array_equal(frame, kept[0])
        np.testing.assert_array_equal(events, kept[1])
        frame[:] = 0  # and it may be written to


CTRL_C_AFTER_A_GRAPH = """
import signal, threading
import torch
from models.runtime import selection as runtime

class Twice(torch.nn.Module):
    def forward(self, x):
        return (2 * x,)

example = {"x": torch.ones(3).numpy()}
runners = [runtime.prepare(Twice(), runtime.Choice("openvino", "cpu", "float32"), example)]
last_use = threading.Thread(target=runners.clear)
last_use.start()
last_use.join()
signal.signal(signal.SIGINT, lambda *_: print("heard"))
signal.raise_signal(signal.SIGINT)
"""


def test_ctrl_c_is_heard_after_another_thread_let_go_of_a_graph() -> None:
    """It used to crash: OpenVINO had taken away the stack that signals were handled on."""
    done = subprocess.run(
        [sys.executable, "-c", CTRL_C_AFTER_A_GRAPH], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr


def test_the_choice_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of, measured = manifest(), []

    def measuring(
        step: FrameStep, inputs: Inputs, choices: list[Choice], identity: str
    ) -> tuple[Runner, Decision, dict[Choice, UserError]]:
        measured.append(choices)
        return prepare(step, choices[-1], inputs), Decision(choices[-1], 12.5, len(choices)), {}

    monkeypatch.setattr(runtime, "measure", measuring)

    def start(weights: str = "some") -> Decision:
        runner, decision = choose(make_step(of), example(of), weights, device="cpu", cache=tmp_path)
        assert runner.choice == decision.choice
        return decision

    assert start() == Decision(PLAIN, 12.5, 3) == start(), "and what was measured is remembered"
    assert len(measured) == 1
    start(weights="others")
    assert len(measured) == 2, "other weights are another network"

    endless, no_time = (
        (tmp_path / "runtime.json").read_bytes().replace(*change)
        for change in ((b'"of": 3', b'"of": 1e999'), (b"12.5", b"NaN"))
    )
    nothing = (b"\x00", b"[]", b'{"a": 1}', b'{"a": ["b"]}', b'{"a": {"choice": {}}}')
    for content in (*nothing, endless, no_time):
        (tmp_path / "runtime.json").write_bytes(content)
        measured.clear()
        start()
        assert len(measured) == 1, "a damaged cache counts as empty"
    start()
    assert len(measured) == 1, "and is made whole again"


def test_a_kept_choice_that_no_longer_works_is_measured_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It used to keep the world from opening, as long as the decision was remembered."""

    def refuse(*_: object) -> Runner:
        raise RuntimeError("no such instruction")

    of = manifest()
    monkeypatch.setattr(runtime, "frame_ms", lambda runner, _: float(runner.choice == PLAIN))
    fast = candidates("cpu")[0]
    assert choose(make_step(of), example(of), "w", "cpu", cache=tmp_path)[1].choice == fast
    monkeypatch.setattr(runtime, "OpenVinoRunner", refuse)
    assert choose(make_step(of), example(of), "w", "cpu", cache=tmp_path)[1].choice == PLAIN


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    of = manifest()
    runner, _ = choose(make_step(of), example(of), "w", device="cpu", cache=tmp_path / "file")
    assert runner.run(example(of))[0].shape == (16, 16, 3)


class Faked:
    """A runner that takes no time and makes the frame it is told to."""

    def __init__(self, choice: Choice, level: int) -> None:
        self.choice = choice
        self.level = level

    def run(self, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        return np.full(inputs["frames"].shape[1:], self.level, np.uint8), np.zeros(5, np.float32)


@pytest.mark.parametrize(
    ("level", "fast_ms", "expected"),
    [(102, 1.0, FAST), (103, 1.0, PLAIN), (98, 3.0, PLAIN), (102, 3.0, PLAIN)],
    ids=["quicker", "quicker-but-wrong", "slower", "slower-too"],
)
def test_the_quickest_that_is_right_wins(
    level: int, fast_ms: float, expected: Choice, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = manifest()
    monkeypatch.setattr(
        runtime, "prepare", lambda step, c, *_: Faked(c, 100 if c == PLAIN else level)
    )
    monkeypatch.setattr(
        runtime, "frame_ms", lambda runner, inputs: fast_ms if runner.choice == FAST else 2.0
    )
    runner, decision, _ = measure(make_step(of), example(of), [FAST, PLAIN])
    assert runner.choice == decision.choice == expected
    assert decision.ms == (fast_ms if expected == FAST else 2.0)


@pytest.mark.parametrize(("float_ms", "expected"), [(19.0, "bfloat16"), (21.0, "int8")])
def test_int8_is_for_what_is_too_slow_without(
    float_ms: float, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a little less exact, and takes a world that plays already two seconds to try."""
    whole, tried = replace(FAST, precision="int8"), []

    def faked(step: FrameStep, choice: Choice, *_: object) -> Runner:
        tried.append(choice)
        return Faked(choice, 100)

    monkeypatch.setattr(runtime, "prepare", faked)
    times = {PLAIN: 40.0, FAST: float_ms, whole: 12.0}
    monkeypatch.setattr(runtime, "frame_ms", lambda runner, inputs: times[runner.choice])
    of = manifest()
    _, decision, _ = measure(make_step(of), example(of), [FAST, whole, PLAIN])
    assert decision.choice.precision == expected and (whole in tried) == (expected == "int8")


def test_a_decision_explains_itself() -> None:
    alone = Decision(FAST).describe()
    assert alone == "OpenVINO bfloat16 on 1 CPU threads"
    measured = Decision(FAST, 16.04, 2).describe()
    assert measured == f"{alone}: 16 ms a frame, the quickest of 2 measured"
    graph = Choice("torch", "cuda", "float16", compiled=True, graph=True).describe()
    assert graph == "PyTorch float16 on CUDA, compiled, as one graph"


def test_what_cannot_be_prepared_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Runner:
        raise RuntimeError("no such instruction\nand a page of details")

    monkeypatch.setattr(runtime, "OpenVinoRunner", refuse)
    of = manifest()
    assert measure(make_step(of), example(of), [FAST, PLAIN])[1].choice == PLAIN
    with pytest.raises(UserError, match=r"OpenVINO bfloat16 .*: no such instruction$"):
        prepare(make_step(of), FAST, example(of))


def test_names_that_are_not_known_are_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'cuda'"):
        candidates(device="gpu")
    with pytest.raises(UserError, match="did you mean 'cpu'"):
        candidates(device="cpus")
    with pytest.raises(UserError, match="did you mean 'bfloat16'"):
        candidates(precision="bfloat-16")


def test_flags_leave_only_what_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {c.precision for c in candidates("cpu", "float16")} == {"float16"}
    assert {c.device for c in candidates("cpu")} == {"cpu"}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no CUDA"):
        candidates("cuda")


def test_int8_is_openvinos_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Choice("openvino", "cpu", "int8")
    assert candidates("cpu", "int8") == [whole], "who asks for it gets it"
    assert whole in candidates("cpu")
    monkeypatch.setattr(runtime_choice.shutil, "which", lambda name: "/usr/bin/c++")
    assert whole not in candidates("cpu", compiled="on")
    with pytest.raises(UserError, match=r"int8 is computed by OpenVINO .*; use --device cpu"):
        candidates("cpu", "int8", compiled="on")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(UserError, match="int8"):
        candidates("mps", "int8")
    monkeypatch.setattr(runtime_choice, "sums_int8", lambda: False)
    assert whole not in candidates("cpu") and whole in candidates("cpu", "int8")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if an NVIDIA GPU were here, and Triton, but no compiler."""
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    monkeypatch.setattr(runtime_choice.importlib.util, "find_spec", lambda name: name == "triton")
    monkeypatch.setattr(runtime_choice.shutil, "which", lambda name: None)


@pytest.mark.usefixtures("cuda")
def test_on_cuda_the_whole_frame_is_a_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    half, plain = Choice("torch", "cuda", "bfloat16"), Choice("torch", "cuda", "float32")
    graph = replace(half, graph=True)
    assert candidates() == [graph, half, plain]
    monkeypatch.setattr(runtime_choice.shutil, "which", lambda name: "/usr/bin/c++")
    assert candidates() == [replace(graph, compiled=True), graph, half, plain]
    assert candidates(compiled="off") == [graph, half, plain]
    assert candidates(compiled="on") == [replace(graph, compiled=True), plain]
    assert candidates(large=True)[-1] == half, "never in memory in float32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert candidates()[0].precision == "float16"


@pytest.mark.parametrize("quick", ["bfloat16", "float32"])
def test_large_weights_are_in_memory_once(quick: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO, which copies them all, was once tried with them; it may have them in int8 alone."""
    plain, whole = Choice("torch", "cpu", quick), Choice("openvino", "cpu", "int8")
    monkeypatch.setattr(runtime_choice, "quick_cpu_precision", lambda: quick)
    assert candidates("cpu", large=True) == [whole, plain]
    assert candidates("cpu", large=True, precision="float32") == [PLAIN]
    assert quick_dtype("cpu") is quick_dtype("cpu", "int8") is getattr(torch, quick)


def test_a_large_world_is_never_run_in_two_ways_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is its graph kept. Where float32 is quickest it is in float32, and is large as well."""
    of, running = manifest(), weakref.WeakSet[Runner]()

    def watched(step: FrameStep, choice: Choice, inputs: Inputs, identity: str = "") -> Runner:
        assert not running
        running.add(made := prepare(step, choice, inputs, identity))
        return made

    monkeypatch.setattr(runtime, "prepare", watched)
    monkeypatch.setattr(runtime, "cache_folder", lambda: tmp_path)
    step, fast = make_step(of), Choice("openvino", "cpu", "int8")
    monkeypatch.setattr(
        runtime, "frame_ms", lambda runner, _: 21.0 + (runner.choice.engine == "torch")
    )
    with pytest.raises(AssertionError):
        choose(step, example(of), "w", "cpu")
    running.clear()
    monkeypatch.setattr(runtime, "LARGE_WEIGHTS", 100)
    monkeypatch.setattr(runtime, "NEAR_SHARE", 0.9)  # in so small a network little evens out
    runner, decision = choose(step, example(of), "w", "cpu")
    assert runner.choice == decision.choice == fast and decision.of == 2
    assert not (tmp_path / "graphs").exists()
    del runner
    monkeypatch.setattr(runtime, "frame_ms", lambda runner, _: 21.0 + (runner.choice == fast))
    assert choose(step, example(of), "x", "cpu")[0].choice.engine == "torch", "prepared anew"


@pytest.mark.usefixtures("cuda")
def test_amd_and_apple_go_without_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "hip", "7.2")
    assert candidates() == [Choice("torch", "cuda", p) for p in ("bfloat16", "float32")]
    assert candidates()[0].describe() == "PyTorch bfloat16 on ROCm"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert candidates() == [Choice("torch", "mps", p) for p in ("float16", "float32")]
    assert {c.device for c in candidates("cpu")} == {"cpu"}


def test_on_the_cpu_compiling_is_only_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_choice.shutil, "which", lambda name: "/usr/bin/c++")
    assert not any(choice.compiled for choice in candidates("cpu"))
    assert [choice.compiled for choice in candidates("cpu", compiled="on")] == [True, False]
    monkeypatch.setattr(runtime_choice.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"C\+\+ compiler"):
        candidates("cpu", compiled="on")
    with pytest.raises(UserError, match="did you mean 'on'"):
        candidates("cpu", compiled="onn")  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.skipif(not runtime_choice.can_compile("cpu"), reason="needs a C++ compiler")
def test_compiled_frames_are_plain_frames() -> None:
    of = manifest()
    plain = prepare(make_step(of), PLAIN, example(of))
    compiled = prepare(make_step(of), Choice("torch", "cpu", "bfloat16", True), example(of))
    for seed in (1, 2):
        (expected, _), (frame, _) = plain.run(example(of, seed)), compiled.run(example(of, seed))
        assert (np.abs(frame.astype(int) - expected) <= 2).mean() >= 0.99


def test_what_cannot_be_compiled_is_said_before_play(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the first frame would fail, when the world is open already."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no Python.h")

    monkeypatch.setattr(torch.nn.Module, "compile", fail)
    of = manifest()
    with pytest.raises(UserError, match=r"compiled: no Python\.h"):
        prepare(make_step(of), Choice("torch", "cpu", "float32", True), example(of))


def test_a_kept_graph_opens_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling anew at every start took most of the time that a world takes to open."""
    of, compiled = manifest(), []
    real = runners_openvino._compile
    monkeypatch.setattr(runners_openvino, "_compile", lambda *a: compiled.append(a) or real(*a))
    monkeypatch.setattr(runtime, "cache_folder", lambda: tmp_path)

    def start(identity: str = "some", choice: Choice = OPENVINO) -> list[np.ndarray]:
        return list(prepare(make_step(of), choice, example(of), identity).run(example(of, 1)))

    first = start()
    for made, again in zip(first, start(), strict=True):
        np.testing.assert_array_equal(made, again)
    assert len(compiled) == 1
    start("others")
    start(choice=replace(OPENVINO, precision="int8"))
    assert len(compiled) == 3, "other weights, another precision: other graphs"
    monkeypatch.setattr(runtime, "_versions", lambda: ("torch", "a newer OpenVINO"))
    start()
    assert len(compiled) == 4
    start("")
    assert len(compiled) == 5 and len(list((tmp_path / "graphs").iterdir())) == 4, "not kept"


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other"])
def test_a_damaged_graph_costs_a_compilation(damage: str, tmp_path: Path) -> None:
    """OpenVINO itself would take a flipped weight for what it is."""
    of, kept = manifest(), tmp_path / "a.graph"

    def start() -> np.ndarray:
        runner = runners_openvino.OpenVinoRunner(make_step(of), OPENVINO, example(of), kept)
        return runner.run(example(of))[0]

    expected, whole = start(), kept.read_bytes()
    flipped = bytearray(whole)
    flipped[-1000] ^= 0xFF
    damaged = {"empty": b"", "cut": whole[:-7], "flipped": bytes(flipped), "other": b"x" * 99}
    kept.write_bytes(damaged[damage])
    np.testing.assert_array_equal(start(), expected)
    assert hashlib.sha256(kept.read_bytes()[32:]).digest() == kept.read_bytes()[:32]


def test_a_folder_of_graphs_that_is_closed_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Python 3.12 asking whether a file is there raised, and play ended in a traceback."""

    def refuse(path: Path, **_: object) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    of = manifest()
    assert prepare(make_step(of), OPENVINO, example(of), "w").run(example(of))[0].shape == (
        16,
        16,
        3,
    )


def test_graphs_do_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = manifest()
    for name in ("a", "b", "c"):
        kept = tmp_path / f"{name}.graph"
        if name == "c":  # by then a was used again
            os.utime(tmp_path / "b.graph", (1, 1))
            size = (tmp_path / "a.graph").stat().st_size
            monkeypatch.setattr(runners_openvino, "KEPT_BYTES", 2.5 * size)
        runners_openvino.OpenVinoRunner(make_step(of), OPENVINO, example(of), kept)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.graph", "c.graph"]


def test_a_graph_in_another_arithmetic_than_asked_for_is_refused() -> None:
    """OpenVINO takes what the processor has instead, and frames of that were called float16."""
    of, half = manifest(), Choice("openvino", "cpu", "float16")
    try:
        runner = prepare(make_step(of), half, example(of))
    except UserError as error:
        assert re.search(r"float16 .*: this processor would work in (bf16|f32)$", str(error))
    else:
        compiled = runner._request.get_compiled_model()  # type: ignore[attr-defined]
        assert compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f16"


@pytest.mark.parametrize(
    ("error", "kept"),
    [(RuntimeError("no such kernel"), True), (torch.OutOfMemoryError("out of memory"), False)],
)
def test_a_decision_made_while_something_was_full_is_not_kept(
    error: Exception, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One full disk, and a world was never compiled again."""

    def refuse(*_: object) -> Runner:
        raise error

    monkeypatch.setattr(runtime, "OpenVinoRunner", refuse)
    of = manifest()
    assert choose(make_step(of), example(of), "w", "cpu", cache=tmp_path)[1].choice == PLAIN
    assert (tmp_path / "runtime.json").exists() == kept


def test_a_compilation_that_was_asked_for_and_fails_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It played on without, and without a word."""

    class Failing(runtime.TorchRunner):
        def run(self, inputs: Inputs) -> tuple[np.ndarray, ...]:
            if self.choice.compiled:
                raise RuntimeError("the compiler found no room")
            return super().run(inputs)

    monkeypatch.setattr(runtime, "TorchRunner", Failing)
    monkeypatch.setattr(runtime_choice, "can_compile", lambda device: True)
    of = manifest()
    with pytest.raises(UserError, match="compiled: the compiler found no room"):
        choose(make_step(of), example(of), "w", "cpu", compiled="on", cache=tmp_path)


def test_a_device_on_which_nothing_runs_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that is older than what PyTorch was built for is seen, and fails at the first frame."""

    class Old(runtime.TorchRunner):
        def run(self, inputs: Inputs) -> tuple[np.ndarray, ...]:
            raise RuntimeError("no kernel image is available\nand a page of advice")

    monkeypatch.setattr(runtime, "TorchRunner", Old)
    of = manifest()
    with pytest.raises(UserError, match=r"float32 .*: no kernel image is available$"):
        measure(make_step(of), example(of), [FAST, PLAIN])


def test_a_decision_is_of_one_code_and_one_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """int8 was kept unchecked after its own code had changed."""
    keys = [runtime._key("w", [FAST, PLAIN])]
    monkeypatch.setattr(runtime, "_versions", lambda: ("torch", "openvino", "other code"))
    keys.append(runtime._key("w", [FAST, PLAIN]))
    monkeypatch.setattr(openvino_core, "core", Processor)
    keys.append(runtime._key("w", [FAST, PLAIN]))
    assert len(set(keys)) == 3


class Processor:
    """As OpenVINO sees another one."""

    def get_property(self, device: str, name: str) -> str:
        return "another processor"


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("graph", [False, True])
def test_cuda_makes_plain_frames(precision: str, graph: bool) -> None:
    of = manifest(side_px=32, channels=(32, 64))
    plain = prepare(make_step(of), PLAIN, example(of))
    choice = Choice("torch", "cuda", precision, graph=graph)
    cuda = prepare(make_step(of), choice, example(of))
    for seed in (0, 1, 2, 0):  # replayed with other inputs, and with the first again
        (expected, events), (frame, told) = (
            plain.run(example(of, seed)),
            cuda.run(example(of, seed)),
        )
        assert (np.abs(frame.astype(int) - expected) <= 2).mean() >= 0.99
        np.testing.assert_allclose(told, events, atol=0.05)


@pytest.mark.gpu
def test_cuda_compiled_as_one_graph_makes_plain_frames() -> None:
    of = manifest(side_px=32, channels=(32, 64))
    expected, _ = prepare(make_step(of), PLAIN, example(of)).run(example(of))
    choice = Choice("torch", "cuda", "bfloat16", compiled=True, graph=True)
    frame, _ = prepare(make_step(of), choice, example(of)).run(example(of))
    assert (np.abs(frame.astype(int) - expected) <= 2).mean() >= 0.99
