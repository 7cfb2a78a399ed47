r"""t-SNE: a picture of which examples are neighbours, and of nothing else.

Each example is given two coordinates so that who is near whom agrees: with p_ij the similarity of two examples in the
space of features, under a normal law whose width leaves `perplexity` effective neighbours, and q_ij that of their
points under Student's law with one degree of freedom,

    minimise  sum_ij p_ij log(p_ij / q_ij).

Distances between clusters in such a picture mean nothing, nor do the sizes of clusters or their density: the width is
fitted at every example, so tight and wide clusters are drawn alike, and what is far is left wherever it does no harm.
That smoothing tightens clusters cannot be seen in it; see `template_plane` for the paper's linear picture, in which
distances are distances, and `nc1` for the number. Two pictures with the same seed are two pictures all the same.

Sources: van der Maaten and Hinton 2008, Journal of Machine Learning Research 9; Kobak and Berens 2019,
doi:10.1038/s41467-019-13056-x (start from principal components); Wattenberg, Viegas, Johnson 2016,
doi:10.23915/distill.00002 (what not to read).
"""

import numpy as np
from jaxtyping import Float

from .. import _checks


def tsne(
    features: Float[np.ndarray, "batch features"], *, perplexity: float = 30.0, seed: int = 0
) -> Float[np.ndarray, "batch 2"]:
    """Two coordinates for every example, by scikit-learn's t-SNE started from the first two principal components.

    Distances between clusters mean nothing: see the head of this module before looking at the picture. Raises
    `ValueError` where there are not more than 3 `perplexity` examples, for a perplexity below 1, for fewer than two
    columns, for features that are all equal or not finite; `ImportError` without scikit-learn.

    >>> import numpy as np
    >>> from smoothlab.measures import tsne
    >>> tsne(np.random.default_rng(0).normal(size=(40, 5)), perplexity=5.0).shape
    (40, 2)
    """
    _checks.array("features", features, axes=2)
    _checks.at_least("seed", seed, 0)
    if not 1 <= perplexity < len(features) / 3:
        raise ValueError(
            f"`perplexity` must lie between 1 and a third of the {len(features)} examples, but got {perplexity!r}. "
            "It counts neighbours: try 30, or 5 for few examples."
        )
    if features.shape[1] < 2:
        raise ValueError("`features` must have two columns or more, but has 1. Plot it as it is.")
    exact = features.astype(np.float64)
    if not np.isfinite(exact).all():
        raise ValueError("`features` must be finite, but hold NaN or inf. Look for the run that diverged.")
    if not np.ptp(exact, axis=0).any():
        raise ValueError(
            "`features` must differ between examples, but all are equal. There is nothing to draw."
        )
    try:
        from sklearn.manifold import TSNE  # here, so that the other measures need no scikit-learn
    except ImportError as error:
        raise ImportError(
            "`tsne` needs scikit-learn. Install it with: pip install 'smoothlab[study]'"
        ) from error

    model = TSNE(perplexity=float(perplexity), init="pca", learning_rate="auto", random_state=seed)
    return np.asarray(model.fit_transform(exact), np.float64)
