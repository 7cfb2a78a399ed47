r"""The plane of the paper's figure 1: what three classes look like from the side of the head.

The last layer's row w_k is the template of class k, and a logit is, up to a constant of the example, a squared
distance to it: with x the features, |x - w_k|^2 = |x|^2 - 2 <x, w_k> + |w_k|^2. Three templates span one plane,

    w_1 + s (w_2 - w_1) + t (w_3 - w_1),

and the picture is the orthogonal projection onto it: origin w_1, first axis along w_2 - w_1, second axis the rest
of w_3 - w_1. The plane is affine: it need not pass through 0, and the plane of two of the templates' directions
from 0, which is often drawn, is another one. All that the three classes' logits say about one another survives:
(z_a - z_b)(x) is an affine function of the two coordinates of x. Distances within the plane are kept as they are.

With a bias the template is (w_k, b_k), and the features get a 1 appended.

Source: Mueller, Kornblith, Hinton 2019, sec. 2 and figure 1, arXiv:1906.02629.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .._numerics import cached_blocks


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the space of features, and where the three templates that span it lie in it.

    `basis` has two orthonormal rows. With a bias, `origin` and `basis` have one more column than the features,
    for the 1 that is appended to them. `templates` are the coordinates of the three, in the order given: the
    first is the origin, the second lies on the first axis, the third above it.
    """

    origin: Float[np.ndarray, " coordinates"]
    basis: Float[np.ndarray, "2 coordinates"]
    templates: Float[np.ndarray, "3 2"]
    bias: bool

    def project(self, features: Float[np.ndarray, "batch features"]) -> Float[np.ndarray, "batch 2"]:
        """The two coordinates of each row, in float64, in the units of the features.

        Any points of the feature space may be given, templates too where there is no bias. Raises `ValueError`
        where the width is not that of the templates.

        >>> import numpy as np
        >>> from smoothlab.measures import Plane
        >>> floor = Plane(np.zeros(3), np.eye(2, 3), np.zeros((3, 2)), bias=False)
        >>> floor.project(np.array([[2.0, 1.0, 7.0]])).tolist()
        [[2.0, 1.0]]
        """
        _checks.array("features", features, axes=2)
        width = len(self.origin) - self.bias
        if features.shape[1] != width:
            raise ValueError(
                f"`features` must have {width} columns, as the templates of this plane have, but got "
                f"{features.shape[1]}. Take the inputs of the very layer whose weight was given."
            )
        appended = self.basis[:, width:] @ (1 - self.origin[width:])  # empty, so 0, without a bias
        points = np.empty((len(features), 2))
        for rows in cached_blocks(features):
            points[rows] = (features[rows] - self.origin[:width]) @ self.basis[:, :width].T + appended
        return points


def template_plane(
    weight: Float[np.ndarray, "classes features"],
    bias: Float[np.ndarray, " classes"] | None = None,
    *,
    classes: Sequence[int],
) -> Plane:
    """The plane through the templates of three classes, given as indices into the rows of `weight`.

    Raises `ValueError` for anything but three different classes that exist, for weights that are not finite, and
    for templates on one line, which span no plane. Source: Mueller et al. 2019, sec. 2.

    >>> import numpy as np
    >>> from smoothlab.measures import template_plane
    >>> plane = template_plane(np.array([[1.0, 0.0, 5.0], [4.0, 0.0, 5.0], [1.0, 2.0, 5.0]]), classes=(0, 1, 2))
    >>> plane.templates.tolist()
    [[0.0, 0.0], [3.0, 0.0], [0.0, 2.0]]
    >>> plane.project(np.array([[2.0, 1.0, 7.0]])).tolist()  # 7 - 5 is height above the plane
    [[1.0, 1.0]]
    """
    _checks.array("weight", weight, axes=2)
    if bias is not None:
        _checks.array("bias", bias, axes=1)
        _checks.same_length(["weight", "bias"], [len(weight), len(bias)])
    if len(classes) != 3 or len(set(classes)) != 3:
        raise ValueError(f"`classes` must name three different classes, but got {tuple(classes)!r}.")
    for index in classes:
        _checks.within("classes", index, 0, len(weight) - 1)

    columns = weight if bias is None else np.column_stack([weight, bias])
    corners = columns[list(classes)].astype(np.float64)
    if not np.isfinite(corners).all():
        raise ValueError(
            f"`weight` and `bias` must be finite in the rows of the classes {tuple(classes)}, but hold NaN or inf. "
            "Look for the run that diverged."
        )
    sides = corners[1:] - corners[0]
    first = sides[0] / (np.linalg.norm(sides[0]) or 1)
    rest = sides[1] - (sides[1] @ first) * first
    rest -= (rest @ first) * first  # again: beside a long first side, one pass leaves a little of it
    height = np.linalg.norm(rest)
    if height <= 1e-7 * np.linalg.norm(sides, axis=1).max() or not first.any():
        raise ValueError(
            f"`classes` must have templates that form a triangle, but those of {tuple(classes)} lie on one line. "
            "Choose three others."
        )
    basis = np.stack([first, rest / height])
    return Plane(corners[0], basis, (corners - corners[0]) @ basis.T, bias is not None)


def centroids(
    points: Float[np.ndarray, "batch axes"], labels: Integer[np.ndarray, " batch"], *, classes: Sequence[int]
) -> Float[np.ndarray, "chosen axes"]:
    """The mean point of each class, in the order of `classes`, in float64; other labels are passed over.

    Raises `ValueError` where a class has no example.

    >>> import numpy as np
    >>> from smoothlab.measures import centroids
    >>> centroids(np.array([[0.0, 1.0], [2.0, 1.0], [5.0, 5.0]]), np.array([4, 4, 7]), classes=(7, 4)).tolist()
    [[5.0, 5.0], [1.0, 1.0]]
    """
    _checks.array("points", points, axes=2)
    _checks.array("labels", labels, axes=1)
    _checks.same_length(["points", "labels"], [len(points), len(labels)])
    absent = sorted(set(classes) - set(labels.tolist()))
    if absent:
        raise ValueError(
            f"`labels` must hold an example of every class in `classes`, but none of {absent}. Name others."
        )
    return np.stack([points[labels == index].mean(0, dtype=np.float64) for index in classes])


def side_ratio(corners: Float[np.ndarray, "corners axes"]) -> float:
    """The longest side of a triangle over its shortest: 1 for a regular one, inf where two corners meet.

    Smoothed classes lie equally far from one another, so that the centroids of three of them approach a regular
    triangle. Raises `ValueError` for anything but three points. Source: Mueller et al. 2019, sec. 2, figure 1.

    >>> import numpy as np
    >>> from smoothlab.measures import side_ratio
    >>> side_ratio(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]]))  # 5 to 3
    1.6666666666666667
    """
    _checks.array("corners", corners, axes=2)
    if len(corners) != 3:
        raise ValueError(
            f"`corners` must be three points, but got {len(corners)}. Give one row for each class."
        )
    exact = corners.astype(np.float64)
    sides = np.linalg.norm(exact - np.roll(exact, 1, axis=0), axis=1)
    return math.inf if sides.min() == 0 else float(sides.max() / sides.min())
