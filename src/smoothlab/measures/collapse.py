r"""Collapse: how tight the classes are, against how far they lie apart.

With mu_c the mean of the features of class c, mu the mean of the mu_c, C classes present, and

    Sigma_W = 1/C sum_c mean_{i in c} (x_i - mu_c)(x_i - mu_c)^T,     Sigma_B = 1/C sum_c (mu_c - mu)(mu_c - mu)^T,

two numbers tell how far the features have collapsed onto their class means:

    NC1 = 1/C tr(Sigma_W Sigma_B^+),        scatter ratio = tr Sigma_W / tr Sigma_B,

with ^+ the pseudoinverse. NC1 weighs the scatter in each direction between the means by how far apart the means
lie there, and passes over scatter that no class mean can be confused by. The ratio of traces counts every direction
alike, so that one direction in which the means lie far apart can hide all others. So the two may move against each
other, and both are shown. Where the means come to lie equally far apart, as smoothed classes should, the direction that
they were stretched along most gives up some of tr Sigma_B, and the ratio rises; NC1 still falls if, between classes
that are close, scatter fell by more than distance. Each class counts the same, however many examples it has.

Sources: Papyan, Han, Donoho 2020, (NC1) and figure 6, arXiv:2008.08186; that smoothing tightens the clusters is the
claim of figure 1 of Mueller, Kornblith, Hinton 2019, sec. 2, arXiv:1906.02629.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .._numerics import cached_blocks


class Scatter(NamedTuple):
    """The traces of the scatter within and between classes, in squared units of the features."""

    within: float
    between: float


def class_scatter(
    features: Float[np.ndarray, "batch features"], labels: Integer[np.ndarray, " batch"]
) -> Scatter:
    """tr Sigma_W and tr Sigma_B of features of any float type, in float64 and in two passes over blocks.

    Labels need not be contiguous: the classes are those that occur. Raises `ValueError` for fewer than two
    classes, for unequal lengths and for features that are not finite. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import class_scatter
    >>> class_scatter(np.array([[-1.0], [1.0], [9.0], [11.0]]), np.array([0, 0, 1, 1]))
    Scatter(within=1.0, between=25.0)
    """
    classes = _classes(features, labels)
    centred = classes.means - classes.means.mean(0)
    within = _squares_within(features, classes, lambda away: np.einsum("bf,bf->b", away, away)[:, None])
    return Scatter(float(within[0]), float(np.vdot(centred, centred)) / len(centred))


def scatter_ratio(
    features: Float[np.ndarray, "batch features"], labels: Integer[np.ndarray, " batch"]
) -> float:
    """tr Sigma_W / tr Sigma_B: 0 where every class is one point, and large where the classes overlap.

    It depends neither on the unit of the features nor on where their 0 lies. inf where all class means are one
    point, `nan` where all features are. Raises as `class_scatter`. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import scatter_ratio
    >>> scatter_ratio(np.array([[-1.0], [1.0], [9.0], [11.0]]), np.array([0, 0, 1, 1]))
    0.04
    """
    within, between = class_scatter(features, labels)
    if between == 0:
        return math.inf if within > 0 else math.nan
    return within / between


def nc1(features: Float[np.ndarray, "batch features"], labels: Integer[np.ndarray, " batch"]) -> float:
    """1/C tr(Sigma_W Sigma_B^+), the first measure of neural collapse: 0 where every class is one point.

    It depends neither on the unit of the features, nor on where their 0 lies, nor on a rotation. inf where all
    class means are one point, `nan` where all features are. Raises as `class_scatter`. Source: Papyan et al. 2020.

    >>> import numpy as np
    >>> from smoothlab.measures import nc1
    >>> round(nc1(np.array([[-1.0], [1.0], [9.0], [11.0]]), np.array([0, 0, 1, 1])), 12)  # 1/2 of 1/25
    0.02
    """
    classes = _classes(features, labels)
    centred = classes.means - classes.means.mean(0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    # the directions that count towards the rank of Sigma_B, judged as a pseudoinverse judges them
    spanned = lengths > lengths[0] * max(centred.shape) * np.finfo(float).eps
    if not spanned.any():
        return math.inf if class_scatter(features, labels).within > 0 else math.nan
    onto = directions[spanned].T
    within = _squares_within(features, classes, lambda away: (away @ onto) ** 2)
    # the eigenvalues of Sigma_B are lengths^2 / C, and that C cancels the one of NC1
    return float((within / lengths[spanned] ** 2).sum())


def class_means(
    features: Float[np.ndarray, "batch features"], labels: Integer[np.ndarray, " batch"]
) -> Float[np.ndarray, "classes features"]:
    """The mean of the features of every class that occurs, in the order of the labels, in float64.

    Raises as `class_scatter`.

    >>> import numpy as np
    >>> from smoothlab.measures import class_means
    >>> class_means(np.array([[-1.0], [1.0], [9.0], [11.0]]), np.array([0, 0, 1, 1])).tolist()
    [[0.0], [10.0]]
    """
    return _classes(features, labels).means


class _Classes(NamedTuple):
    """The classes that occur: the class of each example, their sizes, and their means."""

    of: Integer[np.ndarray, " batch"]
    sizes: Integer[np.ndarray, " classes"]
    means: Float[np.ndarray, "classes features"]


def _classes(
    features: Float[np.ndarray, "batch features"], labels: Integer[np.ndarray, " batch"]
) -> _Classes:
    _checks.array("features", features, axes=2)
    _checks.array("labels", labels, axes=1)
    _checks.same_length(["features", "labels"], [len(features), len(labels)])
    present, class_of, count = np.unique(labels, return_inverse=True, return_counts=True)
    if len(present) < 2:
        raise ValueError(
            f"`labels` must hold two classes or more, but hold only {present[0]}. Add another class."
        )
    means = np.zeros((len(present), features.shape[1]))
    for block, groups in _by_class(features, class_of):
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        means[groups[starts]] += np.add.reduceat(block, starts, axis=0)
    means /= count[:, None]
    if not np.isfinite(means).all():
        raise ValueError(
            "`features` must be finite, but they hold NaN or inf. Look for the run that diverged, "
            "or keep them in float32 if float16 overflowed."
        )
    return _Classes(class_of, count, means)


def _squares_within(
    features: Float[np.ndarray, "batch features"],
    classes: _Classes,
    squares: Callable[[Float[np.ndarray, "rows features"]], Float[np.ndarray, "rows parts"]],
) -> Float[np.ndarray, " parts"]:
    """The mean over classes of the mean over their examples of some squares of x - mu_c.

    This is a second pass: mean squares less squared means would lose every digit once the classes have collapsed.
    """
    total = 0.0
    for block, groups in _by_class(features, classes.of):
        block -= classes.means[groups]
        total = total + (1 / classes.sizes[groups]) @ squares(block)
    return np.asarray(total) / len(classes.sizes)


def _by_class(
    features: Float[np.ndarray, "batch features"], class_of: Integer[np.ndarray, " batch"]
) -> Iterator[tuple[Float[np.ndarray, "rows features"], Integer[np.ndarray, " rows"]]]:
    """Blocks of features in float64, the rows of each sorted by class, and the class of each row."""
    for rows in cached_blocks(features):
        order = np.argsort(class_of[rows], kind="stable")
        yield features[rows][order].astype(np.float64, copy=False), class_of[rows][order]
