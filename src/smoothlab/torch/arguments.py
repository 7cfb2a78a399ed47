"""Judges what comes through the doors of the losses: types and shapes always, values where they can be read."""

import math

import torch
from torch import Tensor
from torch.nn import _reduction

from .. import _checks
from ..targets.conventions import Convention
from .tracing import readable


def meant_reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction by its word, or by torch's two retired flags, which win where they are given."""
    if size_average is not None or reduce is not None:
        return _reduction.legacy_get_string(size_average, reduce)
    _checks.one_of("reduction", reduction, ("mean", "sum", "none"))
    return reduction


def rows_of(shape: torch.Size) -> tuple[int, ...]:
    """The shape of logits without its class axis: one entry for each row that a loss is made of."""
    return (*shape[:1], *shape[2:]) if len(shape) > 1 else ()


def judge_batch(input: Tensor, target: Tensor, ignore_index: int) -> None:  # noqa: A002  torch's own word
    """Logits of shape (classes), or (batch, classes, ...), and a target that fits them."""
    _judge_floating(input)
    if input.ndim == 0 or input.shape[1 if input.ndim > 1 else 0] == 0:
        raise ValueError(
            "`input` must have shape (classes) or (batch, classes, ...) with at least one class, "
            f"but has {tuple(input.shape)}. Keep the class axis second."
        )
    if target.is_floating_point():
        if target.shape != input.shape:
            raise ValueError(
                f"`target` of floating-point probabilities must have the shape of `input`, {tuple(input.shape)}, "
                f"but has {tuple(target.shape)}. Call `.long()` on it if it holds class numbers."
            )
        if ignore_index >= 0:
            raise ValueError(
                "`ignore_index` must be negative, which means unused, where `target` holds probabilities, "
                f"but got {ignore_index}. Drop the rows to be ignored."
            )
        return
    if target.dtype == torch.bool or target.is_complex():
        raise TypeError(
            f"`target` must hold class numbers or probabilities, but has dtype {target.dtype}. "
            "Call `.long()` or `.float()` on it."
        )
    labels = rows_of(input.shape)
    if target.shape != labels:
        raise ValueError(
            f"`target` of class numbers must have the shape of `input` without its class axis, {labels}, "
            f"but has {tuple(target.shape)}. Call `.float()` on it if it holds probabilities."
        )


def judge_pair(input: Tensor, target: Tensor) -> None:  # noqa: A002  torch's own word
    """Logits, and a target of their shape."""
    _judge_floating(input)
    if target.shape != input.shape:
        raise ValueError(
            f"`target` must have the shape of `input`, {tuple(input.shape)}, but has {tuple(target.shape)}. "
            "Call `.unsqueeze(1)` on it if there is one logit for each row."
        )


def judge_given_away(input: Tensor) -> None:  # noqa: A002  torch's own word
    """Logits that autograd lets anybody overwrite: computed ones, if they want a gradient."""
    if torch.is_grad_enabled() and input.requires_grad and input.is_leaf:
        raise ValueError(
            "`overwrite_logits` goes with an `input` that was computed, but this one is a leaf that wants its "
            "gradient in `.grad`. Leave `overwrite_logits` off."
        )


def judge_labels(lowest: int, highest: int, classes: int) -> None:
    """Every class number that is not ignored names one of the classes."""
    if lowest < 0 or highest >= classes:
        raise ValueError(
            f"`target` must hold whole numbers from 0 to {classes - 1} or `ignore_index`, but holds "
            f"{lowest if lowest < 0 else highest}. Check the labels against the width of the logits."
        )


def judge_alpha(alpha: float | Tensor, convention: Convention) -> None:
    """A number in the convention's range, or a floating-point tensor of such numbers."""
    if not isinstance(alpha, Tensor):
        _judge_number(alpha, convention)
        return
    if not alpha.is_floating_point():
        raise TypeError(
            f"`label_smoothing` must hold floating-point numbers, but has dtype {alpha.dtype}. "
            "Call `.float()` on it."
        )
    if alpha.numel() and readable(alpha):
        for extreme in alpha.detach().aminmax():  # a NaN anywhere is both
            _judge_number(extreme.item(), convention)


def judge_rowwise(alpha: Tensor, rows: tuple[int, ...]) -> None:
    """One number for all rows, or one for each."""
    if alpha.ndim and alpha.shape != rows:
        raise ValueError(
            f"`label_smoothing` must be one number or hold one for each row, shape {rows}, "
            f"but has {tuple(alpha.shape)}. Shape it like a target of class numbers."
        )


def judge_elementwise(alpha: Tensor, shape: torch.Size) -> None:
    """Numbers that broadcast against a target of this shape, and do not enlarge it."""
    wide = (1,) * (len(shape) - alpha.ndim) + tuple(alpha.shape)
    if len(wide) > len(shape) or any(one not in (1, all_) for one, all_ in zip(wide, shape, strict=True)):
        raise ValueError(
            f"`label_smoothing` must broadcast against `target`, shape {tuple(shape)}, "
            f"but has {tuple(alpha.shape)}. Give one number, or one for each element."
        )


def _judge_number(alpha: float, convention: Convention) -> None:
    if convention is not Convention.CLASSYVISION:
        _checks.fraction("label_smoothing", alpha)
    elif not 0 <= alpha < math.inf:
        raise ValueError(
            f"`label_smoothing` must be a finite number from 0 on under 'classyvision', but got {alpha!r}. "
            "Write a tenth as 0.1."
        )


def judge_class_numbers(target: Tensor) -> None:
    """Class numbers, for a loss that must know which class is the true one."""
    if target.is_floating_point():
        raise TypeError(
            f"`target` must hold class numbers, but has dtype {target.dtype}. "
            "Call `.long()` on it, or `.argmax(1)` on one-hot rows."
        )


def judge_from_zero(name: str, value: float) -> None:
    """A finite number that is not below 0."""
    if not 0 <= value < math.inf:
        raise ValueError(
            f"`{name}` must be a finite number from 0 on, but got {value!r}. 0 leaves the plain cross entropy."
        )


def judge_weight(weight: Tensor, classes: int) -> None:
    """A number for each class."""
    if weight.shape != (classes,) or not weight.is_floating_point():
        raise ValueError(
            f"`weight` must hold one floating-point number for each of the {classes} classes, but has shape "
            f"{tuple(weight.shape)} and dtype {weight.dtype}. Give the weight of class k at position k."
        )


def judge_background(background: Tensor, shape: torch.Size) -> None:
    """A distribution over the classes, one for all rows or one each."""
    _judge_rows("background", background, shape)
    if not background.is_floating_point():
        raise TypeError(
            f"`background` must hold floating-point numbers, but has dtype {background.dtype}. "
            "Divide counts by their sum."
        )
    if background.numel() and readable(background):
        rows = background.detach()
        least, sums = rows.amin().item(), rows.sum(1 if rows.ndim > 1 else 0, dtype=torch.float64)
        worst = sums.flatten()[(sums - 1).abs().argmax()].item()
        rounding = max(1e-3, torch.finfo(rows.dtype).eps)  # a row of half precision is off by half of that
        if not (least >= 0 and abs(worst - 1) <= rounding):
            raise ValueError(
                f"`background` must hold rows from 0 up that sum to 1, but its least entry is {least:.6g} and one "
                f"sum {worst:.6g}. Divide by the sum, or take the softmax of logits."
            )


def judge_mask(class_mask: Tensor, shape: torch.Size) -> None:
    """True or false for each class, one row for all or one each."""
    _judge_rows("class_mask", class_mask, shape)
    if class_mask.dtype != torch.bool:
        raise TypeError(
            f"`class_mask` must have dtype torch.bool, true where a class takes part, but has {class_mask.dtype}. "
            "Compare with 0, or call `.bool()` on it."
        )


def _judge_rows(name: str, rows: Tensor, shape: torch.Size) -> None:
    classes = shape[1] if len(shape) > 1 else shape[0]
    if rows.shape != shape and rows.shape != (classes,):
        raise ValueError(
            f"`{name}` must have shape ({classes},) or that of `input`, {tuple(shape)}, "
            f"but has {tuple(rows.shape)}. Give one row for all examples, or one for each."
        )


def _judge_floating(input: Tensor) -> None:  # noqa: A002  torch's own word
    if not input.is_floating_point():
        raise TypeError(
            f"`input` must hold logits as floating-point numbers, but has dtype {input.dtype}. "
            "Call `.float()` on it."
        )
