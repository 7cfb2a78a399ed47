"""What the evidence is made of: numbers from logits, labels and features, each in float64."""

from .answers import Answers, of_each_class, top_label, within_top
from .area_intervals import augrc_estimate, aurc_estimate, excess_aurc_estimate
from .binning import Binning
from .brier import BrierParts, brier_decomposition, brier_parts
from .calibration import Reliability, expected_calibration_error, reliability
from .collapse import Scatter, class_scatter, nc1, scatter_ratio
from .consistency import CalibrationTest, calibration_test, classwise_calibration_test, consistency_test
from .error_interval import calibration_error_estimate
from .errors import Norm, calibration_error, classwise_calibration_error
from .estimate import Estimate, mean_estimate
from .gaps import gap_spread, ideal_gap, max_gap
from .intervals import (
    accuracy_estimate,
    brier_score_estimate,
    confidence_gap_estimate,
    negative_log_likelihood_estimate,
)
from .kolmogorov import kolmogorov_smirnov
from .logit_norm import LogitNorm, logit_norm
from .plane import Plane, centroids, side_ratio, template_plane
from .scores import accuracy, brier_score, confidence_gap, confidences, negative_log_likelihood
from .selective import RiskCoverage, augrc, aurc, excess_aurc, risk_coverage
from .smooth import smooth_calibration_error
from .spiegelhalter import Spiegelhalter, spiegelhalter

__all__ = [
    "Answers",
    "Binning",
    "BrierParts",
    "CalibrationTest",
    "Estimate",
    "LogitNorm",
    "Norm",
    "Plane",
    "Reliability",
    "RiskCoverage",
    "Scatter",
    "Spiegelhalter",
    "accuracy",
    "accuracy_estimate",
    "augrc",
    "augrc_estimate",
    "aurc",
    "aurc_estimate",
    "brier_decomposition",
    "brier_parts",
    "brier_score",
    "brier_score_estimate",
    "calibration_error",
    "calibration_error_estimate",
    "calibration_test",
    "centroids",
    "class_scatter",
    "classwise_calibration_error",
    "classwise_calibration_test",
    "confidence_gap",
    "confidence_gap_estimate",
    "confidences",
    "consistency_test",
    "excess_aurc",
    "excess_aurc_estimate",
    "expected_calibration_error",
    "gap_spread",
    "ideal_gap",
    "kolmogorov_smirnov",
    "logit_norm",
    "max_gap",
    "mean_estimate",
    "nc1",
    "negative_log_likelihood",
    "negative_log_likelihood_estimate",
    "of_each_class",
    "reliability",
    "risk_coverage",
    "scatter_ratio",
    "side_ratio",
    "smooth_calibration_error",
    "spiegelhalter",
    "template_plane",
    "top_label",
    "within_top",
]
