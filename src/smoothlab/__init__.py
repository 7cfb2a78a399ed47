"""When does label smoothing help, on your data and for your model, and what does it cost?

Here is what needs NumPy alone: targets, measures, the temperature and the file of predictions. The losses are in
`smoothlab.torch`, the laboratory in `smoothlab.lab`, and `smoothlab study` is the command.
"""

from .measures import (
    Estimate,
    Reliability,
    accuracy,
    brier_score,
    confidence_gap,
    expected_calibration_error,
    mean_estimate,
    nc1,
    negative_log_likelihood,
    reliability,
    template_plane,
)
from .predictions import Predictions
from .scaling import Temperature
from .targets import (
    Convention,
    convert_alpha,
    effective_alpha,
    preset,
    smooth_labels,
    smooth_probabilities,
)

__version__ = "0.1.0"

__all__ = [
    "Convention",
    "Estimate",
    "Predictions",
    "Reliability",
    "Temperature",
    "accuracy",
    "brier_score",
    "confidence_gap",
    "convert_alpha",
    "effective_alpha",
    "expected_calibration_error",
    "mean_estimate",
    "nc1",
    "negative_log_likelihood",
    "preset",
    "reliability",
    "smooth_labels",
    "smooth_probabilities",
    "template_plane",
]
