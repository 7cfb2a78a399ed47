"""t-SNE, and what it does not show."""

import sys

import numpy as np
import pytest

from smoothlab.measures import nc1, tsne

LABELS = np.arange(60) % 3


def clusters(*, spread=1.0, far=20.0):
    means = far * np.array([[0.0, 0, 0, 0], [1, 0, 0, 0], [0, 5, 0, 0]])
    return means[LABELS] + spread * np.random.default_rng(0).normal(size=(60, 4))


def test_neighbours_stay_neighbours_and_the_seed_decides_the_rest():
    points = tsne(clusters(), perplexity=8.0)
    away = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(away, np.inf)
    np.testing.assert_array_equal(LABELS[away.argmin(1)], LABELS)
    np.testing.assert_array_equal(tsne(clusters(), perplexity=8.0), points)


def test_clusters_a_hundred_times_tighter_look_no_tighter():
    def tightness(features):
        points = tsne(features, perplexity=8.0)
        return nc1(points, LABELS)

    tight, wide = clusters(spread=0.01), clusters()
    assert nc1(tight, LABELS) < 1e-3 * nc1(wide, LABELS)
    assert tightness(tight) > 0.1 * tightness(wide)


def test_what_cannot_be_drawn_is_refused(monkeypatch):
    for perplexity in (20.0, 0.5, float("nan")):
        with pytest.raises(
            ValueError, match="`perplexity` must lie between 1 and a third of the 60 examples"
        ):
            tsne(clusters(), perplexity=perplexity)
    with pytest.raises(ValueError, match="`features` must have two columns or more"):
        tsne(np.ones((60, 1)), perplexity=5.0)
    with pytest.raises(ValueError, match="`features` must differ between examples"):
        tsne(np.ones((60, 4)), perplexity=5.0)
    with pytest.raises(ValueError, match="`features` must be finite"):
        tsne(np.full((60, 4), np.inf), perplexity=5.0)
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(ImportError, match="`tsne` needs scikit-learn"):
        tsne(clusters(), perplexity=5.0)
