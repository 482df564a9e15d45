"""The U-Net under every denoiser: residual blocks whose norms are steered by a conditioning vector.

Shapes: B batch, C channels, H W pixels, K width of the conditioning vector.
The layout is DIAMOND's (Alonso et al. 2024, appendix D), itself ADM's with adaptive group
normalisation (Dhariwal & Nichol 2021); `patch` adds a pixel-unshuffle in front and its inverse
behind, so that a small frame is worked on at half resolution, where a CPU is quickest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUP_CHANNELS = 32
HEAD_CHANNELS = 8
NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class UNetConfig:
    """Architecture of a U-Net.

    channels:  width of each level, finest first; every level but the first halves the resolution.
    depths:    residual blocks in each level.
    attention: which levels end their blocks with self-attention; `middle_attention` likewise.
    cond:      K, the width of the conditioning vector.
    patch:     edge in pixels of the square folded into channels first (1: none).
    residual_after_norm: attention adds to its normalised input, as released DIAMOND weights expect.
    pad_features: not the frame is padded to a fitting size but the output of the first convolution,
               and the last norm sees it cropped again, as released DIAMOND weights expect.
    """

    channels: tuple[int, ...]
    depths: tuple[int, ...]
    attention: tuple[bool, ...]
    cond: int
    middle_attention: bool = False
    patch: int = 1
    residual_after_norm: bool = False
    pad_features: bool = False

    def __post_init__(self) -> None:
        if not len(self.channels) == len(self.depths) == len(self.attention) > 0:
            raise ValueError("channels, depths and attention need one entry for each level")
        if min(*self.channels, *self.depths, self.cond, self.patch) < 1:
            raise ValueError("channels, depths, cond and patch must be positive")
        if self.pad_features and self.patch > 1:
            raise ValueError("a patch folds whole frames, so pad_features cannot go with it")

    @property
    def multiple(self) -> int:
        """Frames are padded to a multiple of this many pixels."""
        return self.patch * 2 ** (len(self.channels) - 1)


def groups(channels: int) -> int:
    """Number of normalisation groups for a width: 32 channels each, at least one group."""
    return max(1, channels // GROUP_CHANNELS)


def pad(x: Tensor, multiple: int) -> Tensor:
    """Zeros right of and below (B, C, H, W), to the next multiple of both sizes."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % multiple, 0, -height % multiple))


def silence(conv: nn.Conv2d) -> None:
    """Let a convolution start out answering 0."""
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)


class Modulation(nn.Module):
    """One linear layer that gives every adaptive norm its scale and shift at once.

    A layer for each norm computes the same, but takes a CPU a quarter of a step's time: dozens of
    tiny products, each with overheads of its own.
    """

    def __init__(self, cond: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.sizes = [width for c in channels for width in (c, c)]
        self.linear = nn.Linear(cond, sum(self.sizes))

    def forward(self, cond: Tensor) -> list[tuple[Tensor, Tensor]]:
        """cond (B, K) → for each norm, in order, 1 + scale and shift, each (B, C, 1, 1)."""
        parts = self.linear(cond)[:, :, None, None].split(self.sizes, dim=1)
        return [(1 + parts[i], parts[i + 1]) for i in range(0, len(parts), 2)]


def adaptive_norm(x: Tensor, modulation: tuple[Tensor, Tensor]) -> Tensor:
    """Group normalisation of (B, C, H, W), then the scale and shift of `Modulation`."""
    scale, shift = modulation
    count = groups(x.shape[1])
    if (
        x.shape[0] == 1 and x.dtype == scale.dtype
    ):  # at play: one pass over the map instead of three
        return F.group_norm(x, count, scale.flatten(), shift.flatten(), NORM_EPSILON)
    return F.group_norm(x, count, eps=NORM_EPSILON) * scale + shift


class SelfAttention(nn.Module):
    """Attention over all positions of a feature map, in heads of 8 channels."""

    def __init__(self, channels: int, residual_after_norm: bool) -> None:
        super().__init__()
        self.heads = max(1, channels // HEAD_CHANNELS)
        if channels % self.heads:
            raise ValueError(f"{channels} channels do not divide into {self.heads} heads")
        self.residual_after_norm = residual_after_norm
        self.norm = nn.GroupNorm(groups(channels), channels, eps=NORM_EPSILON)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        silence(self.out)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) → same shape."""
        b, c, h, w = x.shape
        y = self.norm(x)
        # The channels of qkv are laid out q heads, k heads, v heads.
        q, k, v = self.qkv(y).view(b, 3, self.heads, c // self.heads, h * w).mT.unbind(1)
        attended = F.scaled_dot_product_attention(q, k, v).mT.reshape(b, c, h, w)
        return (y if self.residual_after_norm else x) + self.out(attended)


class ResidualBlock(nn.Module):
    """Twice norm, SiLU and a 3x3 convolution around a skip; then attention if asked for."""

    def __init__(self, inputs: int, outputs: int, attention: bool, config: UNetConfig) -> None:
        super().__init__()
        for channels in (inputs, outputs):
            if channels % groups(channels):
                raise ValueError(
                    f"{channels} channels do not divide into {groups(channels)} groups"
                )
        self.normalised = (inputs, outputs)  # channels of its two norms
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.attention = (
            SelfAttention(outputs, config.residual_after_norm) if attention else nn.Identity()
        )
        silence(self.conv2)  # a block starts as the identity

    def forward(self, x: Tensor, modulations: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
        """x (B, inputs, H, W) → (B, outputs, H, W); takes the next two modulations."""
        skip = self.skip(x)
        x = self.conv1(F.silu(adaptive_norm(x, next(modulations))))
        x = self.conv2(F.silu(adaptive_norm(x, next(modulations))))
        return self.attention(x + skip)


def blocks_down(config: UNetConfig, level: int) -> nn.ModuleList:
    """The residual blocks of a level on the way down."""
    before, width = config.channels[max(0, level - 1)], config.channels[level]
    return nn.ModuleList(
        ResidualBlock(before if i == 0 else width, width, config.attention[level], config)
        for i in range(config.depths[level])
    )


def blocks_middle(config: UNetConfig) -> nn.ModuleList:
    """The two residual blocks at the deepest level."""
    width = config.channels[-1]
    return nn.ModuleList(
        ResidualBlock(width, width, config.middle_attention, config) for _ in range(2)
    )


class Upsample(nn.Module):
    """Nearest-neighbour enlargement by two, then a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) → (B, C, 2H, 2W)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class UNet(nn.Module):
    """conv_in → levels down → two middle blocks → levels up → norm, SiLU, conv_out."""

    def __init__(self, inputs: int, outputs: int, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, folded = config.channels, config.patch**2
        self.conv_in = nn.Conv2d(inputs * folded, widths[0], 3, padding=1)
        self.down = nn.ModuleList()
        self.shrink = nn.ModuleList()
        self.up = nn.ModuleList()
        self.grow = nn.ModuleList()
        for level, (width, depth) in enumerate(zip(widths, config.depths, strict=True)):
            before = widths[max(0, level - 1)]
            self.down.append(blocks_down(config, level))
            # Each block on the way up also sees one saved tensor of the way down; the last of
            # those is the level's own input, and the last block leaves in that width.
            saved = [width] * depth + [before]
            self.up.append(
                nn.ModuleList(
                    ResidualBlock(
                        width + s, s if i == depth else width, config.attention[level], config
                    )
                    for i, s in enumerate(saved)
                )
            )
            if level > 0:
                self.shrink.append(nn.Conv2d(before, before, 3, stride=2, padding=1))
                self.grow.append(Upsample(before))
        self.middle = blocks_middle(config)
        # In the order of `forward`: down, middle, then up from the deepest level.
        levels = [*self.down, self.middle, *reversed(self.up)]
        self.modulation = Modulation(
            config.cond,
            [c for level in levels for block in level.children() for c in block.normalised],
        )
        self.norm_out = nn.GroupNorm(groups(widths[0]), widths[0], eps=NORM_EPSILON)
        self.conv_out = nn.Conv2d(widths[0], outputs * folded, 3, padding=1)
        silence(self.conv_out)

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        """x (B, inputs, H, W) of any size, cond (B, K) → (B, outputs, H, W)."""
        height, width = x.shape[-2:]
        config = self.config
        if not config.pad_features:
            x = pad(x, config.multiple)
        if config.patch > 1:
            x = F.pixel_unshuffle(x, config.patch)
        x = self.conv_in(x)
        if config.pad_features:
            x = pad(x, config.multiple)
        modulations = iter(self.modulation(cond))
        saved: list[list[Tensor]] = []
        for level, blocks in enumerate(self.down.children()):
            if level > 0:
                x = self.shrink[level - 1](x)
            outputs = [x]
            for block in blocks.children():
                x = block(x, modulations)
                outputs.append(x)
            saved.append(outputs)
        for block in self.middle:
            x = block(x, modulations)
        for level in reversed(range(len(self.up))):
            for block, skip in zip(self.up[level].children(), reversed(saved[level]), strict=True):
                x = block(torch.cat((x, skip), dim=1), modulations)
            if level > 0:
                x = self.grow[level - 1](x)
        if config.pad_features:
            x = x[..., :height, :width]
        x = self.conv_out(F.silu(self.norm_out(x)))
        if config.patch > 1:
            x = F.pixel_shuffle(x, config.patch)
        return x[..., :height, :width]
