r"""Kernels that sum up a row on their way, `rows` on the CPU and `triton` on CUDA: what they have in common.

Each has an operator of its own, which takes tables, places laid below each other and classes side by side, and finds
three columns: what a row costs against its label, against its background, and how many classes take part in it. What
comes before it, `tables`, and what may stand for its derivative, `traced_slope`, is torch and the same for both.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch._C._functorch import is_batchedtensor, is_legacy_batchedtensor

from . import eager
from .eager import Background, Costs, Label, Logits, precision

ARRAYS = "Tensor logits, Tensor label, Tensor? background, Tensor? class_mask, Tensor? ignored"
"""The arrays among `tables`, in the words of torch.library."""


class Sums(NamedTuple):
    """What a row costs against its label and its background, and how many classes take part in it."""

    label: Float[Tensor, " batch *places"]
    background: Float[Tensor, " batch *places"]
    count: Float[Tensor, " batch *places"]  # pyright: ignore[reportIncompatibleMethodOverride]


def costs_by(
    row_sums: Callable[..., Sums],
    logits: Logits,
    label: Label,
    background: Background,
    *,
    out: Bool[Tensor, "batch classes *places"] | None,
    ignored: Bool[Tensor, " batch *places"] | None,
) -> Costs:
    """As `eager.row_costs`, by the `row_sums` of a kernel. One mass for all classes is multiplied by afterwards."""
    uneven = isinstance(background, Tensor)
    sums = row_sums(
        logits,
        label,
        background if uneven or not background else None,
        divisor="one",
        class_mask=None if out is None else ~out,
        ignored=ignored,
    )
    return Costs(sums.label, sums.background if uneven else sums.background * background)


def tables(
    logits: Logits,
    label: Label,
    background: Background | None,
    divisor: str,
    class_mask: Tensor | None,
    ignored: Tensor | None,
) -> tuple[Any, ...]:
    """What the operators take: tables of the arrays, whether a background is asked for, and its divisor."""
    classes = logits.shape[1]
    return (
        _table(logits, classes),
        _table(label, classes) if label.is_floating_point() else label.reshape(-1),
        _table(background, classes) if isinstance(background, Tensor) else None,
        None if class_mask is None else _table(class_mask, classes),
        None if ignored is None else ignored.reshape(-1),
        not isinstance(background, float),
        divisor,
    )


def _table(array: Tensor, classes: int) -> Tensor:
    """One row below the other, classes side by side; one row for all is a single one."""
    if array.ndim == 1:
        array = array.unsqueeze(0)
    rows = array if array.ndim == 2 else array.movedim(1, -1).reshape(-1, classes)
    return rows if rows.stride(1) == 1 or classes == 1 else rows.contiguous()


def must_be_traced(*incoming: Tensor) -> bool:
    """A second derivative is due, or many first ones at once: no kernel is written for either."""
    many = any(is_batchedtensor(one) or is_legacy_batchedtensor(one) for one in incoming)
    return torch.is_grad_enabled() or many


def traced_slope(
    of_label: Tensor,
    of_background: Tensor,
    logits: Tensor,
    label: Tensor,
    background: Tensor | None,
    class_mask: Tensor | None,
    ignored: Tensor | None,
    smoothed: bool,
    divisor: str,
) -> Tensor:
    """The gradient of the tables' costs by the closed form in plain torch, which can be differentiated again."""
    twice = torch.is_grad_enabled()
    with torch.enable_grad():
        out = logits.isneginf() if class_mask is None else logits.isneginf() | ~class_mask
        takes = (~out).to(precision(logits.dtype))
        share = takes if background is None else takes * background
        by = {"one": takes.new_ones(len(takes)), "mass": share.sum(1), "count": takes.sum(1)}[divisor]
        share = share / torch.where(by > 0, by, 1.0).unsqueeze(1) if smoothed else 0.0
        costs = eager.row_costs(logits, label, share, out=out, ignored=ignored)
        costs = Costs(costs.label, torch.where(by > 0, costs.background, costs.label))
        # a background that nobody asked for is a constant
        asked = (costs, (of_label, of_background)) if smoothed else (costs[:1], (of_label,))
        return torch.autograd.grad(asked[0], logits, asked[1], create_graph=twice)[0]
