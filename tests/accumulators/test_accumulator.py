"""What holds of every accumulator: its states add, in any order, and travel."""

import numpy as np
import pytest

from smoothlab.accumulators import ClassBins, Histogram, Paired, PowerSums, Tally
from smoothlab.accumulators.rows import rows_of

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(60, 4))
LABELS = RANDOM.integers(4, size=60)


def fed(kind, rows):
    logits, labels = LOGITS[rows], LABELS[rows]
    said = rows_of(logits, labels)
    match kind:
        case "tally":
            seen = Tally(classes=4, classwise=True)
            seen.update(logits, labels)
        case "class bins":
            seen = ClassBins(classes=4)
            seen.update(logits, labels)
        case "histogram":
            seen = Histogram()
            seen.update(said.confidences, said.correct)
        case "powers":
            seen = PowerSums()
            seen.update(said.nll)
        case "paired":
            seen = Paired()
            seen.update(said, rows_of(2 * logits, labels))
    return seen


KINDS = ["tally", "class bins", "histogram", "powers", "paired"]


def same(one, other) -> bool:
    return all(np.array_equal(one.sums[name], array) for name, array in other.sums.items())


@pytest.mark.parametrize("kind", KINDS)
def test_addition_has_no_order_and_no_brackets(kind):
    a, b, c = (fed(kind, slice(start, start + 20)) for start in (0, 20, 40))
    assert same(a + b, b + a)
    assert same((a + b) + c, a + (b + c))


@pytest.mark.parametrize("kind", ["histogram", "tally", "paired"])
def test_shards_add_up_to_what_one_would_have_seen(kind):
    whole, parts = fed(kind, slice(None)), fed(kind, slice(0, 13)) + fed(kind, slice(13, None))
    for name, array in whole.sums.items():
        if not name.endswith(
            ("powers", "drawn", "classes.confidences")
        ):  # block sums, once rounded, and draws
            assert np.array_equal(array, parts.sums[name]), name


def test_adding_leaves_both_as_they_were():
    a, b = fed("tally", slice(0, 20)), fed("tally", slice(20, 40))
    before = a.state()
    a + b
    assert same(a, fed("tally", slice(0, 20)))
    before["answers.count"][:] = 7  # a state is a copy
    assert same(a, fed("tally", slice(0, 20)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_travels_as_arrays_and_as_a_file(kind, tmp_path):
    seen = fed(kind, slice(None))
    assert same(type(seen)(**seen.settings).with_state(seen.state()), seen)
    seen.save(tmp_path / "state.safetensors")
    loaded = type(seen).load(tmp_path / "state.safetensors")
    assert loaded.settings == seen.settings
    assert same(loaded + loaded, seen + seen)


def test_a_reset_forgets():
    seen = fed("tally", slice(None))
    seen.reset()
    assert seen.n == 0
    seen.update(LOGITS[:20], LABELS[:20])
    assert same(seen, fed("tally", slice(0, 20)))


def test_what_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"same settings, but have .*'classes': 3.*'classes': 4"):
        Tally(classes=3) + Tally(classes=4)
    with pytest.raises(TypeError):
        Tally(classes=3) + Histogram()
    with pytest.raises(ValueError, match="Pass what `state` gave"):
        Histogram().with_state(Tally(classes=3).state())
    with pytest.raises(ValueError, match="must hold int64 arrays"):
        Histogram().with_state({name: each.astype(float) for name, each in Histogram().state().items()})
    Histogram().save(tmp_path / "state.safetensors")
    with pytest.raises(ValueError, match="holds no Tally"):
        Tally.load(tmp_path / "state.safetensors")
    (tmp_path / "state.safetensors").write_bytes(b"short")
    with pytest.raises(ValueError, match="no whole safetensors file"):
        Histogram.load(tmp_path / "state.safetensors")
