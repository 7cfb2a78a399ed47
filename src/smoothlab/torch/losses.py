r"""Cross entropy with label smoothing, as torch's own and with what torch's own lacks.

For logits z, target q = (1 - a) t + a v (label t, background v, effective alpha a) and log p = z - logsumexp(z),

    loss = - sum_k q_k log p_k = logsumexp(z) - (1 - a) <t, z> - a <v, z>,        d loss / d z = softmax(z) - q,

which three numbers of a row decide: no array of targets is built. Source: Szegedy et al. 2016, sec. 7,
arXiv:1512.00567; arguments and reductions follow the documentation of torch.nn.functional.cross_entropy.
"""

from typing import Any

import torch
from torch import Tensor

from ..targets.conventions import Convention
from . import arguments, passes
from .parts import Parts, floor
from .weighting import hard, reduced, smoothed


def cross_entropy(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float | Tensor = 0.0,
    *,
    convention: Convention | str = Convention.UNIFORM,
    background: Tensor | None = None,
    class_mask: Tensor | None = None,
    padding_index: int | None = None,
    weighting: str = "torch",
    parts: bool = False,
    overwrite_logits: bool = False,
) -> Any:
    r"""Cross entropy of softmax(input) against smoothed labels, in nats; a drop-in for torch's.

    The arguments before the star are torch's, by name and by place, and mean what they mean there.

    input: logits, (classes) or (batch, classes, ...), any floating type. Sums are formed in float32 or better:
        for half types the loss is float32, and the gradient has the input's type. A logit of -inf takes its
        class out of the row (see `class_mask`).
    target: class numbers of any integer type, (batch, ...), or probabilities, (batch, classes, ...).
    weight: a number for each class. What it multiplies is said by `weighting`.
    ignore_index: rows with this label cost 0 and have gradient 0, even where their logits are NaN.
    reduction: "mean", "sum" or "none"; `size_average` and `reduce` are torch's retired names for it. The mean of
        no rows is NaN.
    label_smoothing: alpha, in the meaning that `convention` gives it. A tensor of the shape of class numbers
        smooths each row by its own.
    convention: what alpha means, see `smoothlab.targets.Convention`; "uniform" is torch's.
    background: probabilities that take the mass which the label gives up, (classes) or the shape of `input`;
        uniform if `None`.
    class_mask: true where a class takes part, (classes) or the shape of `input`. A class that does not has
        probability 0, no background, no place in the count of classes, and gradient exactly 0. If it is the true
        class, the loss is +inf.
    padding_index: the class that "others_but_padding" leaves without background; rows labelled so are ignored.
    weighting: "torch" multiplies each term of the sum over classes by its class's weight, so that the best
        prediction is no longer the smoothed target; "example" multiplies the row by its label's weight.
    parts: return `Parts(loss, nll, excess, perplexity)` instead of the loss: the loss, the loss without
        smoothing, its excess over the least value that the targets allow, and exp(nll), all from one pass.
    overwrite_logits: give `input` away. Where it wants a gradient, a kernel may write that over it, which spares an
        array of its size; `input` is not to be used afterwards, and must have been computed, not be a parameter.
        Autograd knows of the change: what saved `input` before, or uses it later, raises in its backward pass.

    Labels, alphas and backgrounds are checked for their values on the CPU in eager mode only: elsewhere a look
    would stop the device or break the trace. Raises `ValueError` or `TypeError` with one sentence for a wrong
    argument. Sources: the head of this module; Pereyra et al. 2017, sec. 2 and 4, arXiv:1701.06548
    (backgrounds).

    >>> import torch
    >>> from smoothlab.torch import cross_entropy
    >>> logits = torch.tensor([[2.0, 0.0, 0.0, -torch.inf]], dtype=torch.float64, requires_grad=True)
    >>> loss = cross_entropy(logits, torch.tensor([0]), label_smoothing=0.1)
    >>> loss.backward()
    >>> loss.item(), logits.grad.round(decimals=3).tolist()  # three classes take part
    (0.3728..., [[-0.146, 0.073, 0.073, 0.0]])
    """
    reduction = arguments.meant_reduction(size_average, reduce, reduction)
    asked = passes.ask(
        input,
        target,
        weight=weight,
        weighting=weighting,
        reduction=reduction,
        parts=parts,
        overwrite_logits=overwrite_logits,
        label_smoothing=label_smoothing,
        convention=convention,
        background=background,
        class_mask=class_mask,
        padding_index=padding_index,
        ignore_index=ignore_index,
    )
    found = passes.answer(asked)

    def whole(values: Tensor) -> Tensor:
        return reduced(values, divisor=found.terms.divisor, ignored=asked.batch.ignored, reduction=reduction)

    def shaped(value: Tensor) -> Tensor:
        return value.squeeze(0) if input.ndim == 1 and reduction == "none" else value

    loss = shaped(found.loss)
    if found.costs is None:
        return loss
    with torch.no_grad():
        nll = whole(hard(found.terms, found.costs))
        excess = whole(
            smoothed(found.terms, found.costs) - floor(found.terms, found.costs.label, asked.batch)
        )
        return Parts(loss, shaped(nll), shaped(excess), shaped(nll).exp())
