r"""What a number called "label smoothing" means, by name, and how the meanings convert.

Every target of this library is one rule over the K classes that take part,

    q = (1 - a) * label + a * background,         background = 1/K each unless another is given,

and a convention is a map from the alpha that a person writes to the effective alpha a of that rule:

    convention           true class                 every other class      a                     K
    uniform              1 - alpha + alpha/K        alpha/K                alpha
    others               1 - alpha                  alpha/(K - 1)          alpha K/(K - 1)
    others_but_padding   1 - alpha                  alpha/(V - 2)          alpha (V - 1)/(V - 2)   V - 1
    classyvision         (1 + alpha/K)/(1 + alpha)  (alpha/K)/(1 + alpha)  alpha/(1 + alpha)
    binary_half          y (1 - alpha) + alpha/2, for y in [0, 1]          alpha                   2
    binary_flip          y (1 - 2 alpha) + alpha, for y in [0, 1]          2 alpha                 2

Only `uniform`, `binary_half` and `classyvision` keep the true class at or above the others for every alpha.
Source of `uniform`: Szegedy et al. 2016, sec. 7, arXiv:1512.00567; each member of `Convention` names its own.
"""

import math
from enum import StrEnum
from typing import Any

import numpy as np

from .. import _checks


class Convention(StrEnum):
    """The named meanings of alpha; a member equals its word, so either may be passed.

    >>> from smoothlab.targets import Convention
    >>> Convention("others") is Convention.OTHERS
    True
    """

    UNIFORM = "uniform"
    """alpha is spread over all K classes, the true one too. Szegedy et al. 2016, sec. 7; torch, Keras."""

    OTHERS = "others"
    """The true class loses all of alpha, and the K - 1 others share it. tensor2tensor, fairseq, Megatron."""

    OTHERS_BUT_PADDING = "others_but_padding"
    """`others` among the V - 1 words of a vocabulary that are not padding, which gets none. OpenNMT-py."""

    CLASSYVISION = "classyvision"
    """alpha/K is added to every class, then the row is divided by 1 + alpha. ClassyVision."""

    BINARY_HALF = "binary_half"
    """A yes-or-no target is pulled towards one half: `uniform` with two classes. Keras."""

    BINARY_FLIP = "binary_flip"
    """A yes-or-no target is turned over with probability alpha: `others` with two classes."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        _checks.one_of("convention", str(value), [member.value for member in cls])


def effective_alpha(alpha: Any, *, classes: Any, convention: Convention | str = Convention.UNIFORM) -> Any:
    """The `a` of the rule `(1 - a) * label + a * background` that `alpha` means under a convention.

    `alpha` is a number in [0, 1], or an array or tensor of them, and so is the answer, with the same type.
    `classes` counts the classes of the logits, padding included; where a mask leaves rows of different width
    it is an array or tensor with each row's count. In a row left with a single class nothing can be smoothed:
    its target is the label for every `a`, and the `a` returned is merely finite.

    Raises `ValueError` for a plain `alpha` outside [0, 1] (below 0 for `classyvision`), for too few `classes`
    and for an unknown `convention`. Arrays and tensors go through arithmetic alone and are not inspected, so
    the function can be traced by a compiler. Source: the table at the head of this module.

    >>> from smoothlab.targets import effective_alpha
    >>> effective_alpha(0.1, classes=2, convention="others")
    0.2
    """
    convention = known(convention, classes)
    if isinstance(alpha, int | float):
        _judge_one(alpha, convention)
    return converted(alpha, classes, convention)


def converted(alpha: Any, classes: Any, convention: Convention) -> Any:
    """The `effective_alpha` of what has been judged before."""
    if convention is Convention.OTHERS:
        return alpha * classes / (classes - 1 + (classes == 1))  # the comparison keeps a lone class finite
    if convention is Convention.OTHERS_BUT_PADDING:
        return alpha * (classes - 1) / (classes - 2 + (classes == 2))
    if convention is Convention.CLASSYVISION:
        return alpha / (1 + alpha)
    if convention is Convention.BINARY_FLIP:
        return 2 * alpha
    return alpha


def nominal_alpha(effective: Any, *, classes: int, convention: Convention | str = Convention.UNIFORM) -> Any:
    """The inverse of `effective_alpha`: what a convention must be given to have this effective alpha.

    `effective` is a number or a NumPy array of them, and so is the answer. Raises `ValueError` where the
    convention has no alpha for it, as `uniform` has none beyond 1.

    >>> from smoothlab.targets import nominal_alpha
    >>> nominal_alpha(0.2, classes=2, convention="binary_flip")
    0.1
    """
    convention = known(convention, classes)
    alpha = np.asarray(effective, np.float64)
    most = 1.0
    if convention is Convention.OTHERS:
        alpha = alpha * (classes - 1) / classes
    elif convention is Convention.OTHERS_BUT_PADDING:
        alpha = alpha * (classes - 2) / (classes - 1)
    elif convention is Convention.CLASSYVISION:
        most = math.inf
        with np.errstate(divide="ignore"):
            alpha = alpha / (1 - alpha)
    elif convention is Convention.BINARY_FLIP:
        alpha = alpha / 2

    # others(1) goes through K/(K - 1), which is rounded; its way back may end a last bit above 1
    alpha = np.where((alpha > most) & (alpha <= most + 4 * np.finfo(float).eps), most, alpha)
    outside = ~((alpha >= 0) & (alpha <= most) & np.isfinite(alpha))
    if outside.any():
        raise ValueError(
            f"`convention` {convention.value!r} with {classes} classes has no valid alpha for the effective "
            f"alpha {np.asarray(effective)[outside].flat[0]:.6g}: it would be {alpha[outside].flat[0]:.6g}. "
            "Smooth less, or keep the convention that the number was written for."
        )
    return alpha if isinstance(effective, np.ndarray) else float(alpha)


def convert_alpha(alpha: Any, *, source: Convention | str, target: Convention | str, classes: int) -> Any:
    """The alpha that has under `target` the effective alpha that `alpha` has under `source`.

    Two conventions of one effective alpha give the same rows, to a few units in the last place, and
    converting back returns the number. The one exception is `others_but_padding`, which leaves padding out:
    its rows are those of `uniform` with a `background` of 1/(V - 1) that is 0 at the padding index.
    `alpha` is a number or a NumPy array of them, and so is the answer. Raises `ValueError` where the target
    has no valid alpha for it, as no `uniform` reaches `others` at 1.

    >>> from smoothlab.targets import convert_alpha
    >>> convert_alpha(0.1, source="uniform", target="others", classes=10)
    0.09
    """
    source, target = known(source, classes), known(target, classes)
    judge(alpha, source)
    if source is target:
        return alpha
    effective = effective_alpha(alpha, classes=classes, convention=source)
    return nominal_alpha(effective, classes=classes, convention=target)


_FEWEST = {Convention.OTHERS: 2, Convention.OTHERS_BUT_PADDING: 3}
_BINARY = (Convention.BINARY_HALF, Convention.BINARY_FLIP)


def known(convention: Convention | str, classes: Any) -> Convention:
    """The member that a word names, once it has been found to fit a plain number of classes."""
    convention = Convention(convention)
    if isinstance(classes, int):
        _checks.at_least("classes", classes, _FEWEST.get(convention, 1))
        if convention in _BINARY and classes != 2:
            raise ValueError(
                f"`classes` must be 2 under the convention {convention.value!r}, but got {classes!r}. "
                "Use 'uniform' for 'binary_half' and 'others' for 'binary_flip' with more."
            )
    return convention


def judge(alpha: Any, convention: Convention) -> None:
    """Each alpha, a number or an array of them, lies where the convention gives a target in [0, 1]."""
    if np.size(alpha):
        _judge_one(float(np.min(alpha)), convention)  # a NaN anywhere is the minimum, and fails
        _judge_one(float(np.max(alpha)), convention)


def _judge_one(alpha: float, convention: Convention) -> None:
    if convention is not Convention.CLASSYVISION:
        _checks.fraction("alpha", alpha)
    elif not 0 <= alpha < math.inf:
        raise ValueError(
            f"`alpha` must be a finite number from 0 on under 'classyvision', but got {alpha!r}. "
            "Write a tenth as 0.1."
        )
