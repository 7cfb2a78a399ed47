"""A few images in place of the data, and a store that no training filled."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from torch import nn

from smoothlab.data import Dataset, Split, digits, fashion_mnist_small
from smoothlab.lab import Store, load
from smoothlab.lab.store import Record
from smoothlab.torch.capture import predict
from smoothlab.torch.models.builder import construct
from smoothlab.torch.models.standardise import Standardise
from smoothlab.torch.train import Training


def few(data: Dataset, **examples: int) -> Dataset:
    parts = {
        split: Split(getattr(data, split).inputs[:n], getattr(data, split).labels[:n])
        for split, n in examples.items()
    }
    return replace(data, name="few", **parts)


@pytest.fixture(scope="session")
def few_images() -> Dataset:
    """200 images to learn, 80 to choose by and 80 to test on, every class among each."""
    return few(fashion_mnist_small(), train=200, validation=80, test=80)


@pytest.fixture(scope="session")
def few_digits() -> Dataset:
    return few(digits(), train=200, validation=80, test=80)


@pytest.fixture
def on_few_images(monkeypatch, few_images, few_digits):
    """Makes a built-in study one about a few images."""

    def patched(name: str):
        module = import_module(f"smoothlab.studies.{name}")
        monkeypatch.setattr(module, "read", lambda data: few_images)
        if hasattr(module, "digits"):
            monkeypatch.setattr(module, "digits", lambda: few_digits)
        return module

    return patched


def solved(build, data, *, loss, recipe, seed, watch=None, on_epoch=None, device="cpu") -> Training:
    """A network whose layers are as they start, under the head that ridge regression finds: no step is trained."""
    torch.manual_seed(seed)
    network = construct(build, data.train.inputs.shape[1:], len(data.classes))
    model = nn.Sequential(Standardise.of(data.train, dtype=torch.float32), network).eval()
    features = np.asarray(predict(model, data.train).features, np.float64)
    ridge = features.T @ features + 10 * np.eye(features.shape[1])
    targets = 10 * np.eye(len(data.classes))[data.train.labels] - 1
    head = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        head.weight.copy_(torch.tensor(np.linalg.solve(ridge, features.T @ targets).T))
        for epoch in range(recipe.epochs + 1):
            if watch is not None:
                watch(epoch, model)
    return Training(model, (), 0.0)


@pytest.fixture
def untrained(monkeypatch, on_few_images):
    """Makes a built-in study one that trains nothing: its text, its grid of one seed, and its own `run`."""

    def made(name: str):
        monkeypatch.setattr(on_few_images(name), "train", solved)
        source = load(name)
        return replace(source, study=replace(source.study, factors={**source.study.factors, "seed": (0,)}))

    return made


@pytest.fixture
def filled(untrained, tmp_path):
    """Fills a store of a built-in study with what such networks say."""

    def made(name: str):
        source = untrained(name)
        study, store = source.study, Store.create(tmp_path / name, source)
        teacher = study.teacher or (lambda cell: None)
        for cell in sorted(study.cells(), key=lambda cell: teacher(cell) is not None):
            above = teacher(cell)
            asked = () if study.teacher is None else (above and store.read(store.record(above.key)),)
            record = Record(cell, 0.0, {}, source.fingerprint, teacher=above and above.key)
            store.write(record, study.run(cell, *asked))
        return study, store

    return made
