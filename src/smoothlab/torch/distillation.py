r"""Distillation: a student learns from the label and from what a teacher said of the same example.

    loss = (1 - beta) H(y, p) + beta * term,        H(q, p) = - sum_k q_k log p_k,        p(T) = softmax(z / T)

with the student's logits z, the teacher's z^t, the temperature T, and as term one of

    "cross_entropy"     T^2 H(p^t(T), p(T))         H(p^t(T), p(1)) where the student's temperature is fixed at 1
    "kl"                T^2 KL(p^t(T) || p(T))      the same less the teacher's entropy: 0 for a copy, equal gradients
    "squared_logits"    1/2 sum_k (z_k - z^t_k)^2   no softmax, no temperature

A softmax at T has gradients smaller by 1/T, and near the teacher's p by 1/T^2: the factor T^2 undoes that where
both sides have T. As T grows the shared KL becomes 1/(2K) sum_k (z_k - z^t_k)^2 of logits less their means.

The paper's figure 5 has beta = 1 with the student's temperature fixed at 1 and unscaled gradients:
"cross_entropy" with shared_temperature=False. Its MNIST students have beta = 0.6 with "squared_logits", a sum
over classes: a mean is ten times weaker. At temperature 1 the cross entropy is `smoothlab.torch.cross_entropy`
with the teacher's softmax as background and alpha = beta. A student of the teacher's own kind is
self-distillation, and a teacher whose rows are shuffled within each class, or that is only smoothed labels, is
the control that says how much of a gain is softening alone.

Sources: Hinton et al. 2015, sec. 2, arXiv:1503.02531 (T, T^2, the limit); Ba & Caruana 2014, arXiv:1312.6184
(logits); Mueller et al. 2019, sec. 4 and appendix, arXiv:1906.02629
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn, xlogy

from .. import _checks
from . import arguments
from .kernels import choose
from .kernels.eager import log_probabilities, precision
from .modules import described
from .penalised import unsmoothed
from .rows import Rows
from .tracing import readable
from .weighting import reduced

TERMS = ("cross_entropy", "kl", "squared_logits")


def distillation_loss(
    input: Tensor,  # noqa: A002  torch's own word
    target: Tensor,
    teacher: Tensor,
    *,
    beta: float = 1.0,
    temperature: float = 1.0,
    shared_temperature: bool = True,
    term: str = "cross_entropy",
    class_mask: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """The student's loss against labels and a teacher's logits, in nats (squared logits have no unit).

    teacher: the teacher's logits, in the shape of `input`; no gradient reaches them. A -inf is a class of which
        the teacher says that it cannot be; "squared_logits" leaves that class out.
    beta: the teacher's share, in [0, 1]; what has no share adds nothing, not even an infinity.
    temperature: T, above 0; 1 for "squared_logits", which has none.
    shared_temperature: the student's softmax has T too and the term is multiplied by T^2; otherwise the student's
        is at 1 and nothing is scaled.

    A class that is out for the student is out for the teacher, whose softmax is then over the rest. The other
    arguments, shapes, precision and errors are those of `cross_entropy`; "mean" divides by the number of rows
    that count. Raises `ValueError` for a teacher of another shape, one that holds NaN or +inf in a row that
    counts (looked at on the CPU in eager mode only), and numbers out of range. Source: the head of this module.

    >>> import torch
    >>> from smoothlab.torch import distillation_loss
    >>> teacher = torch.tensor([[0.64, 0.16, 0.04]]).log()  # at temperature 2 it is (0.8, 0.4, 0.2) / 1.4
    >>> student, label = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True), torch.tensor([0])
    >>> distillation_loss(student, label, teacher, temperature=2.0, shared_temperature=False).backward()
    >>> student.grad.round(decimals=3).tolist()  # 1/3 less that
    [[-0.238, 0.048, 0.19]]
    """
    _checks.one_of("reduction", reduction, ("mean", "sum", "none"))
    _judge_terms(beta, temperature, term)
    rows = unsmoothed(input, target, class_mask=class_mask, ignore_index=ignore_index)
    # in the type of sums from here on, so that the gradients of both parts are added before they are rounded
    rows = rows._replace(logits=rows.logits.to(precision(input.dtype)))
    said = _judged_teacher(teacher, input.shape, rows)
    losses = torch.zeros_like(said[:, 0])
    if beta < 1:
        kernel = choose(rows.logits, rows.label, 0.0)
        hard = kernel(rows.logits, rows.label, 0.0, out=rows.out, ignored=rows.ignored).label
        losses = losses + (1 - beta) * hard
    if beta > 0:
        if term == "squared_logits":
            losses = losses + beta * _squared(rows, said)
        else:
            losses = losses + beta * _soft(rows, said, temperature, shared_temperature, term)
    value = reduced(losses, divisor=None, ignored=rows.ignored, reduction=reduction)
    return value.squeeze(0) if input.ndim == 1 and reduction == "none" else value


def _soft(
    rows: Rows, said: Float[Tensor, "batch classes *places"], temperature: float, shared: bool, term: str
) -> Float[Tensor, " batch *places"]:
    gone = said.isneginf() if rows.out is None else said.isneginf() | rows.out
    p_t = log_probabilities(said / temperature, gone, rows.ignored).exp().masked_fill(gone, 0.0)
    z = rows.logits / temperature if shared else rows.logits
    values = choose(z, p_t, 0.0)(z, p_t, 0.0, out=rows.out, ignored=rows.ignored).label
    if term == "kl":
        values = values + xlogy(p_t, p_t).sum(1)
    return temperature**2 * values if shared else values


def _squared(rows: Rows, said: Float[Tensor, "batch classes *places"]) -> Float[Tensor, " batch *places"]:
    gone = said.isneginf() if rows.out is None else said.isneginf() | rows.out
    if rows.ignored is not None:
        gone = gone | rows.ignored.unsqueeze(1)
    return (rows.logits.masked_fill(gone, 0.0) - said.masked_fill(gone, 0.0)).square().sum(1) / 2


def _judged_teacher(teacher: Tensor, shape: torch.Size, rows: Rows) -> Float[Tensor, "batch classes *places"]:
    """The teacher's logits in the type that sums are formed in, apart from any graph, 0 where the row is ignored."""
    if teacher.shape != shape or not teacher.is_floating_point():
        raise ValueError(
            f"`teacher` must hold floating-point logits in the shape of `input`, {tuple(shape)}, but has shape "
            f"{tuple(teacher.shape)} and dtype {teacher.dtype}. Look up the rows of this batch's examples."
        )
    said = teacher.detach().to(rows.logits.dtype)
    said = said if teacher.ndim > 1 else said.unsqueeze(0)
    if rows.ignored is not None:
        said = said.masked_fill(rows.ignored.unsqueeze(1), 0.0)
    if readable(teacher) and not (said < torch.inf).all():
        raise ValueError(
            "`teacher` must hold logits below +inf, but holds NaN or +inf. "
            "Look for the example that broke the teacher."
        )
    return said


def _judge_terms(beta: float, temperature: float, term: str) -> None:
    _checks.fraction("beta", beta)
    _checks.positive("temperature", temperature)
    _checks.one_of("term", term, TERMS)
    if term == "squared_logits" and temperature != 1:
        raise ValueError(
            f"`temperature` must be 1 with 'squared_logits', which has no softmax, but got {temperature!r}. "
            "Leave it out, or use 'kl'."
        )


class DistillationLoss(nn.Module):
    """`distillation_loss` with the teacher's logits of a whole training split: no teacher is held in memory.

    teacher: logits (examples, classes), row i for example i of the split that the student trains on, such as
        `Predictions.load(path).logits`. They are copied, and kept in a buffer that is no part of the `state_dict`.

    The other arguments are those of the function. It is called with logits, labels and `examples`, the numbers of
    the batch's rows in that split; `smoothlab.torch.train.train` passes them because the loss has the attribute
    `examples`, the number of rows in its table, which must be that of the split. With augmentation the student
    sees a moved copy and the stored logits are the teacher's of the image as it is: the student is asked for the
    same answer on every copy, which is not what it would learn from a teacher that looks at the copy. Raises as
    the function does, `ValueError` for a table that is not (examples, classes), and `IndexError` for an example
    beyond it. Source: the head of this module.

    >>> import torch
    >>> from functools import partial
    >>> from smoothlab.data import digits
    >>> from smoothlab.torch import DistillationLoss, cross_entropy
    >>> from smoothlab.torch.capture import predict
    >>> from smoothlab.torch.models import fully_connected
    >>> from smoothlab.torch.recipe import Recipe
    >>> from smoothlab.torch.train import train
    >>> data, recipe = digits(), Recipe(epochs=3)
    >>> teacher = train(partial(fully_connected, widths=(64,)), data, loss=cross_entropy, recipe=recipe, seed=0)
    >>> said = predict(teacher.model, data.train, features=False)
    >>> loss = DistillationLoss(said.logits, temperature=4.0)
    >>> student = train(partial(fully_connected, widths=(16,)), data, loss=loss, recipe=recipe, seed=0)
    >>> student.history[-1].accuracy > 0.8
    True
    """

    teacher: Tensor
    class_mask: Tensor | None

    def __init__(
        self,
        teacher: Float[np.ndarray, "examples classes"] | Tensor,
        *,
        beta: float = 1.0,
        temperature: float = 1.0,
        shared_temperature: bool = True,
        term: str = "cross_entropy",
        class_mask: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        _judge_terms(beta, temperature, term)
        table = teacher.detach().clone() if isinstance(teacher, Tensor) else torch.tensor(teacher)
        if table.ndim != 2 or not table.is_floating_point():
            raise ValueError(
                f"`teacher` must hold logits (examples, classes), but has shape {tuple(table.shape)} and dtype "
                f"{table.dtype}. Pass the `logits` of the teacher's predictions of the training split."
            )
        self.register_buffer("teacher", table, persistent=False)
        self.register_buffer("class_mask", class_mask)
        self.beta = beta
        self.temperature = temperature
        self.shared_temperature = shared_temperature
        self.term = term
        self.ignore_index = ignore_index
        self.reduction = arguments.meant_reduction(None, None, reduction)

    @property
    def examples(self) -> int:
        """How many examples the teacher spoke of."""
        return len(self.teacher)

    def forward(
        self,
        input: Tensor,  # noqa: A002  torch's own word
        target: Tensor,
        examples: Int[Tensor, " batch"],
    ) -> Tensor:
        """The loss of a batch that holds these examples of the split."""
        return distillation_loss(
            input,
            target,
            self.teacher[examples].to(input.device),
            beta=self.beta,
            temperature=self.temperature,
            shared_temperature=self.shared_temperature,
            term=self.term,
            class_mask=self.class_mask,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )

    def extra_repr(self) -> str:
        """What is learnt from the teacher and how, for `print(model)`."""
        return described(self, "examples", "term", "beta", "temperature", "shared_temperature", "reduction")
