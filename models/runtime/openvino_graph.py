"""OpenVINO graphs built by running a torch module's own `forward` on symbols.

A `Symbol` stands where a tensor would and answers torch's calls through `__torch_function__`,
each by the OpenVINO operation of the same meaning, so the graph follows the module's code and
nothing is written twice. It takes a fraction of a second, where `openvino.convert_model` traces
for several: that is most of the player's start-up budget. Tensors that depend on no input
(noise levels, weights) are computed by torch and become constants. Shapes are static.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.runtime.openvino_core import openvino as ov

ops = ov.opset15

Node = Any  # an openvino.Node or Output; the binding is generated and untyped
TYPES = {torch.float32: np.float32, torch.uint8: np.uint8, torch.int64: np.int64}
ACTIVATION = "Swish"  # what OpenVINO calls torch's silu
LEVELS, MOST = 256, 127.0  # whole numbers of eight bits; the largest, if they have a sign
DEEPEST, BELOW = 0.2785, 16.0  # how far silu goes below 0; how many of the levels are for that
TINY = 1e-12  # what weights that are all 0 are divided by
# A convolution with fewer outputs is a network's last: nothing evens out what it gets wrong.
LEAST_OUTPUTS = 32
MANY = 1 << 22  # weights of a linear layer: reading them is what takes it time


# Constants of the graph that is being built, by what they are of and in which form, beside the
# tensors they are of, which keeps these from giving their place in memory to others.
_constants: ContextVar[dict[Any, tuple[Tensor, Node]]] = ContextVar("constants")
_int8: ContextVar[bool] = ContextVar("int8", default=False)


class NotSupportedError(NotImplementedError):
    """A module uses a torch operation that has no translation below; torch still runs it."""


class Symbol:
    """A tensor of an OpenVINO graph, as a torch module's `forward` sees it."""

    def __init__(self, output: Node) -> None:
        self.output = output

    @property
    def shape(self) -> torch.Size:
        """Return the shape of the graph's tensor, which is static."""
        return torch.Size(list(self.output.get_shape()))

    @property
    def ndim(self) -> int:
        """Return the number of dimensions."""
        return len(self.shape)

    @property
    def dtype(self) -> torch.dtype:
        """Return the torch type that matches the element type in the graph."""
        name = np.dtype(self.output.get_element_type().to_dtype())
        return next(torch_type for torch_type, known in TYPES.items() if name == known)

    @property
    def device(self) -> torch.device:
        """Return the CPU: the graph has no other device."""
        return torch.device("cpu")

    @property
    def mT(self) -> Symbol:  # noqa: N802 - torch's own spelling
        """Return the tensor with its last two dimensions swapped."""
        return transpose(self, -1, -2)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in TRANSLATIONS:
            raise NotSupportedError(f"no OpenVINO form of Tensor.{name}")
        return lambda *args, **kwargs: TRANSLATIONS[name](self, *args, **kwargs)

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        name = func.__name__.strip("_")
        if name not in TRANSLATIONS:
            raise NotSupportedError(f"no OpenVINO form of torch.{name}")
        return TRANSLATIONS[name](*args, **(kwargs or {}))

    def __add__(self, other: Any) -> Symbol:
        return add(self, other)

    def __sub__(self, other: Any) -> Symbol:
        return sub(self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return sub(other, self)

    def __mul__(self, other: Any) -> Symbol:
        return mul(self, other)

    def __truediv__(self, other: Any) -> Symbol:
        return div(self, other)

    def __neg__(self) -> Symbol:
        return mul(self, -1.0)

    def __gt__(self, other: Any) -> Symbol:
        return wrap(ops.greater(node(self), node(other)))

    def __getitem__(self, index: Any) -> Symbol:
        return getitem(self, index)

    __radd__ = __add__
    __rmul__ = __mul__


def build(
    module: nn.Module,
    inputs: Mapping[str, tuple[tuple[int, ...], torch.dtype]],
    int8: bool = False,
) -> ov.Model:
    """The graph of `module(*inputs)`.

    inputs: name → (static shape, torch.float32 or torch.uint8), in the order of `forward`.
    int8:   convolutions that follow an activation multiply whole numbers of eight bits, and large
            linear layers have their weights as such.
    Raises NotSupportedError when the module uses an operation that is not translated here.
    """
    parameters = [
        ops.parameter(list(shape), TYPES[dtype], name) for name, (shape, dtype) in inputs.items()
    ]
    constants_before, int8_before = _constants.set({}), _int8.set(int8)
    try:
        # What torch computes meets weights that are not kept in float32 as well.
        kept = {weight.dtype for weight in module.parameters()} - {torch.float32}
        with torch.no_grad(), torch.autocast("cpu", next(iter(kept), None), enabled=bool(kept)):
            made = module(*(Symbol(parameter.output(0)) for parameter in parameters))
        results = made if isinstance(made, tuple) else (made,)
        return ov.Model([ops.result(node(result)) for result in results], parameters, "frame")
    finally:
        _constants.reset(constants_before)
        _int8.reset(int8_before)


def node(value: Any) -> Node:
    """The graph's form of a symbol, tensor or number."""
    if isinstance(value, Symbol):
        return value.output
    if isinstance(value, Tensor):
        return constant(value)
    return ops.constant(np.array(value, np.float32)).output(0)


def constant(value: Tensor) -> Node:
    """A tensor as a constant; floats in float32: a compiled graph has them in its own precision."""

    def make() -> Node:
        numbers = value.float() if value.is_floating_point() else value
        return ops.constant(numbers.detach().numpy())

    return _shared(value, "itself", make)


def whole_weights(weight: Tensor) -> Node:
    """Weights as whole numbers from -MOST to MOST, times a unit for each output."""

    def make() -> Node:
        rows = weight.flatten(1).float()
        unit = rows.abs().amax(dim=1, keepdim=True).clamp(min=TINY) / MOST
        whole = (rows / unit).round().to(torch.int8).view(weight.shape)
        unit = unit.view(-1, *(1,) * (weight.ndim - 1))
        return ops.multiply(ops.convert(ops.constant(whole.numpy()), np.float32), node(unit))

    return _shared(weight, "whole numbers", make)


def _shared(value: Tensor, form: str, make: Callable[[], Node]) -> Node:
    """The same node for the same weights in the same form, however often they are used."""
    known = _constants.get()
    key = (form, value.data_ptr(), value.shape, value.stride(), value.dtype)
    if key not in known:
        known[key] = (value, make().output(0))
    return known[key][1]


def wrap(created: Any) -> Symbol:
    """Return the first output of a node as a tensor."""
    return Symbol(created.output(0))


def integers(values: Iterable[int]) -> Node:
    """Return a constant of int64: shapes, axes and bounds."""
    return ops.constant(np.array(list(values), np.int64))


def conv2d(
    x: Symbol, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Symbol:  # fmt: skip
    """Translate torch.nn.functional.conv2d; after an activation in int8, if the graph uses it.

    Raises NotSupportedError for groups.
    """
    if groups != 1:
        raise NotSupportedError("no OpenVINO form of a grouped convolution")
    stride, padding, dilation = (
        [v, v] if isinstance(v, int) else list(v) for v in (stride, padding, dilation)
    )
    activated = x.output.get_node().get_type_name() == ACTIVATION
    if _int8.get() and activated and len(weight) >= LEAST_OUTPUTS:
        whole, unit = whole_numbers(x)
        kernel = whole_weights(weight)
        y = wrap(ops.convolution(node(whole), kernel, stride, padding, padding, dilation)) * unit
    else:
        y = wrap(ops.convolution(node(x), node(weight), stride, padding, padding, dilation))
    return y if bias is None else y + bias.view(1, -1, 1, 1)


def whole_numbers(x: Symbol) -> tuple[Symbol, Symbol]:
    """Return an activation (B, C, H, W) in whole numbers, and the unit of those, (B, 1, 1, 1).

    It is measured on each frame: what is known of no other can be relied on for none.
    """
    above = LEVELS - 1 - BELOW
    largest = wrap(ops.reduce_max(node(x), integers((1, 2, 3)), True))
    unit = wrap(ops.maximum(node(largest / above), node(DEEPEST / BELOW)))
    bounds = [node(torch.full((1, 1, 1, 1), at)) for at in (-BELOW, above)]
    return wrap(ops.fake_quantize(node(x / unit), *bounds, *bounds, LEVELS)), unit


def linear(x: Symbol, weight: Tensor, bias: Tensor | None = None) -> Symbol:
    """Translate torch.nn.functional.linear; with int8 weights where they are many."""
    whole = _int8.get() and weight.numel() >= MANY
    kernel = whole_weights(weight) if whole else node(weight)
    y = ops.matmul(node(x), kernel, False, True)
    return wrap(y if bias is None else ops.add(y, node(bias)))


def group_norm(
    x: Symbol, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Symbol:  # fmt: skip
    """Translate torch.nn.functional.group_norm for x (B, C, H, W)."""
    # By means over each channel's map, which leave it laid out as convolutions have it. OpenVINO's
    # own norms, over groups, want another layout: there and back took a seventh of a frame's time.
    _, channels, *sides = x.shape
    size, maps = channels // num_groups, integers((2, 3))
    share = node(torch.full((num_groups, size, size, 1, 1), 1 / size))

    def of_group(means: Node) -> Symbol:
        """(B, C, 1, 1) → the mean of each group, for each of its channels."""
        return wrap(ops.group_convolution(means, share, [1, 1], [0, 0], [0, 0], [1, 1]))

    # The mean goes first: bfloat16 would lose a small variance between two large squares.
    centred = x - of_group(ops.reduce_mean(node(x), maps, True))
    deviation = wrap(ops.reduce_l2(node(centred), maps, True)) / math.prod(sides) ** 0.5
    scale = wrap(ops.power(node(of_group(node(deviation * deviation)) + eps), node(-0.5)))
    if weight is None or bias is None:
        return centred * scale
    return centred * (scale * weight.view(1, -1, 1, 1)) + bias.view(1, -1, 1, 1)


def scaled_dot_product_attention(q: Symbol, k: Symbol, v: Symbol) -> Symbol:
    """Translate attention of q, k and v, each (B, heads, N, D), without a mask."""
    return wrap(ops.scaled_dot_product_attention(node(q), node(k), node(v)))


def cat(values: Sequence[Any], dim: int = 0) -> Symbol:
    """Translate torch.cat."""
    return wrap(ops.concat([node(value) for value in values], dim))


def pad(x: Symbol, amounts: Sequence[int], mode: str = "constant", value: Any = None) -> Symbol:
    """Translate torch.nn.functional.pad with zeros; NotSupportedError for any other padding."""
    if mode != "constant" or value:
        raise NotSupportedError(f"no OpenVINO form of padding with {mode} {value}")
    if not any(amounts):
        return x
    before, after = [0] * x.ndim, [0] * x.ndim
    for i in range(len(amounts) // 2):
        before[-1 - i], after[-1 - i] = amounts[2 * i], amounts[2 * i + 1]
    return wrap(ops.pad(node(x), integers(before), integers(after), "constant", node(0.0)))


def interpolate(
    x: Symbol, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: Any = None, recompute_scale_factor: Any = None, antialias: bool = False,
) -> Symbol:  # fmt: skip
    """Translate enlargement of (B, C, H, W) by a whole factor, in a mode of `ENLARGED`.

    Raises NotSupportedError for anything else.
    """
    factor = int(scale_factor or 0)
    if mode not in ENLARGED or factor != scale_factor or size is not None or align_corners:
        raise NotSupportedError(f"no OpenVINO form of {mode} enlargement by {scale_factor}")
    height, width = x.shape[-2:]
    return wrap(
        ops.interpolate(
            node(x), integers((height * factor, width * factor)), shape_calculation_mode="sizes",
            axes=integers((2, 3)), **ENLARGED[mode],
        )
    )  # fmt: skip


# How OpenVINO calls what torch does; cubic curves have torch's slope.
ENLARGED: dict[str, dict[str, Any]] = {
    "nearest": {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    },
    "bicubic": {
        "mode": "cubic",
        "coordinate_transformation_mode": "half_pixel",
        "cube_coeff": -0.75,
    },
}


def grid_sample(
    x: Symbol, grid: Symbol, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool = False,
) -> Symbol:  # fmt: skip
    """Translate torch.nn.functional.grid_sample."""
    how = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    return wrap(ops.grid_sample(node(x), node(grid), how))


def pixel_unshuffle(x: Symbol, factor: int) -> Symbol:
    """Translate torch.nn.functional.pixel_unshuffle."""
    return wrap(ops.space_to_depth(node(x), "depth_first", factor))


def pixel_shuffle(x: Symbol, factor: int) -> Symbol:
    """Translate torch.nn.functional.pixel_shuffle."""
    return wrap(ops.depth_to_space(node(x), "depth_first", factor))


def reshape(x: Symbol, *shape: Any) -> Symbol:
    """Translate Tensor.reshape; sizes one by one or as one sequence."""
    sizes = shape[0] if isinstance(shape[0], Sequence) else shape
    return wrap(ops.reshape(node(x), integers(sizes), False))


def flatten(x: Symbol, start_dim: int = 0, end_dim: int = -1) -> Symbol:
    """Translate Tensor.flatten."""
    start, end = start_dim % x.ndim, end_dim % x.ndim
    shape = x.shape
    return reshape(x, [*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]])


def permute(x: Symbol, *order: Any) -> Symbol:
    """Translate Tensor.permute; axes one by one or as one sequence."""
    axes = order[0] if isinstance(order[0], Sequence) else order
    return wrap(ops.transpose(node(x), integers(axis % x.ndim for axis in axes)))


def transpose(x: Symbol, first: int, second: int) -> Symbol:
    """Translate Tensor.transpose."""
    order = list(range(x.ndim))
    order[first], order[second] = order[second], order[first]
    return permute(x, order)


def unsqueeze(x: Symbol, dim: int) -> Symbol:
    """Translate Tensor.unsqueeze."""
    return wrap(ops.unsqueeze(node(x), integers([dim])))


def squeeze(x: Symbol, dim: int) -> Symbol:
    """Translate Tensor.squeeze of one dimension."""
    return wrap(ops.squeeze(node(x), integers([dim])))


def chunk(x: Symbol, chunks: int, dim: int = 0) -> tuple[Symbol, ...]:
    """Translate Tensor.chunk into parts of equal size."""
    parts = ops.split(node(x), ops.constant(dim % x.ndim), chunks)
    return tuple(Symbol(output) for output in parts.outputs())


def split(x: Symbol, sizes: Sequence[int], dim: int = 0) -> tuple[Symbol, ...]:
    """Translate Tensor.split into parts of the given sizes."""
    parts = ops.variadic_split(node(x), dim % x.ndim, list(sizes))
    return tuple(Symbol(output) for output in parts.outputs())


def unbind(x: Symbol, dim: int = 0) -> tuple[Symbol, ...]:
    """Translate Tensor.unbind."""
    return tuple(squeeze(part, dim) for part in chunk(x, x.shape[dim], dim))


def getitem(x: Symbol, index: Any) -> Symbol:
    """Whole numbers, slices of step 1, None and the ellipsis, as in torch."""
    items = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in items:
        at = items.index(Ellipsis)
        named = sum(item is not None and item is not Ellipsis for item in items)
        items[at : at + 1] = [slice(None)] * (x.ndim - named)
    axis = 0  # of what is left of x
    for item in items:
        if item is None:
            x = unsqueeze(x, axis)
            axis += 1
        elif isinstance(item, int):
            size = x.shape[axis]
            x = squeeze(cut(x, axis, item % size, item % size + 1), axis)
        elif isinstance(item, slice) and item.step in (None, 1):
            start, stop, _ = item.indices(x.shape[axis])
            x = cut(x, axis, start, stop)
            axis += 1
        else:
            raise NotSupportedError(f"no OpenVINO form of the index {item!r}")
    return x


def cut(x: Symbol, axis: int, start: int, stop: int) -> Symbol:
    """x[start:stop] along an axis."""
    if (start, stop) == (0, x.shape[axis]):
        return x
    bounds = (integers([start]), integers([stop]), integers([1]), integers([axis]))
    return wrap(ops.slice(node(x), *bounds))


def to(x: Symbol, *target: Any, **options: Any) -> Symbol:
    """Translate Tensor.to; a target without a type changes nothing."""
    dtype = next((t for t in (*target, *options.values()) if isinstance(t, torch.dtype)), None)
    return x if dtype is None or dtype == x.dtype else wrap(ops.convert(node(x), TYPES[dtype]))


def clamp(x: Symbol, min: float, max: float) -> Symbol:
    """Translate Tensor.clamp with both bounds."""
    return wrap(ops.clamp(node(x), float(min), float(max)))


def hardshrink(x: Symbol, lambd: float = 0.5) -> Symbol:
    """Translate torch.nn.functional.hardshrink."""
    far = ops.greater(ops.abs(node(x)), ops.constant(np.float32(lambd)))
    return wrap(ops.select(far, node(x), ops.constant(np.float32(0))))


def amax(x: Symbol, dim: int | Sequence[int], keepdim: bool = False) -> Symbol:
    """Translate Tensor.amax."""
    dims = [dim] if isinstance(dim, int) else dim
    return wrap(ops.reduce_max(node(x), integers(dims), keepdim))


def max_pool2d(
    x: Symbol, kernel_size: int, stride: int | None = None, padding: int = 0, dilation: int = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Symbol:  # fmt: skip
    """Translate torch.nn.functional.max_pool2d; sizes are the same in both directions.

    Raises NotSupportedError for ceil_mode and return_indices.
    """
    if ceil_mode or return_indices:
        raise NotSupportedError("no OpenVINO form of max_pool2d that rounds up or tells places")
    kernel, step, around, apart = (
        [value, value] for value in (kernel_size, stride or kernel_size, padding, dilation)
    )
    return wrap(ops.max_pool(node(x), step, apart, around, around, kernel))


def add(a: Any, b: Any) -> Symbol:
    """Translate torch.add."""
    return wrap(ops.add(node(a), node(b)))


def sub(a: Any, b: Any) -> Symbol:
    """Translate torch.sub."""
    return wrap(ops.subtract(node(a), node(b)))


def mul(a: Any, b: Any) -> Symbol:
    """Translate torch.mul."""
    return wrap(ops.multiply(node(a), node(b)))


def div(a: Any, b: Any) -> Symbol:
    """Translate torch.div."""
    return wrap(ops.divide(node(a), node(b)))


TRANSLATIONS: dict[str, Callable[..., Any]] = {
    "conv2d": conv2d,
    "linear": linear,
    "group_norm": group_norm,
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "silu": lambda x, inplace=False: wrap(ops.swish(node(x))),
    "cat": cat,
    "pad": pad,
    "interpolate": interpolate,
    "grid_sample": grid_sample,
    "pixel_unshuffle": pixel_unshuffle,
    "pixel_shuffle": pixel_shuffle,
    "reshape": reshape,
    "view": reshape,
    "flatten": flatten,
    "permute": permute,
    "chunk": chunk,
    "split": split,
    "unbind": unbind,
    "getitem": getitem,
    "to": to,
    "float": lambda x: to(x, torch.float32),
    "contiguous": lambda x, **_: x,
    "clamp": clamp,
    "hardshrink": hardshrink,
    "relu": lambda x, inplace=False: wrap(ops.relu(node(x))),
    "abs": lambda x: wrap(ops.abs(node(x))),
    "amax": amax,
    "max_pool2d": max_pool2d,
    "where": lambda chosen, a, b: wrap(ops.select(node(chosen), node(a), node(b))),
    "floor": lambda x: wrap(ops.floor(node(x))),
    "sigmoid": lambda x: wrap(ops.sigmoid(node(x))),
    "tanh": lambda x: wrap(ops.tanh(node(x))),
    "round": lambda x: wrap(ops.round(node(x), "half_to_even")),
    "zeros_like": lambda x: torch.zeros(x.shape),
    "add": add,
    "radd": add,
    "sub": sub,
    "rsub": lambda a, b: sub(b, a),
    "mul": mul,
    "rmul": mul,
    "div": div,
    "truediv": div,
}
