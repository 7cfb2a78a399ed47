"""Shapes and types in signatures are checked here, and only here: users pay nothing for them.

Also a study without training: logits of invented networks, which take no time and no framework.
"""

from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook("smoothlab", "beartype.beartype")
settings.register_profile(
    "house", deadline=None, derandomize=True, database=None
)  # the same examples everywhere
settings.load_profile("house")

QUESTION = "Do invented networks behave as invented?"

STUDY = '''"""{question}"""

import time
from pathlib import Path

import numpy as np

from smoothlab.lab import Study, paper
from smoothlab.predictions import Predictions

PAUSE = {pause}


def run(cell):
    time.sleep(PAUSE)
    if cell["alpha"] == {diverges_at}:
        raise FloatingPointError("the loss was nan at step 7")
    if cell["alpha"] == {breaks_at}:
        raise KeyError("a mistake in the study file")
    random = np.random.default_rng([cell["seed"], 1])
    said = {{}}
    for split, n in (("train", 60), ("validation", 90), ("test", 90)):
        labels = np.arange(n) % 3
        signal = np.eye(3)[labels] * (8 - 40 * cell["alpha"])
        logits = (signal + random.normal(0, 3, (n, 3))).astype(np.float32)
        features = None if split == "test" else logits
        said[split] = Predictions(logits, labels, features=features, weight=np.eye(3, dtype=np.float32))
    return said


study = Study(
    name="invented",
    factors={{"alpha": (0.0, 0.05, 0.1), "seed": {seeds}}},
    run=run,
    claims=paper.IMAGES,
)
'''


@pytest.fixture
def study_file(tmp_path: Path):
    """Writes a study file; what it is to do wrong is said by keyword."""

    def write(*, pause=0.0, diverges_at=None, breaks_at=None, seeds=(0, 1, 2, 3), question=QUESTION) -> str:
        path = tmp_path / "invented.py"
        what = {"pause": pause, "diverges_at": diverges_at, "breaks_at": breaks_at, "seeds": seeds}
        path.write_text(STUDY.format(question=question, **what))
        return str(path)

    return write
