"""The U-Net: any frame size in, the same out, and each part as its formula says."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from models.networks.unet import (
    Modulation,
    ResidualBlock,
    SelfAttention,
    UNet,
    UNetConfig,
    adaptive_norm,
)
from tests.support.networks import awaken

COND = 6


def config(levels: int = 2, patch: int = 1, **more: bool) -> UNetConfig:
    return UNetConfig(
        channels=(8, 16, 24)[:levels],
        depths=(1, 2, 1)[:levels],
        attention=(False, True, False)[:levels],
        cond=COND,
        patch=patch,
        **more,
    )


def unet(levels: int = 2, patch: int = 1) -> UNet:
    return awaken(UNet(5, 3, config(levels, patch, middle_attention=True)))


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 14), (13, 5)])
@pytest.mark.parametrize(("levels", "patch"), [(1, 1), (3, 1), (2, 2), (2, 3)])
@torch.no_grad()
def test_any_size_is_padded_right_and_bottom_and_cropped_again(
    size: tuple[int, int], levels: int, patch: int
) -> None:
    network, cond = unet(levels, patch), torch.randn(2, COND)
    height, width = size
    multiple = network.config.multiple
    assert multiple == patch * 2 ** (levels - 1)
    x = torch.randn(2, 5, height, width)
    made = network(x, cond)
    assert made.shape == (2, 3, height, width) and made.std() > 0
    whole = torch.zeros(2, 5, -(-height // multiple) * multiple, -(-width // multiple) * multiple)
    whole[:, :, :height, :width] = x
    torch.testing.assert_close(made, network(whole, cond)[..., :height, :width])


@pytest.mark.parametrize("size", [(8, 8), (9, 14)])
@torch.no_grad()
def test_padded_features_are_not_padded_frames(size: tuple[int, int]) -> None:
    """Released weights expect zeros beside what the first convolution made, and the last norm to
    see none of what came of them."""
    cond, x = torch.randn(1, COND), torch.randn(1, 5, *size)
    frames, features = (
        awaken(UNet(5, 3, config(middle_attention=True, pad_features=pad))) for pad in (False, True)
    )
    made, other = features(x, cond), frames(x, cond)
    assert made.shape == other.shape == (1, 3, *size)
    assert torch.equal(made, other) == (size == (8, 8))
    seen: list[torch.Tensor] = []
    for layer in (features.conv_in, features.norm_out):
        layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    torch.testing.assert_close(features(x, cond), made)
    assert [tuple(tensor.shape[2:]) for tensor in seen] == [size, size]


@torch.no_grad()
def test_what_it_is_told_steers_it() -> None:
    network, x = unet(), torch.randn(1, 5, 8, 8)
    assert (network(x, torch.zeros(1, COND)) - network(x, torch.ones(1, COND))).abs().max() > 0.01


@torch.no_grad()
def test_it_starts_out_answering_nothing_and_its_blocks_change_nothing() -> None:
    network = UNet(5, 3, config())
    assert not network(torch.randn(2, 5, 8, 8), torch.randn(2, COND)).any()
    block, x = ResidualBlock(8, 8, True, config()), torch.randn(1, 8, 4, 4)
    modulations = Modulation(COND, block.normalised)(torch.randn(1, COND))
    torch.testing.assert_close(block(x, iter(modulations)), x)


def test_every_weight_learns() -> None:
    network = unet(levels=3, patch=2)
    network(torch.randn(2, 5, 16, 16), torch.randn(2, COND)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@torch.no_grad()
def test_attention_is_the_textbooks_head_by_head() -> None:
    layer = awaken(SelfAttention(16, residual_after_norm=False))
    x = torch.randn(2, 16, 3, 5)
    y = F.group_norm(x, 1, layer.norm.weight, layer.norm.bias, 1e-5)
    q, k, v = layer.qkv(y).flatten(2).split(16, dim=1)  # each (2, 16, 15)
    heads = []
    for channels in (slice(0, 8), slice(8, 16)):
        weights = (q[:, channels].mT @ k[:, channels] / 8**0.5).softmax(dim=-1)
        heads.append(v[:, channels] @ weights.mT)
    expected = x + layer.out(torch.cat(heads, dim=1).view_as(x))
    torch.testing.assert_close(layer(x), expected)


@torch.no_grad()
def test_released_weights_add_attention_to_the_normalised_input() -> None:
    x = 5 + 3 * torch.randn(2, 16, 4, 4)
    for after_norm in (False, True):
        layer = SelfAttention(16, after_norm)  # silent, so the residual alone comes out
        torch.testing.assert_close(layer(x), layer.norm(x) if after_norm else x)


@torch.no_grad()
def test_a_norm_scales_and_shifts_what_it_normalised() -> None:
    x = torch.randn(2, 64, 4, 4)
    scale, shift = torch.randn(2, 2, 64, 1, 1)
    by_hand = x.view(2, 2, -1)  # 64 channels are two groups
    by_hand = (by_hand - by_hand.mean(2, True)) / by_hand.var(2, False, True).sqrt()
    expected = by_hand.view_as(x) * scale + shift
    made = adaptive_norm(x, (scale, shift))
    torch.testing.assert_close(made, expected, atol=1e-3, rtol=1e-3)
    alone = adaptive_norm(x[1:], (scale[1:], shift[1:]))  # as at play, in one pass
    torch.testing.assert_close(alone, expected[1:], atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_every_norm_has_a_share_of_the_one_linear_layer() -> None:
    modulation = awaken(Modulation(COND, [4, 8, 4]))
    cond = torch.randn(2, COND)
    made = modulation(cond)
    rows = modulation.linear(cond).split([4, 4, 8, 8, 4, 4], dim=1)
    assert len(made) == 3
    for i, (scale, shift) in enumerate(made):
        torch.testing.assert_close(scale[:, :, 0, 0], 1 + rows[2 * i])
        torch.testing.assert_close(shift[:, :, 0, 0], rows[2 * i + 1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": (8,)},
        {"channels": (), "depths": (), "attention": ()},
        {"channels": (8, 0)},
        {"depths": (1, 0)},
        {"cond": 0},
        {"patch": 0},
    ],
)
def test_impossible_networks_are_refused(wrong: dict[str, object]) -> None:
    right = {"channels": (8, 16), "depths": (1, 1), "attention": (False, False), "cond": COND}
    UNetConfig(**right)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"must be positive|one entry for each level"):
        UNetConfig(**(right | wrong))  # type: ignore[arg-type]


def test_features_cannot_be_padded_where_frames_are_folded() -> None:
    with pytest.raises(ValueError, match="pad_features cannot go with it"):
        config(patch=2, pad_features=True)


def test_widths_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="100 channels do not divide into 3 groups"):
        ResidualBlock(100, 100, False, UNetConfig((100,), (1,), (False,), COND))
    with pytest.raises(ValueError, match="28 channels do not divide into 3 heads"):
        SelfAttention(28, residual_after_norm=False)
