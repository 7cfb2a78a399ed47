"""Soft targets: named conventions, the rule and its backgrounds, framework presets, schedules of alpha."""

from .backgrounds import class_prior, similarity_rows, teacher
from .conventions import Convention, convert_alpha, effective_alpha, nominal_alpha
from .presets import FAIRSEQ, KERAS, MEGATRON, OPENNMT, PYTORCH, TIMM, Preset, preset
from .schedules import Constant, Cosine, Linear
from .soft import mix, smooth_binary, smooth_labels, smooth_probabilities

__all__ = [
    "FAIRSEQ",
    "KERAS",
    "MEGATRON",
    "OPENNMT",
    "PYTORCH",
    "TIMM",
    "Constant",
    "Convention",
    "Cosine",
    "Linear",
    "Preset",
    "class_prior",
    "convert_alpha",
    "effective_alpha",
    "mix",
    "nominal_alpha",
    "preset",
    "similarity_rows",
    "smooth_binary",
    "smooth_labels",
    "smooth_probabilities",
    "teacher",
]
