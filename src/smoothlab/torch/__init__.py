"""Losses with label smoothing for torch, and the training that the studies use."""

from .binary import binary_cross_entropy_with_logits
from .losses import cross_entropy
from .modules import BCEWithLogitsLoss, CrossEntropyLoss, QuadraticLoss
from .parts import Parts
from .quadratic import quadratic_loss

__all__ = [
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "Parts",
    "QuadraticLoss",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "quadratic_loss",
]
