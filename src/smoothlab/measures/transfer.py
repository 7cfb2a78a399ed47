r"""Linear transfer: what frozen features still tell of labels that they were not trained for (S19).

Multinomial logistic regression on features standardised by the training part: it minimises

    1/2 |W|^2 + C sum_i -log softmax(W x_i + b)_(y_i)

for each C of a grid, and the C with the highest validation accuracy is kept; among equals the smallest, which is the
strongest penalty. The test part is looked at once. Labels may be any: the classes within a group that the net was
trained to name (see `regrouped` in the data's room), or classes that were left out of training. The accuracy of a probe
says what a linear map can read, in units of its own task: compare it between arms, never between tasks.

Sources: Kornblith, Shlens, Le 2019, arXiv:1805.08974 (logistic regression on fixed features, its penalty chosen on
validation data); Kornblith et al. 2021, arXiv:2010.16402 (its use to compare losses).
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from .. import _checks
from .estimate import Estimate
from .intervals import share_estimate

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0)
_MOST_STEPS = 1000


@dataclass(frozen=True)
class Probe:
    """A linear probe's test accuracy with Wilson's interval, the C it was fitted with, and what validation said.

    `validation` has the accuracy for each C that was tried, in the order given. `converged` is False where the fit
    stopped at 1000 steps; its accuracy is then that of a probe stopped early.

    >>> import numpy as np
    >>> from smoothlab.measures import Probe, linear_probe
    >>> part = np.repeat([[-1.0], [1.0]], 20, axis=0), np.repeat([3, 5], 20)
    >>> probe: Probe = linear_probe(part, part, part)
    >>> probe.accuracy.value, probe.strength
    (1.0, 0.001)
    """

    accuracy: Estimate
    strength: float
    validation: tuple[float, ...]
    converged: bool


def linear_probe(
    train: tuple[Float[np.ndarray, "train features"], Integer[np.ndarray, " train"]],
    validation: tuple[Float[np.ndarray, "validation features"], Integer[np.ndarray, " validation"]],
    test: tuple[Float[np.ndarray, "test features"], Integer[np.ndarray, " test"]],
    *,
    penalties: Sequence[float] = PENALTIES,
) -> Probe:
    """The probe of three pairs of features and labels, each of its own split; `penalties` are the C to choose from.

    Labels need not be contiguous; one that the training part lacks is never predicted. Raises `ValueError` for fewer
    than two classes in training, for features that are not finite, for parts of unequal width or length and for a C
    that is not above 0; `ImportError` without scikit-learn. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.measures import linear_probe
    >>> random = np.random.default_rng(0)
    >>> def part(n):
    ...     labels = np.arange(n) % 3
    ...     return random.normal(size=(n, 4)) + 3 * np.eye(3, 4)[labels], labels
    >>> print(linear_probe(part(200), part(100), part(100)).accuracy)
    0.970 [0.915, 0.990], n = 100
    """
    for name, (features, labels) in (("train", train), ("validation", validation), ("test", test)):
        _judge(name, features, labels, width=train[0].shape[-1])
    if len(np.unique(train[1])) < 2:
        raise ValueError(
            f"`train` must hold two classes or more, but every label is {train[1][0]}. Probe other labels."
        )
    if not penalties:
        raise ValueError(
            "`penalties` must hold a number, but is empty. Write (1.0,) for one without a choice."
        )
    for penalty in penalties:
        _checks.positive("penalties", penalty)
    try:  # here, so that the other measures need no scikit-learn
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ImportError(
            "`linear_probe` needs scikit-learn. Install it with: pip install 'smoothlab[study]'"
        ) from error

    centre, scale = _standard(train[0])
    inputs, held_out = ((part[0] - centre) / scale for part in (train, validation))
    models, converged, on_validation = {}, {}, {}
    for penalty in penalties:
        models[penalty] = LogisticRegression(C=float(penalty), max_iter=_MOST_STEPS)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", ConvergenceWarning)  # recorded, and told by `converged`
            models[penalty].fit(inputs, train[1])
        converged[penalty] = not any(issubclass(each.category, ConvergenceWarning) for each in said)
        on_validation[penalty] = float(np.equal(models[penalty].predict(held_out), validation[1]).mean())
    best = min(penalties, key=lambda penalty: (-on_validation[penalty], penalty))
    correct = np.equal(models[best].predict((test[0] - centre) / scale), test[1])
    return Probe(
        accuracy=share_estimate(correct),
        strength=float(best),
        validation=tuple(on_validation[penalty] for penalty in penalties),
        converged=converged[best],
    )


def _standard(
    features: Float[np.ndarray, "train features"],
) -> tuple[Float[np.ndarray, " features"], Float[np.ndarray, " features"]]:
    """Mean and standard deviation of every column; 1 for a column that does not vary, such as a dead unit."""
    centre = features.mean(0, dtype=np.float64)
    scale = features.std(0, dtype=np.float64)
    flat = np.ptp(features, axis=0) == 0  # its deviation may differ from 0 in the last bits
    return centre, np.where(flat | (scale == 0), 1.0, scale)


def _judge(
    name: str,
    features: Float[np.ndarray, "batch columns"],
    labels: Integer[np.ndarray, " batch"],
    *,
    width: int,
) -> None:
    _checks.array(name, features, axes=2)
    _checks.array(f"{name} labels", labels, axes=1)
    _checks.same_length([name, f"{name} labels"], [len(features), len(labels)])
    if features.shape[1] != width:
        raise ValueError(
            f"`{name}` must have {width} columns, as `train` has, but got {features.shape[1]}. "
            "Take features of one layer."
        )
    if not math.isfinite(float(np.abs(features).max())):
        raise ValueError(
            f"`{name}` must be finite, but holds NaN or inf. Look for the run that diverged, or keep features in "
            "float32 if float16 overflowed."
        )
