"""What was measured on every run: one number a measure and cell, over the whole grid.

Everything here is recomputed from stored predictions, so that a new measure never means a new training.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from .. import _checks
from .images import IMAGES
from .measures import Measures
from .store import Record, Store

Level = float | int | str


@dataclass(frozen=True)
class Evidence:
    """Measures by name, each an array with an axis for every factor in order; nan where a run is missing or failed.

    >>> import numpy as np
    >>> from smoothlab.lab import Evidence
    >>> ece = np.array([[0.08, 0.09], [0.02, 0.03], [0.06, np.nan]])
    >>> factors = {"alpha": (0.0, 0.05, 0.1), "seed": (0, 1)}
    >>> evidence = Evidence(factors, {"ece": ece}, {"alpha=0.1,seed=1": "diverged at step 7"})
    >>> evidence.best("ece"), evidence.mean("ece", 0.1)
    (0.05, 0.06)
    """

    factors: Mapping[str, tuple[Level, ...]]
    values: Mapping[str, Float[np.ndarray, "*grid"]]
    failures: Mapping[str, str]
    measures: Measures = IMAGES

    @property
    def alphas(self) -> tuple[float, ...]:
        """The levels of alpha, rising."""
        return tuple(float(alpha) for alpha in self.factors["alpha"])

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that runs are paired by."""
        return tuple(int(seed) for seed in self.factors["seed"])

    def where(self, **levels: Level) -> "Evidence":
        """The slice of the grid at some levels; the factors named are gone from it.

        Raises:
            ValueError: no such factor, or no such level.

        >>> import numpy as np
        >>> from smoothlab.lab import Evidence
        >>> factors = {"arm": ("alone", "taught"), "alpha": (0.0, 0.1), "seed": (0, 1, 2)}
        >>> evidence = Evidence(factors, {"accuracy": np.arange(12.0).reshape(2, 2, 3)}, {})
        >>> evidence.where(arm="taught").at("accuracy", 0.1).tolist()
        [9.0, 10.0, 11.0]
        """
        at = tuple(
            _index(factor, self.factors[factor], levels[factor]) if factor in levels else slice(None)
            for factor in self.factors
        )
        for factor in levels:
            _checks.one_of("factor", factor, list(self.factors))
        left = {factor: of for factor, of in self.factors.items() if factor not in levels}
        return replace(self, factors=left, values={name: values[at] for name, values in self.values.items()})

    def at(self, name: str, alpha: Level | None = None, **levels: Level) -> Float[np.ndarray, " seeds"]:
        """A measure at one alpha, and one level of every other factor, over the seeds in order.

        Raises:
            ValueError: the study has no such level, or a factor of several levels is left open.
        """
        wanted = levels if alpha is None else {"alpha": alpha, **levels}
        only = {factor: of[0] for factor, of in self.factors.items() if len(of) == 1 and factor != "seed"}
        found = self.where(**{**only, **wanted})
        open_ones = [factor for factor in found.factors if factor != "seed"]
        if open_ones:
            raise ValueError(
                f"A level of {' and '.join(f'`{factor}`' for factor in open_ones)} must be chosen. "
                f"Write at({name!r}, {open_ones[0]}=...)."
            )
        return found.values[name]

    @property
    def finished(self) -> Bool[np.ndarray, "*grid"]:
        """Which cells of the grid have been measured at all."""
        return np.any([np.isfinite(values) for values in self.values.values()], axis=0)

    def mean(self, name: str, alpha: Level | None = None, **levels: Level) -> float:
        """The mean over the seeds that are there; nan where none is."""
        there = self.at(name, alpha, **levels)
        there = there[np.isfinite(there)]
        return float(there.mean()) if len(there) else np.nan

    def best(self, name: str, along: str = "alpha", **levels: Level) -> float:
        """The level above 0 of a factor with the least mean of a measure over seeds; give it a validation measure."""
        return min(
            (float(level) for level in self.factors[along] if float(level) > 0),
            key=lambda level: np.nan_to_num(self.mean(name, **{along: level}, **levels), nan=np.inf),
        )


def _index(factor: str, levels: tuple[Level, ...], wanted: Level) -> int:
    if wanted not in levels:
        _checks.one_of(factor, _word(wanted), [_word(level) for level in levels])
    return levels.index(wanted)


def _word(level: Level) -> str:
    return level if isinstance(level, str) else f"{level:g}"


def gather(store: Store, records: Iterable[Record], measures: Measures = IMAGES) -> Evidence:
    """Measure every finished cell. `records` may be any iterable over the store's, say one that shows progress.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from smoothlab.lab import Store, gather, load
    >>> store = Store.create(Path(tempfile.mkdtemp()) / "smoothing", load("smoothing"))
    >>> gather(store, store.records().values()).values["ece"].shape  # nothing has run yet: all are nan
    (5, 10)
    """
    trained = {factor: _in_order(factor, levels) for factor, levels in store.manifest["factors"].items()}
    factors = {**trained, **measures.views}
    factors["seed"] = factors.pop("seed")  # last, where the pairs are
    shape = tuple(len(levels) for levels in factors.values())
    values = {each.name: np.full(shape, np.nan) for each in measures.listed}
    failures = {}
    for record in records:
        if record.failure is not None:
            failures[record.cell.key] = record.failure
        elif all(record.cell[factor] in levels for factor, levels in trained.items()):
            # a store may hold more than the study asks now
            run = store.read(record)
            for view in itertools.product(*measures.views.values()):
                seen = dict(zip(measures.views, view, strict=True))
                chosen = {**dict(record.cell.levels), **seen}
                at = tuple(levels.index(chosen[factor]) for factor, levels in factors.items())
                for name, value in measures.take(run, **seen).items():
                    values[name][at] = value
    return Evidence(factors, values, failures, measures)


def _in_order(factor: str, levels: list[Level]) -> tuple[Level, ...]:
    """Alphas rise, whatever the study file's order; of other factors the order may mean something."""
    return tuple(sorted(float(level) for level in levels)) if factor == "alpha" else tuple(levels)
