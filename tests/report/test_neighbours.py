"""The t-SNE pictures: of the right examples, with the warning, and left out in words where scikit-learn is missing."""

import numpy as np
import pytest

from smoothlab.lab import Neighbours
from smoothlab.report import neighbours

WANTED = (Neighbours("Neighbours", {"net": "dense"}),)


@pytest.fixture(scope="module")
def penultimate(invented):
    return invented.answers("penultimate")[0]


@pytest.fixture
def asked(monkeypatch):
    """What is asked of t-SNE, which takes seconds and is tested in its own room."""
    features = []

    def first_two(of, *, perplexity):
        features.append(of)
        return of[:, :2]

    monkeypatch.setattr(neighbours, "tsne", first_two)
    return features


def test_hard_and_smoothed_networks_are_shown_on_the_same_training_examples(penultimate, invented, asked):
    (section,) = neighbours.neighbours_section(WANTED, penultimate.store, penultimate.evidence)
    (figure,) = section.contents
    for alpha, of in zip((0.0, 0.1), asked, strict=True):
        np.testing.assert_array_equal(of, invented.said(alpha)["train"].features)
    assert [each["text"] for each in figure.layout["annotations"]] == ["hard labels", "smoothed, α = 0.1"]
    assert "n = 200 training examples of seed 0" in figure.caption[0]


def test_no_more_examples_than_the_limit_are_shown(penultimate, asked, monkeypatch):
    monkeypatch.setattr(neighbours, "NEIGHBOURS", 120)
    neighbours.neighbours_section(WANTED, penultimate.store, penultimate.evidence)
    assert [len(of) for of in asked] == [120, 120]


def test_the_warning_stands_above_and_below_the_picture(penultimate, asked):
    (section,) = neighbours.neighbours_section(WANTED, penultimate.store, penultimate.evidence)
    assert "distances between clusters mean nothing here" in section.text[0]
    assert "mean nothing" in section.contents[0].caption[1]


def test_too_few_examples_have_no_neighbours_to_show(penultimate, asked, monkeypatch):
    monkeypatch.setattr(neighbours, "NEIGHBOURS", 90)
    assert neighbours.neighbours_section(WANTED, penultimate.store, penultimate.evidence) == ()
    assert asked == []


def test_without_scikit_learn_a_sentence_stands_in_its_place(penultimate, monkeypatch):
    def missing(of, *, perplexity):
        raise ImportError("`tsne` needs scikit-learn.")

    monkeypatch.setattr(neighbours, "tsne", missing)
    (section,) = neighbours.neighbours_section(WANTED, penultimate.store, penultimate.evidence)
    assert section.contents == ()
    assert "need scikit-learn" in section.text[-1]


def test_a_study_that_asks_for_none_gets_none(penultimate):
    assert neighbours.neighbours_section((), penultimate.store, penultimate.evidence) == ()
