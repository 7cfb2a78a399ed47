r"""How much one number still tells of which example it came from: figure 6 of the paper, and its bias.

X is the index of one of N training examples, and Y = f(d(z_X)) the difference of two logits under a random augmentation
d. Given X, Y is taken for normal about a mean of its own, with a variance that all examples share. With L draws each,

    I = 1/N sum_x [ -(f_x - mu_x)^2 / 2 s^2 - log 1/N sum_x' exp(-(f_x - mu_x')^2 / 2 s^2) ],

with s^2 = 1/N sum_x (f_x - mu_x)^2, in nats. It is 0 where Y tells nothing, log C where it tells only one of C equally
large clusters, and log N, its most, where every example stands alone. The unit of Y cancels: what counts is spread over
augmentation noise, so that clusters which shrink together with their noise lose no information. The source does not say
which draw is scored. It matters:

    plug-in      f_x is one of the L draws that mu_x is the mean of, and lies too near to it:  bias 1/2 log(L / (L - 1))
    fresh        f_x is a further draw:                        bias 1/2 log((L + 2) / (L + 1)) - 1 / (L + 2)
    left out     f_x is one of the L draws, and mu_x the mean of the others: the bias of fresh with L - 1 for L

(biases where the clusters are fully collapsed, N is large and draws are normal; they vanish where every example stands
alone). So with the source's N = 600 and L = 5, log 2 = 0.693 is read as 0.805, 0.627 and 0.618, and a reading slightly
above log 2 may be exactly log 2, plugged in. All three score every draw they may, and share s^2 among them.

Sources: Mueller, Kornblith, Hinton 2019, sec. 4 and figure 6, arXiv:1906.02629; Shen et al. 2021,
arXiv:2104.00676 (1 - S). The biases follow by integrating the two Gaussians.
"""

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .._numerics import blocks, logsumexp, softmax
from .collapse import class_scatter

_AT_ONCE = 2**20  # pairs of examples looked at together


def plug_in_information(draws: Float[np.ndarray, "examples draws"]) -> float:
    """The information of which every draw was also in its example's mean: too high where clusters collapse.

    Never above log N. Where no example's draws differ it is the entropy of the values, the limit without noise. Raises
    `ValueError` for fewer than two draws an example and for draws that are not finite. Source: Mueller et al. 2019,
    figure 6.

    >>> import numpy as np
    >>> from smoothlab.measures import plug_in_information
    >>> clusters = 1000.0 * (np.arange(600) % 2)[:, None]  # which of two: 0.693 nats
    >>> round(plug_in_information(clusters + np.random.default_rng(3).normal(size=(600, 5))), 2)
    0.81
    """
    _judge("draws", draws, least=2)
    return _information(draws, _means(draws)[:, None])


def fresh_information(
    draws: Float[np.ndarray, "examples draws"], fresh: Float[np.ndarray, "examples scored"]
) -> float:
    """The information of `fresh` draws about means of other `draws` of the same examples: somewhat too low.

    Never above log N; it may fall below 0, by the bias that the head of this module gives. Raises `ValueError` for
    unequal numbers of examples and for draws that are not finite.

    >>> import numpy as np
    >>> from smoothlab.measures import fresh_information
    >>> random = np.random.default_rng(3)
    >>> clusters = 1000.0 * (np.arange(600) % 2)[:, None]  # which of two: 0.693 nats
    >>> draws, fresh = (clusters + random.normal(size=(600, wanted)) for wanted in (5, 5))
    >>> round(fresh_information(draws, fresh), 2)
    0.63
    """
    _judge("draws", draws, least=1)
    _judge("fresh", fresh, least=1)
    _checks.same_length(["draws", "fresh"], [len(draws), len(fresh)])
    return _information(fresh, _means(draws)[:, None])


def left_out_information(draws: Float[np.ndarray, "examples draws"]) -> float:
    """The information of each draw about means of the others, where no further draws were stored.

    Raises as `plug_in_information`. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import left_out_information
    >>> clusters = 1000.0 * (np.arange(600) % 2)[:, None]  # which of two: 0.693 nats
    >>> round(left_out_information(clusters + np.random.default_rng(0).normal(size=(600, 5))), 2)
    0.62
    """
    _judge("draws", draws, least=2)
    exact = draws.astype(np.float64)
    return _information(draws, np.stack([_means(np.delete(exact, i, 1)) for i in range(exact.shape[1])], 1))


def probability_variance(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
) -> float:
    """Shen's 1 - S: the mean over classes of the mean squared distance of softmax(z) from its class's mean.

    0 where all examples of a class get the same probabilities, so that none is told from another; at most 1.
    Raises `ValueError` for unreadable logits, for labels that are no column of them and for fewer than two classes.
    Source: Shen et al. 2021.

    >>> import numpy as np
    >>> from smoothlab.measures import probability_variance
    >>> certain = 1000 * np.eye(2)[[0, 1, 1, 1]]  # one example of class 0 is taken for class 1
    >>> probability_variance(certain, np.array([0, 0, 1, 1]))  # (1/2 + 0) / 2
    0.25
    """
    _checks.logits_and_labels(logits, labels)
    return class_scatter(softmax(logits), labels).within


def _information(
    scored: Float[np.ndarray, "examples scored"], means: Float[np.ndarray, "examples means"]
) -> float:
    """The formula of the head, averaged over the draws that are scored; `means` has one column, or one for each."""
    n, draws = scored.shape
    scored = scored.astype(np.float64)
    means = np.broadcast_to(means, scored.shape)
    variance = float(np.square(scored - means).mean())
    total = 0.0
    for draw in range(draws):
        for rows in blocks(n, rows=max(1, _AT_ONCE // n)):
            exponent = _exponent(scored[rows, draw, None] - means[None, :, draw], variance)
            own = np.diagonal(exponent, rows.start)
            total += float((own - logsumexp(exponent)).sum())
    return total / (n * draws) + float(np.log(n))


def _exponent(
    away: Float[np.ndarray, "rows examples"], variance: float
) -> Float[np.ndarray, "rows examples"]:
    """-away^2 / 2 s^2, and at its limit without noise: 0 for an example's own mean and its equals, else -inf."""
    if variance == 0:
        return np.where(away == 0, 0.0, -np.inf)
    return -np.square(away) / (2 * variance)


def _means(draws: Float[np.ndarray, "examples draws"]) -> Float[np.ndarray, " examples"]:
    """Means that are exact where all draws of an example agree, so that no rounding passes for noise."""
    first = draws[:, :1].astype(np.float64)
    return (first + (draws - first).mean(1, keepdims=True))[:, 0]


def _judge(name: str, draws: Float[np.ndarray, "examples draws"], *, least: int) -> None:
    _checks.array(name, draws, axes=2)
    if draws.shape[1] < least:
        raise ValueError(
            f"`{name}` must hold {least} draws or more of every example, but holds {draws.shape[1]}. "
            "Augment every example several times: rows are examples, columns are draws."
        )
    if not np.isfinite(draws).all():
        raise ValueError(
            f"`{name}` must be finite, but holds NaN or inf. Look for the run that diverged, or for a masked logit."
        )
