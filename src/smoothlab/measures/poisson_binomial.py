r"""How many of m answers are right, when answer i is right with its own probability p_i.

The count is the sum of independent Bernoulli(p_i), so the generating function of its probabilities is

    sum_k P(count = k) x^k = prod_i ((1 - p_i) + p_i x),

a product of m polynomials. They are multiplied two by two, all pairs of one round in a single batched Fourier
transform: m log^2 m operations for the whole distribution, where a thousand simulations would need 1000 m, and
an error near 1e-15 in each probability, where theirs is near 1e-2.

The variance of the count is V = sum_i p_i (1 - p_i). Where V is large, the normal law of the same mean and variance is
as good: no probability of it is off by more than 0.56 / sqrt(V).

Where answers come in groups (see `groups`), V may be small although there are very many. Then the count lies within w
of its mean but for a chance of 2 exp(-w^2 / (2 V + 2 w / 3)), and its probabilities follow from the generating function
at M > 2 w roots of unity x, the product over groups of ((1 - p) + p x)^n as the exponential of

    sum_g n_g log(1 + q_g (x - 1)) = sum_k (-1)^(k+1) (x - 1)^k / k  sum_g n_g q_g^k      for q <= 1/16,

a few sums for all rare outcomes, right or wrong; the others are at most 16/15 16 V answers, and multiplied as above.

Sources: Biscarri, Zhao, Brunner 2018, doi:10.1016/j.csda.2018.01.007 (the divide-and-conquer transform); Hong 2013,
doi:10.1016/j.csda.2012.10.006 (roots of unity); Shevtsova 2010, doi:10.1134/S1064562410060062 (the constant 0.56 of
Berry and Esseen); Bernstein's inequality (the window).
"""

import math

import numpy as np
from jaxtyping import Complex, Float, Integer

_MANY = 2**16  # answers from which on the transform takes long enough to look for something shorter
_SPREAD = 10_000.0  # the variance beyond which the normal law is off by less than 0.6 %
_UNLIKELY = 45.0  # exp(-45) is 3e-20
_RARE = 1 / 16  # with |x - 1| <= 2 the series falls by 8 with each term
_TERMS = 18  # 8^-18 is 6e-17


def cumulative(probabilities: Float[np.ndarray, " batch"]) -> Float[np.ndarray, " counts"]:
    """P(count <= k) for k = 0 .. m, given the probability of each of the m answers; the last entry is 1.

    >>> import numpy as np
    >>> cumulative(np.array([0.5, 0.5])).tolist()
    [0.25, 0.75, 1.0]
    """
    answers = len(probabilities)
    factors = np.zeros((1 << max(answers - 1, 0).bit_length(), 2))
    factors[:, 0] = 1  # the rows beyond the last answer are the polynomial 1
    factors[:answers, 0] -= probabilities
    factors[:answers, 1] = probabilities
    while len(factors) > 1:
        length = 2 * factors.shape[1]
        transform = np.fft.rfft(factors, length)
        factors = np.fft.irfft(transform[0::2] * transform[1::2], length)
    # rounding leaves specks below 0, and they would make the sums fall
    sums = np.cumsum(factors[0, : answers + 1].clip(0))
    return sums / sums[-1]


def quantile(
    sums: Float[np.ndarray, " counts"], levels: Float[np.ndarray, " levels"]
) -> Integer[np.ndarray, " levels"]:
    """The smallest count k with P(count <= k) > level, for levels in [0, 1).

    At uniform random levels these are draws of the count.

    >>> import numpy as np
    >>> quantile(np.array([0.25, 0.75, 1.0]), np.array([0.2, 0.25, 0.9])).tolist()
    [0, 1, 2]
    """
    return np.searchsorted(sums, levels, side="right")


def count_quantile(
    probabilities: Float[np.ndarray, " groups"],
    levels: Float[np.ndarray, " levels"],
    count: Integer[np.ndarray, " groups"] | None = None,
) -> Float[np.ndarray, " levels"]:
    """The quantiles of the number of right answers, for levels in [0, 1): whole numbers.

    `count` says how many answers have each probability, one if `None`. The quantiles are exact, but for more than 2^16
    answers whose number scatters by more than 100: there they are the normal law's, rounded.

    >>> import numpy as np
    >>> count_quantile(np.full(4, 0.5), np.array([0.05, 0.5])).tolist()
    [0.0, 2.0]
    >>> count_quantile(np.array([0.5]), np.array([0.5]), np.array([10**6])).tolist()
    [500000.0]
    >>> count_quantile(np.array([1e-6]), np.array([0.5]), np.array([10**6])).tolist()  # Poisson's, nearly
    [1.0]
    """
    each = np.ones(len(probabilities), np.int64) if count is None else count
    answers = int(each.sum())
    if answers <= _MANY:
        return quantile(cumulative(np.repeat(probabilities, each)), levels).astype(np.float64)
    variance = float((each * probabilities) @ (1 - probabilities))
    if variance <= _SPREAD:
        first, sums = windowed(probabilities, each, variance)
        return (first + quantile(sums, levels)).astype(np.float64).clip(0, answers)
    from scipy.special import ndtri  # here, because it takes longer to load than all of `import smoothlab`

    drawn = np.rint(float(each @ probabilities) + math.sqrt(variance) * ndtri(levels))
    return drawn.clip(0, answers)  # a level of 0 is -inf


def windowed(
    probabilities: Float[np.ndarray, " groups"], count: Integer[np.ndarray, " groups"], variance: float
) -> tuple[int, Float[np.ndarray, " counts"]]:
    """P(count <= first + k) for k = 0, 1, ... in a window that the count does not leave, and its first count.

    >>> import numpy as np
    >>> first, sums = windowed(np.array([0.5]), np.array([2]), 0.5)
    >>> sums[-first : 3 - first].round(12).tolist()
    [0.25, 0.75, 1.0]
    """
    within = _UNLIKELY / 3 + math.sqrt(_UNLIKELY**2 / 9 + 2 * _UNLIKELY * variance)
    size = 1 << math.ceil(2 * within + 2).bit_length()
    seldom, mostly = probabilities <= _RARE, probabilities >= 1 - _RARE
    between = ~(seldom | mostly)
    # where answers are mostly right the wrong ones are counted, and taken off all of them
    surely, wrong, right = int(count[mostly].sum()), 1 - probabilities[mostly], probabilities[seldom]
    step = np.exp(2j * np.pi * np.arange(size // 2 + 1) / size) - 1
    exponent = _logarithms(step, right, count[seldom]) + _logarithms(step.conj(), wrong, count[mostly])
    law = np.diff(cumulative(np.repeat(probabilities[between], count[between])), prepend=0.0)
    folded = np.bincount(np.arange(len(law)) % size, weights=law, minlength=size)
    first = round(float(count @ probabilities)) - size // 2
    # the turn by whole numbers is taken modulo the size, so that it costs no digits
    turn = np.exp(2j * np.pi * ((surely - first) % size * np.arange(size // 2 + 1) % size) / size)
    chances = np.fft.irfft(np.fft.rfft(folded) * (np.exp(exponent) * turn).conj(), size)
    sums = np.cumsum(chances.clip(0))
    return first, sums / sums[-1]


def _logarithms(
    step: Complex[np.ndarray, " roots"],
    rare: Float[np.ndarray, " groups"],
    count: Integer[np.ndarray, " groups"],
) -> Complex[np.ndarray, " roots"]:
    """sum_g n_g log(1 + q_g (x - 1)) at every root x, by its series."""
    power, term, total = count.astype(np.float64), np.ones_like(step), np.zeros_like(step)
    for k in range(1, _TERMS + 1):
        power, term = power * rare, term * -step
        total -= power.sum() / k * term
    return total
