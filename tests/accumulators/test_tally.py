import json
import subprocess
import sys

import numpy as np
import pytest

from smoothlab.accumulators import Tally
from smoothlab.measures import (
    augrc,
    aurc,
    calibration_error,
    classwise_calibration_error,
    confidence_gap,
    excess_aurc,
    kolmogorov_smirnov,
    smooth_calibration_error,
    spiegelhalter,
    top_label,
)
from smoothlab.measures.scores import accuracy, brier_score, negative_log_likelihood

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(5, size=4000)
LOGITS = 4 * np.eye(5)[LABELS] + RANDOM.normal(0, 3, (4000, 5))


def tally(logits=LOGITS, labels=LABELS, block=700, **settings) -> Tally:
    seen = Tally(classes=logits.shape[1], **settings)
    for start in range(0, len(labels), block):
        seen.update(logits[start : start + block], labels[start : start + block])
    return seen


def wanted(logits, labels) -> dict[str, tuple[float, float]]:
    """What the measures say of the whole, and how far a tally may be from it."""
    answers = top_label(logits, labels)
    return {
        "accuracy": (accuracy(logits, labels), 0),
        "nll": (negative_log_likelihood(logits, labels), 1e-12),
        "brier": (brier_score(logits, labels), 1e-12),
        "gap": (confidence_gap(logits, labels), 1e-12),
        "ece": (calibration_error(*answers), 1e-12),
        "ece_debiased": (calibration_error(*answers, debiased=True), 1e-12),
        "rms": (calibration_error(*answers, norm="square"), 1e-12),
        "mce": (calibration_error(*answers, norm="maximum"), 1e-12),
        # a cell moves a confidence by 2.5e-4 at most, and holds at most three of these 4000 answers
        "ece_smooth": (smooth_calibration_error(*answers), 2.5e-4),
        "ks": (kolmogorov_smirnov(*answers).error, 3 / 4000),
        "z": (spiegelhalter(*answers).z, 1e-3),
        "aurc": (aurc(*answers), 1e-4),
        "e_aurc": (excess_aurc(*answers), 1e-4),
        "augrc": (augrc(*answers), 1e-4),
        "ece_classwise": (classwise_calibration_error(logits, labels), 1e-6),
    }


def test_every_measure_is_that_of_the_whole():
    found = tally(classwise=True).compute()
    want = wanted(LOGITS, LABELS)
    assert set(found) == set(want)
    for name, (value, most) in want.items():
        assert abs(found[name] - value) <= most, name


def test_a_temperature_divides_the_logits():
    found, want = tally(temperature=2.5, classwise=True).compute(), wanted(LOGITS / 2.5, LABELS)
    for name, (value, most) in want.items():
        assert abs(found[name] - value) <= most, name


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_single_and_half_precision_are_read_as_they_are(dtype):
    logits = LOGITS.astype(dtype)
    found, want = tally(logits).compute(), tally(logits.astype(np.float64)).compute()
    for name in ("accuracy", "nll", "brier", "gap"):
        assert found[name] == pytest.approx(want[name], rel=1e-6)


def test_confidences_of_exactly_one_are_kept_and_a_masked_label_is_an_infinite_loss():
    logits = np.array([[100.0, 0, 0], [0, 100, -np.inf], [3, 0, -np.inf]])
    found = tally(logits, np.array([0, 2, 0])).compute()
    assert found["nll"] == np.inf
    assert found["ece"] == pytest.approx((1 - 1 / (1 + np.exp(-3)) + 0) / 3 + (1 - 0) / 3 - 0, abs=0.35)
    assert found["mce"] > 0.3


def test_a_state_comes_home_from_another_process(tmp_path):
    np.savez(tmp_path / "shard.npz", logits=LOGITS[2000:], labels=LABELS[2000:])
    code = (
        "import numpy as np; from smoothlab.accumulators import Tally\n"
        f"held = np.load({str(tmp_path / 'shard.npz')!r}); seen = Tally(classes=5)\n"
        f"seen.update(held['logits'], held['labels']); seen.save({str(tmp_path / 'state.safetensors')!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    both = tally(LOGITS[:2000], LABELS[:2000], block=2000) + Tally.load(tmp_path / "state.safetensors")
    assert both.compute() == tally(block=2000).compute()  # to the last bit
    assert json.dumps(both.compute())


@pytest.mark.parametrize(
    ("settings", "logits", "labels", "sentence"),
    [
        ({"classes": 1}, None, None, "`classes` must be a whole number, at least 2"),
        ({"classes": 2, "temperature": 0.0}, None, None, "`temperature` must be"),
        ({"classes": 2}, np.eye(3), np.arange(3), "must have 2 columns, as `classes` says, but got 3"),
        ({"classes": 2}, np.full((1, 2), np.nan), np.array([0]), "row 0 holds nan"),
        ({"classes": 2}, np.eye(2), np.array([0, 2]), "row 1 has 2"),
    ],
)
def test_what_cannot_be_read_is_refused_and_adds_nothing(settings, logits, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        Tally(**settings).update(logits, labels)


def test_nothing_is_computed_of_nothing():
    with pytest.raises(ValueError, match="none was added"):
        Tally(classes=3).compute()
