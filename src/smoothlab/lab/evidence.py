r"""What was measured on every run: one number a measure, alpha and seed.

Everything here is recomputed from stored predictions, so that a new measure never means a new training. Choices are
made on validation data only: the temperature is fitted there, and `best` picks alpha there. What is reported
is measured on test data; the geometry, which speaks of the training set, on training data.

    gamma = E_train[ sum_k (1 - y_k) p_k ] K / (K - 1)

is the smoothing that the trained model achieved, which is alpha where it fits its targets
(Mueller et al. 2019, sec. 4, arXiv:1906.02629).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from .. import _checks
from .._numerics import softmax
from ..measures import calibration, collapse, gaps, scores
from ..predictions import Predictions
from ..scaling.temperature import Status, Temperature
from .store import Record, Store


@dataclass(frozen=True)
class Measure:
    """A name for the code, a label for a reader, and what a reader should know of how it was taken."""

    name: str
    label: str
    definition: str


MEASURES = (
    Measure("accuracy", "Accuracy", "share of test examples whose largest logit is the label's"),
    Measure("ece", "ECE", "expected calibration error in 15 bins of equal width, test"),
    Measure("ece_scaled", "ECE after temperature", "the same with the temperature fitted on validation data"),
    Measure("gap", "Confidence - accuracy", "mean confidence less accuracy, test: above 0 is overconfident"),
    Measure("nll", "NLL", "unsmoothed negative log-likelihood in nats, test"),
    Measure("nll_scaled", "NLL after temperature", "the same with the temperature fitted on validation data"),
    Measure("brier", "Brier score", "squared error of the probabilities summed over classes, test"),
    Measure("temperature", "Fitted temperature", "minimises NLL on validation data; above 1 softens"),
    Measure("train_accuracy", "Train accuracy", "accuracy on the training examples at the end"),
    Measure("nc1", "NC1", "scatter of the features within classes, in units of that between them, train"),
    Measure("scatter_ratio", "Scatter ratio", "traces of the scatter within and between classes, train"),
    Measure(
        "gap_spread", "Spread of logit gaps", "spread over wrong classes of z_y - z_j, over its mean, train"
    ),
    Measure("gap_scale", "Logit scale", "largest logit less the mean of the others, train"),
    Measure("gamma", "Achieved smoothing", "probability outside the label times K/(K-1), train"),
    Measure("validation_ece", "Validation ECE", "ECE on validation data, by which alpha is chosen"),
    Measure(
        "validation_gap", "Validation gap", "confidence less accuracy on validation data, for the guards"
    ),
)


def measure(train: Predictions, validation: Predictions, test: Predictions) -> dict[str, float]:
    """Every measure of one run; one that the run does not have is left out."""
    return {
        **_after_temperature(validation, test),
        "accuracy": scores.accuracy(test.logits, test.labels),
        "ece": _ece(test.logits, test.labels),
        "gap": scores.confidence_gap(test.logits, test.labels),
        "nll": scores.negative_log_likelihood(test.logits, test.labels),
        "brier": scores.brier_score(test.logits, test.labels),
        "train_accuracy": scores.accuracy(train.logits, train.labels),
        **({} if train.features is None else _collapse(train.features, train.labels)),
        "gap_spread": gaps.gap_spread(train.logits, train.labels),
        "gap_scale": gaps.max_gap(train.logits),
        "gamma": achieved_smoothing(train),
        "validation_ece": _ece(validation.logits, validation.labels),
        "validation_gap": scores.confidence_gap(validation.logits, validation.labels),
    }


def _after_temperature(validation: Predictions, test: Predictions) -> dict[str, float]:
    """The fitted temperature and what it leaves; nothing where the fit has no minimum to report."""
    fitted = Temperature().fit(validation.logits, validation.labels)
    if fitted.status_ is not Status.OK:
        return {}
    scaled = fitted.transform(test.logits)
    return {
        "temperature": fitted.temperature_,
        "ece_scaled": _ece(scaled, test.labels),
        "nll_scaled": scores.negative_log_likelihood(scaled, test.labels),
    }


def _collapse(
    features: Float[np.ndarray, "batch features"], labels: Int[np.ndarray, " batch"]
) -> dict[str, float]:
    return {
        "nc1": collapse.nc1(features, labels),
        "scatter_ratio": collapse.scatter_ratio(features, labels),
    }


def _ece(logits: Float[np.ndarray, "batch classes"], labels: Int[np.ndarray, " batch"]) -> float:
    return calibration.expected_calibration_error(
        scores.confidences(logits), scores.right(logits, labels), bins=15
    )


def achieved_smoothing(predictions: Predictions) -> float:
    """gamma: the probability that the model leaves to the wrong classes, in units of alpha."""
    classes = predictions.logits.shape[1]
    label = softmax(predictions.logits)[np.arange(len(predictions.labels)), predictions.labels]
    return float((1 - label).mean() * classes / (classes - 1))


@dataclass(frozen=True)
class Evidence:
    """Measures by name, each an array over alphas and seeds; nan where a run is missing or failed.

    >>> import numpy as np
    >>> from smoothlab.lab import Evidence
    >>> ece = np.array([[0.08, 0.09], [0.02, 0.03], [0.06, np.nan]])
    >>> evidence = Evidence((0.0, 0.05, 0.1), (0, 1), {"ece": ece}, {"alpha=0.1,seed=1": "diverged at step 7"})
    >>> evidence.best("ece"), evidence.mean("ece", 0.1)
    (0.05, 0.06)
    """

    alphas: tuple[float, ...]
    seeds: tuple[int, ...]
    values: Mapping[str, Float[np.ndarray, "alphas seeds"]]
    failures: Mapping[str, str]

    def at(self, name: str, alpha: float) -> Float[np.ndarray, " seeds"]:
        """A measure at one alpha, over the seeds in order.

        Raises:
            ValueError: the study has no such alpha.
        """
        _checks.one_of("alpha", f"{alpha:g}", [f"{level:g}" for level in self.alphas])
        return self.values[name][self.alphas.index(alpha)]

    def mean(self, name: str, alpha: float) -> float:
        """The mean over the seeds that are there; nan where none is."""
        there = self.at(name, alpha)
        there = there[np.isfinite(there)]
        return float(there.mean()) if len(there) else np.nan

    def best(self, name: str) -> float:
        """The alpha above 0 with the least mean of a measure over seeds; give it a validation measure."""
        return min(
            (alpha for alpha in self.alphas if alpha > 0),
            key=lambda alpha: np.nan_to_num(self.mean(name, alpha), nan=np.inf),
        )


def gather(store: Store, records: Iterable[Record]) -> Evidence:
    """Measure every finished cell. `records` may be any iterable over the store's, say one that shows progress.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from smoothlab.lab import Store, gather, load
    >>> store = Store.create(Path(tempfile.mkdtemp()) / "smoothing", load("smoothing"))
    >>> gather(store, store.records().values()).values["ece"].shape  # nothing has run yet: all are nan
    (5, 10)
    """
    alphas = tuple(sorted(float(alpha) for alpha in store.manifest["factors"]["alpha"]))
    seeds = tuple(store.manifest["factors"]["seed"])
    values = {each.name: np.full((len(alphas), len(seeds)), np.nan) for each in MEASURES}
    failures = {}
    for record in records:
        alpha, seed = float(record.cell["alpha"]), record.cell["seed"]
        if record.failure is not None:
            failures[record.cell.key] = record.failure
        elif alpha in alphas and seed in seeds:  # a store may hold more than the study asks now
            splits = (store.predictions(record.cell, split) for split in ("train", "validation", "test"))
            for name, value in measure(*splits).items():
                values[name][alphas.index(alpha), seeds.index(seed)] = value
    return Evidence(alphas, seeds, values, failures)
