"""What the evidence is made of: numbers from logits, labels and features, each in float64."""

from .calibration import Reliability, expected_calibration_error, reliability
from .collapse import Scatter, class_scatter, nc1, scatter_ratio
from .estimate import Estimate, mean_estimate
from .gaps import gap_spread, ideal_gap, max_gap
from .plane import Plane, centroids, side_ratio, template_plane
from .scores import accuracy, brier_score, confidence_gap, confidences, negative_log_likelihood

__all__ = [
    "Estimate",
    "Plane",
    "Reliability",
    "Scatter",
    "accuracy",
    "brier_score",
    "centroids",
    "class_scatter",
    "confidence_gap",
    "confidences",
    "expected_calibration_error",
    "gap_spread",
    "ideal_gap",
    "max_gap",
    "mean_estimate",
    "nc1",
    "negative_log_likelihood",
    "reliability",
    "scatter_ratio",
    "side_ratio",
    "template_plane",
]
