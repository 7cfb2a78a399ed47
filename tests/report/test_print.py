"""Figures for print: what is on them, that they leave no trace, and that they are the same every time."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from smoothlab import Predictions, measures
from smoothlab.audit import audit
from smoothlab.report import ReliabilitySeries, RiskSeries, Scale, typeset
from smoothlab.report.figures import Tone
from smoothlab.report.print import (
    COLOURS,
    as_data,
    reliability_figure,
    risk_figure,
    save,
    write_plots,
)

RANDOM = np.random.default_rng(0)
LABELS = np.arange(900) % 3
LOGITS = 9 * (np.eye(3)[LABELS] + RANDOM.normal(size=(900, 3)))
FIT = Predictions(9 * (np.eye(3)[LABELS] + RANDOM.normal(size=(900, 3))), LABELS)
HARD = audit(Predictions(LOGITS, LABELS), fit=FIT, name="hard.npz")
SOFT = audit(Predictions(LOGITS / 4, LABELS), fit=Predictions(FIT.logits / 4, LABELS), name="soft.npz")
SERIES = [ReliabilitySeries("hard", HARD.reliability, None, HARD.log_odds)]
SVG = "{http://www.w3.org/2000/svg}"


def words(figure):
    return " ".join(" ".join(text.get_text().split()) for text in figure.texts)


def test_there_is_a_panel_for_each_scale_with_the_counts_under_it():
    figure = reliability_figure(SERIES, title="A title.")
    assert [axes.get_ylabel() for axes in figure.axes] == ["accuracy", "examples"] * 2
    assert [axes.get_xlabel() for axes in figure.axes][1::2] == ["confidence", "confidence, log-odds scale"]
    for lower in figure.axes[1::2]:
        assert sum(bar.get_height() for bar in lower.patches) == 900


@pytest.mark.parametrize("scale", Scale)
def test_one_scale_may_be_asked_for(scale):
    figure = reliability_figure(SERIES, title="", scales=[scale])
    assert len(figure.axes) == 2
    assert ("log-odds" in figure.axes[1].get_xlabel()) == (scale is Scale.LOG_ODDS)
    assert ("1 wide in log-odds" in words(figure)) == (scale is Scale.LOG_ODDS)


def test_the_signs_lie_where_the_bins_do_and_an_empty_bin_has_none():
    signs = reliability_figure(SERIES, title="", scales=[Scale.PROBABILITY]).axes[0].collections[-1]
    held = HARD.reliability.count > 0
    assert not held.all()
    want = np.stack([HARD.reliability.confidence, HARD.reliability.accuracy], 1)[held]
    np.testing.assert_allclose(signs.get_offsets(), want, rtol=1e-12)


def test_title_caption_and_legend_say_what_is_drawn_of_how_many():
    figure = reliability_figure(SERIES, title="A title.")
    assert "A title." in words(figure)
    for part in ("15 bins of equal width", "95 times in 100", "n = 900.", "if calibrated"):
        assert part in words(figure)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        f"hard, ECE {HARD.reliability.ece:.3f}"
    ]


def test_everything_that_is_written_lies_on_the_paper():
    name = "a-rather-long-name-of-a-file-of-predictions-of-a-model.safetensors"
    series = [ReliabilitySeries(name, HARD.reliability, None, HARD.log_odds)] * 4
    for figure in (
        reliability_figure(series, title=name),
        reliability_figure(series, title=name, scales=[Scale.LOG_ODDS]),
        risk_figure([RiskSeries(name, HARD.risk, 0.1)] * 4, title=name),
    ):
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        paper = figure.bbox
        boxes = [text.get_window_extent() for text in figure.texts]
        boxes += [legend.get_window_extent() for legend in figure.legends]
        boxes += [axes.get_tightbbox() for axes in figure.axes]
        for box in boxes:
            assert paper.x0 <= box.x0 < box.x1 <= paper.x1 + 1
            assert paper.y0 <= box.y0 < box.y1 <= paper.y1 + 1
        caption = figure.texts[1].get_window_extent()
        assert caption.y1 < min(axes.get_tightbbox().y0 for axes in figure.axes)
        assert figure.legends[0].get_window_extent().y0 >= max(axes.bbox.y1 for axes in figure.axes)


def test_the_colours_are_those_of_the_page_in_light():
    light = files("smoothlab.report").joinpath("page.css").read_text(encoding="utf-8").split("@media")[0]
    for tone in Tone:
        assert f"--{tone}: {COLOURS[tone]};" in light


def test_the_same_audits_give_the_same_bytes(tmp_path):
    for folder in ("first", "second"):
        write_plots([HARD], tmp_path / folder)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "second").iterdir())
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_an_svg_is_whole_has_no_date_and_every_reference_leads_somewhere(tmp_path):
    svg, _, _ = save(reliability_figure(SERIES, title="a < b & c"), tmp_path / "figure", {})
    text = svg.read_text("utf-8")
    root = ElementTree.fromstring(text)  # noqa: S314 - we wrote it
    names = [part.get("id") for part in root.iter() if part.get("id")]
    assert len(names) == len(set(names))
    used = {
        value.removeprefix("url(").removesuffix(")").removeprefix("#")
        for part in root.iter()
        for key, value in part.attrib.items()
        if value.startswith(("#", "url(#")) and key not in ("fill", "stroke", "style")
    }
    assert used
    assert used <= set(names)
    assert "dc:date" not in text


def test_a_dollar_in_a_name_begins_no_formula(tmp_path):
    series = [ReliabilitySeries("$\\frac$ a_b", HARD.reliability, None, HARD.log_odds)]
    assert all(
        path.stat().st_size for path in save(reliability_figure(series, title="$x$"), tmp_path / "a", {})
    )


def test_the_data_beside_a_figure_are_those_that_it_shows(tmp_path):
    write_plots([HARD], tmp_path)
    before, after = json.loads((tmp_path / "reliability.json").read_text())
    assert (before["name"], after["name"]) == ("as it is", "after temperature")
    assert before["reliability"]["count"] == HARD.reliability.count.tolist()
    assert before["log_odds"]["n"] == 900
    assert before["reliability"]["accuracy"].count(None) == int((HARD.reliability.count == 0).sum())
    assert as_data([RiskSeries("hard", HARD.risk, 0.1)])[0]["curve"]["risk"] == HARD.risk.risk.tolist()


@pytest.fixture
def unwritten(monkeypatch):
    """Figures are made and not drawn, which takes the time."""

    def save(figure, path, data):
        return path.with_name(path.name + ".svg"), path.with_name(path.name + ".png"), None

    monkeypatch.setattr("smoothlab.report.print.save", save)


@pytest.mark.usefixtures("unwritten")
def test_several_models_share_figures_and_each_has_its_own(tmp_path):
    written = [path.name for path in write_plots([HARD, SOFT], tmp_path) if path.suffix == ".svg"]
    assert written == [
        "reliability.svg",
        "reliability-after-temperature.svg",
        "reliability-hard-npz.svg",
        "reliability-soft-npz.svg",
        "risk-coverage.svg",
    ]


@pytest.mark.usefixtures("unwritten")
def test_more_models_than_colours_share_none_and_like_names_are_told_apart(tmp_path):
    plain = [replace(HARD, name=f"a{mark}npz") for mark in "._-/+"]
    written = [path.name for path in write_plots(plain, tmp_path) if path.suffix == ".svg"]
    assert written[:2] == ["reliability-a-npz.svg", "reliability-a-npz-2.svg"]
    assert len(set(written)) == 10


def test_figures_without_bins_of_log_odds_have_one_panel():
    plain = measures.reliability(LOGITS, LABELS, resamples=10)
    assert len(reliability_figure([ReliabilitySeries("plain", plain)], title="").axes) == 2


def test_a_slug_is_a_name_for_any_file_system():
    assert typeset.slug("../../Etc/<x> é.npz") == "etc-x-npz"
    assert typeset.slug("測試") == "part"


def test_neither_pyplot_nor_a_setting_of_matplotlib_is_touched(tmp_path):
    # dict(rcParams) would choose a back end, and with it import pyplot; a copy leaves all as it is
    script = f"""
import sys
from pathlib import Path
import matplotlib
import numpy as np
before = matplotlib.rcParams.copy()
from smoothlab import Predictions
from smoothlab.audit import audit
from smoothlab.report.print import write_plots
sure = audit(Predictions(np.tile([4.0, 0.0], (100, 1)), np.arange(100) % 2))
assert write_plots([sure], Path({str(tmp_path)!r}))
assert matplotlib.rcParams.copy() == before
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
