r"""Temperature scaling, with a fit that says when there is nothing to fit.

    NLL(T) = mean_i [logsumexp(z_i / T) - z_iy / T]

is convex in b = 1/T, with the slope mean_i (<p_i, z_i> - z_iy) and the curvature mean_i Var_{p_i} z_i, where
p_i = softmax(b z_i). So the two ends of the slope decide beforehand whether a minimum exists:

    b -> 0          mean_i (mean_k z_ik - z_iy)  >= 0    no sharpening helps: T -> infinity, "uninformative"
    b -> infinity   mean_i (max_k z_ik - z_iy)    = 0    no label is ever beaten: T -> 0, "separable"

and otherwise there is exactly one. Newton's method finds the root of the slope in log T; a bracket that shrinks
at every step catches it wherever it jumps too far. A sample of the examples says where to begin; all of them, in
their own precision, lead near; and the last step is that of all in float64. At the root the standard error follows
from the curvature, se(T) = T^2 / sqrt(n curvature).

Source: Guo et al. 2017, sec. 4.2, arXiv:1706.04599. T above 1 softens the logits, below 1 it sharpens them.
"""

import math
from collections.abc import Callable
from enum import StrEnum

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .estimator import Scaler
from .likelihood import Blocks, Likelihood, likelihood, sampled

# How small the last step in log T is, on the sample, on all in the logits' precision, and on all in float64. Newton
# squares its error, so that 1e-8 is left of T: with a million examples its standard error is 1e-3.
_ON_SAMPLE, _ROUGHLY, _EXACTLY = 1e-3, 3e-2, 1e-4


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

    NOT_CONVERGED = "not_converged"
    """Of a fit of many numbers: the steps were used up before they became small."""


class Temperature(Scaler):
    """One temperature for all logits, fitted by maximum likelihood on held-out examples.

    After `fit`: `temperature_`; `status_`, a `Status`, which is to be read before it; `standard_error_` of the
    temperature, from the curvature, nan unless the status is "ok"; `nll_before_` and `nll_after_`, in nats, on
    the examples of the fit. Before it, asking for any of them is an `AttributeError`.

    `bounds` are the smallest and largest temperature that is accepted; where the likelihood has no maximum between
    them, the nearer is taken, and the status tells which case it was. Raises `ValueError` for bounds that are not
    two rising positive numbers. It is an estimator of scikit-learn as well. Source: Guo et al. 2017, sec. 4.2.

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
        return self.fit_blocks(lambda: iter([(logits, labels)]))

    def fit_blocks(self, blocks: Blocks) -> "Temperature":
        """The same for examples that come in blocks, of a file larger than memory: some four passes over them.

        `blocks()` begins anew at each call and hands out pairs of logits and labels, the same ones each time. Raises
        `ValueError` as `fit`, with rows counted within their block, and where two passes differ.

        >>> import numpy as np
        >>> from smoothlab.scaling import Temperature
        >>> logits, labels = np.array([[1.0, 0.0]] * 4), np.array([0, 0, 0, 1])
        >>> fitted = Temperature().fit_blocks(lambda: ((logits[i : i + 2], labels[i : i + 2]) for i in (0, 2)))
        >>> round(1 / fitted.temperature_, 6)  # log 3
        1.098612
        """
        low, high = self.bounds
        whole, sample = sampled(blocks)
        before = likelihood(whole, 1.0, precise=False)
        after = before
        if before.at_zero >= 0:
            temperature, status = high, Status.UNINFORMATIVE
        elif before.at_infinity == 0:
            temperature, status = low, Status.SEPARABLE
        else:
            start, _ = _minimum(lambda t: likelihood(sample, t), low, high, 1.0, _ON_SAMPLE)
            near, _ = _minimum(lambda t: likelihood(whole, t, precise=False), low, high, start, _ROUGHLY)
            temperature, after = _minimum(lambda t: likelihood(whole, t), low, high, near, _EXACTLY)
            status = Status.OK if low < temperature < high else Status.AT_BOUND
        if status is not Status.OK:
            after = likelihood(whole, temperature)
        if after.n != before.n:
            raise ValueError(
                f"`blocks` must begin anew at each call, but the first pass had {before.n} examples and another "
                f"{after.n}. Pass a function that opens the file, not an iterator over it."
            )

        self._learn_classes(before.classes)
        self.temperature_, self.status_ = temperature, status
        self.nll_before_, self.nll_after_ = before.nll, after.nll
        self.standard_error_ = (
            temperature**2 / math.sqrt(after.n * after.curvature) if status is Status.OK else math.nan
        )
        return self

    def transform(self, logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, "batch classes"]:
        """The logits over the temperature, in float64; predictions stay as they are.

        Raises `AttributeError` before `fit`, and `ValueError` for logits that no softmax can read or that have other
        columns than those of the fit.

        >>> import numpy as np
        >>> from smoothlab.scaling import Temperature
        >>> logits, labels = np.array([[1.0, 0.0]] * 4), np.array([0, 0, 0, 1])
        >>> np.exp(Temperature().fit(logits, labels).transform(logits)[0]).round(6).tolist()  # 3 to 1
        [3.0, 1.0]
        """
        temperature = self.temperature_
        self._judge(logits)
        return logits.astype(np.float64) / temperature


def _minimum(
    measure: Callable[[float], Likelihood], low: float, high: float, start: float, close: float
) -> tuple[float, Likelihood]:
    """Where the slope is 0, up to the square of `close` in log T, and the likelihood there.

    It is that of the last temperature looked at, moved along its parabola. Where the slope is 0 beyond a bound, the
    temperature is the bound, and the likelihood means nothing.
    """
    least, most = math.log(low), math.log(high)
    below, above = least, most
    log_t = min(max(math.log(start), least), most)
    step = math.inf
    while True:
        temperature = math.exp(log_t)
        there = measure(temperature)
        if there.slope > 0:  # too sharp
            below = log_t
        else:
            above = log_t
        newton = there.slope * temperature / there.curvature if there.curvature > 0 else math.inf
        # a step that leaves the bracket, or does not halve the last one, gives way to bisection
        useful = below < log_t + newton < above and abs(newton) < abs(step) / 2
        step = newton if useful or abs(newton) <= close else (below + above) / 2 - log_t
        log_t += step
        if abs(step) <= close or above - below <= close:
            break
    if log_t - least <= close:
        return low, there
    if most - log_t <= close:
        return high, there
    moved = 1 / math.exp(log_t) - 1 / temperature
    nll = there.nll + moved * (there.slope + moved * there.curvature / 2)
    return math.exp(log_t), there._replace(nll=nll)
