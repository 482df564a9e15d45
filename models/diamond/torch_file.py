"""Weights from a file that torch.save wrote (.pt), in whatever a trainer wrapped them.

A file may hold a flat dict of tensors, as nn.Module.state_dict gives it; dicts of such dicts, with
the weights in one of them; and other things beside, which are left alone. Names are those of the
network that was trained, without what compiling and distributing it put between.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from base.errors import UserError
from base.torch_file import BY_TORCH, NotPlainError, check_claims, is_plain, load

# Of torch.compile, of data parallelism, and of sharding.
WRAPPERS = {"_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
DEEPEST = 6  # dicts in dicts
LONGEST_NAME = 200  # of a key; no network's are nearly as long
SAFE_SIGNS = " /._-+:,=@~()[]"

Found = dict[str, tuple[Tensor, int]]  # tensors of a file, and in how many dicts each of them is


def content(path: Path) -> Any:
    """Read a file. Raises UserError, with the command that mends what can be mended."""
    try:
        return load(path, "checkpoint")
    except NotPlainError as error:
        opened = error.opened_by.format(path=literal(path.as_posix()))
        code = (
            "import torch; t = lambda v: torch.is_tensor(v) or isinstance(v, dict) "
            f"and all(map(t, v.values())); s = {opened}; "
            "s = s.state_dict() if hasattr(s, 'state_dict') else s; "
            f"torch.save({{k: v for k, v in s.items() if t(v)}}, {literal(_anew(path).as_posix())})"
        )
        raise UserError(
            f"{error}; if you trust its maker, save its weights anew, which runs what the file "
            f'says: python -c "{code}"'
        ) from error


def read(path: Path, mark: str = "") -> dict[str, Tensor]:
    """The weights in a file by name, as finite float32 tensors that may be mapped from it, so that
    it must stay as it is.

    mark: a name that they have among them, and that tells where in the file they are.
    Raises UserError, naming the file, for anything else.
    """
    path = Path(path)
    return weights_in(path, content(path), mark)


def weights_in(path: Path, data: Any, mark: str = "") -> dict[str, Tensor]:
    """Return the weights among a file's content, as `read` does."""
    found: Found = {}
    for name, tensor, depth in _tensors(data):
        if name in found:
            raise UserError(f"{path} holds '{name[:80]}' more than once")
        found[name] = tensor, depth
    if not found and not (mark and isinstance(data, dict)):
        raise UserError(f"{path} is no checkpoint: it does not hold tensors by name")
    weights = _below(path, found, mark) if mark else {n: tensor for n, (tensor, _) in found.items()}
    for name, tensor in weights.items():
        if not is_plain(tensor):
            raise UserError(f"{path} is no checkpoint: '{name[:60]}' is no plain tensor")
        if not tensor.is_floating_point() or not tensor.numel():
            raise UserError(f"{path} does not hold real numbers as '{name[:60]}'")
    check_claims(path, weights.values())
    weights = {name: tensor.detach().float() for name, tensor in weights.items()}
    for name, tensor in weights.items():
        if not bool(tensor.isfinite().all()):
            raise UserError(f"{path} has weights that are no finite numbers: {name[:60]}")
    return weights


def saving(path: Path, kept: str) -> str:
    """The command that saves of a plain checkpoint the entries `kept`, a condition on the key k,
    in which what came from the file is a `literal`."""
    opened = BY_TORCH.format(path=literal(path.as_posix())).replace(", weights_only=False", "")
    code = (
        f"import torch; s = {opened}; "
        f"torch.save({{k: v for k, v in s.items() if {kept}}}, {literal(_anew(path).as_posix())})"
    )
    return f'python -c "{code}"'


def literal(text: str) -> str:
    """A text as a string in Python, of signs that no shell reads between double quotes."""
    signs = (c if c.isalnum() or c in SAFE_SIGNS else f"\\U{ord(c):08x}" for c in text)
    return f"'{''.join(signs)}'"


def _tensors(data: Any) -> Iterator[tuple[str, Tensor, int]]:
    """Tensors in dicts of dicts: names joined by dots, and in how many dicts. Single numbers are
    left out."""
    waiting, seen = [("", 1, data)], set[int]()
    while waiting:
        prefix, depth, holder = waiting.pop()
        if not isinstance(holder, dict) or id(holder) in seen or depth > DEEPEST:
            continue
        seen.add(id(holder))
        # An OrderedDict has attributes of any name from its file: the dict's own method is asked.
        for key, value in dict.items(holder):
            if not isinstance(key, str) or len(key) > LONGEST_NAME:
                continue
            name = prefix + ".".join(part for part in key.split(".") if part not in WRAPPERS)
            if not isinstance(value, Tensor):
                waiting.append((f"{name}." if name else "", depth + 1, value))
            elif value.ndim:
                yield name, value, depth


def _below(path: Path, found: Found, mark: str) -> dict[str, Tensor]:
    """The tensors among which there is one called `mark`, by the names that they have there.

    What lies in dicts beside them is no part of them.
    """
    roots = sorted(
        name.removesuffix(mark) for name in found if name == mark or name.endswith(f".{mark}")
    )
    if not roots:
        raise UserError(f"{path} lacks '{mark}'")
    if len(roots) > 1:
        names = ", ".join(f"'{(root + mark)[:60]}'" for root in roots[:5])
        one = saving(path, f"(k + '.').startswith({literal(roots[-1])})")
        raise UserError(f"{path} holds weights more than once ({names}); save one of them: {one}")
    (root,) = roots
    _, level = found[root + mark]
    return {
        name.removeprefix(root): tensor
        for name, (tensor, depth) in found.items()
        if name.startswith(root) and depth <= level
    }


def _anew(path: Path) -> Path:
    """The name of a file that is saved anew, beside it."""
    return path.with_name(f"{path.stem}-plain.pt")
