"""Models of the paper's kind. Each is built from the shape of one input and the number of classes."""

from .builder import Builder
from .convolutional import alexnet, small_cnn
from .dense import fully_connected
from .load import load_model
from .residual import resnet
from .standardise import Standardise

__all__ = [
    "Builder",
    "Standardise",
    "alexnet",
    "fully_connected",
    "load_model",
    "resnet",
    "small_cnn",
]
