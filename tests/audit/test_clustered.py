"""Where several answers come from one row, an audit has intervals of rows or none, streamed or not."""

import dataclasses
import math

import numpy as np
import pytest
from click.testing import CliRunner

from smoothlab import Predictions, cli
from smoothlab.audit import audit, compare
from smoothlab.measures.calibration import Reliability
from smoothlab.report.audit import audit_page, in_words
from smoothlab.saved import open_saved
from smoothlab.scaling import Temperature

G, SIZE, K = 80, 25, 4
BLANK = {"mce", "ece_classwise", "ece_smooth", "ks", "z"}
NOT_OF_STREAMS = {"ece_mass", "aurc", "e_aurc", "augrc", "aurc_norm"}


def drawn(seed: int, factor: float = 1.6) -> tuple[np.ndarray, np.ndarray]:
    """Sequences that are alike within; some positions are padding, and one sequence is nothing but that."""
    random = np.random.default_rng(seed)
    shared = random.normal(size=(G, 1, K))
    logits = 2 * (0.6 * random.normal(size=(G, SIZE, K)) + 0.8 * shared)
    noise = 0.6 * random.gumbel(size=(G, SIZE, K)) + 0.8 * random.gumbel(size=(G, 1, K))
    labels = (logits + noise).argmax(2)
    labels[random.random((G, SIZE)) < 0.2] = -100
    labels[7] = -100
    return factor * logits, labels


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    for name, seed, factor in (("test", 0, 1.6), ("fit", 1, 1.6), ("other", 0, 0.9)):
        logits, labels = drawn(seed, factor)
        np.savez(folder / f"{name}.npz", logits=logits, labels=labels)
    return {name: open_saved(folder / f"{name}.npz", ignore_index=-100) for name in ("test", "fit", "other")}


@pytest.fixture(scope="module")
def whole(files):
    return audit(files["test"].predictions(), fit=files["fit"].predictions())


@pytest.fixture(scope="module")
def streamed(files):
    return audit(files["test"], fit=files["fit"])


def test_every_line_has_an_interval_of_rows_or_none(whole):
    for line in whole.lines:
        assert (line.null, line.p_value) == (None, None)
        assert (line.interval is None) == (line.name in BLANK)


def test_a_stream_has_the_same_intervals_but_for_those_it_cannot_know(whole, streamed):
    assert [line.name for line in streamed.lines] == [line.name for line in whole.lines]
    for got, want in zip(streamed.lines, whole.lines, strict=True):
        assert (got.interval is None) == (want.interval is None or want.name in NOT_OF_STREAMS)
        if got.interval is not None:
            # sums are added in another order, and the temperature ends at another step
            assert got.interval == pytest.approx(want.interval, rel=1e-5, abs=1e-7)
    assert "Read as a stream" in streamed.note
    assert "Read as a stream" not in whole.note


def test_sequences_without_an_answer_drop_out(whole, files):
    assert f"come from {G - 1} rows" in whole.note
    clusters = files["test"].predictions().clusters
    assert clusters[-1] == G - 2
    assert not (np.diff(clusters) > 1).any()


def test_intervals_are_wider_than_those_of_independent_answers(whole, files):
    said = files["test"].predictions()
    naive = audit(Predictions(said.logits, said.labels), fit=files["fit"].predictions())
    for name in ("accuracy", "nll", "brier", "gap", "aurc", "ece"):
        wide, narrow = (np.diff(found[name].interval)[0] for found in (whole, naive))
        assert wide > 1.2 * narrow
        assert whole[name].value == naive[name].value


def test_no_diagram_has_a_band_and_no_page_says_nan(whole, streamed):
    for found in (whole, streamed):
        diagrams = [each for each in vars(found).values() if isinstance(each, Reliability)]
        assert len(diagrams) == 4
        assert all(np.isnan(each.null_low).all() and math.isnan(each.p_value) for each in diagrams)
        assert np.isnan(found.risk.high).all()
        assert "nan" not in " ".join(in_words(found)).split()
        captions = [
            sentence
            for section in audit_page([found]).sections
            for each in section.contents
            for sentence in np.atleast_1d(each.caption)
        ]
        assert captions
        assert not any("nan" in caption.split() for caption in captions)


def test_the_verdict_follows_from_the_interval_of_the_ece(whole):
    assert whole["ece"].interval[0] > 0
    first = in_words(whole)[0]
    assert first.startswith("It is miscalibrated")
    assert "the true one in [" in first
    low = dataclasses.replace(whole["ece"], interval=(0.0, 0.1))
    lines = tuple(low if line.name == "ece" else line for line in whole.lines)
    assert in_words(dataclasses.replace(whole, lines=lines))[0].startswith("Nothing speaks against")


def test_the_error_of_a_temperature_is_the_sandwich_of_rows(whole, files):
    said = files["fit"].predictions()
    fitted = Temperature().fit(said.logits, said.labels)
    z = said.logits.astype(float)
    p = np.exp(z / fitted.temperature_)
    p /= p.sum(1, keepdims=True)
    scores = (p * z).sum(1) - z[np.arange(len(z)), said.labels]
    curvature = ((p * z**2).sum(1) - (p * z).sum(1) ** 2).sum()
    by_row = np.bincount(said.clusters, weights=scores)
    rows = len(by_row)
    error = fitted.temperature_**2 * math.sqrt(rows / (rows - 1) * (by_row**2).sum()) / curvature
    low, high = whole["temperature"].interval
    # t at 78 degrees of freedom or, for a long tail, fewer; on the scale of logarithms
    assert 1.98 < math.log(high / low) / 2 * fitted.temperature_ / error < 2.3
    assert low * high == pytest.approx(fitted.temperature_**2)
    assert error > 1.2 * fitted.standard_error_


def test_differences_are_of_rows_in_memory_and_streamed(files):
    pair = [files[name].predictions() for name in ("test", "other")]
    alone = compare(*(Predictions(each.logits, each.labels) for each in pair), fit=files["fit"].predictions())
    whole = compare(*pair, fit=files["fit"].predictions())
    streamed = compare(files["test"], files["other"], fit=files["fit"])
    for naive, want, got in zip(alone, whole, streamed, strict=True):
        assert naive.name == want.name == got.name
        assert want.value == pytest.approx(naive.value, rel=1e-12)
        if want.name == "aurc":
            assert got.interval is None
        else:
            assert got.interval == pytest.approx(want.interval, rel=1e-5)
    nll = [
        np.diff(next(line for line in lines if line.name == "nll").interval)[0] for lines in (alone, whole)
    ]
    assert nll[1] > nll[0]


def test_rows_to_compare_must_be_the_same():
    logits, labels = np.eye(4), np.arange(4)
    one, other = (
        Predictions(logits, labels, clusters=np.array(each)) for each in ([0, 0, 1, 1], [0, 1, 1, 1])
    )
    with pytest.raises(ValueError, match="must come from the same rows"):
        compare(one, other)
    assert compare(one, Predictions(logits, labels))[0].interval == compare(one, one)[0].interval


def test_each_row_with_one_answer_is_as_before(tmp_path):
    random = np.random.default_rng(5)
    logits, labels = random.normal(size=(300, 1, 3)), random.integers(0, 3, (300, 1))
    np.savez(tmp_path / "one.npz", logits=logits, labels=labels)
    saved = open_saved(tmp_path / "one.npz")
    assert saved.apart
    assert saved.predictions().clusters is None
    assert audit(saved.predictions()).lines == audit(Predictions(logits[:, 0], labels[:, 0])).lines


def test_the_command_streams_sequences_and_says_what_is_missing(tmp_path, monkeypatch):
    logits, labels = drawn(3)
    np.savez(tmp_path / "long.npz", logits=logits, labels=labels)
    monkeypatch.setattr(cli, "MOST_NUMBERS", 100)
    done = CliRunner().invoke(cli.main, ["audit", str(tmp_path / "long.npz"), "--ignore-index", "-100"])
    assert done.exit_code == 0, done.output
    assert f"come from {G - 1} rows of the file" in " ".join(done.stdout.split())
    assert "no interval either" in " ".join(done.stdout.split())
