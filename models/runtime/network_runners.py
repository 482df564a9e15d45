"""Networks as PyTorch runs them: on a device, in a precision, packed or compiled."""

from __future__ import annotations

import copy
from weakref import WeakKeyDictionary, WeakValueDictionary

import torch
from torch import Tensor, nn

from models.networks.reward_end import RewardEnd
from models.networks.reward_model import Encoder
from models.networks.unet import UNet
from models.runtime.choice import Choice

WORKING = (nn.Conv2d, nn.Linear, nn.GroupNorm)  # what works in the chosen precision
COMPILED = (UNet, Encoder, RewardEnd)  # what is compiled: large, and called many times

# As some choice wants them, as long as something runs them so: all steps of play with a network,
# whatever their number of denoising steps, share one copy of its weights.
_fitted: WeakKeyDictionary[nn.Module, WeakValueDictionary[Choice, nn.Module]] = WeakKeyDictionary()


def fit(step: nn.Module, choice: Choice) -> nn.Module:
    """A step like this one, with its networks as `choice` wants them.

    The step keeps its own networks; only weights that are as wanted already are shared.
    """
    return copy.deepcopy(step, {id(network): _fit(network, choice) for network in step.children()})


class PackedConv2d(nn.Module):
    """A convolution on the CPU whose weights lie as its kernel reads them.

    PyTorch brings them into that order at every call. With a thousand channels on a few pixels
    that takes several times as long as the convolution itself.
    """

    def __init__(self, conv: nn.Conv2d, dtype: torch.dtype) -> None:
        super().__init__()
        self._plain: Tensor | None = conv.weight.detach()
        self._bias = None if conv.bias is None else conv.bias.detach().to(dtype)
        self._how = (list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
        self._dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """x (B, inputs, H, W), of the same shape at every call → (B, outputs, H', W')."""
        x = x.to(self._dtype)
        if self._plain is not None:  # the best order depends on the shape
            weight = self._plain.to(self._dtype).to_mkldnn()
            shape = list(x.shape)
            pack = torch._C._nn.mkldnn_reorder_conv2d_weight
            self._packed = pack(weight, *self._how, shape)  # type: ignore[call-arg]
            self._plain = None
        # What torch.compile calls for a convolution; unlike torch.mkldnn_convolution it leaves
        # channels last.
        return torch.ops.mkldnn._convolution_pointwise(
            x, self._packed, self._bias, *self._how, "none", [], ""
        )


def _fit(network: nn.Module, choice: Choice) -> nn.Module:
    known = _fitted.setdefault(network, WeakValueDictionary())
    # How the step around it is run changes nothing in a network.
    key = Choice("torch", choice.device, choice.precision, choice.compiled)
    made = known.get(key)
    if made is None:
        dtype = getattr(torch, choice.precision)
        made = known[key] = _cast(network, torch.device(choice.device), dtype)
        if choice.compiled:
            _compile(made, choice.device)
        elif choice.device == "cpu" and _packs(dtype):
            _pack(made, dtype)
    return made


def _cast(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The network on a device, with convolutions, linear layers and norms in `dtype`.

    Their weights are cast once, not at every call as autocast does; what reaches them is cast by
    hooks, so that all else that comes in float32 stays so.
    """
    shared = {
        id(weight): weight
        for module in network.modules()
        if isinstance(module, WORKING)
        for weight in module.parameters(recurse=False)
        if (weight.device.type, weight.dtype) == (device.type, dtype)
    }
    made = copy.deepcopy(network, shared)
    made = made.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for module in made.modules():
        if isinstance(module, WORKING):
            module.to(dtype)
            if dtype is not torch.float32:
                module.register_forward_pre_hook(lambda _, given: (given[0].to(dtype),))
    return made


def _compile(network: nn.Module, device: str) -> None:
    """Compile a network's parts in place, each at its first call."""
    # Constants let the compiler pack the weights of convolutions for the CPU.
    options = {"freezing": True} if device == "cpu" else {}
    for module in network.modules():
        if isinstance(module, COMPILED):
            module.compile(fullgraph=True, dynamic=False, options=options)


def _packs(dtype: torch.dtype) -> bool:
    """Tell whether this processor has kernels that convolutions in `dtype` can be packed for."""
    able = torch.backends.mkldnn.is_available()
    return dtype is torch.bfloat16 and able and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def _pack(network: nn.Module, dtype: torch.dtype) -> None:
    """Pack a network's convolutions in place, each at its first call."""
    for parent in network.modules():
        for name, module in parent.named_children():
            if isinstance(module, nn.Conv2d):
                setattr(parent, name, PackedConv2d(module, dtype))
