r"""Small exact pieces of arithmetic that every room below shares.

logsumexp(z) = m + log sum_k exp(z_k - m),  m = max_k z_k,       xlogy(x, y) = x log y, 0 where x = 0.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Shaped


def logsumexp(logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, " batch"]:
    """log sum exp over the last axis, in float64; -inf where every logit is -inf.

    >>> import numpy as np
    >>> from smoothlab._numerics import logsumexp
    >>> round(float(logsumexp(np.array([[1000.0, 1000.0]]))[0] - 1000), 6)  # log 2
    0.693147
    """
    below, centre = _centred(logits)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(below).sum(-1)) + centre[:, 0]


def log_softmax(logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, "batch classes"]:
    """z - logsumexp(z) over the last axis, in float64, centred first so that no offset costs digits."""
    below, _ = _centred(logits)
    with np.errstate(divide="ignore"):
        return below - np.log(np.exp(below).sum(-1, keepdims=True))


def softmax(logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, "batch classes"]:
    """exp(z) / sum exp(z) over the last axis, in float64; rows sum to 1 to the last bits.

    >>> import numpy as np
    >>> from smoothlab._numerics import softmax
    >>> softmax(np.array([[1e4, 1e4, -np.inf]])).tolist()
    [[0.5, 0.5, 0.0]]
    """
    share = np.exp(_centred(logits)[0])
    return share / share.sum(-1, keepdims=True)


def _centred(
    logits: Float[np.ndarray, "batch classes"],
) -> tuple[Float[np.ndarray, "batch classes"], Float[np.ndarray, "batch 1"]]:
    """Logits less their row's largest, and that; 0 stands for a largest that is not finite."""
    z = np.asarray(logits, np.float64)
    highest = z.max(-1, keepdims=True, initial=-np.inf)
    centre = np.where(np.isfinite(highest), highest, 0.0)
    return z - centre, centre


def xlogy(x: Float[np.ndarray, "*shape"], y: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """x log y with 0 log 0 = 0, in float64."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x == 0, 0.0, x * np.log(y))


def blocks(length: int, *, rows: int) -> Iterator[slice]:
    """Slices of at most `rows` that cover `range(length)` in order.

    >>> from smoothlab._numerics import blocks
    >>> list(blocks(5, rows=2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    for start in range(0, length, rows):
        yield slice(start, min(start + rows, length))


def cached_blocks(array: Shaped[np.ndarray, "batch columns"]) -> Iterator[slice]:
    """Slices over the rows, few enough at once for a float64 copy and a temporary of it to stay in cache."""
    yield from blocks(len(array), rows=max(1, 2**16 // max(1, array.shape[1])))


def below_highest(
    logits: Float[np.ndarray, "batch classes"],
) -> Iterator[tuple[slice, Float[np.ndarray, "rows classes"]]]:
    """Cached blocks of rows in float64, each row less its highest logit: no exponential of it can overflow."""
    for rows in cached_blocks(logits):
        block = logits[rows].astype(np.float64)
        block -= block.max(1, keepdims=True)
        yield rows, block
