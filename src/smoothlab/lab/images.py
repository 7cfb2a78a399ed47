r"""What is measured of every run on images: quality, calibration, and the geometry of the penultimate layer.

Choices are made on validation data only: the temperature is fitted there. What is reported is measured on test data;
the geometry, which speaks of the training set, on training data.

    gamma = E_train[ sum_k (1 - y_k) p_k ] K / (K - 1)

is the smoothing that the trained model achieved, which is alpha where it fits its targets
(Mueller et al. 2019, sec. 4, arXiv:1906.02629).
"""

import numpy as np
from jaxtyping import Float, Int

from ..measures import calibration, collapse, gaps, scores, smoothing
from ..predictions import Predictions
from ..scaling.temperature import Status, Temperature
from .cell import Run
from .measures import Measure, Measures
from .panel import Panel

LISTED = (
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


def take(run: Run) -> dict[str, float]:
    """Every measure of one run; one that the run does not have is left out."""
    train, validation, test = run["train"], run["validation"], run["test"]
    return {
        **_after_temperature(validation, test),
        "accuracy": scores.accuracy(test.logits, test.labels),
        "ece": ece(test.logits, test.labels),
        "gap": scores.confidence_gap(test.logits, test.labels),
        "nll": scores.negative_log_likelihood(test.logits, test.labels),
        "brier": scores.brier_score(test.logits, test.labels),
        "train_accuracy": scores.accuracy(train.logits, train.labels),
        **({} if train.features is None else _collapse(train.features, train.labels)),
        "gap_spread": gaps.gap_spread(train.logits, train.labels),
        "gap_scale": gaps.max_gap(train.logits),
        "gamma": achieved_smoothing(train),
        "validation_ece": ece(validation.logits, validation.labels),
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
        "ece_scaled": ece(scaled, test.labels),
        "nll_scaled": scores.negative_log_likelihood(scaled, test.labels),
    }


def _collapse(
    features: Float[np.ndarray, "batch features"], labels: Int[np.ndarray, " batch"]
) -> dict[str, float]:
    return {
        "nc1": collapse.nc1(features, labels),
        "scatter_ratio": collapse.scatter_ratio(features, labels),
    }


def ece(logits: Float[np.ndarray, "batch classes"], labels: Int[np.ndarray, " batch"]) -> float:
    """The usual ECE of the predicted class, in 15 bins of equal width."""
    return calibration.expected_calibration_error(
        scores.confidences(logits), scores.right(logits, labels), bins=15
    )


def achieved_smoothing(predictions: Predictions) -> float:
    """gamma: the probability that the model leaves to the wrong classes, in units of alpha."""
    return smoothing.effective_smoothing(predictions.logits, predictions.labels)


IMAGES = Measures(
    LISTED,
    take,
    shown=(
        "accuracy",
        "ece",
        "ece_scaled",
        "gap",
        "nll",
        "nll_scaled",
        "temperature",
        "nc1",
        "scatter_ratio",
        "gamma",
        "train_accuracy",
    ),
)
"""What a study of image classifiers measures unless it says otherwise."""

PANELS = (
    Panel("Accuracy", "accuracy"),
    Panel("Calibration error, before temperature", "ece"),
    Panel("Calibration error, after temperature", "ece_scaled"),
    Panel("Over- or underconfidence", "gap", reference=("calibrated", 0.0)),
    Panel("Likelihood, before temperature", "nll"),
    Panel("Likelihood, after temperature", "nll_scaled"),
    Panel("The temperature that repairs what is left", "temperature", reference=("no change", 1.0)),
    Panel("How loose the clusters are, between the classes", "nc1"),
    Panel("How loose the clusters are, in every direction alike", "scatter_ratio"),
    Panel("How unequal the distances to wrong classes are", "gap_spread"),
    Panel("How large the logits are", "gap_scale"),
    Panel("The smoothing that the model achieved", "gamma"),
)
"""What the report of such a study draws unless it says otherwise."""
