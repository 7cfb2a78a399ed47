"""Tensors that `torch.save` wrote, as arrays: torch's weights-only loader, which builds tensors and calls nothing.

A .pt file is a zip with a pickle in it, and a pickle is a program. `torch.load` with `weights_only` runs a small
interpreter of its own over it that knows tensors and containers and refuses every other name; with `mmap` the tensors
stay in the file until they are used. Source: https://pytorch.org/docs/stable/notes/serialization.html
"""

import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import torch

_ZIP = b"PK\x03\x04"
_FLOATS = (torch.float16, torch.float32, torch.float64)
_WHOLE = (
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
)
_AS = {dtype: dtype for dtype in _FLOATS + _WHOLE} | {
    torch.bfloat16: torch.uint16,  # NumPy has no type for it
    torch.bool: torch.uint8,  # a damaged one may hold 2: as a number it is judged, as a bool it would pass
}


def load(path: Path) -> dict[str, tuple[np.ndarray, bool]]:
    """The tensors of a file by name, "" for one that stands alone, and whether its 16 bits are a bfloat16.

    Raises `ValueError` for anything but a tensor or a dict of tensors and plain data, and what else `torch.load` raises
    over a damaged file.

    >>> import tempfile, torch
    >>> from pathlib import Path
    >>> from smoothlab.torch.stored import load
    >>> path = Path(tempfile.mkdtemp()) / "said.pt"
    >>> torch.save({"logits": torch.eye(2), "epoch": 3}, path)
    >>> {name: array.tolist() for name, (array, _) in load(path).items()}
    {'logits': [[1.0, 0.0], [0.0, 1.0]]}
    """
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            raise ValueError("it is no zip, as torch.save writes them since version 1.6")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of storages of an older kind
        try:
            held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except pickle.UnpicklingError as error:  # whose own words advise to load the file all the same
            name = re.search(r"GLOBAL (\S+)", str(error))
            raise ValueError(
                f"it holds more than data: {name[1]}" if name else "its pickle is damaged"
            ) from None
    if isinstance(held, torch.Tensor):
        held = {"": held}
    if not isinstance(held, dict):
        raise ValueError(f"it holds a {type(held).__name__}")
    size = path.stat().st_size
    tensors = {name: tensor for name, tensor in held.items() if isinstance(name, str) and _readable(tensor)}
    return {name: _array(tensor, size) for name, tensor in tensors.items()}


def _readable(value: object) -> bool:
    """A plain tensor of numbers that NumPy can hold, or of bfloat16."""
    return isinstance(value, torch.Tensor) and value.layout is torch.strided and value.dtype in _AS


def _array(tensor: torch.Tensor, size: int) -> tuple[np.ndarray, bool]:
    if tensor.numel() * tensor.element_size() > size:
        raise ValueError(f"a tensor {list(tensor.shape)} that repeats itself; save its .contiguous()")
    return tensor.detach().view(_AS[tensor.dtype]).numpy(), tensor.dtype is torch.bfloat16
