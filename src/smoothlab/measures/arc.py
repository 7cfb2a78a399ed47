r"""Two classes that are easily confused and a third far from both: the arc, and the continuum between the two (S4).

Without smoothing, two similar classes may run into one another in the plane of their templates and a third's, because
some examples are more like the other class than the rest are. The claim of the paper's figure 1 is that smoothing
erases this: every example must lie as far from the third template as any other, so the pair spreads along an arc about
it, and along the arc it parts into two clusters. With p an example's point in the plane, t the third template and m_a,
m_b the mean points of the pair, two numbers say how much of that is so:

    spread of the radius    standard deviation of |p - t| over its mean, among the examples of the pair: 0 on an arc
    continuum               the share of them with  1/4 < <p - m_a, m_b - m_a> / |m_b - m_a|^2 < 3/4

the second being the middle half of the way from one mean to the other: 1/2 where examples are spread evenly from one
mean to the other, 0 where there are two tight clusters. Neither depends on the unit of the features, which smoothing
changes; the plain variance of |p - t| is (spread x radius)^2. The angle under which the third template sees the two
means is 60 degrees where all three are a regular triangle.

Which classes are meant is found from the data. c_ab is the mean probability that is given to b where a is right: the
pair has the highest (c_ab + c_ba) / 2, the third class the lowest mean of the four c between it and the two. Take them
once, from a net without smoothing on data that was not trained on, and use them for every arm.

Source: Mueller, Kornblith, Hinton 2019, sec. 2 and figure 1, last row, arXiv:1906.02629; the numbers are ours.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .._numerics import softmax
from .collapse import class_means
from .estimate import Estimate
from .intervals import share_estimate
from .plane import centroids


@dataclass(frozen=True)
class Arc:
    """Mean distance of a pair's examples from the third template, its spread, the angle and the continuum.

    `radius` is in units of the features, `spread` a share of it, `angle` in degrees, and `continuum` a share with
    Wilson's interval for it.

    >>> import numpy as np
    >>> from smoothlab.measures import Arc, pair_arc
    >>> points = np.array([[3.0, 4.0], [4.0, 3.0]])
    >>> arc: Arc = pair_arc(points, np.array([6, 0]), np.zeros((3, 2)), classes=(0, 6, 9))
    >>> arc.radius, arc.spread, arc.continuum.value
    (5.0, 0.0, 0.0)
    """

    radius: float
    spread: float
    angle: float
    continuum: Estimate


def most_confused_pair(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
) -> tuple[int, int]:
    """The two classes that give each other the most probability, the lower index first.

    Classes without examples are passed over. Probabilities and not mistakes, so that a net without any still has a
    pair. Raises `ValueError` for unreadable logits, for labels that are no column of them and for fewer than two
    classes with examples. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import most_confused_pair
    >>> logits = np.array([[4.0, 0.0, 1.0], [0.0, 4.0, 0.0], [3.0, 0.0, 4.0]])
    >>> most_confused_pair(logits, np.array([0, 1, 2]))
    (0, 2)
    """
    confusion = _confusion(logits, labels)
    first, second = np.unravel_index(np.nanargmax(confusion), confusion.shape)
    return int(first), int(second)


def farthest_class(
    logits: Float[np.ndarray, "batch classes"],
    labels: Integer[np.ndarray, " batch"],
    *,
    pair: tuple[int, int],
) -> int:
    """The class that a pair is confused with least, in the mean of both ways between it and either.

    Raises `ValueError` where no class beside the pair has examples, where one of the pair has none, and as
    `most_confused_pair`.

    >>> import numpy as np
    >>> from smoothlab.measures import farthest_class
    >>> logits = np.array([[4.0, 0.0, 1.0, 2.0], [0.0, 4.0, 0.0, 0.0], [3.0, 0.0, 4.0, 0.0], [2.0, 0.0, 0.0, 4.0]])
    >>> farthest_class(logits, np.array([0, 1, 2, 3]), pair=(0, 2))
    1
    """
    confusion = _confusion(logits, labels)
    for index in pair:
        _checks.within("pair", index, 0, len(confusion) - 1)
    # nan for the pair itself, and for classes without examples
    to_pair = confusion[pair[0]] + confusion[pair[1]]
    if np.isnan(to_pair).all():
        raise ValueError(
            f"`labels` must hold examples of both classes of `pair` {tuple(pair)} and of a third, but hold only "
            f"{np.unique(labels).tolist()}. Take another pair."
        )
    return int(np.nanargmin(to_pair))


def pair_arc(
    points: Float[np.ndarray, "batch 2"],
    labels: Integer[np.ndarray, " batch"],
    templates: Float[np.ndarray, "3 2"],
    *,
    classes: tuple[int, int, int],
) -> Arc:
    """Radius, spread, angle and continuum of the first two `classes` about the template of the third.

    `points` are the projected features and `templates` those of the plane through the three `classes`, in this order,
    as `template_plane` has them; examples of other classes are passed over. Where the means of the pair meet, all
    examples lie between them and there is no angle. Raises `ValueError` where one of the pair has no example, and for
    points that are not finite. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import pair_arc, template_plane
    >>> plane = template_plane(np.eye(3), classes=(0, 1, 2))
    >>> features, labels = np.eye(3)[[0, 0, 1, 1]] + 0.5, np.array([0, 0, 1, 1])
    >>> arc = pair_arc(plane.project(features), labels, plane.templates, classes=(0, 1, 2))
    >>> round(arc.radius, 3), round(arc.angle), arc.continuum.value
    (1.414, 60, 0.0)
    """
    if not np.isfinite(points).all():
        raise ValueError("`points` must be finite, but hold NaN or inf. Look for the run that diverged.")
    first, second = centroids(points, labels, classes=classes[:2])
    third = templates[2].astype(np.float64)
    of_pair = points[np.isin(labels, classes[:2])].astype(np.float64)
    radii = np.linalg.norm(of_pair - third, axis=1)
    apart = second - first
    square = float(apart @ apart)
    along = (of_pair - first) @ apart / square if square else np.full(len(of_pair), 0.5)
    return Arc(
        radius=float(radii.mean()),
        spread=float(radii.std() / radii.mean()) if radii.any() else float("nan"),
        angle=_degrees(first - third, second - third) if square else float("nan"),
        continuum=share_estimate((along > 0.25) & (along < 0.75)),
    )


def _confusion(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
) -> Float[np.ndarray, "classes classes"]:
    """(c_ab + c_ba) / 2, and nan on the diagonal and for classes without examples."""
    _checks.logits_and_labels(logits, labels)
    present = np.unique(labels)
    given = np.full((logits.shape[1], logits.shape[1]), np.nan)
    given[present] = class_means(softmax(logits), labels)
    np.fill_diagonal(given, np.nan)
    return (given + given.T) / 2


def _degrees(first: Float[np.ndarray, "2"], second: Float[np.ndarray, "2"]) -> float:
    """The angle between two directions, by a form that keeps its digits near 0 and 180."""
    cross = first[0] * second[1] - first[1] * second[0]
    return float(np.degrees(np.arctan2(abs(cross), first @ second)))
