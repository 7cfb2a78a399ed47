# What module.cpp defines; its docstrings say what each argument means.

from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

Array: TypeAlias = Any  # speaks the buffer protocol or DLPack, on the CPU: NumPy's and torch's own
Float64Rows: TypeAlias = Float64[np.ndarray, " rows"]
Divisor: TypeAlias = Literal["mass", "count", "one"]

INSTRUCTIONS: tuple[str, ...]

class Statistics:
    @property
    def highest(self) -> Float64Rows: ...
    @property
    def others(self) -> Float64Rows: ...
    @property
    def log_sum(self) -> Float64Rows: ...
    @property
    def argmax(self) -> Int64[np.ndarray, " rows"]: ...
    @property
    def count(self) -> Float64Rows: ...
    @property
    def background(self) -> Float64Rows: ...
    @property
    def label(self) -> Float64Rows: ...
    @property
    def mean(self) -> Float64Rows: ...
    @property
    def variance(self) -> Float64Rows: ...

class Loss:
    @property
    def value(self) -> Float64Rows: ...
    @property
    def label(self) -> Float64Rows: ...
    @property
    def background(self) -> Float64Rows: ...
    @property
    def count(self) -> Float64Rows: ...

class Buffers:
    def __init__(self) -> None: ...
    def take(self, bytes: int) -> UInt8[np.ndarray, " bytes"]: ...  # noqa: A002
    @property
    def idle_bytes(self) -> int: ...

class BinTotals:
    @property
    def count(self) -> Int64[np.ndarray, " bins"]: ...
    @property
    def confidences(self) -> Float64[np.ndarray, " bins"]: ...
    @property
    def hits(self) -> Int64[np.ndarray, " bins"]: ...
    @property
    def readable(self) -> bool: ...

def statistics(
    logits: Array,
    *,
    labels: Array | None = None,
    background: Array | None = None,
    divisor: Divisor = "mass",
    class_mask: Array | None = None,
    inverse_temperature: float = 1.0,
    moments: bool = False,
    precise: bool = False,
    threads: int = 1,
    instructions: str = "",
) -> Statistics: ...
def confidences(
    logits: Array,
    *,
    labels: Array | None = None,
    confidence: Float64Rows,
    correct: Bool[np.ndarray, " rows"],
    threads: int = 1,
    instructions: str = "",
) -> None: ...
def loss(
    logits: Array,
    target: Array,
    *,
    gradient: Array | None = None,
    label_share: float | Array = 1.0,
    background_share: float | Array = 0.0,
    label_weight: Array | None = None,
    background: Array | None = None,
    divisor: Divisor = "mass",
    class_mask: Array | None = None,
    ignored: Array | None = None,
    gradient_scale: float = 1.0,
    costs: bool = True,
    threads: int = 1,
    instructions: str = "",
) -> Loss: ...
def bin_totals(
    confidences: Array,
    correct: Array,
    *,
    edges: Float64[np.ndarray, " edges"],
    threads: int = 1,
    instructions: str = "",
) -> BinTotals: ...
def has_team() -> bool: ...
