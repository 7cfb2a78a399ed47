import re

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smoothlab.targets import Convention, convert_alpha, effective_alpha, nominal_alpha, smooth_labels

ULPS = 8 * np.finfo(float).eps  # the longest way, there and back, has eight roundings
ALPHAS = st.floats(0, 1)
MANY = [Convention.UNIFORM, Convention.OTHERS, Convention.CLASSYVISION]
seeded = settings(deadline=None, derandomize=True)


@pytest.mark.parametrize("classes", [3, 4, 10, 1000])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize(
    ("convention", "true", "other"),
    [
        ("uniform", lambda a, k: 1 - a + a / k, lambda a, k: a / k),
        ("others", lambda a, k: 1 - a, lambda a, k: a / (k - 1)),
        ("others_but_padding", lambda a, k: 1 - a, lambda a, k: a / (k - 2)),
        ("classyvision", lambda a, k: (1 + a / k) / (1 + a), lambda a, k: (a / k) / (1 + a)),
    ],
)
def test_each_convention_gives_its_published_masses(convention, true, other, alpha, classes):
    padding = 0 if convention == "others_but_padding" else None
    row = smooth_labels(
        np.array([1]), classes=classes, alpha=alpha, convention=convention, padding_index=padding
    )[0]
    want = np.full(classes, other(alpha, classes))
    want[1] = true(alpha, classes)
    if padding is not None:
        want[padding] = 0
    np.testing.assert_allclose(row, want, rtol=0, atol=ULPS)


@seeded
@given(alpha=ALPHAS)
def test_the_binary_conventions_are_uniform_and_others_with_two_classes(alpha):
    half = effective_alpha(alpha, classes=2, convention="binary_half")
    flip = effective_alpha(alpha, classes=2, convention="binary_flip")
    assert half == effective_alpha(alpha, classes=2, convention="uniform")
    assert flip == effective_alpha(alpha, classes=2, convention="others")


@pytest.mark.parametrize("convention", list(Convention))
@seeded
@given(alpha=ALPHAS, classes=st.integers(3, 200_000))
@example(alpha=1.0, classes=27)  # 27/26 * 26/27 is rounded to a last bit above 1
def test_the_nominal_alpha_of_an_effective_alpha_is_the_alpha_we_began_with(convention, alpha, classes):
    classes = 2 if convention.startswith("binary") else classes
    there = effective_alpha(alpha, classes=classes, convention=convention)
    back = nominal_alpha(there, classes=classes, convention=convention)
    assert 0 <= back <= 1
    # classyvision divides by 1 - alpha/(1 + alpha) >= 1/2, which may double the last bits
    assert back == pytest.approx(alpha, rel=2 * ULPS, abs=1e-300)


@pytest.mark.parametrize("source", MANY)
@pytest.mark.parametrize("target", MANY)
@seeded
@given(alpha=st.floats(0, 0.45), classes=st.integers(2, 1000))
def test_a_converted_alpha_gives_the_same_rows_and_converts_back(source, target, alpha, classes):
    converted = convert_alpha(alpha, source=source, target=target, classes=classes)
    labels = np.array([0, classes - 1])
    np.testing.assert_allclose(
        smooth_labels(labels, classes=classes, alpha=alpha, convention=source),
        smooth_labels(labels, classes=classes, alpha=converted, convention=target),
        rtol=0,
        atol=ULPS,
    )
    back = convert_alpha(converted, source=target, target=source, classes=classes)
    # 1 - a >= 1/10 for every alpha drawn here, so classyvision's division loses at most one digit
    assert back == pytest.approx(alpha, rel=10 * ULPS, abs=1e-300)


def test_padding_left_out_is_uniform_with_a_background_that_leaves_it_out():
    labels, vocabulary, padding = np.array([1, 4, 6]), 7, 2
    background = np.full(vocabulary, 1 / (vocabulary - 1))
    background[padding] = 0
    alpha = convert_alpha(0.1, source="others_but_padding", target="uniform", classes=vocabulary)
    np.testing.assert_allclose(
        smooth_labels(labels, classes=vocabulary, alpha=alpha, background=background),
        smooth_labels(
            labels, classes=vocabulary, alpha=0.1, convention="others_but_padding", padding_index=padding
        ),
        rtol=0,
        atol=ULPS,
    )


@pytest.mark.parametrize(
    ("alpha", "source", "target", "classes"),
    [
        (1.0, "others", "uniform", 10),  # nothing is left for the true class; uniform always leaves 1/K
        (0.6, "binary_flip", "binary_half", 2),
        (1.0, "uniform", "classyvision", 5),  # would be infinite
        (0.95, "others", "classyvision", 5),  # would be negative
        (0.6, "others", "classyvision", 2),
    ],
)
def test_a_target_that_a_convention_cannot_reach_is_an_error(alpha, source, target, classes):
    with pytest.raises(
        ValueError, match=f"`convention` '{target}' with {classes} classes has no valid alpha"
    ):
        convert_alpha(alpha, source=source, target=target, classes=classes)


def test_classyvision_takes_more_than_one_since_it_divides_by_the_sum():
    alpha = convert_alpha(0.75, source="uniform", target="classyvision", classes=5)
    assert alpha == pytest.approx(3)
    assert effective_alpha(alpha, classes=5, convention="classyvision") == pytest.approx(0.75)


def test_arrays_convert_as_their_numbers_do_and_keep_their_shape():
    alphas = np.array([[0.0, 0.1], [0.5, 0.8]])
    converted = convert_alpha(alphas, source="others", target="uniform", classes=9)
    one_by_one = [convert_alpha(float(a), source="others", target="uniform", classes=9) for a in alphas.flat]
    assert converted.shape == alphas.shape
    assert converted.ravel().tolist() == one_by_one
    with pytest.raises(ValueError, match="must lie in"):
        convert_alpha(np.array([0.1, np.nan]), source="uniform", target="others", classes=9)
    with pytest.raises(ValueError, match=r"it would be 1\.06875"):
        convert_alpha(np.array([0.1, 0.95]), source="others", target="uniform", classes=9)


def test_tensors_pass_through_with_their_type_and_their_gradient():
    alpha = torch.tensor([0.1, 0.2], dtype=torch.float32, requires_grad=True)
    for convention in (Convention.OTHERS, Convention.OTHERS_BUT_PADDING, Convention.CLASSYVISION):
        effective = effective_alpha(alpha, classes=5, convention=convention)
        assert effective.dtype == torch.float32
        want = effective_alpha(alpha.detach().double().numpy(), classes=5, convention=convention)
        np.testing.assert_allclose(effective.detach().numpy(), want, rtol=1e-6)
    effective_alpha(alpha, classes=5, convention="others").sum().backward()
    assert alpha.grad is not None
    np.testing.assert_allclose(alpha.grad.numpy(), [1.25, 1.25])


def test_rows_of_different_width_have_their_own_effective_alpha():
    counts = np.array([1, 2, 5])
    effective = effective_alpha(0.1, classes=counts, convention="others")
    assert effective.tolist() == [0.1, 0.2, 0.125]  # a lone class gets something finite


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"alpha": 0.1, "classes": 3, "convention": "other"}, "Did you mean 'others'?"),
        (
            {"alpha": 0.1, "classes": 1, "convention": "others"},
            "`classes` must be a whole number, at least 2",
        ),
        ({"alpha": 0.1, "classes": 2, "convention": "others_but_padding"}, "at least 3, but got 2"),
        (
            {"alpha": 0.1, "classes": 3, "convention": "binary_flip"},
            "`classes` must be 2 under the convention",
        ),
        ({"alpha": -0.5, "classes": 3, "convention": "uniform"}, "`alpha` must lie in [0, 1], but got -0.5"),
        ({"alpha": 1.5, "classes": 3, "convention": "others"}, "`alpha` must lie in [0, 1], but got 1.5"),
        ({"alpha": float("nan"), "classes": 3, "convention": "uniform"}, "but got nan"),
        ({"alpha": -1.0, "classes": 3, "convention": "classyvision"}, "from 0 on under 'classyvision'"),
    ],
)
def test_a_wrong_argument_is_told_in_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        effective_alpha(arguments.pop("alpha"), **arguments)
