"""Files of torch.save are data: damaged ones are refused in one line, and none is executed."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from base.errors import UserError
from models import torch_file
from tests.damage import cut, flipped
from tests.parity import module

WEIGHTS = {
    "a.weight": torch.arange(12.0).view(3, 4),
    "a.bias": torch.full((3,), 0.5),
    "b": torch.ones(1),
}


def saved(data: Any) -> bytes:
    """The bytes of a file that torch.save wrote."""
    buffer = io.BytesIO()
    torch.save(data, buffer)
    return buffer.getvalue()


BYTES = saved(WEIGHTS)


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


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@given(flipped(BYTES))
def test_flipped_bytes_make_other_numbers_or_one_line(file: Path, damaged: bytes) -> None:
    file.write_bytes(damaged)
    read_or_refused(file)


@given(st.binary(max_size=2000))
def test_any_other_file_is_refused(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    refused(file)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
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


def read_or_refused(file: Path) -> None:
    try:
        read = torch_file.read(file)
    except UserError as error:
        assert str(file) in str(error) and "\n" not in str(error)
    else:
        assert all(type(name) is str and type(t) is Tensor for name, t in read.items())
        assert sum(tensor.numel() for tensor in read.values()) < len(BYTES)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([WEIGHTS["a.bias"]], "does not hold tensors by name"),
        (WEIGHTS["a.bias"], "does not hold tensors by name"),
        ({1: WEIGHTS["a.bias"]}, "does not hold tensors by name"),
        ({"a": {"weight": WEIGHTS["a.weight"]}}, "'a' is no plain tensor"),
        ({"a": 1.0}, "'a' is no plain tensor"),
        ({"a": torch.ones(2, 2).to_sparse()}, "'a' is no plain tensor"),
        ({"a": torch.ones(2, device="meta")}, "'a' is no plain tensor"),
        ({"a": torch.ones(2, dtype=torch.float64)}, "does not hold float32 numbers as 'a'"),
        ({"a": torch.ones(10**9, 0)}, "does not hold float32 numbers as 'a'"),
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
