"""Calibration after training: one number that divides the logits."""

from .temperature import Status, Temperature

__all__ = ["Status", "Temperature"]
