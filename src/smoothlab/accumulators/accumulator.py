r"""An accumulator: whole numbers of a fixed size that a stream adds to, and that add to those of another stream.

    state(A then B) = state(A) + state(B),        entry by entry, in int64

Whole numbers add without rounding, so the sum is the same in whatever order, over however many shards, processes and
machines; any tool that can add arrays of int64 merges states (`torch.distributed.all_reduce`, `MPI_SUM`, a database).
What is no whole number is kept as one: fractions in fixed point, and block sums of floats digit by digit (`exact`).
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from .._files import replacing

FORMAT = 1
OWN = "smoothlab.accumulator"
Kind = TypeVar("Kind", bound="Accumulator")  # and not Self, which the check of types in tests cannot place


class Accumulator(ABC):
    """Arrays of int64 under names, and the settings that must agree for two of them to be added.

    Subclasses are made from their settings, and their `update` adds to the arrays of `sums` in place.

    >>> import numpy as np
    >>> from smoothlab.accumulators import Accumulator, Histogram
    >>> one, other = Histogram(), Histogram()
    >>> one.update(np.array([0.9]), np.array([True])); other.update(np.array([0.5]), np.array([False]))
    >>> isinstance(one, Accumulator), (one + other).n, one.n
    (True, 2, 1)
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.sums = self._zeros()

    @abstractmethod
    def _zeros(self) -> dict[str, np.ndarray]:
        """Arrays of int64, all 0, shaped by the settings."""

    def reset(self) -> None:
        """Forget everything."""
        self.sums = self._zeros()

    def __add__(self: Kind, other: Kind) -> Kind:  # noqa: PYI019
        """What one accumulator would hold that had seen both streams.

        Raises `ValueError` where the settings differ, and `OverflowError` where a sum leaves int64.
        """
        if type(other) is not type(self):
            return NotImplemented
        if other.settings != self.settings:
            raise ValueError(
                f"Accumulators to add must have the same settings, but have {self.settings} and {other.settings}. "
                "Make both alike."
            )
        both = type(self)(**self.settings)
        for name, array in self.sums.items():
            added = array + other.sums[name]
            # a sum that wraps around has the sign that neither of its parts has
            if (((added ^ array) & (added ^ other.sums[name])) < 0).any():
                raise OverflowError(f"The sums {name!r} of both do not fit in 64 bits. Keep them apart.")
            both.sums[name][...] = added
        return both

    def state(self) -> dict[str, np.ndarray]:
        """A copy of the sums, to be sent or stored; `with_state` takes it back."""
        return {name: array.copy() for name, array in self.sums.items()}

    def with_state(self: Kind, state: Mapping[str, np.ndarray]) -> Kind:  # noqa: PYI019
        """An accumulator of these settings and those sums.

        Raises `ValueError` for sums of other names, shapes or types than these settings make.

        >>> import numpy as np
        >>> from smoothlab.accumulators import Histogram
        >>> seen = Histogram()
        >>> seen.update(np.array([0.9]), np.array([True]))
        >>> Histogram().with_state(seen.state()).n
        1
        """
        fresh = type(self)(**self.settings)
        wanted = {name: array.shape for name, array in fresh.sums.items()}
        got = {name: np.shape(array) for name, array in state.items()}
        if wanted != got or any(array.dtype != np.int64 for array in state.values()):
            raise ValueError(
                f"A state of {self.settings} must hold int64 arrays {wanted}, but got {got}. Pass what `state` gave."
            )
        for name, array in fresh.sums.items():
            array[...] = state[name]
        return fresh

    def save(self, path: str | Path) -> None:
        """Write settings and sums as one safetensors file, whole or not at all.

        >>> import tempfile, numpy as np
        >>> from pathlib import Path
        >>> from smoothlab.accumulators import Tally
        >>> path = Path(tempfile.mkdtemp()) / "shard-0.safetensors"
        >>> seen = Tally(classes=3)
        >>> seen.update(np.eye(3), np.arange(3))
        >>> seen.save(path)
        >>> (Tally.load(path) + seen).n
        6
        """
        metadata = {
            OWN: json.dumps({"format": FORMAT, "kind": type(self).__name__, "settings": self.settings})
        }
        with replacing(Path(path)) as unfinished:
            save_file(
                {name: np.ascontiguousarray(array) for name, array in self.sums.items()}, unfinished, metadata
            )

    @classmethod
    def load(cls: type[Kind], path: str | Path) -> Kind:  # noqa: PYI019
        """Read what `save` wrote. Raises `ValueError` for any other file."""
        try:
            with safe_open(path, framework="numpy") as file:
                said = json.loads((file.metadata() or {}).get(OWN, "{}"))
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ValueError(
                f"{str(path)!r} is no whole safetensors file ({error}). Copy it again."
            ) from None
        if (said.get("format"), said.get("kind")) != (FORMAT, cls.__name__):
            raise ValueError(f"{str(path)!r} holds no {cls.__name__} of this version. Write it with `save`.")
        return cls(**said["settings"]).with_state(arrays)
