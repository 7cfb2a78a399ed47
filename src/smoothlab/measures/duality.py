r"""The head beside the class means: are they one shape (NC3), and do they decide alike (NC4)?

With M the class means less their mean and W the rows of the head less theirs, each a matrix [classes features],

    NC3 = | W / |W|_F - M / |M|_F |_F,

0 where every template points to its own class's mean and all are in proportion, sqrt 2 where the two have nothing in
common, 2 at most. The rows are centred because a vector that is added to all of them changes no probability, and no
gradient ever moves their mean: what it was at the start would only veil the shape. And

    NC4 = share of examples for which  argmax_k z_k = argmin_k |x - mu_k|,

1 where the net decides as the nearest class mean does. The means are those of the training set, the examples may be
others. The source counts the disagreements; this is what is left of 1.

Source: Papyan, Han, Donoho 2020, (NC3) and figure 5, (NC4) and figure 7, arXiv:2008.08186; they do not centre W.
"""

import math

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .._numerics import cached_blocks
from .collapse import class_means


def self_duality(
    features: Float[np.ndarray, "batch features"],
    labels: Integer[np.ndarray, " batch"],
    weight: Float[np.ndarray, "classes features"],
) -> float:
    """NC3: how far the head is from the class means in shape, from 0 to 2; `nan` where either is a single point.

    Every class must occur. Raises `ValueError` where one does not, and as `class_scatter`.

    >>> import numpy as np
    >>> from smoothlab.measures import self_duality
    >>> means = np.array([[3.0, 0.0], [0.0, 1.0], [0.0, 5.0]])
    >>> round(self_duality(means, np.arange(3), 7 * means + 2), 12)
    0.0
    """
    _checks.array("weight", weight, axes=2)
    _checks.whole_labels(labels, len(weight))
    means = class_means(features, labels)
    if len(means) < len(weight):
        absent = sorted(set(range(len(weight))) - set(labels.tolist()))
        raise ValueError(
            f"`labels` must hold an example of every row of `weight`, but none of {absent}. Take the training set."
        )
    head, shape = weight - weight.mean(0, dtype=np.float64), means - means.mean(0)
    lengths = np.linalg.norm(head), np.linalg.norm(shape)
    if min(lengths) == 0:
        return math.nan
    return float(np.linalg.norm(head / lengths[0] - shape / lengths[1]))


def nearest_mean_agreement(
    features: Float[np.ndarray, "batch features"],
    logits: Float[np.ndarray, "batch classes"],
    *,
    means: Float[np.ndarray, "classes features"],
) -> float:
    """NC4: the share of examples that the net gives to the class whose mean is nearest, from 0 to 1.

    `means` are the `class_means` of the training set, one row for each logit; among equally near the first counts.
    Raises `ValueError` for unreadable logits.

    >>> import numpy as np
    >>> from smoothlab.measures import nearest_mean_agreement
    >>> features = np.array([[0.1, 0.0], [0.9, 0.2], [0.4, 0.0]])
    >>> nearest_mean_agreement(features, np.eye(2)[[0, 1, 1]], means=np.array([[0.0, 0.0], [1.0, 0.0]])) == 2 / 3
    True
    """
    _checks.array("features", features, axes=2)
    _checks.readable_logits(logits)
    _checks.array("means", means, axes=2)
    # |x - mu|^2 is expanded below, and needs small numbers for its digits
    centre = means.mean(0, dtype=np.float64)
    targets = means - centre
    half_squares = np.einsum("cf,cf->c", targets, targets) / 2
    agreed = 0
    for rows in cached_blocks(features):
        nearness = (features[rows] - centre) @ targets.T - half_squares
        agreed += int((nearness.argmax(1) == logits[rows].argmax(1)).sum())
    return agreed / len(features)
