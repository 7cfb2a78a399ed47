# What module.cpp defines; its docstrings say what each argument means.

from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float64, Int64

Array: TypeAlias = Any  # speaks the buffer protocol or DLPack, on the CPU: NumPy's and torch's own
Float64Rows: TypeAlias = Float64[np.ndarray, " rows"]
Divisor: TypeAlias = Literal["mass", "count", "one"]

INSTRUCTIONS: tuple[str, ...]

class Statistics:
    @property
    def highest(self) -> Float64Rows: ...
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

def statistics(
    logits: Array,
    *,
    labels: Array | None = None,
    background: Array | None = None,
    divisor: Divisor = "mass",
    class_mask: Array | None = None,
    inverse_temperature: float = 1.0,
    moments: bool = False,
    threads: int = 1,
    instructions: str = "",
) -> Statistics: ...
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
    threads: int = 1,
    instructions: str = "",
) -> Loss: ...
