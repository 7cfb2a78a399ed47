"""The linear probe."""

import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from smoothlab.measures import linear_probe


def part(n, *, seed, apart=2.0, width=6, classes=(2, 5, 9)):
    random = np.random.default_rng(seed)
    labels = np.arange(n) % len(classes)
    return random.normal(size=(n, width)) + apart * np.eye(len(classes), width)[labels], np.array(classes)[
        labels
    ]


PARTS = part(150, seed=0), part(90, seed=1), part(120, seed=2)


def test_it_is_the_best_on_validation_data_and_reported_on_test_data():
    (inputs, labels), (held_out, held_labels), (test, test_labels) = PARTS
    centre, scale = inputs.mean(0), inputs.std(0)
    grid = (1e-3, 0.1, 10.0)
    models = [LogisticRegression(C=c, max_iter=1000).fit((inputs - centre) / scale, labels) for c in grid]
    on_validation = [model.score((held_out - centre) / scale, held_labels) for model in models]
    best = int(np.argmax(on_validation))
    probe = linear_probe(*PARTS, penalties=grid)
    assert probe.validation == pytest.approx(on_validation)
    assert probe.strength == grid[best]
    assert probe.accuracy.value == models[best].score((test - centre) / scale, test_labels)
    assert probe.accuracy.n == 120
    assert probe.converged


def test_what_can_be_read_is_read_and_what_is_not_there_is_guessed():
    near_certain = linear_probe(*(part(90, seed=seed, apart=8.0) for seed in range(3)), penalties=(1.0,))
    assert near_certain.accuracy.value == 1
    random = np.random.default_rng(0)
    nothing = linear_probe(
        *((random.normal(size=(300, 4)), np.arange(300) % 3) for _ in range(3)), penalties=(0.01,)
    )
    assert nothing.accuracy.low < 1 / 3 < nothing.accuracy.high


def test_test_labels_have_no_say_in_the_choice():
    shuffled = PARTS[2][0], np.roll(PARTS[2][1], 1)
    usual, other = (linear_probe(*PARTS[:2], test, penalties=(1e-3, 1.0)) for test in (PARTS[2], shuffled))
    assert (usual.strength, usual.validation) == (other.strength, other.validation)
    assert usual.accuracy != other.accuracy


def test_unit_and_origin_of_every_feature_and_dead_features_do_not_matter():
    want = linear_probe(*PARTS, penalties=(0.1,))
    unit, origin = 10.0 ** np.arange(-3, 3), np.arange(6) - 50
    moved = [
        (np.pad(features * unit + origin, ((0, 0), (0, 1)), constant_values=0.1), labels)
        for features, labels in PARTS
    ]
    assert linear_probe(*moved, penalties=(0.1,)).accuracy == want.accuracy


def test_equally_good_penalties_are_settled_by_the_strongest_in_whatever_order_they_are_named():
    easy = [part(60, seed=seed, apart=12.0) for seed in range(3)]
    assert linear_probe(*easy, penalties=(10.0, 0.1, 1.0)).strength == 0.1
    worst_last = linear_probe(*PARTS, penalties=(1.0, 1e-9))
    assert worst_last.validation == linear_probe(*PARTS, penalties=(1e-9, 1.0)).validation[::-1]


def test_a_label_that_training_lacks_counts_as_wrong():
    test = PARTS[2][0], np.where(np.arange(120) < 30, 77, PARTS[2][1])
    assert linear_probe(*PARTS[:2], test, penalties=(1.0,)).accuracy.value <= 0.75


def test_a_fit_that_is_cut_short_says_so(monkeypatch):
    monkeypatch.setattr("smoothlab.measures.transfer._MOST_STEPS", 2)
    assert not linear_probe(*PARTS, penalties=(10.0,)).converged


def test_what_cannot_be_probed_is_refused(monkeypatch):
    one = PARTS[0][0], np.zeros(150, int)
    with pytest.raises(ValueError, match="`train` must hold two classes or more, but every label is 0"):
        linear_probe(one, *PARTS[1:])
    bad = PARTS[1][0].copy(), PARTS[1][1]
    bad[0][3, 1] = np.inf
    with pytest.raises(ValueError, match="`validation` must be finite"):
        linear_probe(PARTS[0], bad, PARTS[2])
    with pytest.raises(ValueError, match="`penalties` must hold a number"):
        linear_probe(*PARTS, penalties=())
    with pytest.raises(ValueError, match="`penalties` must be a finite number above 0, but got 0"):
        linear_probe(*PARTS, penalties=(1.0, 0.0))
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(ImportError, match="`linear_probe` needs scikit-learn"):
        linear_probe(*PARTS)
