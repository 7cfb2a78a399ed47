r"""How nearly K points are the corners of a regular simplex: the class means (NC2), or the templates of the head.

With a_1 .. a_K the points less their mean, a regular simplex has

    |a_j| all equal,       cos(a_j, a_k) = -1 / (K - 1)  for all j != k,       |a_j - a_k| all equal,

the last of which follows from the others, and is what equally distant classes are. Five numbers are taken:

    norm spread      standard deviation of the norms, over their mean          0 at a regular simplex
    cosine mean      mean of the cosines                                       -1/(K - 1)
    cosine spread    standard deviation of the cosines                         0
    cosine gap       mean of |cos + 1/(K - 1)|                                 0
    side spread      standard deviation of the sides |a_j - a_k|, over their mean    0

None depends on unit, origin or rotation. Standard deviations are of all there are, so without n - 1.

Each class is one point here, wherever its examples lie: NC1 says how far they scatter. For the distance of examples to
wrong templates see `gap_spread`: logits carry it, without |x|^2, which would make all distances of a long x look equal.

Source: Papyan, Han, Donoho 2020, (NC2) and figures 2 (norms), 3 (spread of the cosines) and 4 (their gap),
arXiv:2008.08186.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .collapse import class_means


class Simplex(NamedTuple):
    """How far K points are from a regular simplex: all 0 there, but `cosine_mean`, which is -1/(K - 1).

    >>> import numpy as np
    >>> from smoothlab.measures import Simplex, simplex_geometry
    >>> regular: Simplex = simplex_geometry(np.eye(4))
    >>> round(regular.cosine_mean, 3), round(regular.cosine_gap, 12), regular.side_spread
    (-0.333, 0.0, 0.0)
    """

    norm_spread: float
    cosine_mean: float
    cosine_spread: float
    cosine_gap: float
    side_spread: float


def simplex_geometry(corners: Float[np.ndarray, "corners axes"]) -> Simplex:
    """The five numbers of some points, such as the rows of a head's weight, in float64.

    A point at the centre of all has no direction: then the numbers of the cosines are `nan`. Raises `ValueError` for
    fewer than two points and for points that are not finite. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import simplex_geometry
    >>> print(f"{simplex_geometry(np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]])).side_spread:.3f}")  # sides 3, 4 and 5
    0.204
    """
    _checks.array("corners", corners, axes=2)
    if len(corners) < 2:
        raise ValueError(
            f"`corners` must be two points or more, but got {len(corners)}. Give one row a class."
        )
    exact = corners.astype(np.float64)
    if not np.isfinite(exact).all():
        raise ValueError("`corners` must be finite, but hold NaN or inf. Look for the run that diverged.")
    centred = exact - exact.mean(0)
    norms = np.linalg.norm(centred, axis=1)
    first, second = np.triu_indices(len(exact), 1)
    # not from the Gram matrix: of nearly equal points it would leave no digit of a side
    sides = np.array([np.linalg.norm(exact[j] - exact[k]) for j, k in zip(first, second, strict=True)])
    cosines = np.full(len(sides), np.nan)
    if (
        norms.min() > len(exact) * np.finfo(float).eps * np.abs(exact).max()
    ):  # else it is rounding, and points nowhere
        directions = centred / norms[:, None]
        cosines = (directions @ directions.T)[first, second]
    ideal = -1 / (len(exact) - 1)
    return Simplex(
        norm_spread=_spread(norms),
        cosine_mean=float(cosines.mean()),
        cosine_spread=float(cosines.std()),
        cosine_gap=float(np.abs(cosines - ideal).mean()),
        side_spread=_spread(sides),
    )


def nc2(features: Float[np.ndarray, "batch features"], labels: Integer[np.ndarray, " batch"]) -> Simplex:
    """How nearly the class means are a regular simplex, the second measure of neural collapse.

    Raises as `class_scatter`. Source: Papyan et al. 2020, (NC2).

    >>> import numpy as np
    >>> from smoothlab.measures import nc2
    >>> nc2(np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 2])).norm_spread
    0.0
    """
    return simplex_geometry(class_means(features, labels))


def _spread(lengths: Float[np.ndarray, " lengths"]) -> float:
    """Standard deviation over mean; exactly 0 where all are equal, nan where all are 0."""
    away = lengths - lengths[0]
    mean = float(lengths.mean())
    return float(away.std()) / mean if mean > 0 else math.nan
