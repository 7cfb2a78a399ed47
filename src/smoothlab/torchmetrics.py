r"""A tally as a torchmetrics metric, for training loops and `MetricCollection`.

`MetricCollection` takes subclasses of its own `Metric` alone, so here is one. Its states are the int64 arrays of a
`smoothlab.accumulators.Tally`, all of which add: torchmetrics sums them over processes, resets them, moves them to a
device and puts them into checkpoints, as it does its own. Rows are read on the CPU, where the compiled kernels are.

Source: torchmetrics 1.9, https://lightning.ai/docs/torchmetrics, "Implementing a Metric".
"""

from typing import Any

import torch
from torchmetrics import Metric

from .accumulators import Tally


class Calibration(Metric):
    """Accuracy, NLL, Brier score, calibration errors and areas under risk-coverage curves of logits, as a dict.

    The arguments are those of `Tally`; logits are logits, in every batch. The names of the results are those of
    `Tally.compute`. In a collection give it a prefix, or names of other metrics may be the same. Beware of `forward`,
    which computes every measure for the batch alone: `update` does not.

    >>> import torch
    >>> from smoothlab.torchmetrics import Calibration
    >>> metric = Calibration(classes=3)
    >>> for _ in range(3):
    ...     metric.update(torch.eye(3, dtype=torch.bfloat16), torch.arange(3))
    >>> found = metric.compute()
    >>> found["accuracy"].item(), round(found["ece"].item(), 3)
    (1.0, 0.424)
    """

    is_differentiable = False
    full_state_update = False

    def __init__(
        self,
        *,
        classes: int,
        bins: int = 15,
        classwise: bool = False,
        temperature: float = 1.0,
        **metric: Any,
    ) -> None:
        super().__init__(**metric)
        self._settings = {
            "classes": classes,
            "bins": bins,
            "classwise": classwise,
            "temperature": temperature,
        }
        for name, array in Tally(**self._settings).sums.items():
            self.add_state(_attribute(name), torch.from_numpy(array), dist_reduce_fx="sum")

    def tally(self) -> Tally:
        """What was added so far, for intervals, other measures and files."""
        empty = Tally(**self._settings)
        return empty.with_state({name: getattr(self, _attribute(name)).cpu().numpy() for name in empty.sums})

    def update(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Add a batch: logits [rows classes] of any floating type, labels [rows]. Raises as `Tally.update`."""
        batch = Tally(**self._settings)
        batch.update(logits, labels)
        for name, array in batch.sums.items():
            state = getattr(self, _attribute(name))
            state += torch.from_numpy(array).to(state.device)

    def compute(self) -> dict[str, torch.Tensor]:
        """Every measure by name. Raises `ValueError` before the first batch."""
        return {
            name: torch.tensor(value, device=self.device) for name, value in self.tally().compute().items()
        }


def _attribute(name: str) -> str:
    return name.replace(".", "_")
