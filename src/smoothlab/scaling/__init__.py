"""Calibration after training: one number that divides the logits, or a few for each class."""

from .estimator import Scaler
from .isotonic import Isotonic
from .temperature import Status, Temperature
from .vector import BiasScaling, VectorScaling

__all__ = ["BiasScaling", "Isotonic", "Scaler", "Status", "Temperature", "VectorScaling"]
