"""Kernels: what a row costs against its label and against its background, one file for each way to compute it."""

from .choose import choose
from .eager import Costs

__all__ = ["Costs", "choose"]
