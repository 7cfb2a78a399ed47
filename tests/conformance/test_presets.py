"""Each preset against what it names: the installed framework, or the published formula written out."""

import json
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch

from smoothlab import reference
from smoothlab.targets import (
    FAIRSEQ,
    KERAS,
    MEGATRON,
    OPENNMT,
    PYTORCH,
    TIMM,
    convert_alpha,
    smooth_labels,
)

ALPHAS = [0.05, 0.1, 0.5]
close = partial(
    np.testing.assert_allclose, rtol=1e-13, atol=1e-13
)  # sums of at most 1000 terms, done in another order


def problem(batch=8, classes=6, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(scale=3, size=(batch, classes)), rng.integers(classes, size=batch)


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


# PyTorch


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("classes", [2, 4, 10, 1000])
def test_pytorch(classes, alpha):
    logits, labels = problem(classes=classes)
    theirs = torch.nn.CrossEntropyLoss(label_smoothing=alpha)(torch.tensor(logits), torch.tensor(labels))
    ours = reference.cross_entropy(logits, labels, alpha=alpha, convention=PYTORCH.categorical)
    close(ours.value, theirs.item())


def second_pytorch_loss_of_the_blog(logits, labels, alpha):
    """What its second class computes: 1 - alpha for the true class, alpha/(K - 1) for each other one."""
    batch, classes = logits.shape
    target = torch.full((batch, classes), alpha / (classes - 1), dtype=logits.dtype)
    target[torch.arange(batch), labels] = 1 - alpha
    return -(target * logits.log_softmax(1)).sum(1).mean()


@pytest.mark.parametrize("classes", [2, 4, 10, 1000])
def test_the_blogs_second_loss_is_others_and_not_its_equation_one(classes):
    alpha = 0.1
    logits, labels = problem(classes=classes)
    theirs = second_pytorch_loss_of_the_blog(torch.tensor(logits), torch.tensor(labels), alpha).item()
    others = reference.cross_entropy(logits, labels, alpha=alpha, convention="others").value
    close(others, theirs)

    effective = convert_alpha(alpha, source="others", target="uniform", classes=classes)
    assert effective == pytest.approx(alpha * classes / (classes - 1), rel=1e-15)
    torchs = torch.nn.CrossEntropyLoss(label_smoothing=effective)(torch.tensor(logits), torch.tensor(labels))
    close(torchs.item(), theirs)

    equation_one = reference.cross_entropy(logits, labels, alpha=alpha, convention="uniform").value
    assert abs(equation_one - theirs) > 1e-6  # they come together as K grows, but never within rounding


def test_the_blogs_two_definitions_on_its_own_four_classes():
    uniform, others = (
        smooth_labels(np.array([0]), classes=4, alpha=0.1, convention=c)[0] for c in ("uniform", "others")
    )
    np.testing.assert_allclose(uniform, [0.925, 0.025, 0.025, 0.025], rtol=1e-15)
    np.testing.assert_allclose(others, [0.9, 1 / 30, 1 / 30, 1 / 30], rtol=1e-15)


# Keras, in a process of its own: it picks its back end on import and keeps it for good

KERAS_LOSSES = """
import json, sys
import numpy as np
import keras

given = json.load(sys.stdin)
logits, one_hot = np.array(given["logits"]), np.array(given["one_hot"])
losses = {}
for alpha in given["alphas"]:
    keywords = dict(from_logits=True, label_smoothing=alpha, reduction=None, dtype="float64")
    categorical = keras.losses.CategoricalCrossentropy(**keywords)(one_hot, logits)
    binary = keras.losses.BinaryCrossentropy(**keywords)(one_hot, logits)
    losses[str(alpha)] = [keras.ops.convert_to_numpy(loss).tolist() for loss in (categorical, binary)]
print(json.dumps(losses))
"""


@pytest.fixture(scope="module")
def keras_losses(tmp_path_factory):
    logits, labels = problem()
    given = {"logits": logits.tolist(), "one_hot": np.eye(6)[labels].tolist(), "alphas": ALPHAS}
    done = subprocess.run(
        [sys.executable, "-c", KERAS_LOSSES],
        input=json.dumps(given),
        env=os.environ | {"KERAS_BACKEND": "torch", "KERAS_HOME": str(tmp_path_factory.mktemp("keras"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("alpha", ALPHAS)
def test_keras(keras_losses, alpha):
    logits, labels = problem()
    categorical, binary = keras_losses[str(alpha)]
    ours = reference.cross_entropy(
        logits, labels, alpha=alpha, convention=KERAS.categorical, reduction="none"
    )
    close(ours.value, categorical)

    assert KERAS.binary is not None
    each = reference.binary_cross_entropy(
        logits, np.eye(6)[labels], alpha=alpha, convention=KERAS.binary, reduction="none"
    )
    # Keras takes this mean over the outputs in float32, whatever the inputs are: a few of its roundings
    np.testing.assert_allclose(each.value.mean(1), binary, rtol=5e-7)


# timm (its wheels ask for torchvision, which replaces torch): the formulas of its two files


@pytest.mark.parametrize("alpha", ALPHAS)
def test_timm(alpha):
    logits, labels = problem()
    rows = np.arange(len(labels))
    log_p = log_softmax(logits)
    theirs = (1 - alpha) * -log_p[rows, labels] + alpha * -log_p.mean(1)
    ours = reference.cross_entropy(logits, labels, alpha=alpha, convention=TIMM.categorical)
    close(ours.value, theirs.mean())

    assert TIMM.binary is not None
    target = np.full(logits.shape, alpha / 6)  # "off"
    target[rows, labels] = 1 - alpha + alpha / 6  # "on"
    sigmoid = 1 / (1 + np.exp(-logits))
    theirs = -(target * np.log(sigmoid) + (1 - target) * np.log(1 - sigmoid)).mean()
    ours = reference.binary_cross_entropy(logits, np.eye(6)[labels], alpha=alpha, convention=TIMM.binary)
    close(ours.value, theirs)


def test_keras_and_timm_disagree_about_sigmoids():
    logits, labels = problem()
    losses = [
        reference.binary_cross_entropy(logits, np.eye(6)[labels], alpha=0.1, convention=entry.binary).value
        for entry in (KERAS, TIMM)
        if entry.binary is not None
    ]
    assert len(losses) == 2
    assert abs(losses[0] - losses[1]) > 1e-3


# fairseq since February 2021: (1 - eps - eps_i) nll + eps_i sum, with eps_i = eps / (V - 1)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_fairseq(alpha):
    logits, labels = problem()
    log_p = log_softmax(logits)
    each = alpha / (6 - 1)
    theirs = (1 - alpha - each) * -log_p[np.arange(len(labels)), labels] + each * -log_p.sum(1)
    ours = reference.cross_entropy(
        logits, labels, alpha=alpha, convention=FAIRSEQ.categorical, reduction="none"
    )
    close(ours.value, theirs)


# OpenNMT-py until December 2022: KL divergence of log-probabilities to a row with 1 - alpha at the token, 0 at
# padding, alpha/(V - 2) elsewhere; whole row 0 where the token is padding; summed


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_opennmt(alpha, padding):
    logits, labels = problem()
    labels[:2] = padding
    target = np.full(logits.shape, alpha / (6 - 2))
    target[:, padding] = 0
    target[np.arange(len(labels)), labels] = 1 - alpha
    target[labels == padding] = 0
    divergence = torch.nn.functional.kl_div(
        torch.tensor(logits).log_softmax(1), torch.tensor(target), reduction="sum"
    )
    arguments = {"alpha": alpha, "convention": OPENNMT.categorical, "padding_index": padding}
    ours = reference.cross_entropy(logits, labels, reduction="sum", **arguments)
    floor = reference.entropy(smooth_labels(labels, classes=6, **arguments)).sum()
    close(ours.value - floor, divergence.item())


# Megatron-LM on one rank: s = alpha K / (K - 1), then (1 - s) nll - s mean(log p)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_megatron(alpha):
    logits, labels = problem()
    log_p = log_softmax(logits)
    scaled = alpha * 6 / (6 - 1)
    theirs = (1 - scaled) * -log_p[np.arange(len(labels)), labels] - scaled * log_p.mean(1)
    ours = reference.cross_entropy(
        logits, labels, alpha=alpha, convention=MEGATRON.categorical, reduction="none"
    )
    close(ours.value, theirs)
