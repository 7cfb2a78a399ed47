r"""Three ways from a judged batch to its loss; the first that serves is taken.

one_pass      the compiled rows write the loss and its gradient at once (`kernels.fused`): plain training on the CPU
inside        a kernel finds out on its way which classes take part; the backward pass reads the logits again
closed_form   which classes take part is found out beforehand, and any kernel serves

The first two begin with terms that hold if every class takes part, and leave it to the kernel to cut the background
(`weighting.weigh_uncut`). Where it cannot do so exactly, they give way.
"""

from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from .. import _checks
from ..targets.conventions import Convention
from . import arguments
from .kernels import Choice, Costs, choose, chosen, fused, rows, triton
from .kernels.eager import precision
from .rows import Batch, judge
from .weighting import Terms, Uncut, counted, recounted, reduced, smoothed, weigh, weigh_uncut


class Asked(NamedTuple):
    """A batch, and what is to be made of it."""

    batch: Batch
    weight: Float[Tensor, " classes"] | None
    weighting: str
    reduction: str
    parts: bool
    """Whether terms and costs are wanted too."""
    overwrite: bool
    """Whether the logits may be overwritten."""


class Answer(NamedTuple):
    """The reduced loss, which carries the gradient; the terms, and what each row cost, if parts were asked for."""

    loss: Tensor
    terms: Terms
    costs: Costs | None


def ask(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    *,
    weight: Tensor | None,
    weighting: str,
    reduction: str,
    parts: bool,
    overwrite_logits: bool,
    **others: Any,
) -> Asked:
    """The arguments of `losses.cross_entropy`, found to fit together."""
    _checks.one_of("weighting", weighting, ("torch", "example"))
    batch = judge(input, target, **others)
    if weight is not None:
        arguments.judge_weight(weight, batch.logits.shape[1])
        weight = weight.to(precision(input.dtype))
    if overwrite_logits:
        arguments.judge_given_away(input)
    return Asked(batch, weight, weighting, reduction, parts, overwrite_logits)


def answer(asked: Asked) -> Answer:
    """The loss by the first way that serves."""
    uncut = weigh_uncut(asked.batch, asked.weight, asked.weighting)
    return one_pass(asked, uncut) or inside(asked, uncut) or closed_form(asked)


# ------------------------------------------------------------------------------------------------------------ one pass


def one_pass(asked: Asked, uncut: Uncut) -> Answer | None:
    """Loss and gradient at once; `None` if that cannot be had."""
    question = at_once(asked, uncut)
    if against_one_pass(asked, uncut, question) is not None:
        return None
    if asked.reduction == "mean":
        question = question._replace(total=counted(uncut.terms, asked.batch))
    must_be_whole = _must_be_whole(asked, uncut)
    loss, found = fused.loss(question, overwrite=asked.overwrite, costs=must_be_whole)
    if must_be_whole and not fused.whole(question, found):
        return None
    return Answer(loss, uncut.terms, fused.costs_of(question, found) if asked.parts else None)


def at_once(asked: Asked, uncut: Uncut) -> fused.Question:
    """What `fused` is asked, but for the total, for which somebody would have to look at values."""
    batch, terms = asked.batch, uncut.terms
    return fused.Question(
        batch.logits,
        terms.label,
        uncut.background,
        uncut.divisor,
        batch.class_mask,
        batch.ignored,
        terms.share,
        terms.amount,
        asked.reduction,
    )


def against_one_pass(asked: Asked, uncut: Uncut, question: fused.Question) -> str | None:
    """Why `one_pass` is not to be had; `None` if it is, unless the logits hold a surprise."""
    against = fused.supports(question, overwrite=asked.overwrite)
    if against is not None or not _must_be_whole(asked, uncut):
        return against
    # logits that were overwritten could not be asked again
    out = asked.batch.class_mask is not None or (asked.overwrite and asked.batch.out() is not None)
    return COUNTED_FIRST if out else None


COUNTED_FIRST = "the convention, the weights or the parts want the classes that take part counted first"


def _must_be_whole(asked: Asked, uncut: Uncut) -> bool:
    return uncut.only_whole or asked.parts


# -------------------------------------------------------------------------------------------------------------- inside


def inside(asked: Asked, uncut: Uncut) -> Answer | None:
    """The classes that are out left to a kernel; `None` if that cannot be had."""
    kernel = kernel_inside(asked, uncut)
    if isinstance(kernel, str) or kernel.kernel not in (triton, rows):
        return None
    batch, terms = asked.batch, uncut.terms
    label, background, count = kernel.kernel.row_sums(
        batch.logits,
        terms.label,
        uncut.background,
        divisor=uncut.divisor,
        class_mask=batch.class_mask,
        ignored=batch.ignored,
    )
    if uncut.only_whole:
        terms = recounted(uncut, batch, count)
    losses = smoothed(terms, Costs(label, background))
    loss = reduced(losses, divisor=terms.divisor, ignored=batch.ignored, reduction=asked.reduction)
    return Answer(loss, terms, None)


def kernel_inside(asked: Asked, uncut: Uncut) -> Choice | str:
    """The kernel that all numbers can be given to, or why none is asked."""
    batch, terms = asked.batch, uncut.terms
    # of the terms that need a whole row, `others` alone can be mended by a count
    by_count = batch.convention is Convention.OTHERS and asked.weight is None
    if asked.parts or (uncut.only_whole and not by_count):
        return COUNTED_FIRST
    numbers = [one for one in (terms.share, terms.amount) if isinstance(one, Tensor)]
    return chosen(batch.logits, terms.label, uncut.background, batch.class_mask, batch.ignored, *numbers)


# --------------------------------------------------------------------------------------------------------- closed form


def closed_form(asked: Asked) -> Answer:
    """The classes that are out found beforehand; every kernel serves."""
    found = asked.batch.rows()
    terms = weigh(found, asked.weight, asked.weighting)
    kernel = choose(found.logits, terms.label, terms.background)
    costs = kernel(found.logits, terms.label, terms.background, out=found.out, ignored=found.ignored)
    losses = smoothed(terms, costs)
    loss = reduced(losses, divisor=terms.divisor, ignored=found.ignored, reduction=asked.reduction)
    return Answer(loss, terms, costs if asked.parts else None)
