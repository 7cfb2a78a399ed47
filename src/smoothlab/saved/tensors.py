"""Files of tensors: safetensors, mapped, and what `torch.save` wrote, without running what it may hold.

    .safetensors   eight bytes of length, a JSON header with dtype, shape and offsets of each array, the arrays
    .pt .pth       a tensor, or a dict of tensors: torch's own weights-only loader, mapped (`smoothlab.torch.stored`)

Source: https://github.com/huggingface/safetensors, section "Format". bfloat16 is widened to float32 as it is read.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from ..predictions import OWN
from .arrays import Stored
from .refusal import reading

_STORED = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "u1",  # a damaged one may hold 2: as a number it is judged
}


def safetensors(path: Path) -> dict[str, Stored]:
    """Every array of a safetensors file that NumPy can hold, mapped."""
    with reading(path, "a whole safetensors file", way_out="Copy it again, or write it again."):
        with safe_open(path, framework="numpy"):
            pass  # the library's own check of header and offsets
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        content = np.memmap(path, np.uint8, "r")[8 + length :]
        entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
        return {name: _array(content, entry) for name, entry in entries.items() if entry["dtype"] in _STORED}


def is_ours(path: Path) -> bool:
    """Whether `Predictions.save` wrote a file, which is sound."""
    if path.suffix.lower() != ".safetensors":
        return False
    with safe_open(path, framework="numpy") as file:
        return OWN in (file.metadata() or {})


def _array(content: np.ndarray, entry: dict[str, Any]) -> Stored:
    first, last = entry["data_offsets"]
    dtype = np.dtype(_STORED[entry["dtype"]])
    if last - first != math.prod(entry["shape"]) * dtype.itemsize:
        raise ValueError(f"{last - first:,} bytes for an array {entry['dtype']} {entry['shape']}")
    array = content[first:last].view(dtype).reshape(entry["shape"])
    return Stored.bfloat16(array) if entry["dtype"] == "BF16" else Stored.in_memory(array)
