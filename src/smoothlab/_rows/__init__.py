r"""Compiled kernels over the rows of a matrix of logits, linked to no framework.

For logits z of a row with the largest m, label t, background v and log_sum = log sum_k exp(z_k - m),

    cost of the label = |t| log_sum - <t, z - m>,        cost of the background = |v| log_sum - <v, z - m>,

and every smoothed loss is (1 - a) of the first and a of the second, its gradient softmax(z) - (1 - a) t - a v.
`statistics` hands out the numbers, `loss` the two costs, their sum and the gradient, out of place or in place.
`confidences` finds the probability of m alone, exp(-log_sum), and `bin_totals` adds up in bins what such say of
calibration. `Buffers` lends memory for gradients that come and go. `has_team` says whose threads a large call is shared
out to: those of the OpenMP runtime that a framework brought along, or its own. Arguments are judged by the doors above
this room; only what would leave an array's memory is refused here.

Sources: Szegedy et al. 2016, sec. 7, arXiv:1512.00567 (the loss); Milakov & Gimelshein 2018, arXiv:1805.02867 (one
pass over a row); Guo et al. 2017, sec. 4.2, arXiv:1706.04599 (the temperature, whose fit the moments serve).

>>> import numpy as np
>>> from smoothlab import _rows
>>> logits = np.array([[2.0, 0.0, 0.0, -np.inf]], np.float32)
>>> gradient = np.empty_like(logits)
>>> loss = _rows.loss(logits, np.array([0]), gradient=gradient, label_share=0.9, background_share=0.1)
>>> float(loss.value[0].round(4)), gradient.astype(float).round(3).tolist()  # three classes take part
(0.3729, [[-0.146, 0.073, 0.073, 0.0]])
>>> float(np.exp(-_rows.statistics(logits).log_sum[0]).round(4))  # the confidence
0.787
"""

from ._kernels import (
    INSTRUCTIONS,
    BinTotals,
    Buffers,
    Loss,
    Statistics,
    bin_totals,
    confidences,
    has_team,
    loss,
    statistics,
)

__all__ = [
    "INSTRUCTIONS",
    "BinTotals",
    "Buffers",
    "Loss",
    "Statistics",
    "bin_totals",
    "confidences",
    "has_team",
    "loss",
    "statistics",
]
