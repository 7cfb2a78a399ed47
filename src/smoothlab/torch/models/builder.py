"""What a model must be: built from the shape of one input and a number of classes, it maps a batch to logits."""

from collections.abc import Callable

from torch import Tensor, nn

Builder = Callable[[tuple[int, ...], int], nn.Module]
"""Called with the shape of one input and the number of classes, returns an untrained model."""


def construct(build: Builder, input_shape: tuple[int, ...], classes: int) -> nn.Module:
    """Call a builder and judge what it gives.

    Raises `ValueError` where it fails, and `TypeError` where it gives no model or one with nothing to train.
    """
    try:
        network = build(input_shape, classes)
    except ValueError:
        raise  # as our own builders say what they cannot build
    except Exception as error:
        raise ValueError(
            f"`build` must build a model from {input_shape} and {classes} classes, but it raised "
            f"{type(error).__name__} ({error}). Let it take (input_shape, classes)."
        ) from error
    if not isinstance(network, nn.Module):
        raise TypeError(
            f"`build` must return a torch.nn.Module, but it returned {type(network).__name__}. "
            "Return the model, untrained."
        )
    if not any(weights.requires_grad for weights in network.parameters()):
        raise TypeError(
            "`build` must return a model that can be trained, but none of its parameters has requires_grad. "
            "Unfreeze some."
        )
    return network


def judged_logits(model: nn.Module, inputs: Tensor, *, classes: int | None = None) -> Tensor:
    """The model's logits of a batch. Raises `ValueError` where it does not take the inputs or returns another thing."""
    try:
        logits = model(inputs)
    except Exception as error:
        raise ValueError(
            f"The model must take inputs of shape {tuple(inputs.shape)}, but it raised {type(error).__name__} "
            f"({error}). Build it from `input_shape`, and give it data like those it was trained on."
        ) from error
    fits = isinstance(logits, Tensor) and logits.ndim == 2 and len(logits) == len(inputs)
    if not fits or classes not in (None, logits.shape[1]):
        got = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"The model must return logits of shape ({len(inputs)}, {classes or 'classes'}) for this batch, but it "
            f"returned {got}. Wrap it in a module that returns the logits alone."
        )
    return logits
