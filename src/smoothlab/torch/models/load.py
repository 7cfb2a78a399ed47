"""A model by its import string, "package.module:function".

The function is called with the shape of one input and the number of classes, as every builder of this room is, and
returns an untrained `torch.nn.Module` that maps a batch of inputs to logits [batch classes].
"""

import importlib
import inspect
from difflib import get_close_matches
from typing import cast

from torch import nn

from .builder import Builder


def load_model(reference: str) -> Builder:
    """The builder that an import string names.

    Raises `ValueError`, one sentence each, for a string of another form, a module that is not there or fails on import,
    a name that it lacks, and what cannot be called with an input shape and a number of classes.

    >>> from smoothlab.torch.models import load_model
    >>> build = load_model("smoothlab.torch.models:fully_connected")
    >>> build((2, 2), 3)[-1]
    Linear(in_features=1200, out_features=3, bias=True)
    """
    place, colon, name = reference.partition(":")
    if not (colon and name.isidentifier() and all(part.isidentifier() for part in place.split("."))):
        raise ValueError(
            f'`model` must read "package.module:function", but got {reference!r}. '
            'One that works is "smoothlab.torch.models:resnet".'
        )
    module = _module(reference, place)
    if not hasattr(module, name):
        near = get_close_matches(name, vars(module), n=1)
        raise ValueError(
            f"`model` {reference!r} names nothing: {place} has no {name!r}. "
            + (f"Did you mean {near[0]!r}?" if near else "Define it there, at the top level.")
        )
    build = getattr(module, name)
    if isinstance(build, nn.Module):
        raise ValueError(
            f"`model` {reference!r} must be a function that builds a model, but it is a model already. Wrap it in a "
            "function, so that each seed starts from its own weights."
        )
    if not callable(build):
        raise ValueError(
            f"`model` {reference!r} must be a function, but it is of type {type(build).__name__}. Name the function."
        )
    try:
        inspect.signature(build).bind((1, 28, 28), 10)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`model` {reference!r} must take (input_shape, classes), but it does not: {error}. "
            "Give every further argument a default."
        ) from None
    return cast(Builder, build)


def _module(reference: str, place: str) -> object:
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise ValueError(
                f"`model` {reference!r} cannot be imported: {place} needs the package {error.name!r}. Install it."
            ) from error
        raise ValueError(
            f"`model` {reference!r} cannot be imported: there is no module {error.name!r}. Install it, or put its "
            "folder on PYTHONPATH."
        ) from None
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"`model` {reference!r} cannot be imported: {place} raised {type(error).__name__} "
            f'({error}). Mend the file, or guard what it runs with `if __name__ == "__main__"`.'
        ) from error
