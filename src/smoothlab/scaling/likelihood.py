r"""The likelihood of a temperature over blocks of examples, which may be a file larger than memory.

    NLL(b) = mean_i [logsumexp(b z_i) - b z_iy],    slope mean_i (<p_i, z_i> - z_iy),    curvature mean_i Var_{p_i} z_i

with p_i = softmax(b z_i): three sums over the rows' statistics, whatever the blocks. Source: Guo et al. 2017, sec. 4.2,
arXiv:1706.04599.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .._statistics import statistics_of

Block: TypeAlias = tuple[Float[np.ndarray, "rows classes"], Integer[np.ndarray, " rows"]]
Blocks: TypeAlias = Callable[[], Iterator[Block]]
"""Logits and labels, block after block, from the first again at each call."""

_SAMPLE = 2**20  # in numbers: 8 MB at most, and a pass of a millisecond


class Likelihood(NamedTuple):
    """The mean NLL at a temperature, its derivatives in 1/T there, and the slopes at the two ends."""

    n: int
    classes: int
    nll: float
    slope: float
    curvature: float
    at_zero: float
    """The slope where 1/T is 0 and every class that takes part has the same chance."""
    at_infinity: float


def likelihood(blocks: Blocks, temperature: float, *, precise: bool = True) -> Likelihood:
    """One pass over all examples; without `precise`, what is float32 is computed in float32.

    Raises `ValueError` for logits that no softmax can read, for labels that are no column of them or whose own class
    is masked, and for blocks with different columns. Rows are counted from the start of their block.

    >>> import numpy as np
    >>> from smoothlab.scaling.likelihood import likelihood
    >>> found = likelihood(lambda: iter([(np.array([[1.0, 0.0]]), np.array([1]))]), temperature=1e9)
    >>> found.n, round(found.nll, 6), round(found.slope, 6), round(found.curvature, 6)
    (1, 0.693147, 0.5, 0.25)
    """
    sums = np.zeros(5)
    n = classes = 0
    for logits, labels in blocks():
        _checks.array("labels", labels, axes=1)
        parts = statistics_of(
            logits, labels, inverse_temperature=1 / temperature, moments=True, precise=precise
        )
        if classes not in (0, logits.shape[1]):
            raise ValueError(
                f"`blocks` must have the same classes, but one has {classes} columns and one {logits.shape[1]}. "
                "Fit each model for itself."
            )
        n, classes = n + len(logits), logits.shape[1]
        for rows, numbers in parts:
            own = numbers.label
            if not own.min() > -np.inf:
                _name_the_masked(own, rows.start)
            nll = numbers.log_sum - own / temperature
            columns = (nll, numbers.mean - own, numbers.variance, numbers.background - own, -own)
            sums += [column.sum() for column in columns]
    if n == 0:
        raise ValueError("There must be an example to fit, but there is none. Pass logits with rows.")
    if not np.isfinite(sums).all():
        raise ValueError(
            "`logits` must lie closer together than the largest float64, but some differ by more. Mask with -inf."
        )
    return Likelihood(n, classes, *(sums / n).tolist())


def sampled(blocks: Blocks) -> tuple[Blocks, Blocks]:
    """The blocks as they are, and a sample that the first pass over these leaves behind.

    The sample is evenly spread and depends on nothing but the examples: every 2^j-th row, with j large enough for them
    to fit into memory beside anything.

    >>> import numpy as np
    >>> from smoothlab.scaling.likelihood import sampled
    >>> whole, sample = sampled(lambda: iter([(np.zeros((300, 10_000)), np.arange(300))]))
    >>> sum(len(labels) for _, labels in whole()), [labels[:3].tolist() for _, labels in sample()]
    (300, [[0, 4, 8]])
    """
    kept: list[Block] = []
    is_first = True

    def whole() -> Iterator[Block]:
        nonlocal is_first
        keep, is_first = is_first, False
        seen, every = 0, 1
        for logits, labels in blocks():
            yield logits, labels  # judged before it is kept
            if keep:
                while (seen + len(logits)) * logits.shape[1] > _SAMPLE * every:
                    every *= 2
                    if kept:
                        z, y = (np.concatenate(parts)[::2].copy() for parts in zip(*kept, strict=True))
                        kept[:] = [(z, y)]
                own = slice(-seen % every, None, every)
                kept.append((np.array(logits[own]), np.array(labels[own])))
                seen += len(logits)

    return whole, lambda: iter(kept)


def _name_the_masked(own: Float[np.ndarray, " rows"], first: int) -> None:
    row = first + int((own == -np.inf).argmax())
    raise ValueError(
        f"`labels` must name classes that take part, but the label of row {row} is masked with -inf. "
        "Leave such rows out: no temperature gives them a finite loss."
    )
