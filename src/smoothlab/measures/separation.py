r"""Class separation: the share of cosine distance that lies between classes.

With the cosine distance d(x, x') = 1 - <x, x'> / |x||x'|, averaged over all pairs of a class and then over the classes
(within), and over all pairs of examples with every class counted once (total),

    R^2 = 1 - within / total:     1 where all examples of a class point one way, about 0 where classes do not matter.

With u the mean of the examples' directions in a class, and v the mean of these means, the two are 1 - mean |u|^2 and
1 - |v|^2: no pair need be looked at. Features are not centred; a row of zeros has no direction and is at distance 1
from every row. The source finds that high separation goes with accuracy on the classes of training, and with features
that are less useful for others.

Source: Kornblith et al. 2021, the section on class separation, arXiv:2010.16402.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .collapse import class_means


class Separation(NamedTuple):
    """Mean cosine distances within classes and in total, and R^2 = 1 - within / total."""

    within: float
    total: float
    r_squared: float


def class_separation(
    features: Float[np.ndarray, "batch features"], labels: Integer[np.ndarray, " batch"]
) -> Separation:
    """Kornblith's R^2 with the two mean distances behind it, in float64.

    Where all features point one way R^2 is `nan`. Raises `ValueError` for fewer than two classes, for unequal lengths
    and for features that are not finite. Source: Kornblith et al. 2021.

    >>> import numpy as np
    >>> from smoothlab.measures import class_separation
    >>> class_separation(np.array([[1.0, 0.0], [9.0, 0.0], [0.0, 2.0], [0.0, 5.0]]), np.array([0, 0, 1, 1]))
    Separation(within=0.0, total=0.5, r_squared=1.0)
    """
    _checks.array("features", features, axes=2)
    directions = features.astype(np.float64)
    largest = np.abs(directions).max(1, keepdims=True)
    np.divide(directions, largest, out=directions, where=largest > 0)  # so that no square over- or underflows
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    np.divide(directions, lengths, out=directions, where=lengths > 0)
    means = class_means(directions, labels)
    centre = means.mean(0)
    within = 1 - float(np.einsum("cf,cf->c", means, means).mean())
    total = 1 - float(centre @ centre)
    rounding = 1e-14  # of the two differences from 1
    within, total = (0.0 if distance < rounding else distance for distance in (within, total))
    return Separation(within, total, 1 - within / total if total else math.nan)
