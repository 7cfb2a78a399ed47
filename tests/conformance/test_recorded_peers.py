"""Where peers are right we agree, and where they are wrong we are not; their numbers are in peers.json.

Every test first computes the truth by itself, in exact sums of the very examples, then asks smoothlab, and then reads
what the peer said of the same case. Where a peer is installed it is asked again, so that the record cannot rot.
"""

import importlib.util
import json
import math
from fractions import Fraction
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, special
from sklearn.metrics import log_loss

from smoothlab.measures import (
    accuracy,
    aurc,
    calibration_error,
    classwise_calibration_error,
    confidences,
    excess_aurc,
    negative_log_likelihood,
    reliability,
    smooth_calibration_error,
    top_label,
)
from smoothlab.scaling import Status, Temperature

RECORDED = json.loads((Path(__file__).parent / "peers.json").read_text("utf-8"))
TORCHMETRICS, RELPLOT, PROBMETRICS = (RECORDED[peer] for peer in ("torchmetrics", "relplot", "probmetrics"))


def cases():
    """The script that made the record, which also makes the examples."""
    script = Path(__file__).parents[2] / "scripts" / "record_peers.py"
    spec = importlib.util.spec_from_file_location("record_peers", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = cases()


def exact_error(claimed, right, *, bins=15):
    """The ECE with exact bins and exactly rounded sums: n_b |acc_b - conf_b| is |hits_b - sum_b|."""
    bin_of = [max(math.ceil(Fraction(float(claim)) * bins) - 1, 0) for claim in claimed]
    return math.fsum(
        abs(
            sum(bool(a) for a, b in zip(right, bin_of, strict=True) if b == wanted)
            - math.fsum(float(c) for c, b in zip(claimed, bin_of, strict=True) if b == wanted)
        )
        for wanted in set(bin_of)
    ) / len(bin_of)


def exact_answers(logits, labels):
    """The top label's probability and whether it is right, from scipy's softmax in float64."""
    chances = special.softmax(logits.astype(np.float64), axis=1)
    return chances.max(1), chances.argmax(1) == labels


def brent(logits, labels):
    """The temperature at which the slope of the NLL vanishes."""

    def slope(inverse):
        chances = special.softmax(inverse * logits, axis=1)
        return np.mean((chances * logits).sum(1) - logits[np.arange(len(labels)), labels])

    return 1 / float(optimize.brentq(slope, 1e-3, 1e3, xtol=1e-15, rtol=1e-14))  # type: ignore[arg-type]


def rounded(said):
    """The same, where numbers are equal that differ in the last digits of float32, as from one machine to the next."""
    match said:
        case dict():
            return {key: rounded(entry) for key, entry in said.items()}
        case list():
            return [rounded(entry) for entry in said]
    return pytest.approx(said, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(
    ("peer", "needs"), [("torchmetrics", []), ("relplot", []), ("probmetrics", ["numba"])]
)
def test_what_is_recorded_is_what_the_peer_says_here(peer, needs):
    absent = [name for name in (peer, *needs) if importlib.util.find_spec(name) is None]
    if absent:
        pytest.skip(f"{absent[0]} is not installed")
    assert CASES.measured(peer) == rounded(RECORDED[peer])


# Where they are right.


def test_the_error_of_plain_logits_is_exact_and_torchmetrics():
    logits, labels = CASES.plain()
    want = exact_error(*exact_answers(logits, labels))
    assert calibration_error(*top_label(logits, labels)) == pytest.approx(want, rel=1e-12)
    assert TORCHMETRICS["ece"] == pytest.approx(want, rel=1e-6)


def test_float16_logits_are_taken_at_their_word():
    logits, labels = CASES.plain()
    half = logits.astype(np.float16)
    want = exact_error(*exact_answers(half, labels))
    assert calibration_error(*top_label(half, labels)) == pytest.approx(want, rel=1e-12)
    assert calibration_error(*top_label(half.astype(np.float64), labels)) == pytest.approx(want, rel=1e-12)
    # it takes its softmax in half, whose last bit is 1e-3 of a probability; over a bin most of that cancels
    assert TORCHMETRICS["ece, float16"] == pytest.approx(want, abs=1e-3)
    fitted = Temperature().fit(half, labels).temperature_
    assert fitted == pytest.approx(brent(half.astype(np.float64), labels), rel=1e-10)


@pytest.mark.parametrize("kind", ["calibrated", "over", "under"])
def test_the_smooth_error_is_that_of_relplot_to_its_own_precision(kind):
    claimed, right = CASES.quoted(kind)
    theirs = RELPLOT[kind]
    # it halves an interval of bandwidths ten times, and sums over a mesh of 200 points
    got = smooth_calibration_error(claimed, right)
    assert theirs["error"] - 3e-4 < got < theirs["bandwidth"] + 3e-4
    for bandwidth, error in zip((0.02, 0.05, 0.1, 0.2), theirs["at bandwidths"], strict=True):
        assert smooth_calibration_error(claimed, right, bandwidth=bandwidth) == pytest.approx(error, rel=5e-3)


@pytest.mark.parametrize(
    ("case", "made"), [("plain", "plain"), ("true 0.5", "sharpened"), ("true 8", "softened")]
)
def test_the_temperature_is_the_root_and_that_of_probmetrics(case, made):
    logits, labels = getattr(CASES, made)()
    want = brent(logits, labels)
    assert Temperature().fit(logits, labels).temperature_ == pytest.approx(want, rel=1e-10)
    # it bisects 32 units of log T thirty times, in float32
    assert PROBMETRICS["own"][case] == pytest.approx(want, rel=1e-5)


# Where they are wrong.


def test_a_confidence_of_exactly_one_is_in_the_last_bin_and_not_in_one_of_its_own():
    claimed, right = CASES.certain()
    want = exact_error(claimed, right)
    assert want == pytest.approx(0.025, rel=1e-12)  # accuracy 0.95, mean confidence 0.975, one bin
    assert calibration_error(claimed, right) == pytest.approx(want, rel=1e-12)
    # two bins: half of |1 - 0.95| and half of |0.9 - 1|
    assert TORCHMETRICS["ece, certain"] == pytest.approx(0.075, rel=1e-6)


def test_ten_million_confidences_are_summed_without_loss():
    claimed, right = CASES.many()
    whole = claimed.astype(np.float64) * 2**24  # a float32 between a half and 1 is a whole number of 2^-24
    bin_of = -(-whole.astype(np.int64) * 15 // 2**24) - 1
    # sums of at most 1e7 numbers of 24 bits, which float64 holds exactly
    sums = np.bincount(bin_of, weights=whole, minlength=15).astype(np.int64)
    hits = np.bincount(bin_of[right], minlength=15)
    gaps = [abs(Fraction(int(h)) - Fraction(int(s), 2**24)) for h, s in zip(hits, sums, strict=True)]
    want = float(sum(gaps) / len(right))
    # 1e7 additions in float64, each with half an ulp of a sum below 1e7, over 1e7 examples
    assert calibration_error(claimed, right) == pytest.approx(want, abs=1e-9)
    assert want < 3e-4
    assert TORCHMETRICS["ece, many"] > 20 * want


def test_logits_that_look_like_probabilities_stay_logits_in_every_batch():
    logits, labels = CASES.like_probabilities()
    inside = ((logits >= 0) & (logits <= 1)).all(1)
    assert 0.2 < inside.mean() < 0.8
    want = exact_error(*exact_answers(logits, labels))
    alone = np.concatenate([confidences(row[None]) for row in logits])
    assert calibration_error(alone, logits.argmax(1) == labels) == pytest.approx(want, rel=1e-12)
    assert TORCHMETRICS["ece, like probabilities, one batch"] == pytest.approx(want, rel=1e-5)
    assert TORCHMETRICS["ece, like probabilities, batches of one"] > 1.5 * want


def test_a_label_that_is_no_class_is_refused_and_not_counted_as_an_error():
    logits, labels = CASES.plain()
    outside = labels.clip(min=CASES.CLASSES)
    with pytest.raises(ValueError, match=r"`labels`.*10"):
        reliability(logits, outside)
    # with every answer wrong the error is the mean confidence: it was counted
    want = math.fsum(exact_answers(logits, labels)[0]) / len(labels)
    assert TORCHMETRICS["ece, a label that is no class"] == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize(
    ("case", "made", "truth"), [("true 0.5", "sharpened", 0.5), ("true 8", "softened", 8.0)]
)
def test_a_smoothed_and_a_very_sure_net_get_their_true_temperature(case, made, truth):
    logits, labels = getattr(CASES, made)()
    fitted = Temperature().fit(logits, labels)
    assert fitted.status_ is Status.OK
    assert abs(fitted.temperature_ - truth) < 3 * fitted.standard_error_
    assert abs(PROBMETRICS["gpleiss"][case] - truth) > 5 * fitted.standard_error_


def test_a_temperature_is_never_below_zero():
    logits, labels = CASES.sharpened()
    assert Temperature().fit(logits, labels).temperature_ == pytest.approx(brent(logits, labels), rel=1e-10)
    assert PROBMETRICS["torch-uncertainty"]["true 0.5"] < 0


def test_separable_examples_are_called_so():
    logits, _ = CASES.plain()
    labels = logits.argmax(1)
    losses = [-special.log_softmax(logits / t, 1)[np.arange(3000), labels].mean() for t in (1, 0.1, 0.01)]
    assert losses == sorted(losses, reverse=True)  # the colder the better, without end
    assert Temperature().fit(logits, labels).status_ is Status.SEPARABLE
    assert PROBMETRICS["own"]["separable"] < 1e-6


def test_a_model_that_is_always_wrong_has_errors_as_computed_and_no_temperature():
    logits, _ = CASES.plain()
    labels = logits.argmin(1)
    losses = [-special.log_softmax(logits / t, 1)[np.arange(3000), labels].mean() for t in (1, 10, 100)]
    assert losses == sorted(losses, reverse=True)  # the warmer the better, without end
    assert Temperature().fit(logits, labels).status_ is Status.UNINFORMATIVE
    assert PROBMETRICS["own"]["all wrong"] > 1e6
    claimed, right = top_label(logits, labels)
    assert accuracy(logits, labels) == 0
    assert calibration_error(claimed, right) == pytest.approx(math.fsum(claimed) / 3000, rel=1e-12)
    assert (aurc(claimed, right), excess_aurc(claimed, right)) == (1, 0)


def test_a_nan_logit_stops_the_fit():
    logits, labels = CASES.plain()
    logits[17, 2] = np.nan
    with pytest.raises(ValueError, match="row 17 holds nan"):
        Temperature().fit(logits, labels)
    assert PROBMETRICS["own"]["one nan"] < 1e-6


def test_classes_without_examples_count_with_the_probability_they_were_given():
    logits, _ = CASES.plain()
    labels = np.arange(3000) % 3  # seven of ten classes never occur
    chances = special.softmax(logits, axis=1)
    each = [exact_error(chances[:, k], labels == k) for k in range(10)]
    assert classwise_calibration_error(logits, labels) == pytest.approx(math.fsum(each) / 10, rel=1e-12)
    want = -math.fsum(np.log(chances[np.arange(3000), labels])) / 3000
    assert negative_log_likelihood(logits, labels) == pytest.approx(want, rel=1e-12)
    assert log_loss(labels, chances, labels=np.arange(10)) == pytest.approx(want, rel=1e-12)
    with pytest.raises(
        ValueError, match="number of classes"
    ):  # it takes the labels that occur for all there are
        log_loss(labels, chances)


def test_tied_scores_have_the_mean_area_of_all_their_orders():
    scores = np.array([0.9, 0.9, 0.9, 0.5, 0.5, 0.2, 0.2])
    right = np.array([True, False, True, False, True, True, False])
    areas = []
    for order in permutations(range(7)):
        if all(scores[a] >= scores[b] for a, b in pairwise(order)):
            errors = np.cumsum(~right[list(order)])
            areas.append(sum(Fraction(int(m), k) for k, m in enumerate(errors, 1)) / 7)
    want = sum(areas) / len(areas)
    assert aurc(scores, right) == pytest.approx(float(want), rel=1e-14)
    assert min(areas) < want < max(areas)  # what a rule of row order may give, as torch-uncertainty's does
