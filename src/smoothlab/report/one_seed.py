"""The networks of one seed, for pictures: a picture of a mean would be a picture of no network."""

import numpy as np
from jaxtyping import Bool

from ..lab import Evidence, Store
from ..lab.store import Record
from ..predictions import Predictions


def alphas_run(evidence: Evidence) -> tuple[float, ...]:
    """The alphas that have a run, of evidence over alpha, seed and perhaps a view."""
    return tuple(alpha for alpha, there in zip(evidence.alphas, _there(evidence), strict=True) if there.any())


def first_whole_seed(evidence: Evidence) -> int | None:
    """The first seed whose run is there at every alpha that has one; `None` without such a seed, or without alpha 0."""
    there = _there(evidence)
    whole = there[there.any(1)].all(0)
    return evidence.seeds[int(whole.argmax())] if 0 in alphas_run(evidence) and whole.any() else None


def _there(evidence: Evidence) -> Bool[np.ndarray, "alphas seeds"]:
    seen = {view: at for view, at in evidence.measures.at.items() if view in evidence.factors}
    return np.asarray(np.isfinite(evidence.where(**seen).values["accuracy"]))


def record(store: Store, alpha: float, seed: int, **levels: object) -> Record:
    """The finished cell at these levels; it must be there."""
    wanted = {"alpha": alpha, "seed": seed, **levels}
    return next(
        each
        for each in store.records().values()
        if all(each.cell[factor] == level for factor, level in wanted.items()) and each.failure is None
    )


def load(store: Store, alpha: float, seed: int, split: str, **levels: object) -> Predictions:
    """What that network said of one split."""
    return store.predictions(record(store, alpha, seed, **levels).cell, split)
