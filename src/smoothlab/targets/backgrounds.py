r"""What the label may give its mass to, when that is not the same for every class.

    class prior    u_k = n_k / n
    similarity     u_k = s_yk / sum_j s_yj,        y the label of the row
    teacher        u_k = exp(z_k / T) / sum_j exp(z_j / T),        z the teacher's logits, T the temperature

Each function returns probabilities for the `background` of `smooth_labels` and of the losses.
"""

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .._numerics import softmax


def class_prior(labels: Integer[np.ndarray, " examples"], classes: int) -> Float[np.ndarray, " classes"]:
    """The background that follows how often each class occurs: "unigram" smoothing in language models.

    Raises `ValueError` without labels, or with labels outside the classes.
    Source: Pereyra et al. 2017, arXiv:1701.06548, its "unigram" rows.

    >>> import numpy as np
    >>> from smoothlab.targets import class_prior
    >>> class_prior(np.array([0, 0, 0, 2]), classes=3).tolist()
    [0.75, 0.0, 0.25]
    """
    if not (labels.size and labels.min() >= 0 and labels.max() < classes):
        raise ValueError(
            f"`labels` must hold numbers from 0 to {classes - 1}, at least one, but got {np.unique(labels)}. "
            "Pass the labels of the training split."
        )
    return np.bincount(labels, minlength=classes) / labels.size


def similarity_rows(
    similarity: Float[np.ndarray, "classes classes"], labels: Integer[np.ndarray, " batch"]
) -> Float[np.ndarray, "batch classes"]:
    """The background that favours classes like the label's own: each label's row, divided by its sum.

    The diagonal counts as it stands; set it to 0 if the label is to give its mass to other classes only.
    Raises `ValueError` for entries that are negative or not finite, and for a row that is 0 throughout.
    Source: Zhang et al. 2021 (online label smoothing), sec. 3, arXiv:2011.12562, where the rows are learnt.

    >>> import numpy as np
    >>> from smoothlab.targets import similarity_rows
    >>> shoes_and_a_bag = np.array([[0.0, 3.0, 1.0], [3.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    >>> similarity_rows(shoes_and_a_bag, np.array([0, 2])).tolist()
    [[0.0, 0.75, 0.25], [0.5, 0.5, 0.0]]
    """
    if not (np.isfinite(similarity).all() and (similarity >= 0).all() and similarity.sum(1).all()):
        raise ValueError(
            "`similarity` must hold finite numbers from 0 on and no row of zeros, but reaches from "
            f"{similarity.min():.6g} to {similarity.max():.6g}. Take `np.exp` of scores that may be negative."
        )
    if labels.size and not (labels.min() >= 0 and labels.max() < len(similarity)):
        raise ValueError(
            f"`labels` must be whole numbers from 0 to {len(similarity) - 1}, but reach from {labels.min()} "
            f"to {labels.max()}. Give a row of `similarity` for every class."
        )
    return (similarity / similarity.sum(1, keepdims=True))[labels].astype(np.float64)


def teacher(
    logits: Float[np.ndarray, "batch classes"], temperature: float = 1.0
) -> Float[np.ndarray, "batch classes"]:
    """A teacher's softmax(logits / temperature); alpha is then the weight of distillation.

    Raises `ValueError` for a temperature that is not above 0, and for logits with NaN or +inf.
    Source: Hinton et al. 2015, eq. 1, arXiv:1503.02531.

    >>> import numpy as np
    >>> from smoothlab.targets import teacher
    >>> teacher(np.log(np.array([[0.64, 0.25, 0.04]])), temperature=2.0).round(3).tolist()
    [[0.533, 0.333, 0.133]]
    """
    _checks.positive("temperature", temperature)
    if not (logits < np.inf).all():
        raise ValueError(
            "`logits` of a teacher must be numbers below +inf, but hold NaN or +inf. "
            "Look for the example that broke the teacher."
        )
    return softmax(logits / temperature)
