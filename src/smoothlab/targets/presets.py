r"""What "label smoothing" means in each framework: its keyword, as a convention.

    framework   softmax loss           sigmoid loss
    pytorch     uniform                has none
    keras       uniform                binary_half: each output is pulled to 1/2
    timm        uniform                uniform: a row's K outputs share alpha, 1/K each
    fairseq     others                 has none
    opennmt     others_but_padding     has none
    megatron    others                 has none

So moving from one framework to another at the same number changes what is minimised; `convert_alpha` gives
the number that keeps it. A preset's `categorical` is the `convention` for `smooth_labels` and a softmax loss,
its `binary` the one for `smooth_binary` and a sigmoid loss.
"""

from dataclasses import dataclass

from .. import _checks
from .conventions import Convention


@dataclass(frozen=True)
class Preset:
    """The meaning of one framework's keyword, as conventions for its softmax and its sigmoid loss.

    `binary` is `None` where the framework's sigmoid loss has no such keyword. Source: each preset names its own.

    >>> from smoothlab.targets import KERAS
    >>> KERAS.binary
    <Convention.BINARY_HALF: 'binary_half'>
    """

    framework: str
    categorical: Convention
    binary: Convention | None
    meaning: str
    source: str


PYTORCH = Preset(
    framework="pytorch",
    categorical=Convention.UNIFORM,
    binary=None,
    meaning="`label_smoothing` of `CrossEntropyLoss`: alpha is spread over all K classes, the true one too.",
    source="torch.nn.CrossEntropyLoss, since torch 1.10",
)
KERAS = Preset(
    framework="keras",
    categorical=Convention.UNIFORM,
    binary=Convention.BINARY_HALF,
    meaning="`label_smoothing` of `CategoricalCrossentropy`: alpha is spread over all K classes; of "
    "`BinaryCrossentropy`: every output by itself is pulled to one half.",
    source="keras.losses.CategoricalCrossentropy, keras.losses.BinaryCrossentropy",
)
TIMM = Preset(
    framework="timm",
    categorical=Convention.UNIFORM,
    binary=Convention.UNIFORM,
    meaning="`smoothing` of `LabelSmoothingCrossEntropy`: alpha is spread over all K classes; of "
    "`BinaryCrossEntropy`: the same row, 1 - alpha + alpha/K and alpha/K, is the target of K sigmoids.",
    source="timm/loss/cross_entropy.py, timm/loss/binary_cross_entropy.py",
)
FAIRSEQ = Preset(
    framework="fairseq",
    categorical=Convention.OTHERS,
    binary=None,
    meaning="`--label-smoothing`: the true class loses all of alpha, the K - 1 others share it. "
    "Before February 2021 it was `uniform`.",
    source="fairseq/criterions/label_smoothed_cross_entropy.py, label_smoothed_nll_loss",
)
OPENNMT = Preset(
    framework="opennmt",
    categorical=Convention.OTHERS_BUT_PADDING,
    binary=None,
    meaning="`label_smoothing` of `LabelSmoothingLoss`: the true word loses all of alpha, the V - 2 words "
    "that are neither true nor padding share it. Since December 2022 OpenNMT-py uses torch's own loss.",
    source="OpenNMT-py, onmt/utils/loss.py, LabelSmoothingLoss, until pull request 2270",
)
MEGATRON = Preset(
    framework="megatron",
    categorical=Convention.OTHERS,
    binary=None,
    meaning="`label_smoothing` of `vocab_parallel_cross_entropy`: the true class loses all of alpha, the "
    "K - 1 others share it. With several tensor-parallel ranks it takes K from the local shard.",
    source="megatron/core/tensor_parallel/cross_entropy.py",
)

_PRESETS = {entry.framework: entry for entry in (PYTORCH, KERAS, TIMM, FAIRSEQ, OPENNMT, MEGATRON)}


def preset(name: str) -> Preset:
    """The preset of a framework: "pytorch", "keras", "timm", "fairseq", "opennmt" or "megatron".

    Raises `ValueError` for another name. Source: each preset names its own.

    >>> import numpy as np
    >>> from smoothlab.targets import preset, smooth_labels
    >>> fairseq = preset("fairseq")
    >>> smooth_labels(np.array([0]), classes=5, alpha=0.2, convention=fairseq.categorical).round(3).tolist()
    [[0.8, 0.05, 0.05, 0.05, 0.05]]
    """
    _checks.one_of("name", name, _PRESETS)
    return _PRESETS[name]
