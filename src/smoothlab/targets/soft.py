r"""Soft targets: the rule, and everything that may stand in its background.

    q = (1 - a) * label + a * background,        a = effective alpha (see `conventions`)

With a uniform background q is label smoothing; with a class prior or a row of similarities, its
generalisation; with a teacher's softmax, distillation. Only classes that take part have background, and they
alone are counted in K; a background given by hand is cut to them and divided by what is left of it. A row
without any background left keeps its label whole: nobody is there to take the mass.

Source: Szegedy et al. 2016, sec. 7, arXiv:1512.00567 (the rule, for any fixed background).
"""

import numpy as np
from jaxtyping import Bool, Float, Integer

from .. import _checks
from .conventions import Convention, effective_alpha, judge, known


def smooth_labels(
    labels: Integer[np.ndarray, " batch"],
    *,
    classes: int,
    alpha: float | Float[np.ndarray, " batch"],
    convention: Convention | str = Convention.UNIFORM,
    background: Float[np.ndarray, " classes"] | Float[np.ndarray, "batch classes"] | None = None,
    padding_index: int | None = None,
    class_mask: Bool[np.ndarray, " classes"] | Bool[np.ndarray, "batch classes"] | None = None,
) -> Float[np.ndarray, "batch classes"]:
    """The smoothed target of every label, in float64.

    `alpha` may differ by row. `background` holds probabilities and takes the mass that the label gives up; it
    goes with `uniform` and `classyvision`, whose alpha does not depend on a count. `class_mask` is true where
    a class takes part. `padding_index` belongs to `others_but_padding`, and a label equal to it gives a row
    of zeros: there is nothing to learn at padding.

    Raises `ValueError` for labels outside the classes or masked out, an alpha outside its range, a background
    that is no distribution, a mask or background of another shape, and arguments that do not go together.
    Source: Szegedy et al. 2016, sec. 7.

    >>> import numpy as np
    >>> from smoothlab.targets import smooth_labels
    >>> smooth_labels(np.array([2]), classes=4, alpha=0.1).round(3).tolist()
    [[0.025, 0.025, 0.925, 0.025]]
    """
    _checks.at_least("classes", classes, 1)
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        wrong = labels[(labels < 0) | (labels >= classes)][0]
        raise ValueError(
            f"`labels` must be whole numbers from 0 to {classes - 1}, but got {wrong}. "
            "Drop rows that are to be ignored, or give more `classes`."
        )
    hard = np.eye(classes)[labels]
    takes_part = _mask(class_mask, hard.shape)
    if (hard > takes_part).any():
        row = int(np.argmax((hard > takes_part).any(1)))
        raise ValueError(
            f"`class_mask` must keep each row's own label, but leaves out class {labels[row]} in row {row}. "
            "Drop the row, or let its class take part."
        )
    _background(background, hard.shape)
    q = soften(
        hard,
        alpha=alpha,
        convention=convention,
        background=background,
        padding_index=padding_index,
        takes_part=takes_part,
    )
    return q if padding_index is None else np.where(labels[:, None] == padding_index, 0.0, q)


def smooth_probabilities(
    probabilities: Float[np.ndarray, "batch classes"],
    *,
    alpha: float | Float[np.ndarray, " batch"],
    convention: Convention | str = Convention.UNIFORM,
    background: Float[np.ndarray, " classes"] | Float[np.ndarray, "batch classes"] | None = None,
    padding_index: int | None = None,
    class_mask: Bool[np.ndarray, " classes"] | Bool[np.ndarray, "batch classes"] | None = None,
) -> Float[np.ndarray, "batch classes"]:
    """The rule on labels that are distributions already: mixed, averaged over annotators, or a teacher's.

    It is linear in the label, so the result is the mixture of what `smooth_labels` gives for each class.
    Smoothing with `uniform` twice is smoothing once with 1 - (1 - alpha_1)(1 - alpha_2). Arguments as there.

    Raises `ValueError` where a row is not a distribution (non-negative, sum 1 within a thousandth), and as
    `smooth_labels` does. Source: Szegedy et al. 2016, sec. 7, with the label's delta left general.

    >>> import numpy as np
    >>> from smoothlab.targets import smooth_probabilities
    >>> smooth_probabilities(np.array([[0.5, 0.5, 0.0, 0.0]]), alpha=0.1).round(3).tolist()
    [[0.475, 0.475, 0.025, 0.025]]
    """
    _distribution("probabilities", probabilities)
    _background(background, probabilities.shape)
    return soften(
        probabilities,
        alpha=alpha,
        convention=convention,
        background=background,
        padding_index=padding_index,
        takes_part=_mask(class_mask, probabilities.shape),
    )


def smooth_binary(
    targets: Float[np.ndarray, "*shape"],
    *,
    alpha: float | Float[np.ndarray, "..."],
    convention: Convention | str = Convention.BINARY_HALF,
) -> Float[np.ndarray, "*shape"]:
    """Targets for sigmoid outputs, each between 0 (no) and 1 (yes).

    Under `binary_half` and `binary_flip` every entry is a problem of two classes by itself, with background
    1/2. Under a convention for K classes the last axis is one row of them, which share the mass as they would
    in front of a softmax: background 1/K. The two differ for K > 2, and frameworks disagree about them (Keras
    does the first, timm the second; see `presets`). `alpha` broadcasts against the targets.

    Raises `ValueError` for targets or an alpha out of range, and for `others_but_padding`.
    Source: the `binary_half` row of Keras' BinaryCrossentropy documentation.

    >>> import numpy as np
    >>> from smoothlab.targets import smooth_binary
    >>> one_of_four = np.array([[1.0, 0.0, 0.0, 0.0]])
    >>> smooth_binary(one_of_four, alpha=0.1, convention="binary_half").round(3).tolist()
    [[0.95, 0.05, 0.05, 0.05]]
    >>> smooth_binary(one_of_four, alpha=0.1, convention="uniform").round(3).tolist()
    [[0.925, 0.025, 0.025, 0.025]]
    """
    convention = Convention(convention)
    if convention is Convention.OTHERS_BUT_PADDING:
        raise ValueError(
            "`convention` must know no padding for sigmoid outputs, but got 'others_but_padding'. "
            "Use 'others', or drop the padding column first."
        )
    if targets.size and not (targets.min() >= 0 and targets.max() <= 1):
        raise ValueError(
            f"`targets` must lie in [0, 1], but reach from {targets.min():.6g} to {targets.max():.6g}. "
            "Pass probabilities of yes, not logits."
        )
    each_alone = convention in (Convention.BINARY_HALF, Convention.BINARY_FLIP)
    classes = 2 if each_alone else targets.shape[-1]
    known(convention, classes)
    judge(alpha, convention)
    a = effective_alpha(np.asarray(alpha, np.float64), classes=classes, convention=convention)
    return (1 - a) * targets + a / classes


def mix(
    one: Float[np.ndarray, "batch classes"],
    other: Float[np.ndarray, "batch classes"],
    share: float | Float[np.ndarray, " batch"],
) -> Float[np.ndarray, "batch classes"]:
    """Mixup's target: `share` of the first label's row, the rest of the second's.

    Smoothing before or after mixing gives the same rows, since the rule is linear in the label. Raises
    `ValueError` for a share outside [0, 1]. Source: Zhang et al. 2018, sec. 1, arXiv:1710.09412.

    >>> import numpy as np
    >>> from smoothlab.targets import mix, smooth_labels
    >>> cat, dog = (smooth_labels(np.array([k]), classes=4, alpha=0.1) for k in (0, 1))
    >>> mix(cat, dog, 0.75).round(3).tolist()
    [[0.7, 0.25, 0.025, 0.025]]
    """
    shares = np.broadcast_to(np.asarray(share, np.float64), one.shape[:1])
    if shares.size:
        _checks.fraction("share", float(shares.min()))
        _checks.fraction("share", float(shares.max()))
    return shares[:, None] * one + (1 - shares)[:, None] * other


def soften(
    rows: Float[np.ndarray, "batch classes"],
    *,
    alpha: float | Float[np.ndarray, " batch"],
    convention: Convention | str,
    background: Float[np.ndarray, " classes"] | Float[np.ndarray, "batch classes"] | None,
    padding_index: int | None,
    takes_part: Bool[np.ndarray, "batch classes"],
) -> Float[np.ndarray, "batch classes"]:
    """The rule itself, on label rows of any sum: `reference` asks for what the doors above refuse."""
    convention = known(convention, rows.shape[1])
    judge(alpha, convention)
    if np.ndim(alpha):
        _checks.same_length(("the labels", "alpha"), (len(rows), len(np.asarray(alpha))))
    go_together(convention, background, padding_index, rows.shape[1])
    padded = convention is Convention.OTHERS_BUT_PADDING

    receives = takes_part.copy()
    if padded:
        receives[:, padding_index] = False
    share = np.where(receives, 1.0 if background is None else background, 0.0)
    total = share.sum(1, keepdims=True)
    share = np.divide(share, total, out=np.zeros_like(share), where=total > 0)

    count = receives.sum(1) + (1 if padded else 0)  # the convention's own classes: padding is one of them
    a = effective_alpha(np.broadcast_to(alpha, count.shape), classes=count, convention=convention)
    a = np.where(total > 0, np.asarray(a, np.float64)[:, None], 0.0)
    return (1 - a) * rows + a * share


def go_together(convention: Convention, background: object, padding_index: int | None, classes: int) -> None:
    """A background and a padding index fit the convention that they are given with."""
    if background is not None and convention not in (Convention.UNIFORM, Convention.CLASSYVISION):
        raise ValueError(
            f"`background` goes with convention 'uniform' or 'classyvision', but got {convention.value!r}. "
            "Turn alpha into 'uniform' with `convert_alpha` first."
        )
    if (padding_index is not None) != (convention is Convention.OTHERS_BUT_PADDING):
        raise ValueError(
            "`padding_index` and the convention 'others_but_padding' need each other, but got "
            f"{padding_index!r} with {convention.value!r}. Give both, or neither."
        )
    if padding_index is not None and not 0 <= padding_index < classes:
        raise ValueError(
            f"`padding_index` must be one of the classes 0 to {classes - 1}, but got {padding_index!r}. "
            "Use `ignore_index` of the losses for a mark outside the vocabulary."
        )


def _background(background: Float[np.ndarray, "..."] | None, shape: tuple[int, int]) -> None:
    if background is not None:
        _shape("background", background.shape, shape)
        _distribution("background", np.atleast_2d(background))


def _mask(
    class_mask: Bool[np.ndarray, "..."] | None, shape: tuple[int, int]
) -> Bool[np.ndarray, "batch classes"]:
    if class_mask is None:
        return np.ones(shape, bool)
    _shape("class_mask", class_mask.shape, shape)
    return np.broadcast_to(class_mask, shape)


def _shape(name: str, got: tuple[int, ...], shape: tuple[int, int]) -> None:
    if got not in (shape, shape[1:]):
        raise ValueError(
            f"`{name}` must have shape {shape[1:]} or {shape}, but has {got}. "
            "Give one row for all examples, or one for each."
        )


def _distribution(name: str, rows: Float[np.ndarray, "rows classes"]) -> None:
    sums = rows.sum(1)
    if not ((rows >= 0).all() and (abs(sums - 1) <= 1e-3).all()):  # float16 rows are off by half of that
        raise ValueError(
            f"`{name}` must have rows from 0 up that sum to 1, but reach down to {rows.min():.6g}, with a sum "
            f"of {sums[np.argmax(abs(sums - 1))]:.6g}. Divide by the sum, or take the softmax of logits."
        )
