r"""Answers in clusters: those that come from one row of a file are alike, and count for fewer than they are.

Let y_g be the sum of a score over the n_g answers of cluster g, of G clusters. The mean over answers is a ratio of two
sums over clusters, and it is the clusters that are independent:

    m = sum_g y_g / sum_g n_g,      r_g = y_g - m n_g,      Var(m) = G/(G - 1) sum_g r_g^2 / n^2,

with G - 1 degrees of freedom. So a mean over clustered answers scatters as the mean of the G values m + G r_g / n does,
and every interval of a mean serves with those (see `intervals`), their number G in place of n. A score may be the
influence of an answer on an area (see `area_intervals`) as well. Hits among n answers say as much as among

    n' = min(n, m (1 - m) / Var(m)),        or, where all or none are hits,        n' = n^2 / sum_g n_g^2

independent ones: nothing shows then how alike a cluster is, and each is taken as one answer. Beyond 1024 clusters, each
1024th is added to one group, and the groups are the clusters: sums of independent clusters are independent, and 1023
degrees of freedom are enough. So of a stream, however long, a table of a fixed size is left.

Sources: Liang and Zeger 1986, doi:10.1093/biomet/73.1.13 (the variance); Cameron and Miller 2015, sec. II and VI,
doi:10.3368/jhr.50.2.317 (G/(G - 1) and the degrees of freedom); Kish 1965, Survey Sampling, sec. 8.2 and Korn and
Graubard 1998, Survey Methodology 24, 193-201 (n'); Wolter 2007, ch. 2, doi:10.1007/978-0-387-35099-8 (groups).
Coverage, measured: docs/coverage.md.
"""

import numpy as np
from jaxtyping import Float, Int, Integer, Shaped

from .. import _checks

MOST = 1024
"""Clusters that are told apart."""


def numbered(clusters: Integer[np.ndarray, " batch"], *, n: int) -> Int[np.ndarray, " batch"]:
    """The clusters of n answers by numbers from 0, of which there are at most `MOST`.

    Raises `TypeError` for what is no array of whole numbers, and `ValueError` where there are not n of them.

    >>> import numpy as np
    >>> from smoothlab.measures.clusters import numbered
    >>> numbered(np.array([7, 7, 90, 3]), n=4).tolist()
    [1, 1, 2, 0]
    """
    _checks.array("clusters", clusters, axes=1)
    if clusters.dtype.kind not in "iu":
        raise TypeError(f"`clusters` must be whole numbers, but got {clusters.dtype}. Number them.")
    _checks.same_length(["answers", "clusters"], [n, len(clusters)])
    return np.unique(clusters, return_inverse=True)[1] % MOST


def sums_of(
    values: Shaped[np.ndarray, " batch"], clusters: Integer[np.ndarray, " batch"]
) -> tuple[Float[np.ndarray, " clusters"], Int[np.ndarray, " clusters"]]:
    """The sum of the values of each cluster, and how many they are. Raises as `numbered`.

    >>> import numpy as np
    >>> from smoothlab.measures.clusters import sums_of
    >>> sums_of(np.array([0.5, 1.5, 4.0]), np.array([0, 0, 1]))
    (array([2., 4.]), array([2, 1]))
    """
    number = numbered(clusters, n=len(values))
    return np.bincount(number, weights=values), np.bincount(number)


def around_the_mean(
    sums: Float[np.ndarray, "clusters ..."], sizes: Int[np.ndarray, " clusters"]
) -> Float[np.ndarray, "held ..."]:
    """G r_g / n of each cluster that has an answer, column by column; their mean is 0.

    >>> import numpy as np
    >>> from smoothlab.measures.clusters import around_the_mean
    >>> around_the_mean(np.array([2.0, 0.0, 4.0]), np.array([2, 0, 1])).tolist()  # the mean is 2
    [-1.333..., 1.333...]
    """
    held, n = sizes > 0, sizes.sum()
    sums, sizes = sums[held], sizes[held]
    mean = sums.sum(0) / n
    return (sums - np.multiply.outer(sizes, mean)) * (len(sizes) / n)


def effective_size(sizes: Int[np.ndarray, "clusters ..."]) -> Float[np.ndarray, "..."] | float:
    """How many independent answers there are where those of a cluster are one: n^2 / sum_g n_g^2.

    >>> import numpy as np
    >>> from smoothlab.measures.clusters import effective_size
    >>> float(effective_size(np.array([5, 5, 5, 5]))), round(float(effective_size(np.array([17, 1, 1, 1]))), 2)
    (4.0, 1.37)
    """
    return sizes.sum(0) ** 2 / (sizes.astype(np.float64) ** 2).sum(0)
