r"""Maximum likelihood for scalings that are linear in their parameters: z_k -> w_k z_k + b_k.

The mean NLL of eta_k = w_k z_k + b_k is convex in (w, b). With p = softmax(eta), the label y and e_y its indicator,

    d/db = mean (p - e_y)              H_bb = mean [diag(p) - p p']
    d/dw = mean (p - e_y) z            H_wb = mean [diag(p z) - (p z) p']      H_ww = mean [diag(p z^2) - (p z)(p z)']

and Newton's method, halving a step that does not pay, finds the minimum where there is one. A scaling with fewer
parameters phi is (w, b) = C phi. Columns of logits are first centred and divided by their standard deviations, which
changes no minimum and lets steps be measured in logits.

Some directions change no probability at all: the same number added to every b, and with two classes, where one logit is
an affine function of the other, more. They are those in which the Hessian is 0 wherever one looks, since
v' H v = mean Var_p (what v adds to eta), so one looks where every class has the same chance. They are left out, and a
parameter that they move has no standard error. Elsewhere the covariance of the estimates is the inverse of n H.

Where a direction sends the likelihood up for ever (as a class does that no label names) the slope along it vanishes but
Newton's steps do not shrink: the examples are separable, and there is no estimate.

Sources: Guo et al. 2017, sec. 4.2, arXiv:1706.04599; Albert & Anderson 1984, doi:10.1093/biomet/71.1.1 (when there is a
minimum); Boyd & Vandenberghe 2004, sec. 9.5 (Newton's method).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from .. import _rows
from .._numerics import blocks
from .._statistics import threads
from .temperature import Status

_STEPS = 100
_CLOSE = 1e-8  # in logits; Newton squares its error, so the step after one of this size is below rounding
_SPENT, _LONG = (
    1e-8,
    1e-2,
)  # what a step still promises for all examples, in nats, and how far it goes nevertheless
_LEAST_SHARE = 1e-9  # of a step, below which it leads nowhere
_NO_CURVATURE = 1e-10  # of what the diagonal has, which is 1


@dataclass(frozen=True, eq=False)
class Columns:
    """Logits as columns: who takes part, and the centre and the width of each column among those that do."""

    logits: Float[np.ndarray, "batch classes"]
    labels: Integer[np.ndarray, " batch"]
    centre: Float[np.ndarray, " classes"]
    width: Float[np.ndarray, " classes"]

    @classmethod
    def of(
        cls, logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
    ) -> "Columns":
        """Two passes over judged logits: the means, then the mean squares about them."""
        count, sums, squares = np.zeros((3, logits.shape[1]))
        for rows in _parts(logits):
            taking_part = logits[rows] > -np.inf
            count += taking_part.sum(0)
            sums += np.where(taking_part, logits[rows], 0.0).sum(0, dtype=np.float64)
        centre = sums / np.maximum(count, 1)
        for rows in _parts(logits):
            squares += np.square(
                logits[rows] - centre, where=logits[rows] > -np.inf, out=np.zeros(logits[rows].shape)
            ).sum(0)
        width = np.sqrt(squares / np.maximum(count, 1))
        return cls(logits, labels, centre, np.where(width > 0, width, 1.0))


class Fit(NamedTuple):
    """Parameters phi, their covariance (nan without a minimum), and what came of the fit."""

    parameters: Float[np.ndarray, " parameters"]
    covariance: Float[np.ndarray, "parameters parameters"]
    flat: Float[np.ndarray, "parameters directions"]
    """Directions that change no probability, as columns of length 1."""
    nll: float
    status: Status


def fit(
    columns: Columns,
    combine: Float[np.ndarray, "both parameters"],
    start: Float[np.ndarray, " parameters"],
) -> Fit:
    """Minimise over phi, where `combine` is C, for the standardised (w, b) one below the other.

    >>> import numpy as np
    >>> from smoothlab.scaling.linear import Columns, fit
    >>> columns = Columns.of(np.zeros((4, 2)), np.array([0, 0, 0, 1]))
    >>> found = fit(columns, np.eye(4), np.zeros(4))
    >>> (found.parameters[2] - found.parameters[3]).round(6).item(), found.status.value  # log 3
    (1.098612, 'ok')
    """
    n, phi = len(columns.labels), start
    there, alike = _around(columns, combine @ phi), _around(columns, np.zeros(len(combine)))
    curved, flat = _directions(combine.T @ alike.hessian @ combine)
    status = Status.NOT_CONVERGED
    for _ in range(_STEPS):
        slope = curved.T @ (combine.T @ there.slope)
        hessian = curved.T @ (combine.T @ there.hessian @ combine) @ curved
        try:
            move = -np.linalg.solve(hessian, slope)
        except np.linalg.LinAlgError:
            status = Status.SEPARABLE  # a direction has lost the last bit of its curvature
            break
        promised, step = -float(slope @ move), curved @ move
        moved = combine @ step
        longest = np.abs(moved).reshape(2, -1).sum(0).max()
        if n * promised < _SPENT and longest > _LONG:
            status = Status.SEPARABLE
            break
        share, last = 1.0, there
        phi, there = phi + step, _around(columns, combine @ (phi + step))
        # rounding may raise what is as low as it gets
        while there.nll > last.nll - 1e-4 * share * promised + 1e-13 * abs(last.nll) and share > _LEAST_SHARE:
            share /= 2
            phi = phi - share * step
            there = _around(columns, combine @ phi)
        if longest <= _CLOSE:
            status = Status.OK
        if longest <= _CLOSE or share <= _LEAST_SHARE:
            break
    hessian = curved.T @ (combine.T @ there.hessian @ combine) @ curved
    known = status is Status.OK
    covariance = curved @ np.linalg.inv(hessian) @ curved.T / n if known else np.full((len(phi),) * 2, np.nan)
    return Fit(phi, covariance, flat, there.nll, status)


class _Around(NamedTuple):
    nll: float
    slope: Float[np.ndarray, " both"]
    hessian: Float[np.ndarray, "both both"]


def _around(columns: Columns, both: Float[np.ndarray, " both"]) -> _Around:
    """The mean NLL at the standardised (w, b), one below the other, and its derivatives."""
    (n, classes), (w, b) = columns.logits.shape, both.reshape(2, -1)
    at_once = threads()
    nll, slope, diagonal = 0.0, np.zeros((2, classes)), np.zeros((3, classes))
    hessian = np.zeros((2, 2, classes, classes))
    for rows in _parts(columns.logits):
        labels = columns.labels[rows].astype(np.int64)
        masked = columns.logits[rows] == -np.inf
        z = (np.where(masked, columns.centre, columns.logits[rows]) - columns.centre) / columns.width
        chances = np.ascontiguousarray(z * w + b)  # as the kernels want it, whatever order the logits have
        chances[masked] = -np.inf
        nll += _rows.loss(chances, labels, gradient=chances, threads=at_once).value.sum()
        slope += (chances * z).sum(0), chances.sum(0)
        chances[np.arange(len(labels)), labels] += 1  # the gradient is p - e_y
        weighted = chances * z
        diagonal += (weighted * z).sum(0), weighted.sum(0), chances.sum(0)
        hessian[0, 0] -= weighted.T @ weighted
        hessian[0, 1] -= weighted.T @ chances
        hessian[1, 1] -= chances.T @ chances
    k = np.arange(classes)
    hessian[0, 0, k, k] += diagonal[0]
    hessian[0, 1, k, k] += diagonal[1]
    hessian[1, 1, k, k] += diagonal[2]
    hessian[1, 0] = hessian[0, 1].T
    whole = hessian.transpose(0, 2, 1, 3).reshape(2 * classes, 2 * classes)
    return _Around(nll / n, slope.ravel() / n, whole / n)


def _directions(
    hessian: Float[np.ndarray, "parameters parameters"],
) -> tuple[Float[np.ndarray, "parameters curved"], Float[np.ndarray, "parameters flat"]]:
    """Directions along which probabilities change, and those along which none does.

    The curvature of every parameter is brought to 1 first, so that a rare class is not taken for none.
    """
    scale = 1 / np.sqrt(np.where(hessian.diagonal() > 0, hessian.diagonal(), 1.0))
    values, vectors = np.linalg.eigh(hessian * scale * scale[:, None])
    is_curved: Bool[np.ndarray, " parameters"] = values > _NO_CURVATURE
    directions = scale[:, None] * vectors
    flat = directions[:, ~is_curved]
    return directions[:, is_curved], flat / np.linalg.norm(flat, axis=0)


def _parts(logits: Float[np.ndarray, "batch classes"]) -> list[slice]:
    """Enough rows for a product of matrices to pay, and few enough for a handful of copies to stay in cache."""
    return list(blocks(len(logits), rows=max(256, 2**16 // logits.shape[1])))
