"""Losses with label smoothing for torch, and the training that the studies use."""

from .binary import binary_cross_entropy_with_logits
from .confidence_penalty import ConfidencePenaltyLoss, confidence_penalty_loss
from .distillation import DistillationLoss, distillation_loss
from .explain import Explanation, explain
from .focal import FocalLoss, flsd_53, focal_loss
from .generalised import GeneralisedSmoothingLoss, generalised_smoothing_loss
from .linear import LinearCrossEntropyLoss, linear_cross_entropy
from .losses import cross_entropy
from .margin import MarginSmoothingLoss, margin_smoothing_loss
from .maxsup import MaxSupLoss, maxsup_loss
from .modules import BCEWithLogitsLoss, CrossEntropyLoss, QuadraticLoss
from .online import OnlineSmoothingLoss
from .parallel import parallel_cross_entropy
from .parts import Parts
from .quadratic import quadratic_loss
from .smooth_any import smooth_any

__all__ = [
    "BCEWithLogitsLoss",
    "ConfidencePenaltyLoss",
    "CrossEntropyLoss",
    "DistillationLoss",
    "Explanation",
    "FocalLoss",
    "GeneralisedSmoothingLoss",
    "LinearCrossEntropyLoss",
    "MarginSmoothingLoss",
    "MaxSupLoss",
    "OnlineSmoothingLoss",
    "Parts",
    "QuadraticLoss",
    "binary_cross_entropy_with_logits",
    "confidence_penalty_loss",
    "cross_entropy",
    "distillation_loss",
    "explain",
    "flsd_53",
    "focal_loss",
    "generalised_smoothing_loss",
    "linear_cross_entropy",
    "margin_smoothing_loss",
    "maxsup_loss",
    "parallel_cross_entropy",
    "quadratic_loss",
    "smooth_any",
]
