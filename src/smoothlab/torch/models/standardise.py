"""Inputs with mean 0 and deviation 1 on the training split: (x - mean) / deviation, a byte meaning value / 255.

Both are taken over everything but axis 1: for each channel of images, for each column of a table. A trained model
carries them as its first layer, so that whoever has the model can give it inputs as they are in the data.
"""

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from ..._numerics import blocks
from ...data.dataset import Split


class Standardise(nn.Module):
    """The first layer of a trained model: raw inputs, bytes or floats, to standardised floats.

    `mean` and `deviation` are buffers, one number a channel: they are saved and moved with the model, never trained.

    >>> import torch
    >>> from smoothlab.torch.models import Standardise
    >>> Standardise(torch.tensor([0.2]), torch.tensor([0.4]))(torch.tensor([[255], [51]], dtype=torch.uint8)).tolist()
    [[2.0], [0.0]]
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Float[Tensor, " channels"], deviation: Float[Tensor, " channels"]) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    @classmethod
    def of(cls, split: Split, *, dtype: torch.dtype = torch.float32) -> "Standardise":
        """The layer for a training split. A channel that never varies is only centred."""
        inputs = split.inputs
        unit = 255.0 if inputs.dtype == np.uint8 else 1.0
        others = (0, *range(2, inputs.ndim))
        mean = inputs.mean(others, dtype=np.float64)
        centre = mean.reshape(-1, *(1,) * (inputs.ndim - 2))
        squares = sum(((inputs[rows] - centre) ** 2).sum(others) for rows in blocks(len(inputs), rows=1024))
        deviation = np.sqrt(squares / (inputs.size // inputs.shape[1]))
        rounding = np.finfo(np.float32).eps * np.abs(
            mean
        )  # what varies no more than this is noise, not signal
        deviation[deviation <= rounding] = unit
        return cls(torch.tensor(mean / unit, dtype=dtype), torch.tensor(deviation / unit, dtype=dtype))

    @property
    def black(self) -> Float[Tensor, " channels"]:
        """What the value 0 becomes in each channel."""
        return -self.mean / self.deviation

    def forward(self, inputs: Shaped[Tensor, "batch channels ..."]) -> Float[Tensor, "batch channels ..."]:
        """Raw inputs to standardised ones of the same shape."""
        axes = (-1, *(1,) * (inputs.ndim - 2))
        return (as_floats(inputs, self.mean.dtype) - self.mean.view(axes)) / self.deviation.view(axes)


def as_floats(
    inputs: Shaped[Tensor, "batch channels ..."], dtype: torch.dtype
) -> Float[Tensor, "batch channels ..."]:
    """Bytes as value / 255, floats as they are."""
    return inputs.to(dtype) / 255 if inputs.dtype == torch.uint8 else inputs.to(dtype)
