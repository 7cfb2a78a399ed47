"""Studies that can train their cells at once say what they say of each cell alone."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from smoothlab.lab import Store, load, run
from smoothlab.torch.recipe import Recipe

TOGETHER = {"calibration": (1,), "smoothing": (0, 1)}
"""Each with the seeds that are tried of it here."""


def never(task, cells):
    raise AssertionError("cells that are run together need no executor")


@pytest.fixture
def without_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.parametrize("name", TOGETHER)
def test_a_cell_trained_with_others_says_what_it_says_alone(name, on_few_images, without_gpu, tmp_path):
    on_few_images(name)
    source = load(name)
    factors = {**source.study.factors, "alpha": (0.0, 0.1), "seed": TOGETHER[name]}
    study = replace(source.study, factors=factors)
    store = Store.create(tmp_path / name, source)
    records = list(run(replace(source, study=study), store, executor=never, together=True))
    assert [record.failure for record in records] == [None] * len(study.cells())
    for cell in study.cells():
        for split, said in study.run(cell).items():
            together = store.predictions(cell, split)
            # 20 steps, each of which adds products in another order: 4e-6 was seen, of logits up to 15, where
            # another alpha or seed moves some by 2 to 6
            np.testing.assert_allclose(together.logits, said.logits, rtol=0, atol=1e-4)
            np.testing.assert_array_equal(together.labels, said.labels)
            assert together.meta == said.meta
            assert said.meta["device"] == "cpu"
            assert (together.features is None) == (said.features is None)
            if (
                together.features is not None and said.features is not None
            ):  # float16, of which a last bit may turn
                np.testing.assert_allclose(together.features, said.features, rtol=2**-9, atol=1e-4)


@pytest.mark.parametrize("name", TOGETHER)
def test_a_cell_that_diverges_among_others_is_its_error(name, on_few_images, without_gpu, monkeypatch):
    module = on_few_images(name)
    wild = Recipe(epochs=20, learning_rate=1e9)
    monkeypatch.setattr(module, "RECIPE", wild)
    if name == "calibration":
        monkeypatch.setitem(module.NETS, "dense", (module.NETS["dense"][0], wild))
    cells = [cell for cell in module.study.cells() if cell["seed"] == 0][:2]
    together = module.run_together(cells)
    assert len(together) == 2
    for cell, failure in zip(cells, together, strict=True):
        assert isinstance(failure, FloatingPointError)
        with pytest.raises(FloatingPointError, match=re.escape(str(failure))):
            module.study.run(cell)
