"""Names that DIAMOND's checkpoints have for the tensors of our networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.networks.actor_critic import ActorCritic
from models.networks.denoiser import Denoiser
from models.networks.reward_model import RewardModel
from models.networks.unet import Modulation

Network = Denoiser | RewardModel | ActorCritic

# Parts of a residual block and of a stage: ours → theirs.
PARTS = {
    ".skip.": ".proj.",
    ".attention.norm.": ".attn.norm.norm.",
    ".attention.qkv.": ".attn.qkv_proj.",
    ".attention.out.": ".attn.out_proj.",
}
STAGE = {".norm.": ".f.0.norm.", ".conv.": ".f.2.", ".skip.": ".skip_projection."}


@dataclass(frozen=True)
class Entry:
    """One of our tensors and what DIAMOND calls it.

    theirs: the tensors that ours joins along its first axis. shapes: of each of them.
    turned: theirs is the same matrix with rows for columns.
    """

    ours: str
    theirs: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    turned: bool = False


@dataclass(frozen=True)
class Names:
    """Names of a network's parts in a checkpoint.

    modules: where ours are in theirs, by the start of their names. parts: within those.
    levels: our lists of residual blocks in the order of `forward`, which is the order in which a
    modulation joins the linear layers of their norms.
    """

    modules: dict[str, str]
    parts: dict[str, str]
    levels: tuple[str, ...] = ()

    def __call__(self, ours: str) -> str:
        """DIAMOND's name of a tensor of its own."""
        start = next(m for m in self.modules if ours == m or ours.startswith(f"{m}."))
        rest = ours.removeprefix(start)
        for part, theirs in self.parts.items():
            rest = rest.replace(part, theirs)
        return self.modules[start] + rest


def layout(network: Network, prefix: str) -> Iterator[Entry]:
    """DIAMOND's names, each after `prefix`, for every tensor of a network."""
    names = _names(network)
    for ours, tensor in network.state_dict().items():
        shape = tuple(tensor.shape)
        owner, _, parameter = ours.rpartition(".")
        if isinstance(network.get_submodule(owner.removesuffix(".linear")), Modulation):
            norms = {
                f"{prefix}{names.modules[level]}.{i}.norm{j}.linear.{parameter}": 2 * width
                for level in names.levels
                for i, block in enumerate(network.get_submodule(level).children())
                for j, width in enumerate(block.normalised, 1)  # type: ignore[arg-type]
            }
            shapes = tuple((rows, *shape[1:]) for rows in norms.values())
            yield Entry(ours, tuple(norms), shapes)
        else:
            turned = owner == "action_embedding"  # theirs has a row for each action
            yield Entry(ours, (prefix + names(ours),), (shape[:: -1 if turned else 1],), turned)


def _names(network: Network) -> Names:
    if isinstance(network, Denoiser):
        return _denoiser(len(network.config.unet.channels))
    if isinstance(network, RewardModel):
        return _reward_model(len(network.config.encoder.channels))
    return _actor_critic(len(network.config.channels))


def _denoiser(levels: int) -> Names:
    down = {f"unet.down.{i}": f"unet.d_blocks.{i}.resblocks" for i in range(levels)}
    middle = {"unet.middle": "unet.mid_blocks.resblocks"}
    # Theirs counts from the deepest level on.
    up = {f"unet.up.{levels - 1 - i}": f"unet.u_blocks.{i}.resblocks" for i in range(levels)}
    modules = {
        "noise_embedding": "noise_emb",
        "context_noise_embedding": "noise_cond_emb",
        "action_embedding": "act_emb.0",
        "cond": "cond_proj",
        "unet.conv_in": "conv_in",
        "unet.norm_out": "norm_out.norm",
        "unet.conv_out": "conv_out",
        **{f"unet.shrink.{i - 1}": f"unet.downsamples.{i}.conv" for i in range(1, levels)},
        **{f"unet.grow.{levels - 1 - i}": f"unet.upsamples.{i}" for i in range(1, levels)},
        **down,
        **middle,
        **up,
    }
    return Names(modules, PARTS, (*down, *middle, *up))


def _reward_model(levels: int) -> Names:
    blocks = {f"encoder.down.{i}": f"encoder.blocks.{i}.resblocks" for i in range(levels)}
    blocks["encoder.middle"] = f"encoder.blocks.{levels}.resblocks"
    modules = {
        "action_embedding": "act_emb",
        "encoder.conv_in": "encoder.conv_in",
        **{f"encoder.shrink.{i - 1}": f"encoder.downsamples.{i}.conv" for i in range(1, levels)},
        **blocks,
        **_lstm("_l0"),
        "head": "head",
    }
    return Names(modules, PARTS, tuple(blocks))


def _actor_critic(stages: int) -> Names:
    # Theirs is one list: the first convolution, then a stage and its pooling by turns.
    modules = {
        "conv_in": "encoder.encoder.0",
        **{f"stages.{i}": f"encoder.encoder.{1 + 2 * i}" for i in range(stages)},
        **_lstm(""),
        "actor": "actor_linear",
        "critic": "critic_linear",
    }
    return Names(modules, STAGE)


def _lstm(suffix: str) -> dict[str, str]:
    sides = (("input", "ih"), ("hidden", "hh"))
    return {
        f"lstm.{ours}.{kind}": f"lstm.{kind}_{theirs}{suffix}"
        for ours, theirs in sides
        for kind in ("weight", "bias")
    }
