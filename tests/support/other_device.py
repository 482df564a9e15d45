"""A device beside the CPU where there is no GPU: it computes as the CPU does, but like a GPU it
refuses work on tensors of which some lie elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._python_dispatch import (
    TorchDispatchMode,
    _disable_current_modes,
    return_and_correct_aliasing,
)
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _setup_privateuseone_for_python_backend,
)

NAME = "other"
COPIES = {torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}
LOOKS = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default}
INDEXING = {
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put_.default,
    torch.ops.aten._index_put_impl_.default,
}


class Backend(_DummyBackendModule):
    """What torch asks of a device besides computing."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


class OtherTensor(Tensor):
    """A tensor of the other device; `inner` is what it stands for, on the CPU."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> OtherTensor:
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=torch.device(NAME, 0),
        )
        made.inner = inner
        return cast(OtherTensor, made)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError("there is no other device any more")


class OtherDevice(TorchDispatchMode):
    """Within, torch has a device called NAME, whose work is in float32 or cast by hand.

    Raises RuntimeError as CUDA would: for work on tensors of both devices, and in work that is
    captured for copies between them and for looks at what is there.
    """

    def __init__(self) -> None:
        super().__init__()
        if torch._C._get_privateuse1_backend_name() != NAME:  # once in a process
            _setup_privateuseone_for_python_backend(NAME, Backend())
        self._capturing = False

    def __enter__(self) -> OtherDevice:
        # Weights that move become new ones, or modules would keep those on the CPU.
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        torch.__future__.set_overwrite_module_params_on_conversion(False)

    def capture(self, work: Callable[[], Any]) -> Callable[[], Any]:
        """As a CUDA graph does: the work, once it was shown that it can be captured."""
        self._capturing = True
        try:
            work()
        finally:
            self._capturing = False
        return work

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        others = [tensor for tensor in tensors if isinstance(tensor, OtherTensor)]
        # Numbers on the CPU, tensors without dimensions, may go anywhere.
        mixed = bool(others) and any(t.ndim for t in tensors if not isinstance(t, OtherTensor))
        wanted = kwargs.get("device")
        goes = bool(others) if wanted is None else torch.device(wanted).type == NAME
        if func in COPIES:
            goes = goes if wanted is not None else isinstance(args[0], OtherTensor)
            mixed = self._capturing and goes != isinstance(args[-1], OtherTensor)
        elif func in INDEXING and isinstance(args[0], OtherTensor):
            mixed = mixed and self._capturing  # places on the CPU are copied there
        if mixed or (self._capturing and func in LOOKS):
            shapes = [(tensor.device.type, tuple(tensor.shape)) for tensor in tensors]
            raise RuntimeError(f"{func} cannot be done with {shapes}")
        inner_args, inner_kwargs = tree_map_only(OtherTensor, lambda t: t.inner, (args, kwargs))
        if wanted is not None:
            inner_kwargs["device"] = torch.device("cpu")
        with _disable_current_modes():
            made = func(*inner_args, **inner_kwargs)
        if not goes:
            return made
        made = tree_map_only(Tensor, OtherTensor, made)
        return return_and_correct_aliasing(func, args, kwargs, made) if others else made
