"""Kernels: what a row costs against its label and against its background, one file for each way to compute it."""

from .choose import Choice, choose, chosen
from .eager import Costs

__all__ = ["Choice", "Costs", "choose", "chosen"]
