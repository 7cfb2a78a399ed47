r"""The reduced loss and its gradient in one pass over the logits, on the CPU.

A row's gradient is known up to the factor that comes back with the backward pass, and for a mean or a sum that is
one number for all rows, nearly always 1. So the forward pass, which has the row in a cache anyway, writes

    scale * d loss / dz,        scale = 1 / (rows that count), or 1 for a sum,

and the backward pass hands it out: it is multiplied by what comes back only if that is not 1. The logits are read
once and an array of their size is written once, which is as little as a loss can do.

The gradient is handed out once, and from then on it belongs to whoever got it; a second backward pass through a kept
graph computes it again. Where the logits are given away (`overwrite`), it is written over them: they are marked as
changed in place, so that whatever saved them before, or is computed of them afterwards, fails in its backward pass.
Source: Hsu et al. 2024, sec. 3.2, arXiv:2410.10989 (the gradient in the forward pass).
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._C._autograd import (  # pyright: ignore[reportMissingImports]
    _top_saved_tensors_default_hooks as hooks_on_what_is_saved,
)

from ... import _rows
from ..tracing import plain
from . import rows, sums
from .eager import Background, Costs, Label, Logits, precision

Number = float | Tensor


class Question(NamedTuple):
    """A loss of rows, share * (cost of label) + amount * (cost of background), and its reduction."""

    logits: Logits
    label: Label
    background: Background | None
    """This, `divisor` and `class_mask` as in `rows.row_sums`."""
    divisor: str
    class_mask: Tensor | None
    ignored: Tensor | None
    share: Number
    """One for all rows, or one for each; so is `amount`."""
    amount: Number
    reduction: str
    total: float = 1.0
    """What the sum is divided by; whoever has to look at values for it does so once nothing is against that."""


def supports(question: Question, *, overwrite: bool) -> str | None:
    """Why loss and gradient cannot be had at once; `None` if they can."""
    numbers = [one for one in (question.share, question.amount) if isinstance(one, Tensor)]
    if torch.compiler.is_compiling():
        return "a compiler orders the passes by itself"
    against = rows.supports(
        question.logits, question.label, question.background, question.class_mask, question.ignored, *numbers
    )
    if against is not None or not _training(question):
        return against
    if hooks_on_what_is_saved(True) is not None:
        return "hooks, such as checkpointing, decide what waits for the backward pass"
    if question.reduction == "none" and not overwrite:
        return "each row waits for a factor of its own"
    return None


def loss(question: Question, *, overwrite: bool, costs: bool) -> tuple[Tensor, _rows.Loss]:
    """The reduced loss, which carries the gradient, and the columns that it was made of, `costs` among them or not.

    With `overwrite`, logits that want a gradient hold it afterwards, and nothing else.
    """
    tables = _tables(question, question.logits.detach())
    if not _training(question):
        found = _run(question, tables, None, costs=costs)
        return _reduced(found, question), found
    logits = tables[0]
    if not overwrite or (len(logits) > 1 and logits.stride(0) < logits.shape[1]):
        gradient = rows.room(logits)
        found = _run(question, tables, gradient, costs=costs)
        held = _Held(gradient, question, overwritten=False)
        return _Loss.apply(question.logits, held, [_reduced(found, question)], question), found
    # autograd is told first: it may refuse, and then nothing has happened
    shape = question.label.shape[:1] + question.logits.shape[2:] if question.reduction == "none" else ()
    held = _Held(logits, question, overwritten=True)
    value = _Loss.apply(
        question.logits, held, [logits.new_empty(shape, dtype=precision(logits.dtype))], question
    )
    _Spent.apply(question.logits)
    held.version = logits._version
    found = _run(question, tables, logits, costs=costs)
    with torch.no_grad():
        value.copy_(_reduced(found, question))
    return value, found


def whole(question: Question, found: _rows.Loss) -> bool:
    """Every class took part in every row that counts."""
    rows_that_count = len(found.count) - (0 if question.ignored is None else int(question.ignored.sum()))
    return int((found.count == question.logits.shape[1]).sum()) == rows_that_count


def costs_of(question: Question, found: _rows.Loss) -> Costs:
    """What the rows cost, without a gradient."""
    return Costs(_column(found.label, question), _column(found.background, question))


def _training(question: Question) -> bool:
    return torch.is_grad_enabled() and question.logits.requires_grad


def _tables(question: Question, logits: Tensor) -> tuple[Any, ...]:
    return sums.tables(
        logits,
        question.label,
        question.background,
        question.divisor,
        question.class_mask,
        question.ignored,
    )


def _run(question: Question, tables: tuple[Any, ...], gradient: Tensor | None, *, costs: bool) -> _rows.Loss:
    return rows.run(
        *tables,
        label_share=_each(question.share),
        background_share=_each(question.amount),
        gradient=gradient,
        gradient_scale=_over(1.0, question.total),
        costs=costs,
    )


def _each(number: Number) -> Any:
    """One number for all rows, or a column of them."""
    return number.detach().double().reshape(-1).numpy() if isinstance(number, Tensor) else number


def _over(number: float, total: float) -> float:
    return number / total if total else number * math.inf  # the mean of no rows is NaN


def _reduced(found: _rows.Loss, question: Question) -> Tensor:
    if question.reduction == "none":
        return _column(found.value, question)
    value = float(found.value.sum())
    return torch.scalar_tensor(_over(value, question.total), dtype=precision(question.logits.dtype))


def _column(array: Any, question: Question) -> Tensor:
    shape = question.logits.shape
    return rows.column(array, precision(question.logits.dtype)).reshape(shape[:1] + shape[2:])


# ------------------------------------------------------------------------------------------- what autograd gets of it


class _Held:
    """A gradient that waits to be handed out, and what has to be known by then."""

    def __init__(self, gradient: Tensor, question: Question, *, overwritten: bool) -> None:
        self.waiting = [gradient]
        self.version = gradient._version
        self.overwritten = overwritten
        self.shape = question.logits.shape
        self.reduction = question.reduction

    def hand_out(self) -> Tensor | None:
        """To the first who asks; `pop` lets no two threads be the first."""
        try:
            gradient = self.waiting.pop()
        except IndexError:
            return None
        if gradient._version != self.version:
            raise RuntimeError(
                "The logits of a loss with `overwrite_logits=True` were changed in place before its backward pass, "
                "and with them the gradient that they held. Leave them alone, or leave `overwrite_logits` off."
            )
        return gradient

    def shaped(self, table: Tensor) -> Tensor:
        """A table as an array with the axes of the logits."""
        batch, classes, *places = self.shape
        return table.reshape(batch, *places, classes).movedim(-1, 1) if places else table


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, held: _Held, value: list[Tensor], question: Question) -> Tensor:
        ctx.held = held
        if not held.overwritten:
            # kept by autograd, which lets go of them when it is done, and finds out if they change
            ctx.save_for_backward(logits, *(one for one in question[1:] if isinstance(one, Tensor)))
            ctx.others = [None if isinstance(one, Tensor) else (one,) for one in question]
        return value.pop()

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> Any:
        held, (of_value,) = ctx.held, incoming
        once = not torch.is_grad_enabled() and plain(of_value)
        gradient = held.hand_out() if once else None
        if gradient is None:
            if held.overwritten:
                raise RuntimeError(
                    "The gradient of a loss with `overwrite_logits=True` can be had once, and no second one: the "
                    "logits that others would be computed of are gone. Leave `overwrite_logits` off."
                )
            saved = iter(ctx.saved_tensors)
            question = Question(*(one[0] if one else next(saved) for one in ctx.others))
            if not once:  # a second derivative, or many first ones at once
                return held.shaped(_traced(question, of_value)), None, None, None
            tables = _tables(question, question.logits.detach())
            gradient = rows.room(tables[0])
            _run(question, tables, gradient, costs=False)
        if held.reduction == "none":
            gradient.mul_(of_value.reshape(-1, 1))
        elif of_value.item() != 1:
            gradient.mul_(of_value)
        return held.shaped(gradient), None, None, None


def _traced(question: Question, of_value: Tensor) -> Tensor:
    """The gradient as a table, by the closed form."""
    factor = of_value * _over(1.0, question.total)
    with torch.enable_grad():
        tables = _tables(question, question.logits)
    every = tables[0].new_ones(len(tables[0]), dtype=of_value.dtype)
    of_label, of_background = (
        every * (number * factor).reshape(-1) for number in (question.share, question.amount)
    )
    return sums.traced_slope(of_label, of_background, *tables)


class _Spent(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        ctx.mark_dirty(logits)
        return logits

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> Any:
        raise RuntimeError(
            "Something was computed from logits after a loss with `overwrite_logits=True`, when they held its "
            "gradient. Compute it before the loss, or leave `overwrite_logits` off."
        )
