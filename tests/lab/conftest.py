"""Evidence of no network: what each cell says is written down, and seeds differ by a little noise."""

import itertools
from zlib import crc32

import numpy as np
import pytest

from smoothlab.lab import Evidence, Outcome, judge

SHARED, OWN = 1e-3, 2e-4
"""Of the noise that all cells of a seed have in common, and of each cell's own, which is what a pair differs by."""


@pytest.fixture(scope="session")
def invented():
    """Makes evidence from the factors but the seed, and a function of a cell's levels that says its measures."""

    def make(factors, said, *, seeds=10) -> Evidence:
        shape = tuple(len(levels) for levels in factors.values())
        values = {}
        for at, levels in zip(np.ndindex(shape), itertools.product(*factors.values()), strict=True):
            for name, value in said(**dict(zip(factors, levels, strict=True))).items():
                values.setdefault(name, np.full((*shape, seeds), np.nan))[at] = value
        for name in values:
            random = np.random.default_rng(crc32(name.encode()))
            values[name] += random.normal(0, SHARED, seeds) + random.normal(0, OWN, (*shape, seeds))
        return Evidence({**factors, "seed": tuple(range(seeds))}, values, {})

    return make


@pytest.fixture(scope="session")
def outcomes():
    """The outcome of each claim by its id."""

    def judged(claims, evidence) -> dict[str, Outcome]:
        return {verdict.claim: verdict.outcome for verdict in judge(claims, evidence)}

    return judged


@pytest.fixture(scope="session")
def nothing():
    """The same grid without a single run."""

    def emptied(evidence) -> Evidence:
        values = {name: np.full_like(of, np.nan) for name, of in evidence.values.items()}
        return Evidence(evidence.factors, values, {})

    return emptied
