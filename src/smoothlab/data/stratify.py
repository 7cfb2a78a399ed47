r"""Splits that keep every class's share, the same on every machine and for every version of NumPy.

Each example draws one 64-bit number from the bit stream of PCG64(seed), in file order, and the examples of a
class are ranked by their numbers. A split then takes ranks: "rank < 100" is 100 random examples of every class.
Of n examples, `total` are shared out among classes of n_k examples by the largest remainder of total n_k / n.

The raw bit stream is used since NumPy promises to keep it, and keeps no such promise for shuffles
(NumPy Enhancement Proposal 19, https://numpy.org/neps/nep-0019-rng-policy.html).
"""

import numpy as np
from jaxtyping import Bool, Int64

from .dataset import Split


def rank_in_class(labels: Int64[np.ndarray, " examples"], *, seed: int) -> Int64[np.ndarray, " examples"]:
    """The place of every example in its class's random order, counted from 0.

    >>> import numpy as np
    >>> rank = rank_in_class(np.array([0, 1, 0, 1, 0]), seed=0)
    >>> sorted(rank[[0, 2, 4]].tolist()), sorted(rank[[1, 3]].tolist())
    ([0, 1, 2], [0, 1])
    """
    drawn = np.random.PCG64(seed).random_raw(len(labels))
    order = np.lexsort((drawn, labels))  # by class, and by drawn number within a class
    counts = np.bincount(labels)
    first = np.cumsum(counts) - counts  # where each class begins in `order`
    rank = np.empty(len(labels), np.int64)
    rank[order] = np.arange(len(labels)) - first[labels[order]]
    return rank


def shares(counts: Int64[np.ndarray, " classes"], *, total: int) -> Int64[np.ndarray, " classes"]:
    """`total` shared out in proportion to `counts`, in whole numbers; a tie goes to the lower class.

    >>> import numpy as np
    >>> shares(np.array([50, 30, 21]), total=10).tolist()
    [5, 3, 2]
    """
    exact = counts * total
    whole, remainder = exact // counts.sum(), exact % counts.sum()
    still = total - whole.sum()
    whole[np.argsort(-remainder, kind="stable")[:still]] += 1
    return whole


def set_aside(split: Split, *, one_in: int, classes: int) -> tuple[Split, Split]:
    """The split without one example in `one_in`, and those examples: the fixed validation split of a benchmark.

    Raises:
        ValueError: there are fewer than `one_in` examples.

    >>> import numpy as np
    >>> from smoothlab.data import Split
    >>> set_aside(Split(np.eye(10, dtype=np.float32), np.arange(10) % 2), one_in=5, classes=2)
    (Split(8 examples, float32 10), Split(2 examples, float32 10))
    """
    if len(split) < one_in:
        raise ValueError(
            f"The training files must hold at least {one_in} images, to set one in {one_in} aside for validation, "
            f"but hold {len(split)}. Bring more."
        )
    counts = np.bincount(split.labels, minlength=classes)
    aside = rank_in_class(split.labels, seed=0) < shares(counts, total=len(split) // one_in)[split.labels]
    return take(split, ~aside), take(split, aside)


def take(split: Split, chosen: Bool[np.ndarray, " examples"]) -> Split:
    """The examples that a mask chooses, copied."""
    return Split(split.inputs[chosen], split.labels[chosen])
