r"""Scalings with a bias for each class: vector scaling z_k -> w_k z_k + b_k, and bias scaling z_k -> z_k / T + b_k.

A bias takes back what a class is believed in too often or too rarely, as after a shift of priors or training with
weights, which no temperature can. A weight for each class costs twice the parameters and is worth it where classes are
overconfident to different degrees. Only differences of biases matter; they are given with sum 0. Unlike a temperature,
both may change predictions, and weights depend on what is added to all logits of a row: take them as the network does.

Sources: Guo et al. 2017, sec. 4.2, arXiv:1706.04599 (vector scaling); Alexandari et al. 2020, sec. 2, arXiv:1901.06852
(a temperature with biases).
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from .estimator import Scaler
from .linear import Columns, Fit, fit
from .temperature import Status, Temperature


class VectorScaling(Scaler):
    """A weight and a bias for each class, fitted by maximum likelihood on held-out examples.

    After `fit`: `weights_` and `biases_`, which sum to 0; `status_`, a `Status`, to be read before them: "ok",
    "separable" where the likelihood has no maximum (a class that no label names is enough), or "not_converged";
    `weight_standard_errors_` and `bias_standard_errors_`, nan unless the status is "ok", and nan for a parameter that
    the examples cannot tell from others, as the two weights of a pair of logits (z, -z); `nll_before_` and
    `nll_after_`, in nats, on the examples of the fit.

    It takes a matrix of the square of twice the classes, and some ten passes: up to some thousand classes.
    Source: Guo et al. 2017, sec. 4.2.

    >>> import numpy as np
    >>> from smoothlab.scaling import VectorScaling
    >>> random, labels = np.random.default_rng(0), np.arange(3000) % 3
    >>> logits = 2 * np.eye(3)[labels] + random.normal(size=(3000, 3))  # so p(y | z) is softmax(2 z)
    >>> fitted = VectorScaling().fit(logits + [1, 0, 0], labels)
    >>> fitted.weights_.round(1).tolist(), (fitted.biases_ - fitted.biases_[2]).round(0).tolist()
    ([2.0, 2.0, 2.0], [-2.0, 0.0, 0.0])
    """

    weights_: Float[np.ndarray, " classes"]
    biases_: Float[np.ndarray, " classes"]
    weight_standard_errors_: Float[np.ndarray, " classes"]
    bias_standard_errors_: Float[np.ndarray, " classes"]
    status_: Status
    nll_before_: float
    nll_after_: float

    def fit(
        self, logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
    ) -> "VectorScaling":
        """Find the weights and biases that minimise the NLL. Raises `ValueError` as `Temperature.fit` does."""
        first, columns = Temperature().fit(logits, labels), Columns.of(logits, labels)
        classes, sharp = logits.shape[1], _sharpness(first)
        start = sharp * np.concatenate([columns.width, columns.centre])
        found = fit(columns, np.eye(2 * classes), start)

        back = np.zeros((2, classes, 2, classes))  # from the standardised parameters to the logits' own
        k = np.arange(classes)
        back[0, k, 0, k], back[1, k, 1, k] = 1 / columns.width, 1
        back[1, k, 0, k] = -columns.centre / columns.width
        back[1] -= back[1].mean(0)
        own = _Own.of(found, back.reshape(2 * classes, 2 * classes))
        self._learn_classes(classes)
        self.weights_, self.biases_ = own.parameters.reshape(2, -1)
        self.weight_standard_errors_, self.bias_standard_errors_ = own.standard_errors.reshape(2, -1)
        self.status_, self.nll_before_, self.nll_after_ = found.status, first.nll_before_, found.nll
        return self

    def transform(self, logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, "batch classes"]:
        """The weighted logits and the biases, in float64; a masked class stays masked. Raises as `Temperature`'s."""
        weights = self.weights_
        self._judge(logits)
        return _affine(logits, weights, self.biases_)


class BiasScaling(Scaler):
    """One temperature, and a bias for each class, fitted by maximum likelihood on held-out examples.

    After `fit`: `temperature_` and `biases_`, which sum to 0; `status_`, a `Status`, to be read before them: "ok",
    "separable" and "not_converged" as for `VectorScaling`, or "uninformative" where no sharpness above 0 helps: then
    the temperature is inf, and the biases alone are left; `standard_error_` of the temperature and
    `bias_standard_errors_`, nan unless the status is "ok"; `nll_before_` and `nll_after_`, in nats, on the examples of
    the fit.
    Source: Alexandari et al. 2020, sec. 2.

    >>> import numpy as np
    >>> from smoothlab.scaling import BiasScaling
    >>> logits = np.tile([3.0, 0.0], (100, 1))
    >>> logits[50:] = -logits[50:]
    >>> labels = np.repeat([0, 1, 1, 0], [40, 10, 30, 20])  # 4 to 1 where the logits say 0, and 2 to 3
    >>> fitted = BiasScaling().fit(logits, labels)
    >>> round(float(3 / fitted.temperature_ + np.diff(fitted.biases_)[0] * -1), 4), round(float(np.log(4)), 4)
    (1.3863, 1.3863)
    """

    temperature_: float
    biases_: Float[np.ndarray, " classes"]
    standard_error_: float
    bias_standard_errors_: Float[np.ndarray, " classes"]
    status_: Status
    nll_before_: float
    nll_after_: float

    def fit(
        self, logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
    ) -> "BiasScaling":
        """Find the temperature and biases that minimise the NLL. Raises `ValueError` as `Temperature.fit` does."""
        first, columns = Temperature().fit(logits, labels), Columns.of(logits, labels)
        classes = logits.shape[1]
        combine = np.zeros((2, classes, 1 + classes))  # of 1/T and the biases
        combine[0, :, 0], combine[1, :, 0] = columns.width, columns.centre
        combine[1, :, 1:] = np.eye(classes)
        combine = combine.reshape(2 * classes, -1)
        found = fit(columns, combine, np.concatenate([[_sharpness(first)], np.zeros(classes)]))
        status = found.status
        if found.parameters[0] <= 0:  # by convexity the best sharpness of those from 0 on is 0
            alone = fit(columns, combine[:, 1:], np.zeros(classes))
            status = Status.UNINFORMATIVE if alone.status is Status.OK else alone.status
            parameters = np.concatenate([[0.0], alone.parameters])
            found = found._replace(parameters=parameters, covariance=found.covariance * np.nan, nll=alone.nll)

        back = np.eye(1 + classes)
        back[1:, 1:] -= 1 / classes
        own = _Own.of(found, back)
        inverse = own.parameters[0]
        self._learn_classes(classes)
        self.temperature_ = math.inf if inverse == 0 else float(1 / inverse)
        self.biases_, self.bias_standard_errors_ = own.parameters[1:], own.standard_errors[1:]
        self.standard_error_ = float(own.standard_errors[0]) * self.temperature_**2
        self.status_, self.nll_before_, self.nll_after_ = status, first.nll_before_, found.nll
        return self

    def transform(self, logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, "batch classes"]:
        """The logits over the temperature and the biases, in float64; a masked class stays masked."""
        temperature = self.temperature_
        self._judge(logits)
        return _affine(logits, np.asarray(1 / temperature), self.biases_)


class _Own(NamedTuple):
    """Parameters in the logits' own units, and their standard errors."""

    parameters: Float[np.ndarray, " parameters"]
    standard_errors: Float[np.ndarray, " parameters"]

    @classmethod
    def of(cls, found: Fit, back: Float[np.ndarray, "parameters parameters"]) -> "_Own":
        variance = np.einsum("ij,jk,ik->i", back, found.covariance, back, optimize=True)
        # a direction has length 1, and what is left of one that `back` takes out is rounding
        undecided = np.abs(back @ found.flat).max(1, initial=0.0) > 1e-6 * np.abs(back).sum(1)
        return cls(back @ found.parameters, np.where(undecided, np.nan, np.sqrt(np.maximum(variance, 0))))


def _sharpness(first: Temperature) -> float:
    """Where to begin: at the best temperature alone or, if there is none, where every class has the same chance."""
    return 1 / first.temperature_ if first.status_ is Status.OK else 0.0


def _affine(
    logits: Float[np.ndarray, "batch classes"],
    weights: Float[np.ndarray, "*classes"],
    biases: Float[np.ndarray, " classes"],
) -> Float[np.ndarray, "batch classes"]:
    masked = logits == -np.inf
    scaled = np.where(masked, 0.0, logits) * weights + biases
    scaled[masked] = -np.inf  # whatever the sign of its weight
    return scaled
