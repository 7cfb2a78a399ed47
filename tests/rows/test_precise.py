"""float32 logits computed in float64: the same bits as of the same numbers in float64."""

import numpy as np
import pytest

from smoothlab import _rows

WIDTHS = [1, 2, 7, 8, 9, 10, 31, 128, 129, 1000, 5003]
NAMES = ("highest", "others", "log_sum", "argmax", "count", "background", "label", "mean", "variance")

each_set = pytest.mark.parametrize("instructions", _rows.INSTRUCTIONS)


def pair(logits, **arguments):
    return [_rows.statistics(z, **arguments) for z in (logits, logits.astype(np.float64))]


@each_set
@pytest.mark.parametrize("inverse_temperature", [0.01, 1.0, 20.0])
def test_precise_is_float64_to_the_last_bit(inverse_temperature, instructions):
    for classes in WIDTHS:
        random = np.random.default_rng(classes)
        logits = (5 * random.normal(size=(37, classes))).astype(np.float32)
        logits[3:, : classes // 2] = -np.inf  # masked in most rows
        logits[5, -1], logits[6], logits[7, 0] = np.nan, -np.inf, np.inf
        arguments = {
            "labels": random.integers(classes, size=37),
            "inverse_temperature": inverse_temperature,
            "moments": True,
            "precise": True,
            "instructions": instructions,
        }
        got, want = pair(logits, **arguments)
        for name in NAMES:
            np.testing.assert_array_equal(getattr(got, name), getattr(want, name))


@each_set
def test_a_background_and_a_class_mask_are_those_of_float64(instructions):
    for classes in WIDTHS:
        random = np.random.default_rng(classes)
        logits = random.normal(size=(37, classes)).astype(np.float32)
        mask = random.random((37, classes)) < 0.7
        got, want = pair(
            logits,
            background=random.random(classes),
            class_mask=mask,
            precise=True,
            instructions=instructions,
        )
        for name in ("others", "count", "background"):
            np.testing.assert_array_equal(getattr(got, name), getattr(want, name))


@each_set
@pytest.mark.parametrize("classes", [2, 3, 6, 10, 15, 128, 300])
def test_equal_logits_have_their_probability_exactly(classes, instructions):
    for dtype in (np.float32, np.float64):
        got = _rows.statistics(np.full((1, classes), 0.3, dtype), instructions=instructions)
        assert got.others[0] == classes - 1


def test_half_precision_is_refused():
    with pytest.raises(ValueError, match="`precise` is for float32 and float64"):
        _rows.statistics(np.zeros((1, 2), np.float16), precise=True)
