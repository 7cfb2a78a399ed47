r"""From a model to its predictions: the logits of a split, and where wanted the last layer's inputs and weights.

With features h, the input of the last linear layer (the head), that layer's weight W and bias b,

    logits = h W^T + b,

so a class is a row of W, and the geometry of how examples lie to it can be drawn without the model. The head
is found by watching: of all linear layers that run, it is the last whose output is the model's output. Source: Mueller
et al. 2019, sec. 2, arXiv:1906.02629
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from .. import _checks
from .._numerics import blocks
from ..data.dataset import Split
from ..predictions import Predictions
from .models.builder import judged_logits
from .models.standardise import as_floats
from .surroundings import undisturbed


def predict(
    model: nn.Module,
    split: Split,
    *,
    meta: Mapping[str, Any] | None = None,
    features: bool = True,
    head: str | None = None,
    features_dtype: Literal["float32", "float16"] = "float32",
    batch_size: int = 1024,
    threads: int = 1,
) -> Predictions:
    """What a model says of a split, in evaluation mode, on the device where the model is.

    model: maps a batch of the split's inputs to logits (batch, classes). Bytes reach it as value / 255, floats as they
        are; what `train` returned standardises them itself.
    meta: is stored as it is, see `smoothlab.predictions`.
    features: capture the head's input, weight and bias too.
    head: the name of the head, such as "fc"; found if `None`. A named head may have something after it.
    features_dtype: "float16" halves the file. It rounds to 3 digits, which the geometry does not notice, and is
        refused where a feature is beyond 65504.
    threads: of the CPU; another number may give other last bits.

    Nothing of the model or of torch is left changed. Raises `ValueError` for a model without a head to find, a `head`
    that is not there, a model that does not take the inputs, an output that is no logits, and whatever
    `Predictions` refuses. Source: the head of this module.

    >>> import torch
    >>> from smoothlab.data import digits
    >>> from smoothlab.torch.capture import predict
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 16), torch.nn.Linear(16, 10))
    >>> predict(model, digits().test, meta={"split": "test"})
    Predictions(359 examples, 10 classes, 16 features)
    """
    _checks.at_least("batch_size", batch_size, 1)
    _checks.one_of("features_dtype", features_dtype, ["float32", "float16"])
    model = getattr(model, "_orig_mod", model)  # torch.compile hides the layers of what it wraps
    like = next((weights for weights in model.parameters() if weights.is_floating_point()), torch.empty(0))
    logits, captured = [], []
    with undisturbed(like.device, threads=threads, gradients=False), _evaluating(model):
        layer = _head(model, head, _inputs(split, slice(0, 2), like)) if features else None
        for rows in blocks(len(split), rows=batch_size):
            with _watching([layer] if layer else []) as runs:
                logits.append(_array(judged_logits(model, _inputs(split, rows, like))))
            if layer:
                captured.append(_array(_features(runs).to(getattr(torch, features_dtype))))
    return Predictions(
        logits=np.concatenate(logits),
        labels=split.labels,
        features=np.concatenate(captured) if layer else None,
        weight=_array(layer.weight) if layer else None,
        bias=_array(layer.bias) if layer and layer.bias is not None else None,
        meta={} if meta is None else meta,
    )


def _head(model: nn.Module, name: str | None, inputs: Tensor) -> nn.Linear:
    """The linear layer with this name, or the last to run whose output is the model's."""
    layers = {path: layer for path, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    if name is not None:
        named = [name] if name in layers else [path for path in layers if path.endswith(f".{name}")]
        if len(named) == 1:
            return layers[named[0]]
        raise ValueError(
            f"`head` must name one torch.nn.Linear of the model, but {name!r} names {len(named)}. "
            f"It has {', '.join(map(repr, layers)) or 'none'}."
        )
    with _watching(layers.values()) as runs:
        logits = judged_logits(model, inputs)
    for layer, _, output in reversed(runs):
        if output.shape == logits.shape and torch.equal(output, logits):
            return layer
    raise ValueError(
        f"`model` must end in a torch.nn.Linear for its features to be found, but its output is that of none of the "
        f"{len(runs)} that ran. Name the layer with `head`, or set features=False."
    )


def _features(runs: list[tuple[nn.Linear, Tensor, Tensor]]) -> Tensor:
    if not runs or runs[-1][1].ndim != 2:
        got = f"an input of shape {tuple(runs[-1][1].shape)}" if runs else "no input, as it did not run"
        raise ValueError(
            f"`head` must have an input (batch, features), but it had {got}. Name the layer that gives the logits."
        )
    return runs[-1][1]


@contextmanager
def _watching(layers: Iterable[nn.Linear]) -> Iterator[list[tuple[nn.Linear, Tensor, Tensor]]]:
    """A list that grows by (layer, input, output) whenever one of these layers runs in the block."""
    runs = []

    def note(layer: nn.Module, args: tuple, keywords: dict, output: Tensor) -> None:
        runs.append((layer, args[0] if args else keywords["input"], output))

    hooks = [layer.register_forward_hook(note, with_kwargs=True) for layer in layers]
    try:
        yield runs
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; each of its modules then returns to its own mode."""
    before = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training


def _inputs(split: Split, rows: slice, like: Tensor) -> Tensor:
    return as_floats(torch.tensor(split.inputs[rows], device=like.device), like.dtype)


def _array(tensor: Tensor) -> np.ndarray:
    """A NumPy array; bfloat16, which NumPy lacks, becomes float32 without loss."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
