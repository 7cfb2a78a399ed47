"""What the evidence is made of: numbers from logits, labels and features, each in float64."""

from .answers import Answers, of_each_class, top_label, within_top
from .arc import Arc, farthest_class, most_confused_pair, pair_arc
from .area_intervals import augrc_estimate, aurc_estimate, excess_aurc_estimate
from .binning import Binning
from .brier import BrierParts, brier_decomposition, brier_parts
from .calibration import Reliability, expected_calibration_error, reliability
from .collapse import Scatter, class_means, class_scatter, nc1, scatter_ratio
from .consistency import CalibrationTest, calibration_test, classwise_calibration_test, consistency_test
from .detection import (
    DETECTION_SCORES,
    Detection,
    auroc,
    detect,
    energy,
    false_positive_rate,
    maximum_logit,
)
from .duality import nearest_mean_agreement, self_duality
from .embedding import tsne
from .error_interval import calibration_error_estimate
from .errors import Norm, calibration_error, classwise_calibration_error
from .estimate import Estimate, mean_estimate
from .gaps import gap_spread, ideal_gap, max_gap
from .information import fresh_information, left_out_information, plug_in_information, probability_variance
from .intervals import (
    accuracy_estimate,
    brier_score_estimate,
    confidence_gap_estimate,
    negative_log_likelihood_estimate,
)
from .kolmogorov import kolmogorov_smirnov
from .log_odds import log_odds_reliability
from .logit_norm import LogitNorm, logit_norm
from .plane import Plane, centroids, side_ratio, template_plane
from .risk_curve import RiskCurve, risk_curve
from .scores import accuracy, brier_score, confidence_gap, confidences, negative_log_likelihood
from .selective import RiskCoverage, augrc, aurc, excess_aurc, risk_coverage
from .separation import Separation, class_separation
from .simplex import Simplex, nc2, simplex_geometry
from .smooth import smooth_calibration_error
from .smoothing import effective_smoothing
from .spiegelhalter import Spiegelhalter, spiegelhalter
from .transfer import Probe, linear_probe

__all__ = [
    "DETECTION_SCORES",
    "Answers",
    "Arc",
    "Binning",
    "BrierParts",
    "CalibrationTest",
    "Detection",
    "Estimate",
    "LogitNorm",
    "Norm",
    "Plane",
    "Probe",
    "Reliability",
    "RiskCoverage",
    "RiskCurve",
    "Scatter",
    "Separation",
    "Simplex",
    "Spiegelhalter",
    "accuracy",
    "accuracy_estimate",
    "augrc",
    "augrc_estimate",
    "aurc",
    "aurc_estimate",
    "auroc",
    "brier_decomposition",
    "brier_parts",
    "brier_score",
    "brier_score_estimate",
    "calibration_error",
    "calibration_error_estimate",
    "calibration_test",
    "centroids",
    "class_means",
    "class_scatter",
    "class_separation",
    "classwise_calibration_error",
    "classwise_calibration_test",
    "confidence_gap",
    "confidence_gap_estimate",
    "confidences",
    "consistency_test",
    "detect",
    "effective_smoothing",
    "energy",
    "excess_aurc",
    "excess_aurc_estimate",
    "expected_calibration_error",
    "false_positive_rate",
    "farthest_class",
    "fresh_information",
    "gap_spread",
    "ideal_gap",
    "kolmogorov_smirnov",
    "left_out_information",
    "linear_probe",
    "log_odds_reliability",
    "logit_norm",
    "max_gap",
    "maximum_logit",
    "mean_estimate",
    "most_confused_pair",
    "nc1",
    "nc2",
    "nearest_mean_agreement",
    "negative_log_likelihood",
    "negative_log_likelihood_estimate",
    "of_each_class",
    "pair_arc",
    "plug_in_information",
    "probability_variance",
    "reliability",
    "risk_coverage",
    "risk_curve",
    "scatter_ratio",
    "self_duality",
    "side_ratio",
    "simplex_geometry",
    "smooth_calibration_error",
    "spiegelhalter",
    "template_plane",
    "top_label",
    "tsne",
    "within_top",
]
