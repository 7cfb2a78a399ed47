import sys

import numpy as np
import pytest

from smoothlab.data import digits

FINGERPRINT = "27e41b57755ac79033b4695a437f61f78c70cd24bea636a77279a01aef83404b"


def test_the_digits_are_scikit_learns_own_and_none_is_lost():
    from sklearn.datasets import load_digits

    levels, labels = load_digits(return_X_y=True)
    data = digits()
    parts = (data.train, data.validation, data.test)
    bytes_ = np.concatenate([part.inputs for part in parts]).reshape(-1, 64)
    got = np.column_stack([np.rint(bytes_ * (16 / 255)), np.concatenate([part.labels for part in parts])])
    want = np.column_stack([levels, labels])
    assert sorted(got.tolist()) == sorted(want.tolist())
    assert bytes_.max() == 255


def test_the_split_is_fixed_and_keeps_every_class_share():
    data = digits()
    assert (len(data.train), len(data.validation), len(data.test)) == (1079, 359, 359)
    counts = np.bincount(np.concatenate([data.train.labels, data.validation.labels, data.test.labels]))
    for part in (data.validation, data.test):
        # Within 1 of the proportion of 359, and for validation of what test left, which is off by one at most.
        assert (np.abs(np.bincount(part.labels) - counts * 359 / 1797) < 2).all()
    assert data.fingerprint() == FINGERPRINT


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"Install it with: pip install 'smoothlab\[study\]'"):
        digits()
