"""Graphs built from a module's own forward, held to what torch computes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks.unet import SelfAttention, UNet, UNetConfig
from models.runtime import openvino_graph
from models.runtime.choice import sums_int8
from models.runtime.openvino_core import core
from models.runtime.openvino_graph import NotSupportedError, build

WEIGHT = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(1))


class Formula(nn.Module):
    """A function of one tensor as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def in_float32(module: nn.Module, x: Tensor, int8: bool = False) -> np.ndarray:
    graph = build(module, {"x": (tuple(x.shape), x.dtype)}, int8)
    compiled = core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.asarray(compiled([x.numpy()])[0])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.conv2d(x, WEIGHT, padding=1),
        lambda x: F.conv2d(x, WEIGHT, WEIGHT[:, 0, 0, 0], stride=2, padding=1),
        lambda x: F.linear(x, WEIGHT[:, :, 0, 0].repeat(1, 2), WEIGHT[:, 0, 0, 0]),
        lambda x: F.group_norm(x, 2),
        lambda x: F.group_norm(x, 2, WEIGHT[0, :, 0, 0], WEIGHT[1, :, 0, 0], eps=0.1),
        F.silu,
        lambda x: F.pad(x, (0, 3, 0, 1)),
        lambda x: F.pad(x, (0, 0, 0, 0)),
        lambda x: F.interpolate(x, scale_factor=2.0, mode="nearest"),
        lambda x: F.interpolate(x, scale_factor=5, mode="bicubic", align_corners=False),
        lambda x: F.interpolate(x[:, :, :1, :2], scale_factor=5, mode="bicubic"),
        lambda x: (x * 7).floor() + torch.floor(-x),
        lambda x: x.sigmoid() * torch.tanh(x * 3) + torch.sigmoid(x).tanh(),
        lambda x: F.pixel_unshuffle(x, 2),
        lambda x: F.pixel_shuffle(x, 2),
        lambda x: torch.cat((x, x * 2, WEIGHT[:1, :, :1, :1].expand(1, 4, 6, 8)), dim=1),
        lambda x: x.view(1, 2, 2, 48).mT.unbind(1)[1],
        lambda x: x.permute(0, 2, -1, 1).contiguous().flatten(1, 2),
        lambda x: x[:, 1, None, ..., 2:5],
        lambda x: x[0, -1][None],
        lambda x: x.chunk(2, dim=1)[1] - x[:, -2:],
        lambda x: (2 - x) / 3 + 1.5 * x - -x,
        lambda x: WEIGHT[0, :, :1, :1] * x + x.sub(0.5).add(1).mul(3).div(7),
        lambda x: (x * 60).round().clamp(0, 100).to(torch.uint8).float(),
        lambda x: F.hardshrink(x, 0.3) + x.abs().amax(dim=1, keepdim=True),
        lambda x: F.max_pool2d(x, 3, stride=1, padding=1) + F.max_pool2d(x, 1, padding=0),
        lambda x: F.max_pool2d(x, 2, dilation=2),
        lambda x: torch.where(x > 0.2, x, -0.5) + torch.where(x > WEIGHT[0, 0, 0, 0], 1.0, x),
        lambda x: torch.zeros_like(x) + x,
        lambda x: F.scaled_dot_product_attention(x, x * 0.5, x + 1),
    ],
)
def test_an_operation_means_what_it_means_in_torch(function: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(1, 4, 6, 8, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(in_float32(Formula(function), x), function(x), atol=1e-5)


@pytest.mark.skipif(not sums_int8(), reason="no exact sums of int8 here")
@pytest.mark.parametrize("size", [1.0, 10.0, 1000.0])
def test_convolutions_of_whole_numbers_are_near_whatever_the_size(size: float) -> None:
    """An activation's unit is measured on the frame itself: 239 of it are the largest value."""
    weight = torch.randn(32, 64, 3, 3, generator=torch.Generator().manual_seed(3)) / 24
    x = size * torch.randn(1, 64, 16, 16, generator=torch.Generator().manual_seed(4))
    module = Formula(lambda x: F.conv2d(F.silu(x), weight, padding=1))
    expected = module(x).numpy()
    off = in_float32(module, x, int8=True) - expected
    assert 0 < np.abs(off).std() < 0.015 * expected.std()


def test_large_linear_layers_have_weights_of_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = torch.Generator().manual_seed(5)
    weight, x = torch.randn(96, 64, generator=rng), torch.randn(1, 64, generator=rng)
    module = Formula(lambda x: F.linear(x, weight, weight[:, 0]))
    exact = module(x).numpy()
    np.testing.assert_allclose(in_float32(module, x, int8=True), exact, atol=1e-4)
    monkeypatch.setattr(openvino_graph, "MANY", weight.numel())
    assert 0 < np.abs(in_float32(module, x, int8=True) - exact).std() < 0.02 * exact.std()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.conv2d(x, WEIGHT.repeat(6, 1, 1, 1)),
        lambda x: F.conv2d(F.silu(x), WEIGHT),
    ],
    ids=["it reads what no activation gave", "few outputs are a picture"],
)
def test_a_convolution_stays_exact_where_it_matters(function: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(1, 4, 6, 8, generator=torch.Generator().manual_seed(0))
    made = in_float32(Formula(function), x, int8=True)
    np.testing.assert_allclose(made, function(x), atol=1e-5)


def test_rounding_is_to_the_nearest_even_level_as_in_torch() -> None:
    x = torch.tensor([[0.5, 1.5, 2.5, -0.5]])
    np.testing.assert_array_equal(in_float32(Formula(torch.round), x), torch.round(x))


def test_cubic_enlargement_has_torchs_curves_and_edges() -> None:
    """Wherever a bright pixel is, all that it reaches: four pixels each way, and past the edge
    the outermost again."""
    for row in range(4):
        for column in range(5):
            x = torch.zeros(1, 1, 4, 5)
            x[..., row, column] = 1
            enlarge = Formula(lambda x: F.interpolate(x, scale_factor=3, mode="bicubic"))
            made = in_float32(enlarge, x)
            assert made.min() < -0.05, "cubic curves swing below"
            np.testing.assert_allclose(made, enlarge(x), atol=1e-5)


def test_what_is_not_enlargement_by_a_whole_number_is_not_supported() -> None:
    for options in ({"scale_factor": 1.5}, {"size": (8, 8)}, {"scale_factor": 2, "mode": "area"}):
        with pytest.raises(NotSupportedError, match="enlargement"):
            build(
                Formula(lambda x, o=options: F.interpolate(x, **o)),
                {"x": ((1, 1, 4, 4), torch.float32)},
            )


def test_pooling_of_an_unknown_kind_is_not_supported() -> None:
    with pytest.raises(NotSupportedError, match="max_pool2d"):
        build(
            Formula(lambda x: F.max_pool2d(x, 2, ceil_mode=True)),
            {"x": ((1, 1, 5, 5), torch.float32)},
        )


def test_an_unknown_operation_is_named() -> None:
    for function in (torch.erf, lambda x: x.erf(), lambda x: x[:, ::2]):
        with pytest.raises(NotSupportedError, match=r"erf|index"):
            build(Formula(function), {"x": ((1, 4), torch.float32)})


def test_a_norm_leaves_a_map_laid_out_as_convolutions_have_it() -> None:
    """Laying out every map anew before and after its norm took a seventh of a frame's time."""
    weight = torch.randn(64, 64, 3, 3, generator=torch.Generator().manual_seed(2)) / 24

    def laid_out(between: Callable[[Tensor], Tensor]) -> int:
        module = Formula(lambda x: F.conv2d(between(F.conv2d(x, weight)), weight))
        graph = build(module, {"x": ((1, 64, 16, 16), torch.float32)})
        compiled = core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return sum(
            operation.get_rt_info()["layerType"] == "Reorder"
            for operation in compiled.get_runtime_model().get_ops()
            if np.prod(operation.output(0).get_shape()) > 64  # and not a number for each channel
        )

    assert laid_out(lambda x: F.silu(F.group_norm(x, 2))) <= laid_out(F.silu)


@pytest.mark.parametrize("after_norm", [False, True])
def test_attention(after_norm: bool) -> None:
    attention = filled(SelfAttention(16, residual_after_norm=after_norm))
    x = torch.randn(1, 16, 4, 6, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(in_float32(attention, x), attention(x), atol=1e-5)


def test_a_whole_network() -> None:
    config = UNetConfig((16, 32), (2, 1), (False, True), cond=8, middle_attention=True, patch=2)
    network = filled(UNet(4, 3, config))
    x = torch.randn(1, 4, 18, 22, generator=torch.Generator().manual_seed(0))
    module = Formula(lambda x: network(x, x[:, :, 0, :2].flatten(1)))
    np.testing.assert_allclose(in_float32(module, x), module(x), atol=1e-4)


def test_weights_that_are_used_twice_are_in_the_graph_once() -> None:
    """Steps with three network calls held their network three times, and so did the kept file."""
    network = filled(torch.nn.Conv2d(4, 4, 3, padding=1))
    graph = build(Formula(lambda x: network(network(x) * 2)), {"x": ((1, 4, 6, 8), torch.float32)})
    large = [op for op in graph.get_ops() if op.get_type_name() == "Constant" and
             tuple(op.get_output_shape(0)) == (4, 4, 3, 3)]  # fmt: skip
    assert len(large) == 1


def test_passing_tensors_are_told_apart() -> None:
    """One that is gone leaves its place in memory to the next, which is another constant."""
    x = torch.ones(1, 4)
    function = Formula(lambda x: sum(x * torch.full((1, 4), float(i)) for i in range(1, 9)))
    np.testing.assert_array_equal(in_float32(function, x), 36 * x)


def test_small_adaptive_norms_in_float32_do_not_crash() -> None:
    """OpenVINO 2026.4 died of a segmentation fault while compiling these for AVX-512.

    Its GroupNormalization followed by a scale and shift that depend on an input, on maps of
    16 x 16 and smaller, was enough. A crash cannot be caught, so the attempt has a process of
    its own.
    """
    program = """
import torch
from models.runtime.openvino_core import core
from models.runtime.openvino_graph import build
from models.networks.unet import Modulation, adaptive_norm

class Conditioned(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Linear(16, 256)
        self.modulation = Modulation(256, [64])

    def forward(self, x, actions):
        return adaptive_norm(x, self.modulation(self.embed(actions.flatten(1)))[0])

inputs = {"x": ((1, 64, 16, 16), torch.float32), "actions": ((1, 4, 4), torch.float32)}
graph = build(Conditioned().requires_grad_(False), inputs)
core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def filled(module: nn.Module) -> nn.Module:
    """Draw every weight, so that nothing that starts as zero hides a mistake."""
    generator = torch.Generator().manual_seed(3)
    for tensor in module.requires_grad_(False).state_dict().values():
        tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.2)
    return module
