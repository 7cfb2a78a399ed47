r"""The logit-norm score: how sure a model is, judged by the shape of its logits and not by their scale.

With the logits of an example less their mean, c = z - mean z,

    score_p = max_k c_k / (sum_k |c_k|^p)^(1/p),      p = 1, 2, 3, ...

The softmax of large logits says 1 to everything; here their scale cancels, and what counts is how far the highest
stands out. Which p does this best is chosen on held-out examples, by the AURC. Where no p there beats the maximum
probability, that remains the score: with two classes, say, every score_p is the same for all examples.

Source: Cattelan and Silva 2024, sec. 3 and 4, arXiv:2305.15508 (MaxLogit-pNorm, with centring, and its fallback).
"""

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .._numerics import below_highest
from .answers import top_label
from .scores import confidences
from .selective import aurc

_HIGHEST_POWER = 8  # the source searches up to here; beyond, the norm is nearly the maximum


class LogitNorm:
    """The score for abstaining that is best on held-out examples: a logit norm, or the maximum probability.

    After `fit`: `power_`, the p of the norm, or None where the maximum probability stayed ahead; `aurc_`, the AURC on
    the held-out examples under the chosen score, and `aurc_before_`, that under the maximum probability. Before it,
    asking for any of them is an `AttributeError`.

    `powers` are the whole numbers to choose from. Raises `ValueError` for none, and for one below 1.
    Source: Cattelan and Silva 2024.

    >>> import numpy as np
    >>> from smoothlab.measures import LogitNorm
    >>> shape = np.array([[3.0, 0.0, 0.0], [3.0, 2.9, 0.0]])  # the second hesitates between two classes ...
    >>> logits = np.concatenate([shape, shape * 30])  # ... but says it with large logits
    >>> fitted = LogitNorm().fit(logits, np.array([0, 1, 0, 1]))
    >>> fitted.power_, round(fitted.aurc_, 3), round(fitted.aurc_before_, 3)
    (1, 0.208, 0.333)
    """

    power_: int | None
    aurc_: float
    aurc_before_: float

    def __init__(self, *, powers: tuple[int, ...] = tuple(range(1, _HIGHEST_POWER + 1))) -> None:
        if not powers:
            raise ValueError(
                "`powers` must hold a whole number, but is empty. Write (2,) for the Euclidean norm."
            )
        for power in powers:
            _checks.at_least("powers", power, 1)
        self.powers = powers

    def fit(
        self, logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
    ) -> "LogitNorm":
        """Choose the power, on examples that no test number is taken from; the smallest among equally good ones.

        Raises `ValueError` for unreadable logits and for labels that are no column of them.
        """
        confident, correct = top_label(logits, labels)
        self.power_, self.aurc_before_ = None, aurc(confident, correct)
        self.aurc_ = self.aurc_before_
        for power, scores in zip(self.powers, _logit_norms(logits, self.powers), strict=True):
            area = aurc(scores, correct)
            if area < self.aurc_:
                self.power_, self.aurc_ = power, area
        return self

    def score(self, logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, " batch"]:
        """The chosen score of each example, the surest highest.

        Raises `AttributeError` before `fit`, and `ValueError` for unreadable logits.
        """
        power = self.power_
        return confidences(logits) if power is None else logit_norm(logits, power=power)

    def __getattr__(self, name: str) -> float:
        if name in type(self).__annotations__:
            raise AttributeError(f"`{name}` is known only after a fit. Call `fit(logits, labels)` first.")
        raise AttributeError(f"`LogitNorm` has no attribute {name!r}.")


def logit_norm(logits: Float[np.ndarray, "batch classes"], *, power: int) -> Float[np.ndarray, " batch"]:
    """The highest centred logit over the p-norm of all, in [0, 1], for every example, in float64.

    A class masked with -inf leaves the mean and the norm. A row of equal logits scores 0. Raises `ValueError` for
    unreadable logits, and for a `power` that is no whole number or below 1. Source: Cattelan and Silva 2024, sec. 3.

    >>> import numpy as np
    >>> from smoothlab.measures import logit_norm
    >>> logit_norm(np.array([[3.0, 0.0, 0.0], [30.0, 0.0, 0.0], [5.0, 5.0, 5.0]]), power=1).tolist()
    [0.5, 0.5, 0.0]
    """
    _checks.readable_logits(logits)
    _checks.at_least("power", power, 1)
    return _logit_norms(logits, (power,))[0]


def _logit_norms(
    logits: Float[np.ndarray, "batch classes"], powers: tuple[int, ...]
) -> Float[np.ndarray, "powers batch"]:
    """The score under several norms; powers of an entry are multiplied up, a tenth of the price of `power`."""
    scores = np.zeros((len(powers), len(logits)))
    for rows, block in below_highest(
        logits
    ):  # so that equal logits are 0 before and after the mean is taken off
        masked = block == -np.inf
        block[masked] = 0
        block -= block.sum(1, keepdims=True) / (~masked).sum(1, keepdims=True)
        block[masked] = 0
        scale = np.abs(block).max(1, keepdims=True)
        # entries of at most 1 have powers that do not overflow, and one of them stays 1
        np.divide(block, scale, out=block, where=scale > 0)
        highest = block.max(1)
        np.abs(block, out=block)
        term = block.copy()
        for power in range(1, max(powers) + 1):
            total = term.sum(1)
            for i in (i for i, wanted in enumerate(powers) if wanted == power):
                np.divide(highest, total ** (1 / power), out=scores[i, rows], where=total > 0)
            term *= block
    return scores
