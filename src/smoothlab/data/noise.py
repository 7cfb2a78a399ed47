r"""Wrong labels on purpose: each label is passed through a known matrix of chances.

    P(label becomes j | it was i) = transition_ij

    symmetric    1 - rate on the diagonal, rate / (K - 1) elsewhere: `rate` of the labels are wrong
    pair flip    1 - rate on the diagonal, rate at class i + 1 (after the last, class 0): wrong in one way alone

Elsewhere "symmetric" may draw from all K classes, the true one too; of such labels only rate (K - 1)/K are wrong.
Each example draws two numbers from the bit stream of PCG64(seed), in file order, whatever the matrix: the one
says if its label goes wrong, the other which wrong one it becomes. So runs with one seed and another alpha see
the same wrong labels, and at a higher rate the labels that were wrong before stay wrong in the same way. Sources:
van Rooyen et al. 2015, arXiv:1505.07634 (symmetric); Han et al. 2018, appendix, arXiv:1804.06872 (pair flip)
"""

import numpy as np
from jaxtyping import Float, Int64

from .. import _checks
from .dataset import in_classes


def symmetric_noise(classes: int, rate: float) -> Float[np.ndarray, "classes classes"]:
    """The transition matrix with which `rate` of the labels go wrong, each wrong class equally likely.

    Raises `ValueError` for fewer than two classes and a rate outside [0, 1]. Source: the head of this module.

    >>> from smoothlab.data import symmetric_noise
    >>> symmetric_noise(classes=3, rate=0.2).tolist()
    [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]
    """
    _judge(classes, rate)
    transition = np.full((classes, classes), rate / (classes - 1))
    np.fill_diagonal(transition, 1 - rate)
    return transition


def pair_flip_noise(classes: int, rate: float) -> Float[np.ndarray, "classes classes"]:
    """The transition matrix with which `rate` of the labels of each class become the next class.

    Raises `ValueError` for fewer than two classes and a rate outside [0, 1]. Source: the head of this module.

    >>> from smoothlab.data import pair_flip_noise
    >>> pair_flip_noise(classes=3, rate=0.25).tolist()
    [[0.75, 0.25, 0.0], [0.0, 0.75, 0.25], [0.25, 0.0, 0.75]]
    """
    _judge(classes, rate)
    return (1 - rate) * np.eye(classes) + rate * np.roll(np.eye(classes), 1, axis=1)


def flip_labels(
    labels: Int64[np.ndarray, " examples"], transition: Float[np.ndarray, "rows classes"], *, seed: int
) -> Int64[np.ndarray, " examples"]:
    """Labels that have gone through a transition matrix; those given stay as they are.

    Raises `ValueError` for labels outside the matrix's classes, a matrix that is not square or whose rows are no
    distributions, and a seed below 0. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.data import flip_labels, symmetric_noise
    >>> labels = np.arange(10_000) % 10
    >>> noisy = flip_labels(labels, symmetric_noise(classes=10, rate=0.2), seed=0)
    >>> float((noisy != labels).mean())
    0.2...

    A data set with noisy training labels and clean ones to validate and test on:

    >>> from dataclasses import replace
    >>> from smoothlab.data import Split, digits
    >>> data = digits()
    >>> noisy = flip_labels(data.train.labels, symmetric_noise(classes=10, rate=0.4), seed=0)
    >>> replace(data, name="noisy digits", train=Split(data.train.inputs, noisy))
    Dataset('noisy digits', 1079 + 359 + 359 examples, uint8 1 x 8 x 8, 10 classes)
    """
    _judge_transition(transition)
    _checks.at_least("seed", seed, 0)
    in_classes("labels", labels, len(transition))
    # raw bits: NumPy promises to keep them, and keeps no such promise for its distributions
    goes, becomes = (np.random.PCG64(seed).random_raw((len(labels), 2)).T >> 11) * 2.0**-53
    noisy = labels.copy()
    for label, row in enumerate(transition):
        own = np.flatnonzero((labels == label) & (goes < 1 - row[label]))
        if len(own):
            wrong = np.where(np.arange(len(row)) == label, 0.0, row).cumsum()
            noisy[own] = np.searchsorted(wrong / wrong[-1], becomes[own], side="right")
    return noisy


def _judge(classes: int, rate: float) -> None:
    _checks.at_least("classes", classes, 2)
    _checks.fraction("rate", rate)


def _judge_transition(transition: Float[np.ndarray, "rows classes"]) -> None:
    square = transition.ndim == 2 and transition.shape[0] == transition.shape[1] >= 2
    if not square or not ((transition >= 0).all() and (abs(transition.sum(1) - 1) <= 1e-9).all()):
        raise ValueError(
            "`transition` must have a row for each class that starts from 0 and sums to 1, but has shape "
            f"{transition.shape} and row sums {transition.sum(-1).tolist()}. Divide counts by their row's sum."
        )
