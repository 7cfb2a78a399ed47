r"""Loss and gradient in float64 NumPy, written to be believed: every other implementation is held against it.

The whole smoothed target q is built, then summed. With p = softmax(z), and m = q times its weights if any,

    loss of a row = - sum_k m_k log p_k,        d loss / d z_k = p_k sum_j m_j - m_k,

which is p_k - q_k without weights; and for a sigmoid output with target q and s = 1 / (1 + exp(-z))

    loss = - pos_weight q log s - (1 - q) log(1 - s),        d loss / d z = (1 - q) s - pos_weight q (1 - s).

What happens at the edges, where frameworks disagree:

* A class is out of a row if `class_mask` says so or its logit is -inf. It then has probability 0, no share of
  the background, no place in the count K, and gradient 0.
* A true class that is out makes the loss +inf, unless its share of q is exactly 0. The gradient stays finite:
  the limit, on the classes that take part, as the logit of the true class falls.
* An ignored row has loss 0 and gradient exactly 0, whatever its logits hold. Rows whose label is the padding
  index of `others_but_padding` are ignored, as in OpenNMT-py. The mean over no rows is nan, the sum 0.

Sources: Szegedy et al. 2016, sec. 7, arXiv:1512.00567 (the loss); Bishop 2006, eq. 4.109 (the gradient); the
documentation of torch.nn.CrossEntropyLoss and torch.nn.BCEWithLogitsLoss (weights, reductions).
"""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from . import _checks
from ._numerics import log_softmax, xlogy
from .targets.conventions import Convention
from .targets.soft import smooth_binary, soften


class Loss(NamedTuple):
    """A loss and its gradient with respect to the logits.

    `value` has no axes after "mean" and "sum", one entry a row (or element) after "none". `gradient` has the
    logits' shape and belongs to the reduced value; after "none" it is that of the sum.
    """

    value: np.ndarray
    gradient: np.ndarray


def cross_entropy(
    logits: Float[np.ndarray, "batch classes"],
    target: Integer[np.ndarray, " batch"] | Float[np.ndarray, "batch classes"],
    *,
    alpha: float | Float[np.ndarray, " batch"] = 0.0,
    convention: Convention | str = Convention.UNIFORM,
    padding_index: int | None = None,
    background: Float[np.ndarray, " classes"] | Float[np.ndarray, "batch classes"] | None = None,
    class_mask: Bool[np.ndarray, " classes"] | Bool[np.ndarray, "batch classes"] | None = None,
    weight: Float[np.ndarray, " classes"] | None = None,
    weighting: Literal["torch", "example"] = "torch",
    ignore_index: int = -100,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Loss:
    """Cross entropy of softmax(logits) against smoothed labels, in nats.

    `target` holds class numbers, or rows of probabilities, whose sum is not checked, as in torch. With a
    `weight` for every class, `weighting` "torch" multiplies term k of the sum by w_k, so that the best p is
    no longer q; "example" multiplies the row's whole loss by the weight of its label, which leaves q alone.
    "mean" divides by the sum of the labels' weights over the kept rows; under "torch" with probabilities, by
    the number of rows. The smoothing arguments are those of `smooth_labels`.

    Raises `ValueError` for labels outside the classes other than `ignore_index`, an alpha outside its range,
    an unknown word, and arguments that do not go together. Sources: the head of this module.

    >>> import numpy as np
    >>> from smoothlab import reference
    >>> loss = reference.cross_entropy(np.zeros((1, 4)), np.array([0]), alpha=0.1)
    >>> float(loss.value.round(6)), loss.gradient.round(3).tolist()  # log 4, and 1/4 - q
    (1.386294, [[-0.675, 0.225, 0.225, 0.225]])
    """
    _checks.one_of("weighting", weighting, ("torch", "example"))
    _checks.one_of("reduction", reduction, ("mean", "sum", "none"))
    batch, classes = logits.shape
    by_index = target.ndim == 1
    if by_index:
        kept = target != ignore_index
        if padding_index is not None:
            kept = kept & (target != padding_index)
        _in_range(target[kept], classes)
        label = np.eye(classes)[np.where(kept, target, 0)]
    else:
        kept = np.ones(batch, bool)
        label = target.astype(np.float64)

    z = logits.astype(np.float64)
    takes_part = (z != -np.inf) & (True if class_mask is None else class_mask)
    z = np.where(takes_part, z, -np.inf)
    with np.errstate(invalid="ignore"):  # a row without classes; NaN that the caller passed on purpose
        log_p = np.where(takes_part, log_softmax(z), -np.inf)
    p = np.exp(log_p)

    q = soften(
        label,
        alpha=alpha,
        convention=convention,
        background=background,
        padding_index=padding_index,
        takes_part=takes_part,
    )
    class_weight = np.ones(classes) if weight is None else weight.astype(np.float64)
    label_weight = label @ class_weight
    if weighting == "torch":
        mass = q * class_weight
        divisor = label_weight if by_index else np.ones(batch)
    else:
        mass = q * label_weight[:, None]
        divisor = label_weight

    with np.errstate(invalid="ignore"):
        terms = np.where(
            takes_part, -mass * log_p, np.inf
        )  # not -mass: `others` near 1 can leave a label below 0
        terms = np.where(mass == 0, 0.0, terms)  # 0 log 0 = 0
        slope = p * mass.sum(1, keepdims=True) - mass
    value = np.where(kept, terms.sum(1), 0.0)
    gradient = np.where(takes_part & kept[:, None], slope, 0.0)
    if reduction == "none":
        return Loss(value, gradient)
    if reduction == "sum":
        return Loss(np.asarray(value.sum()), gradient)
    total = divisor[kept].sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return Loss(np.asarray(value.sum() / total), np.where(gradient == 0, 0.0, gradient / total))


def generalised_smoothing(
    logits: Float[np.ndarray, "batch classes"],
    target: Integer[np.ndarray, " batch"] | Float[np.ndarray, "batch classes"],
    *,
    alpha: float,
    class_mask: Bool[np.ndarray, " classes"] | Bool[np.ndarray, "batch classes"] | None = None,
    ignore_index: int = -100,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Loss:
    """Cross entropy against (1 - alpha) label + alpha / K for any alpha up to 1, below 0 too, in nats.

    The loss is linear in alpha, so it is (1 - alpha) times that at 0 plus alpha times that at 1; a row that is
    infinite at 0 stays so at every alpha but 1. The other arguments are those of `cross_entropy`.

    Raises `ValueError` for an alpha that is not finite or above 1, and as `cross_entropy` does.
    Source: Wei et al. 2022, sec. 2, arXiv:2106.04149.

    >>> import numpy as np
    >>> from smoothlab import reference
    >>> loss = reference.generalised_smoothing(np.zeros((1, 4)), np.array([0]), alpha=-1.0)
    >>> float(loss.value.round(6)), loss.gradient.tolist()  # log 4, and 1/4 - q
    (1.386294, [[-1.5, 0.5, 0.5, 0.5]])
    """
    if not -np.inf < alpha <= 1:
        raise ValueError(f"`alpha` must be a finite number up to 1, but got {alpha!r}. Write a tenth as 0.1.")
    hard, even = (
        cross_entropy(
            logits,
            target,
            alpha=end,
            class_mask=class_mask,
            ignore_index=ignore_index,
            reduction=reduction,
        )
        for end in (0.0, 1.0)
    )
    if alpha == 1:
        return even
    with np.errstate(invalid="ignore"):  # inf - inf where a row has no class at all
        value = np.where(hard.value == np.inf, np.inf, (1 - alpha) * hard.value + alpha * even.value)
    return Loss(value, (1 - alpha) * hard.gradient + alpha * even.gradient)


def binary_cross_entropy(
    logits: Float[np.ndarray, "*shape"],
    target: Float[np.ndarray, "*shape"],
    *,
    alpha: float | Float[np.ndarray, "..."] = 0.0,
    convention: Convention | str = Convention.BINARY_HALF,
    weight: Float[np.ndarray, "..."] | None = None,
    pos_weight: Float[np.ndarray, "..."] | None = None,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Loss:
    """Binary cross entropy of sigmoid(logits) against smoothed targets in [0, 1], in nats.

    `weight` multiplies the loss of an element and `pos_weight` its part for yes; both broadcast against the
    logits. "mean" divides by the number of elements, whatever their weights. `alpha` and `convention` are
    those of `smooth_binary`.

    Raises `ValueError` for targets or an alpha out of range and for an unknown word.
    Source: the documentation of torch.nn.BCEWithLogitsLoss.

    >>> import numpy as np
    >>> from smoothlab import reference
    >>> loss = reference.binary_cross_entropy(np.zeros(1), np.ones(1), alpha=0.1)
    >>> float(loss.value.round(6)), loss.gradient.round(3).tolist()  # log 2, and 1/2 - 0.95
    (0.693147, [-0.45])
    """
    _checks.one_of("reduction", reduction, ("mean", "sum", "none"))
    z = logits.astype(np.float64)
    q = smooth_binary(target, alpha=alpha, convention=convention)
    yes = q if pos_weight is None else pos_weight * q
    no = 1 - q
    each = np.ones(z.shape) if weight is None else np.broadcast_to(weight, z.shape)

    log_s, log_not_s = -np.logaddexp(0, -z), -np.logaddexp(0, z)
    with np.errstate(invalid="ignore"):
        value = each * (np.where(yes == 0, 0.0, -yes * log_s) + np.where(no == 0, 0.0, -no * log_not_s))
    gradient = each * (no * np.exp(log_s) - yes * np.exp(log_not_s))
    if reduction == "none":
        return Loss(value, gradient)
    if reduction == "sum":
        return Loss(np.asarray(value.sum()), gradient)
    with np.errstate(invalid="ignore"):
        return Loss(np.asarray(value.sum() / np.float64(z.size)), gradient / max(z.size, 1))


def entropy(rows: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, " batch"]:
    """- sum_k q_k log q_k in nats, with 0 log 0 = 0: the least cross entropy that a target q allows.

    Source: Cover & Thomas 2006, eq. 2.1; the floor is Gibbs' inequality, theorem 2.6.3.

    >>> import numpy as np
    >>> from smoothlab import reference
    >>> reference.entropy(np.array([[0.5, 0.5, 0.0]])).round(6).tolist()
    [0.693147]
    """
    return -xlogy(rows, rows).sum(1)


def _in_range(labels: Integer[np.ndarray, " kept"], classes: int) -> None:
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        wrong = labels[(labels < 0) | (labels >= classes)][0]
        raise ValueError(
            f"`target` must hold whole numbers from 0 to {classes - 1} or `ignore_index`, but holds {wrong}. "
            "Check the labels against the width of the logits."
        )
