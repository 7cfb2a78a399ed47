r"""Several networks of one architecture as one: every weight and buffer has an axis more, and each network a batch.

The forward pass is one network's under torch.vmap, so that a network written for one batch needs no change. Dropout is
the exception: under vmap it would draw for all networks from one stream of random numbers, where each is to draw what
it would draw alone. What a network does that vmap cannot stack, such as a branch that depends on the numbers or another
draw, is refused. Source: the ensembles of torch.func, docs.pytorch.org/tutorials/intermediate/ensembling.html
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from .surroundings import reseed

ALONE = "Train them one after another, with `train`."


class Stack:
    """Networks on one device, run at once. Each keeps its own weights until `unstack` hands the stack's back.

    networks: alike but for the numbers in their parameters and buffers.
    dropout: for each network, the number that its stream of random numbers for dropout starts from.

    Raises `ValueError` for networks that are not alike.

    >>> import torch
    >>> from smoothlab.torch.stacked import Stack
    >>> networks = [torch.nn.Linear(4, 3) for _ in range(5)]
    >>> stack = Stack(networks, dropout=range(5), device=torch.device("cpu"))
    >>> stack(torch.zeros(5, 16, 4)).shape
    torch.Size([5, 16, 3])
    """

    def __init__(
        self, networks: Sequence[nn.Module], *, dropout: Sequence[int], device: torch.device
    ) -> None:
        try:
            parameters, self._buffers = stack_module_state(list(networks))
        except Exception as error:
            raise _unstackable(error) from error
        self.networks = networks
        self.trained = nn.ParameterList(weights for weights in parameters.values() if weights.requires_grad)
        """The weights that an optimiser moves, [models ...] each."""
        leaves = iter(self.trained)
        self._parameters = {
            name: next(leaves) if weights.requires_grad else weights for name, weights in parameters.items()
        }
        self._which = torch.arange(len(networks), device=device)
        self._streams = _Streams(device, dropout)

    def __len__(self) -> int:
        return len(self.networks)

    def __call__(self, inputs: Shaped[Tensor, "models batch ..."]) -> Float[Tensor, "models batch classes"]:
        """The logits of each network for its own batch. Raises `ValueError` where vmap fails."""
        try:
            return torch.vmap(self._one)(self._parameters, self._buffers, inputs, self._which)
        except Exception as error:
            raise _unstackable(error) from error

    def _one(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor, which: Tensor
    ) -> Tensor:
        with _Dropout(which, self._streams):
            return functional_call(self.networks[0], (parameters, buffers), (inputs,))

    def train(self, mode: bool = True) -> None:
        """Training or evaluation mode, of all."""
        self.networks[0].train(mode)  # whose code runs for all

    def finite(self) -> Bool[Tensor, " models"]:
        """Whether every weight and buffer of a network is finite."""
        numbers = [*self._parameters.values(), *self._buffers.values()]
        floating = [some.isfinite().reshape(len(self), -1) for some in numbers if some.is_floating_point()]
        return torch.stack([some.all(1) for some in floating]).all(0)

    def unstack(self, which: int) -> nn.Module:
        """One network, with the weights and buffers that it has in the stack now."""
        network = self.networks[which]
        with torch.no_grad():
            for name, weights in network.named_parameters():
                weights.copy_(self._parameters[name][which])
            for name, numbers in network.named_buffers():
                numbers.copy_(self._buffers[name][which])
        return network


def _unstackable(error: Exception) -> ValueError:
    return ValueError(
        f"`build` must build models of one architecture that torch.vmap can stack, but it raised "
        f"{type(error).__name__} ({str(error).splitlines()[0] if str(error) else 'without a word'}). {ALONE}"
    )


class _Streams:
    """For each network, where torch's own random numbers would be if it were trained alone."""

    def __init__(self, device: torch.device, seeds: Sequence[int]) -> None:
        self._device, self._states = device, []
        for seed in seeds:
            reseed(device, seed)
            self._states.append(self._state())

    def kept(self, draw: Callable[[], Tensor]) -> Shaped[Tensor, "models ..."]:
        """What a draw gives each network, whose stream then goes on from there."""
        drawn = []
        for which, state in enumerate(self._states):
            if self._device.type == "cuda":
                torch.cuda.set_rng_state(state, self._device)
            else:
                torch.set_rng_state(state)
            drawn.append(draw())
            self._states[which] = self._state()
        return torch.stack(drawn)

    def _state(self) -> Tensor:
        on_cuda = self._device.type == "cuda"
        return torch.cuda.get_rng_state(self._device) if on_cuda else torch.get_rng_state()


class _Dropout(TorchFunctionMode):
    """Dropout of a stack: a product with what dropout makes of ones, drawn network by network."""

    KINDS = (functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d)

    def __init__(self, which: Tensor, streams: _Streams) -> None:
        super().__init__()
        self._which, self._streams = which, streams

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func not in self.KINDS:
            return func(*args, **(kwargs or {}))
        asked = inspect.signature(func).bind(*args, **(kwargs or {}))
        asked.apply_defaults()
        inputs, share, training, inplace = asked.args
        if not training:
            return inputs
        like = {"dtype": inputs.dtype, "device": inputs.device}
        kept = _Kept.apply(
            self._which,
            lambda: self._streams.kept(lambda: func(torch.ones(inputs.shape, **like), share, True)),
        )
        return inputs.mul_(kept) if inplace else inputs * kept


class _Kept(torch.autograd.Function):
    """A draw for every network of a stack at once, from inside vmap, where there seems to be only one."""

    @staticmethod
    def forward(which: Int[Tensor, ""], drawn: Callable[[], Tensor]) -> Tensor:
        raise AssertionError("every network of a stack has a number")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> tuple[Tensor, int]:
        _, drawn = args
        return drawn(), 0
