"""Files of torch.save are data: damaged ones are refused in one line, and none is executed."""

from __future__ import annotations

import io
import os
import pickle
import shlex
import subprocess
import sys
import zipfile
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from base.errors import UserError
from base.torch_file import NotPlainError
from models.diamond import torch_file
from tests.support.damage import cut, flipped
from tests.support.parity import module

WEIGHTS = {
    "a.weight": torch.arange(12.0).view(3, 4),
    "a.bias": torch.full((3,), 0.5),
    "b": torch.ones(1),
}


def saved(data: Any, **how: Any) -> bytes:
    """The bytes of a file that torch.save wrote."""
    buffer = io.BytesIO()
    torch.save(data, buffer, **how)
    return buffer.getvalue()


BYTES = saved(WEIGHTS)
OLD = saved(WEIGHTS, _use_new_zipfile_serialization=False)  # as before PyTorch 1.6


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights") / "damaged.pt"


def refused(path: Path) -> str:
    """The one line that says why a file is refused."""
    with pytest.raises(UserError) as caught:
        torch_file.read(path)
    line = str(caught.value)
    assert str(path) in line and "\n" not in line
    return line


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(BYTES)
    read = torch_file.read(path)
    assert list(read) == list(WEIGHTS)
    assert all(torch.equal(read[name], tensor) for name, tensor in WEIGHTS.items())


@pytest.mark.parametrize("kind", [OrderedDict, Counter, nn.Module.state_dict])
def test_every_kind_of_dict_is_read(tmp_path: Path, kind: Callable[..., Any]) -> None:
    """nn.Module.state_dict gives an OrderedDict with an attribute, and trainers save just that."""
    network = module(WEIGHTS)
    saved_as = kind(network) if kind is nn.Module.state_dict else kind(WEIGHTS)
    if kind is nn.Module.state_dict:
        assert isinstance(saved_as, OrderedDict) and hasattr(saved_as, "_metadata")
    torch.save(saved_as, tmp_path / "weights.pt")
    read = torch_file.read(tmp_path / "weights.pt")
    assert type(read) is dict and read.keys() == WEIGHTS.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in WEIGHTS.items())


@pytest.mark.parametrize(
    ("data", "how"),
    [
        (WEIGHTS, {"_use_new_zipfile_serialization": False}),
        (WEIGHTS, {"pickle_protocol": 3}),
        ({name: tensor.half() for name, tensor in WEIGHTS.items()}, {}),
        ({name: tensor.bfloat16() for name, tensor in WEIGHTS.items()}, {}),
        ({name: tensor.double() for name, tensor in WEIGHTS.items()}, {}),
        ({name: nn.Parameter(tensor) for name, tensor in WEIGHTS.items()}, {}),
        (module(WEIGHTS).state_dict(keep_vars=True), {}),
        ({f"module.{name}": tensor for name, tensor in WEIGHTS.items()}, {}),
        (
            {"a._orig_mod.weight": WEIGHTS["a.weight"],
             "_orig_mod.module.a.bias": WEIGHTS["a.bias"],
             "_fsdp_wrapped_module._orig_mod.b": WEIGHTS["b"]},
            {},
        ),
        ({"a": {"weight": WEIGHTS["a.weight"], "bias": WEIGHTS["a.bias"]}, "b": WEIGHTS["b"]}, {}),
        ({**WEIGHTS, "epoch": 3, "loss": 0.5, "name": "x", "steps": torch.tensor(7)}, {}),
        ({**WEIGHTS, "loss": np.float64(3), "epoch": np.int64(2), "best": np.bool_(True)}, {}),
    ],
)  # fmt: skip
def test_plain_weights_are_read_however_they_were_saved(
    tmp_path: Path, data: Any, how: dict[str, Any]
) -> None:
    (tmp_path / "weights.pt").write_bytes(saved(data, **how))
    read = torch_file.read(tmp_path / "weights.pt")
    assert read.keys() == WEIGHTS.keys()
    for name, tensor in WEIGHTS.items():
        assert type(read[name]) is Tensor and read[name].dtype == torch.float32
        assert torch.equal(read[name], tensor) and not read[name].requires_grad


OPTIMIZER = {"state": {0: {"exp_avg": torch.ones(3, 4)}}, "param_groups": [{"lr": 1e-4}]}


@pytest.mark.parametrize(
    "data",
    [
        {"state_dict": WEIGHTS, "optimizer": OPTIMIZER, "step": 100},
        {"model": {f"net.{name}": tensor for name, tensor in WEIGHTS.items()}, "b": WEIGHTS["b"]},
        {"a": {"b": {"module": WEIGHTS}}},
        {**WEIGHTS, "optimizer": OPTIMIZER, "ema": {"decay": torch.ones(2)}},
        {"state_dict": WEIGHTS, "shared": {"with": OPTIMIZER, "again": OPTIMIZER}},
    ],
)  # fmt: skip
def test_what_weights_are_wrapped_in_and_lie_beside_is_left(tmp_path: Path, data: Any) -> None:
    (tmp_path / "weights.pt").write_bytes(saved(data))
    read = torch_file.read(tmp_path / "weights.pt", mark="a.weight")
    assert read.keys() == WEIGHTS.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in WEIGHTS.items())


def mended(line: str, cwd: Path | None = None) -> None:
    """Do what a line says."""
    command = line[line.index("python -c") :].replace("python", shlex.quote(sys.executable), 1)
    subprocess.run(["sh", "-c", command], check=True, cwd=cwd)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda path: torch.save(WEIGHTS, path, pickle_protocol=4), "protocol"),
        (
            lambda path: torch.save(
                WEIGHTS, path, pickle_protocol=5, _use_new_zipfile_serialization=False
            ),
            "protocol",
        ),
        (lambda path: torch.save({**WEIGHTS, "args": Namespace(lr=1)}, path), "argparse.Namespace"),
        (lambda path: torch.save(defaultdict(list, WEIGHTS), path), "collections.defaultdict"),
        (lambda path: path.write_bytes(pickle.dumps(WEIGHTS)), "torch.save did not write"),
        (lambda path: torch.jit.save(torch.jit.script(Scripted()), str(path)), "TorchScript"),
        (lambda path: packed_anew(path), "packed anew"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*TorchScript|.*torch.jit")
def test_what_is_special_is_named_with_the_command_that_mends_it(
    tmp_path: Path, write: Callable[[Path], Any], says: str
) -> None:
    path = tmp_path / "it's $special !1.pt"
    write(path)
    line = refused(path)
    assert says in line and "damaged" not in line
    mended(line)
    read = torch_file.read(tmp_path / "it's $special !1-plain.pt")
    assert all(torch.equal(read[name], WEIGHTS[name]) for name in read) and "b" in read


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.b = nn.Parameter(WEIGHTS["b"])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.b


def packed_anew(path: Path) -> None:
    with (
        zipfile.ZipFile(io.BytesIO(BYTES)) as before,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in before.namelist():
            made.writestr(name, before.read(name))


def test_weights_that_are_there_twice_are_chosen_between(tmp_path: Path) -> None:
    other = {name: tensor + 1 for name, tensor in WEIGHTS.items()}
    torch.save({"ema": other, "model": WEIGHTS}, tmp_path / "two.pt")
    with pytest.raises(UserError, match=r"'ema\.a\.weight', 'model\.a\.weight'") as caught:
        torch_file.read(tmp_path / "two.pt", mark="a.weight")
    mended(str(caught.value))
    read = torch_file.read(tmp_path / "two-plain.pt", mark="a.weight")
    assert all(torch.equal(read[name], tensor) for name, tensor in WEIGHTS.items())


def test_no_name_in_a_file_is_read_by_the_shell(tmp_path: Path) -> None:
    evil = 'x"; touch trace; `touch trace`$(touch trace)\\"'
    torch.save({f"{evil}.a.weight": WEIGHTS["b"], "a.weight": WEIGHTS["b"]}, tmp_path / "two.pt")
    with pytest.raises(UserError, match="more than once") as caught:
        torch_file.read(tmp_path / "two.pt", mark="a.weight")
    mended(str(caught.value), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"two.pt", "two-plain.pt"}
    assert torch_file.read(tmp_path / "two-plain.pt", mark="a.weight").keys() == {"a.weight"}


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"\x1f\x8b\x08\x00", "gunzip"),
        (b'P\x00\x00\x00\x00\x00\x00\x00{"a":', "a safetensors file"),
        (b"\x89HDF\r\n", "an HDF5 file"),
    ],
)
def test_other_files_are_named(tmp_path: Path, head: bytes, says: str) -> None:
    path = tmp_path / "agent.pt"
    path.write_bytes(head + bytes(100))
    line = refused(path)
    assert says in line and "damaged" not in line
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("agent.pt", BYTES)
    assert "unpack it" in refused(path)


def test_every_flipped_number_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    for at in range(BYTES.index(WEIGHTS["a.weight"].numpy().tobytes()), len(BYTES), 199):
        path.write_bytes(BYTES[:at] + bytes([BYTES[at] ^ 1]) + BYTES[at + 1 :])
        if read := read_or_refused(path):
            assert all(torch.equal(read[name], tensor) for name, tensor in WEIGHTS.items())
    whole = BYTES.replace(WEIGHTS["a.bias"].numpy().tobytes(), torch.ones(3).numpy().tobytes())
    path.write_bytes(whole)
    assert "damaged" in refused(path)


def test_files_that_were_saved_without_sums_are_read(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(WEIGHTS, tmp_path / "weights.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch_file.read(tmp_path / "weights.pt").keys() == WEIGHTS.keys()


def test_the_kind_of_refusal_survives_another_process() -> None:
    error = pickle.loads(pickle.dumps(NotPlainError("a.pt is special", "open()")))
    assert (str(error), error.opened_by) == ("a.pt is special", "open()")


def nested(depth: int) -> dict[str, Any]:
    data: dict[str, Any] = {"x": torch.ones(2)}
    for _ in range(depth):
        data = {"a": data, "b": data}
    return data


def test_dicts_in_dicts_are_looked_into_once(tmp_path: Path) -> None:
    """Each in two places: 2^40 paths."""
    torch.save({**WEIGHTS, "more": nested(40)}, tmp_path / "weights.pt")
    assert torch_file.read(tmp_path / "weights.pt").keys() == WEIGHTS.keys()


def test_what_a_file_calls_a_method_is_not_called(tmp_path: Path) -> None:
    weights = OrderedDict(WEIGHTS)
    vars(weights).update(keys=1, values=2)
    torch.save(weights, tmp_path / "weights.pt")
    assert torch_file.read(tmp_path / "weights.pt").keys() == WEIGHTS.keys()


class Executes:
    """A pickle of this runs a command of its own choice when it is loaded by any usual means."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("nested", [False, True])
def test_a_file_that_tries_to_run_something_is_refused(tmp_path: Path, nested: bool) -> None:
    path, trace = tmp_path / "evil.pt", tmp_path / "trace"
    torch.save({**WEIGHTS, "c": Executes(trace)} if nested else Executes(trace), path)
    line = refused(path)
    assert "refused" in line and "plain data" in line
    assert not trace.exists()
    # It would have run: else this test could not fail.
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        program = archive.read(name)
    if not nested:
        pickle.loads(program)
        assert trace.exists()


def test_a_bare_pickle_is_refused_without_running_it(tmp_path: Path) -> None:
    path, trace = tmp_path / "evil.pt", tmp_path / "trace"
    path.write_bytes(pickle.dumps(Executes(trace)))
    refused(path)
    assert not trace.exists()


@given(cut(BYTES))
def test_a_truncated_file_is_refused(file: Path, damaged: bytes) -> None:
    file.write_bytes(damaged)
    refused(file)


@given(flipped(BYTES))
def test_flipped_bytes_make_no_other_numbers(file: Path, damaged: bytes) -> None:
    """The sums in the archive tell; bytes that only fill it up may be any."""
    file.write_bytes(damaged)
    if read := read_or_refused(file):
        assert all(torch.equal(read[name], tensor) for name, tensor in WEIGHTS.items())


@given(flipped(OLD) | cut(OLD))
def test_damage_of_the_old_format_is_one_line_or_other_numbers(file: Path, damaged: bytes) -> None:
    """It keeps no sums."""
    file.write_bytes(damaged)
    read_or_refused(file)


@given(st.binary(max_size=2000))
def test_any_other_file_is_refused(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    refused(file)


@given(st.binary(min_size=1, max_size=300), st.booleans())
def test_any_program_in_the_file_makes_one_line(file: Path, program: bytes, framed: bool) -> None:
    """A well-formed archive around any pickle at all."""
    with zipfile.ZipFile(io.BytesIO(BYTES)) as source, zipfile.ZipFile(file, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("data.pkl"):
                content = b"\x80\x02" + program + b"." if framed else program
            target.writestr(name, content)
    read_or_refused(file)


def read_or_refused(file: Path) -> dict[str, Tensor] | None:
    try:
        read = torch_file.read(file)
    except UserError as error:
        assert str(file) in str(error) and "\n" not in str(error)
    else:
        assert all(type(name) is str and type(t) is Tensor for name, t in read.items())
        assert sum(tensor.numel() for tensor in read.values()) < len(BYTES)
        return read
    return None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([WEIGHTS["a.bias"]], "does not hold tensors by name"),
        (WEIGHTS["a.bias"], "does not hold tensors by name"),
        ({1: WEIGHTS["a.bias"]}, "does not hold tensors by name"),
        ({"a": [WEIGHTS["a.weight"]]}, "does not hold tensors by name"),
        ({"a": 1.0}, "does not hold tensors by name"),
        ({"a.b": WEIGHTS["b"], "module.a.b": WEIGHTS["b"]}, "holds 'a.b' more than once"),
        ({"a": torch.ones(2, 2).to_sparse()}, "'a' is no plain tensor"),
        ({"a": torch.ones(2, device="meta")}, "'a' is no plain tensor"),
        ({"a": torch.ones(2, dtype=torch.int64)}, "does not hold real numbers as 'a'"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "does not hold real numbers as 'a'"),
        ({"a": torch.ones(10**9, 0)}, "does not hold real numbers as 'a'"),
        ({"a": torch.tensor([1e300], dtype=torch.float64)}, "no finite numbers: a"),
        ({"a": torch.ones(1).expand(10**9)}, "its tensors claim more than its"),
        (dict.fromkeys("abcdefgh", torch.ones(9999)), "its tensors claim more than its"),
        ({"a": torch.tensor([1.0, float("nan")])}, "no finite numbers: a"),
        ({"a": torch.tensor([float("inf")])}, "no finite numbers: a"),
        (OrderedDict(a=Path("/")), "plain data"),
    ],
)
def test_what_is_no_flat_checkpoint_is_refused(tmp_path: Path, data: Any, says: str) -> None:
    path = tmp_path / "foreign.pt"
    torch.save(data, path)
    assert says in refused(path)


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "cannot read" in refused(tmp_path / "absent.pt")
    assert "cannot read" in refused(tmp_path)


def test_memory_that_is_only_asked_for_is_refused(file: Path) -> None:
    """torch gives what a pickle of a few bytes asks for: gigabytes."""
    with zipfile.ZipFile(io.BytesIO(BYTES)) as before, zipfile.ZipFile(file, "w") as made:
        for entry in before.infolist():
            data = before.read(entry)
            if entry.filename.endswith("data.pkl"):
                data = b"\x80\x02c__builtin__\nbytearray\nM\xe8\x03\x85R."
            made.writestr(entry.filename, data)
    assert "holds more than plain data" in refused(file)
    torch.save({**WEIGHTS, "c": bytearray(9)}, file, _use_new_zipfile_serialization=False)
    assert "holds more than plain data" in refused(file)
