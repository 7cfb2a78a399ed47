"""smoothlab.torch against reference.py, in float64 on inputs as nasty as the arguments allow."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothlab import reference
from smoothlab.torch import binary_cross_entropy_with_logits, cross_entropy

CONVENTIONS = {
    "uniform": 1,
    "others": 2,
    "others_but_padding": 3,
    "classyvision": 1,
}  # and the fewest classes


@st.composite
def problems(draw):
    """(logits, target, keywords of both): every argument may appear with every other that it goes with."""
    batch, classes = draw(st.integers(0, 5)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(size=(batch, classes)) * draw(st.sampled_from([0.0, 1.0, 50.0]))
    logits += draw(st.sampled_from([0.0, 1e4, -1e4]))
    logits[rng.random(logits.shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = -np.inf

    convention = draw(st.sampled_from([word for word, fewest in CONVENTIONS.items() if classes >= fewest]))
    keywords = {"convention": convention, "reduction": draw(st.sampled_from(["mean", "sum", "none"]))}
    if convention == "others_but_padding":
        keywords["padding_index"] = draw(st.integers(0, classes - 1))
    elif convention != "others":
        shape = draw(st.sampled_from([None, (classes,), (batch, classes)]))
        if shape is not None:
            keywords["background"] = rng.dirichlet(np.ones(classes), size=shape[:-1])
            keywords["background"][..., 0] *= draw(st.sampled_from([1.0, 1 - 5e-4]))  # as half types round it
    # beyond 0.5, `others` between two classes takes from the label more than all of its mass
    most = 1.0 if convention == "uniform" else 0.45
    keywords["alpha"] = draw(st.sampled_from([0.0, 0.1, most, rng.uniform(0, most, batch)]))

    shape = draw(st.sampled_from([None, (classes,), (batch, classes)]))
    if shape is not None:
        keywords["class_mask"] = rng.random(shape) < 0.7
    if draw(st.booleans()):
        keywords["weight"] = rng.uniform(0.1, 3, classes)
    keywords["weighting"] = draw(st.sampled_from(["torch", "example"]))

    if draw(st.booleans()):
        return logits, rng.dirichlet(np.ones(classes), size=batch), keywords
    target = rng.integers(0, classes, batch)
    keywords["ignore_index"] = draw(st.sampled_from([-100, 0]))
    gone = rng.random(batch) < draw(st.sampled_from([0.0, 0.4, 1.0]))
    target[gone] = keywords["ignore_index"]
    logits[gone & (rng.random(batch) < 0.5)] = np.nan
    return logits, target, keywords


def tensors(keywords):
    """The reference's keywords as torch's."""
    made = {
        key: torch.tensor(value) if isinstance(value, np.ndarray) else value
        for key, value in keywords.items()
    }
    return made | {"label_smoothing": made.pop("alpha")}


def by_backward(loss, logits):
    """As a training loop does it: the frugal kernel, and values that are looked at."""
    z = torch.tensor(logits, requires_grad=True)
    value = loss(z)
    value.sum().backward()
    return value.detach(), z.grad


def by_transform(loss, logits):
    """As torch.func does it: the eager kernel, and no value can be looked at."""

    def total(z):
        value = loss(z)
        return value.sum(), value

    gradient, value = torch.func.grad(total, has_aux=True)(torch.tensor(logits))
    return value, gradient


# Both sides start from the same rounded logits, so what differs is the order of a few additions, each good to
# 1e4 * 2e-16 at the largest offset.
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


@pytest.mark.parametrize("differentiated", [by_backward, by_transform])
@settings(max_examples=200, deadline=None)
@given(problem=problems())
def test_cross_entropy_and_its_gradient_are_the_references(differentiated, problem):
    logits, target, keywords = problem
    want = reference.cross_entropy(logits, target, **keywords)
    value, gradient = differentiated(
        lambda z: cross_entropy(z, torch.tensor(target), **tensors(keywords)), logits
    )
    np.testing.assert_allclose(value, want.value, **CLOSE)
    np.testing.assert_allclose(gradient, want.gradient, **CLOSE)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.sampled_from([(0,), (3,), (2, 3)]),
    scale=st.sampled_from([1.0, 1e4]),
    alpha=st.sampled_from([0.0, 0.1, 1.0, None]),
    convention=st.sampled_from(["binary_half", "binary_flip"]),
    weighted=st.booleans(),
    reduction=st.sampled_from(["mean", "sum", "none"]),
)
def test_binary_cross_entropy_and_its_gradient_are_the_references(
    seed, shape, scale, alpha, convention, weighted, reduction
):
    rng = np.random.default_rng(seed)
    logits, target = np.asarray(rng.normal(size=shape) * scale), np.asarray(rng.random(shape))
    keywords = {"alpha": np.asarray(rng.random(shape)) if alpha is None else alpha, "reduction": reduction}
    keywords["convention"] = convention
    if weighted:
        keywords |= {key: np.asarray(rng.uniform(0.1, 3, shape[-1:])) for key in ("weight", "pos_weight")}
    want = reference.binary_cross_entropy(logits, target, **keywords)
    value, gradient = by_backward(
        lambda z: binary_cross_entropy_with_logits(z, torch.tensor(target), **tensors(keywords)), logits
    )
    np.testing.assert_allclose(value, want.value, **CLOSE)
    np.testing.assert_allclose(gradient, want.gradient, **CLOSE)
