r"""Temperature scaling, with a fit that says when there is nothing to fit.

    NLL(T) = mean_i [logsumexp(z_i / T) - z_iy / T]

is convex in b = 1/T, with the slope mean_i (<p_i, z_i> - z_iy) and the curvature mean_i Var_{p_i} z_i, where
p_i = softmax(b z_i). So the two ends of the slope decide beforehand whether a minimum exists:

    b -> 0          mean_i (mean_k z_ik - z_iy)  >= 0    no sharpening helps: T -> infinity, "uninformative"
    b -> infinity   mean_i (max_k z_ik - z_iy)    = 0    no label is ever beaten: T -> 0, "separable"

and otherwise there is exactly one. Newton's method finds the root of the slope in log T; a bracket that shrinks
at every step catches it wherever it jumps too far. At the root the standard error follows from the curvature,
se(T) = T^2 / sqrt(n curvature).

Source: Guo et al. 2017, sec. 4.2, arXiv:1706.04599. T above 1 softens the logits, below 1 it sharpens them.
"""

import math
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .._numerics import below_highest

_CLOSE = 1e-10  # in log T; Newton squares its error, so the step after one of this size is below rounding


class Status(StrEnum):
    """What came of a fit; a member equals its word.

    >>> from smoothlab.scaling import Status
    >>> Status.OK == "ok"
    True
    """

    OK = "ok"
    """The minimum was found between the bounds."""

    SEPARABLE = "separable"
    """No wrong class is ever above the label's: the likelihood grows as T -> 0. T is the lower bound."""

    UNINFORMATIVE = "uninformative"
    """The label's logit is no better than average: the likelihood grows as T -> infinity. T is the upper bound."""

    AT_BOUND = "at_bound"
    """A minimum exists beyond one of the bounds. T is that bound."""


class Temperature:
    """One temperature for all logits, fitted by maximum likelihood on held-out examples.

    After `fit`: `temperature_`; `status_`, a `Status`, which is to be read before it; `standard_error_` of the
    temperature, from the curvature, nan unless the status is "ok"; `nll_before_` and `nll_after_`, in nats, on
    the examples of the fit. Before it, asking for any of them is an `AttributeError`.

    `bounds` are the smallest and largest temperature that is accepted; where the likelihood has no maximum between
    them, the nearer is taken, and the status tells which case it was. Raises `ValueError` for bounds that are not
    two rising positive numbers. Source: Guo et al. 2017, sec. 4.2.

    >>> import numpy as np
    >>> from smoothlab.scaling import Temperature
    >>> logits = np.tile([8.0, 0.0], (100, 1))  # claims to be right in 99.97 % of the cases ...
    >>> labels = np.arange(100) % 10 == 0  # ... and is in 90 %, which is a gap of log 9
    >>> fitted = Temperature().fit(logits, labels.astype(int))
    >>> fitted.status_.value, round(fitted.temperature_, 4), round(float(8 / np.log(9)), 4)
    ('ok', 3.641, 3.641)
    """

    temperature_: float
    status_: Status
    standard_error_: float
    nll_before_: float
    nll_after_: float

    def __init__(self, *, bounds: tuple[float, float] = (1e-3, 1e3)) -> None:
        for bound in bounds:
            _checks.positive("bounds", bound)
        if not bounds[0] < bounds[1]:
            raise ValueError(f"`bounds` must rise, but got {bounds!r}. Write the smaller temperature first.")
        self.bounds = bounds

    def fit(
        self, logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
    ) -> "Temperature":
        """Find the temperature that minimises the NLL, on examples that no test number is taken from.

        A class masked with -inf stays masked at every temperature. Raises `ValueError` for logits that no softmax
        can read (NaN, +inf, a row of nothing but -inf), for labels that are no column of them or whose own class
        is masked, and for no example.
        """
        _checks.logits_and_labels(logits, labels)
        masked = np.take_along_axis(logits, labels[:, None], 1)[:, 0] == -np.inf
        if masked.any():
            raise ValueError(
                f"`labels` must name classes that take part, but the label of row {int(masked.argmax())} is masked "
                "with -inf. Leave such rows out: no temperature gives them a finite loss."
            )
        low, high = self.bounds
        at_zero, at_infinity = _slopes_at_the_ends(logits, labels)
        if at_zero >= 0:
            self.temperature_, self.status_ = high, Status.UNINFORMATIVE
        elif at_infinity == 0:
            self.temperature_, self.status_ = low, Status.SEPARABLE
        else:
            self.temperature_ = _minimum(logits, labels, low, high)
            self.status_ = Status.OK if low < self.temperature_ < high else Status.AT_BOUND

        after = _likelihood(logits, labels, self.temperature_)
        self.nll_before_, self.nll_after_ = _likelihood(logits, labels, 1.0).nll, after.nll
        self.standard_error_ = (
            self.temperature_**2 / math.sqrt(len(labels) * after.curvature)
            if self.status_ is Status.OK
            else math.nan
        )
        return self

    def transform(self, logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, "batch classes"]:
        """The logits over the temperature, in float64; predictions stay as they are.

        Raises `AttributeError` before `fit`, and `ValueError` for logits that no softmax can read.

        >>> import numpy as np
        >>> from smoothlab.scaling import Temperature
        >>> logits, labels = np.array([[1.0, 0.0]] * 4), np.array([0, 0, 0, 1])
        >>> np.exp(Temperature().fit(logits, labels).transform(logits)[0]).round(6).tolist()  # 3 to 1
        [3.0, 1.0]
        """
        temperature = self.temperature_
        _checks.readable_logits(logits)
        return logits.astype(np.float64) / temperature

    def __getattr__(self, name: str) -> float:
        if name in type(self).__annotations__:
            raise AttributeError(f"`{name}` is known only after a fit. Call `fit(logits, labels)` first.")
        raise AttributeError(f"`Temperature` has no attribute {name!r}.")


class _Likelihood(NamedTuple):
    """The mean NLL, and its first and second derivative in 1/T."""

    nll: float
    slope: float
    curvature: float


def _minimum(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"], low: float, high: float
) -> float:
    """The temperature where the slope is 0, or the bound beyond which that is."""
    least, most = math.log(low), math.log(high)
    below, above = least, most
    log_t = min(max(0.0, least), most)
    step = math.inf
    while abs(step) > _CLOSE and above - below > _CLOSE:
        _, slope, curvature = _likelihood(logits, labels, math.exp(log_t))
        if slope > 0:  # too sharp
            below = log_t
        else:
            above = log_t
        newton = slope * math.exp(log_t) / curvature if curvature > 0 else math.inf
        # a step that leaves the bracket, or does not halve the last one, gives way to bisection
        useful = below < log_t + newton < above and abs(newton) < abs(step) / 2
        step = newton if useful or abs(newton) <= _CLOSE else (below + above) / 2 - log_t
        log_t += step
    if log_t - least <= _CLOSE:
        return low
    return high if most - log_t <= _CLOSE else math.exp(log_t)


def _likelihood(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"], temperature: float
) -> _Likelihood:
    nll = slope = curvature = 0.0
    for rows, below in below_highest(logits):
        own = _own(below, labels[rows])
        chances = np.exp(below / temperature)
        total = chances.sum(1)
        chances /= total[:, None]
        if below.min() == -np.inf:  # a masked class has no chance, and 0 times its logit is 0
            below[below == -np.inf] = 0
        first = np.einsum("bk,bk->b", chances, below)
        chances *= below
        second = np.einsum("bk,bk->b", chances, below)
        nll += float((np.log(total) - own / temperature).sum())
        slope += float((first - own).sum())
        curvature += float((second - first**2).sum())
    return _Likelihood(nll / len(labels), slope / len(labels), curvature / len(labels))


def _slopes_at_the_ends(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
) -> tuple[float, float]:
    """The slope in 1/T at 0, where every class that takes part has the same chance, and at infinity."""
    at_zero = at_infinity = 0.0
    for rows, below in below_highest(logits):
        own = _own(below, labels[rows])
        taking_part = below > -np.inf
        mean = np.where(taking_part, below, 0.0).sum(1) / taking_part.sum(1)
        at_zero += float((mean - own).sum())
        at_infinity -= float(own.sum())
    return at_zero / len(labels), at_infinity / len(labels)


def _own(
    below: Float[np.ndarray, "rows classes"], labels: Integer[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """The label's entry of each row."""
    return np.take_along_axis(below, labels[:, None], 1)[:, 0]
