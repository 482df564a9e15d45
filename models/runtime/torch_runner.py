"""Steps of play run by PyTorch: as they come, compiled, or captured as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from models.runtime import choice as runtime_choice
from models.runtime.choice import Choice, Inputs, Outputs
from models.runtime.network_runners import fit

WARM_UPS = 3  # calls before a capture, as torch.cuda.graph asks for
ALIGNED = 256  # bytes: where an array may begin on a GPU

Work = Callable[[], None]
Capture = Callable[[Work], Work]  # work → what does the same work again, quickly


class TorchRunner:
    """PyTorch, one call after another; its networks compiled if the choice says so."""

    def __init__(self, step: nn.Module, choice: Choice) -> None:
        torch.set_num_threads(runtime_choice.cpu_threads())
        self.choice = choice
        self._device = torch.device(choice.device)
        self._step = fit(step, choice)

    def run(self, inputs: Inputs) -> Outputs:
        """Run one step; arrays without a batch, in and out."""
        with torch.inference_mode():
            made = self._step(
                *(torch.from_numpy(array)[None].to(self._device) for array in inputs.values())
            )
            # A copy, since on the CPU torch may hand out the same memory again.
            return tuple(plain(tensor[0]).cpu().numpy().copy() for tensor in made)


class GraphRunner:
    """The whole step as one captured piece of work between two pieces of memory that stay.

    A frame is: one copy of all inputs to the device, one replay, one copy of all outputs back, and
    the only wait is for that copy. Host memory is pinned, so both copies go by themselves.
    """

    def __init__(
        self, step: nn.Module, choice: Choice, example: Inputs, capture: Capture | None = None
    ) -> None:
        """capture: records work and gives what replays it; CUDA's unless given."""
        self.choice = choice
        self._device = torch.device(choice.device)
        self._step = fit(step, choice)
        with torch.inference_mode():
            given = pack({name: torch.from_numpy(array) for name, array in example.items()})
            self._host_in, self._inputs = self._memory(given)
            self._arrays = [tensor.numpy() for tensor in given.views(self._host_in)]
            self._given = [tensor[None] for tensor in given.views(self._inputs)]
            self._write(example)
            self._inputs.copy_(self._host_in)
            outputs = (plain(tensor[0]) for tensor in self._step(*self._given))
            made = pack({str(i): tensor for i, tensor in enumerate(outputs)})
            self._host_out, self._outputs = self._memory(made)
            self._made = made.views(self._outputs)
            self._results = [tensor.numpy() for tensor in made.views(self._host_out)]
            self._replay = (capture or capture_graph)(self._work)

    def run(self, inputs: Inputs) -> Outputs:
        """Replay the captured step; arrays without a batch, in and out."""
        with torch.inference_mode():
            self._write(inputs)
            self._inputs.copy_(self._host_in, non_blocking=True)
            self._replay()
            self._host_out.copy_(self._outputs, non_blocking=True)
            if self._device.type == "cuda":
                torch.cuda.current_stream(self._device).synchronize()
            return tuple(array.copy() for array in self._results)

    def _memory(self, layout: Layout) -> tuple[Tensor, Tensor]:
        """Memory for a layout on the host, pinned if it is for a GPU, and on the device."""
        host = torch.empty(layout.size, dtype=torch.uint8, pin_memory=self._device.type == "cuda")
        return host, torch.empty_like(host, device=self._device)

    def _write(self, inputs: Inputs) -> None:
        for memory, array in zip(self._arrays, inputs.values(), strict=True):
            memory[...] = array

    def _work(self) -> None:
        for memory, tensor in zip(self._made, self._step(*self._given), strict=True):
            memory.copy_(tensor[0])


@dataclass(frozen=True)
class Layout:
    """Layout of tensors in one piece of memory, so that one copy moves them all.

    places: of each its first byte, shape and type. size: of the memory, in bytes.
    """

    places: tuple[tuple[int, tuple[int, ...], torch.dtype], ...]
    size: int

    def views(self, memory: Tensor) -> list[Tensor]:
        """The tensors in a piece of memory uint8 (size,)."""
        return [
            memory[first : first + prod(shape) * dtype.itemsize].view(dtype).view(shape)
            for first, shape, dtype in self.places
        ]


def pack(tensors: Mapping[str, Tensor]) -> Layout:
    """A layout for tensors of these shapes and types, in their order."""
    places, size = [], 0
    for tensor in tensors.values():
        places.append((size, tuple(tensor.shape), tensor.dtype))
        size += -(-tensor.nbytes // ALIGNED) * ALIGNED
    return Layout(tuple(places), size)


def capture_graph(work: Work) -> Work:
    """Record work as a CUDA graph; what is given back replays it on the current stream."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
        work()
    return graph.replay


def plain(tensor: Tensor) -> Tensor:
    """uint8 as it is, any float as float32, which numpy knows."""
    return tensor if tensor.dtype is torch.uint8 else tensor.float()
