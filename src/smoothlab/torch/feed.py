"""Batches of a training split: on the device, standardised, augmented.

Standardising is one subtraction and one division for each number, so it is done once for all inputs if memory allows,
and batch by batch if not, to the same bits.
"""

import torch
from torch import Generator, Tensor

from ..data.dataset import Split
from .augment import Augmentation, augment
from .models import Standardise

RESIDENT_BYTES = 2**29
"""Inputs that would take more than this as floats are standardised batch by batch."""


class Feed:
    """Batches of one split by row numbers. Augmentation draws from a stream of its own, started from `seed`."""

    def __init__(
        self, split: Split, *, augmentation: Augmentation, seed: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        if augmentation != "none" and split.inputs.ndim != 4:
            raise ValueError(
                f"`augment` {augmentation!r} moves images, but the inputs have shape {split.inputs.shape[1:]}. "
                'Use "none".'
            )
        self.standardise = Standardise.of(split, dtype=dtype).to(device)
        self._augmentation: Augmentation = augmentation
        self._draws = Generator().manual_seed(seed)
        self._labels = torch.tensor(split.labels, device=device)
        self._inputs = torch.tensor(split.inputs, device=device)
        self._ready = split.inputs.size * dtype.itemsize <= RESIDENT_BYTES
        if self._ready:
            self._inputs = self.standardise(self._inputs)

    def __len__(self) -> int:
        return len(self._labels)

    def plain(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and labels of these rows, not augmented."""
        rows = rows.to(self._labels.device)
        inputs = self._inputs[rows]
        return inputs if self._ready else self.standardise(inputs), self._labels[rows]

    def __call__(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and labels of these rows, as training sees them now."""
        inputs, labels = self.plain(rows)
        if self._augmentation == "none":
            return inputs, labels
        black = self.standardise.black
        return augment(inputs, how=self._augmentation, black=black, generator=self._draws), labels
