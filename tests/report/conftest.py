"""An example page of invented data that exercises every part, and headless Chromium to open it in."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from smoothlab.lab import Evidence, Store, judge_families, load
from smoothlab.lab.claims import Outcome, Verdict
from smoothlab.lab.store import Record
from smoothlab.measures.calibration import Reliability
from smoothlab.measures.estimate import Estimate
from smoothlab.predictions import Predictions
from smoothlab.report import (
    Card,
    Claims,
    Curve,
    Number,
    Page,
    PlaneFrame,
    PlanePanel,
    Reference,
    ReliabilitySeries,
    Section,
    Table,
    Tone,
    draw_curves,
    draw_plane,
    draw_reliability,
    write,
)
from smoothlab.report.study import Answer

ALPHAS = (0.0, 0.02, 0.05, 0.1, 0.2)
GARMENTS = (
    "T-shirt",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
HOSTILE = (  # what a user might name a class, at worst
    "<img src=x onerror=\"document.title='owned'\">",
    '<a href="https://example.org">boot</a>',
    "</script><b>&amp;$x$",
)


def _estimate(values: np.ndarray) -> Estimate:
    half = 2.26 * values.std(ddof=1) / np.sqrt(len(values))
    return Estimate(
        float(values.mean()), float(values.mean() - half), float(values.mean() + half), len(values)
    )


@pytest.fixture(scope="session")
def hostile():
    """Three names that would do harm if any part of the page read them as HTML."""
    return HOSTILE


@pytest.fixture(scope="session")
def curve():
    """Makes a curve of ten invented seeds around the means that it is given."""

    def make(means, *, name="as trained", spread=0.02, seed=0, tone=Tone.SMOOTHED) -> Curve:
        noise = np.random.default_rng(seed).normal(0, spread, (len(means), 10))
        values = np.array(means)[:, None] + noise
        return Curve(name, ALPHAS, tuple(map(_estimate, values)), tuple(map(tuple, values.tolist())), tone)

    return make


@pytest.fixture(scope="session")
def reliability():
    """Makes the bins of 4,000 invented predictions, `gap` more confident than right; bins 0 and 3 stay empty."""

    def make(*, gap=0.1, bins=15, peak=3.0) -> Reliability:
        edges = np.linspace(0, 1, bins + 1)
        weight = np.exp(peak * edges[1:])
        weight[[0, 3]] = 0
        count = np.floor(4000 * weight / weight.sum()).astype(np.int64)
        filled = count > 0
        confidence = np.where(filled, edges[:-1] + 0.55 / bins, np.nan)
        wobble = 0.03 * np.sin(np.arange(bins) * 2.0)
        accuracy = np.clip(confidence - gap * np.sin(np.pi * confidence) + wobble * (1 - confidence), 0, 1)
        half = 1.96 * np.sqrt(confidence * (1 - confidence) / np.maximum(count, 1))
        ece = float(np.nansum(count * np.abs(accuracy - confidence)) / count.sum())
        return Reliability(
            edges=edges,
            count=count,
            confidence=confidence,
            accuracy=accuracy,
            ece=ece,
            n=int(count.sum()),
            null_low=np.clip(confidence - half, 0, 1),
            null_high=np.clip(confidence + half, 0, 1),
            null_ece=(0.0062, 0.0151),
            p_value=0.0 if ece > 0.0151 else 0.31,
        )

    return make


@pytest.fixture(scope="session")
def plane_frame():
    """Makes the plane of one invented network: three clouds that shrink towards their triangle as alpha grows."""

    def make(alpha: float, *, examples=240) -> PlaneFrame:
        rng = np.random.default_rng(7)
        labels = np.arange(examples) % 3
        corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.45, 0.9]]) * (
            12 if alpha == 0 else 4 * (1 - 2 * alpha)
        )
        width = (3.2 if alpha == 0 else 1.1 * (0.25 - alpha) + 0.15) * rng.normal(size=(examples, 2))
        held_out = width * 1.5 + 0.12 * rng.normal(size=(examples, 2)) * corners.max()
        templates = corners * 1.02
        return PlaneFrame(
            alpha,
            PlanePanel(corners[labels] + width, labels, templates),
            PlanePanel(corners[labels] * 0.9 + held_out, labels, templates),
        )

    return make


VERDICTS = (
    Verdict(
        "S1",
        "Smoothing draws the examples of a class together.",
        "Müller et al. 2019, figure 1",
        Outcome.PASS,
        "NC1(α = 0.1) − NC1(0), training",
        Estimate(-0.2103, -0.2311, -0.1895, 10),
        0.00002,
        "NC1 = tr Σ_W / tr Σ_B falls with α: paired t over seeds.",
        "",
    ),
    Verdict(
        "S5",
        "Smoothing does not hurt accuracy.",
        "Müller et al. 2019, table 2",
        Outcome.UNDECIDED,
        "accuracy(0.1) − accuracy(0), test",
        Estimate(0.0011, -0.0044, 0.0066, 10),
        0.083,
        "The difference is above −0.3 points (non-inferiority).",
        "Superiority was tested apart and not shown.",
    ),
    Verdict(
        "S7",
        "Smoothing calibrates as well as temperature scaling.",
        "Müller et al. 2019, table 3",
        Outcome.FAIL,
        "ECE(smoothed) − ECE(hard, T), test",
        Estimate(0.0192, 0.0171, 0.0213, 10, 0.9),
        0.00004,
        "Two one-sided tests: within ±0.01.",
        "",
    ),
    Verdict(
        "S8",
        "Smoothing spoils a network that is calibrated already.",
        "Replication, Fashion-MNIST",
        Outcome.OUT_OF_REGIME,
        "ECE(0.1) − ECE(0), test",
        Estimate(-0.0651, -0.0702, -0.06, 10),
        None,
        "ECE rises, where the hard network's confidence gap is below 0.03.",
        "The hard networks are overconfident by 0.079, so the claim does not speak of them.",
    ),
)


@pytest.fixture(scope="session")
def make_page(curve, reliability, plane_frame):
    """Makes the example page, with these names for its three classes."""

    def make(classes=("T-shirt", "shirt", "ankle boot")) -> Page:
        text = classes[1] if classes == HOSTILE else ""
        hard, smooth = reliability(gap=0.18), reliability(gap=-0.07, peak=2.0)
        scaled = reliability(gap=0.02), reliability(gap=0.015)
        points = {
            "accuracy": curve([0.861, 0.864, 0.866, 0.865, 0.862], spread=0.003),
            "T": curve([1.85, 1.2, 0.93, 0.81, 0.66], spread=0.04),
            "NC1": curve([0.5, 0.41, 0.35, 0.29, 0.26], spread=0.02),
        }
        before = curve([0.081, 0.04, 0.016, 0.051, 0.124], spread=0.005)
        after = curve(
            [0.014, 0.013, 0.012, 0.015, 0.018],
            name="after temperature",
            spread=0.002,
            seed=1,
            tone=Tone.SCALED,
        )
        accuracy, ece = "0.865 [0.862, 0.868]", "0.016 [0.014, 0.018]"
        definition = "15 bins of equal width, 4,000 test examples."
        return Page(
            title="What smoothing did to small networks " + text,
            lead="Invented numbers, to see the page with. Five alphas, ten paired seeds, 5,000 training images.",
            card=Card(
                "Smoothing calibrated these networks; temperature scaling alone would have done it too."
                + text,
                (
                    "At α = 0.05 the calibration error fell to a fifth, and accuracy did not change beyond chance.",
                    "One temperature, fitted on the validation split, brings the hard networks to the same error.",
                    "The classes moved together: within-class scatter fell by two fifths.",
                ),
                (
                    Number("Accuracy", "86.1 → 86.6 %", "+0.5 points [−0.1, +1.1], n = 10"),
                    Number("Calibration error", "0.081 → 0.016", "−0.065 [−0.070, −0.060], n = 10"),
                    Number("Hard, temperature scaled", "0.014", "[0.012, 0.016], n = 10"),
                    Number("Within / between scatter", "0.50 → 0.29", "−0.21 [−0.23, −0.19], n = 10"),
                ),
            ),
            sections=(
                Section(
                    "The claims",
                    (
                        "Each claim of the paper is tested on paired seeds; p-values are corrected by Holm's rule.",
                    ),
                    (Claims(VERDICTS),),
                ),
                Section(
                    "Calibration",
                    ("A calibrated network is right as often as it says. One seed is drawn here.",),
                    (
                        draw_reliability(
                            [
                                ReliabilitySeries("hard" + text, hard),
                                ReliabilitySeries("smoothed, α = 0.1", smooth),
                            ],
                            title="As trained, the hard network is overconfident.",
                            definition="Test split, seed 0.",
                        ),
                        draw_reliability(
                            [
                                ReliabilitySeries("hard", scaled[0]),
                                ReliabilitySeries("smoothed, α = 0.1", scaled[1]),
                            ],
                            title="After temperature scaling, both lie near the diagonal.",
                            definition="Test split, seed 0; T was fitted on the validation split.",
                        ),
                    ),
                ),
                Section(
                    "Geometry",
                    (),
                    (
                        draw_plane(
                            plane_frame(0.0),
                            [plane_frame(alpha) for alpha in ALPHAS[1:]],
                            classes=classes,
                            title="Smoothed classes gather in tight clusters around a regular triangle.",
                            start=2,
                        ),
                    ),
                ),
                Section(
                    "Over alpha",
                    (),
                    (
                        draw_curves(
                            [points["accuracy"]],
                            title="Accuracy hardly moves.",
                            measure="accuracy",
                            definition="4,000 test examples.",
                        ),
                        draw_curves(
                            [before, after],
                            title="The calibration error is smallest at α = 0.05.",
                            measure="ECE",
                            definition=definition,
                        ),
                        draw_curves(
                            [points["T"]],
                            title="The best temperature falls below 1.",
                            measure="temperature",
                            definition="Fitted by likelihood on 2,000 validation examples.",
                            references=[Reference("T = 1, no scaling", 1.0)],
                        ),
                        draw_curves(
                            [points["NC1"]],
                            title="Scatter within classes shrinks against scatter between them.",
                            measure="NC1",
                            definition="tr Σ_W / tr Σ_B of penultimate activations, 5,000 training examples.",
                        ),
                    ),
                ),
                Section(
                    "All numbers",
                    (),
                    (
                        Table(
                            (
                                "α",
                                "effective α",
                                "accuracy",
                                "ECE",
                                "NLL",
                                "Brier",
                                "temperature",
                                "NC1",
                                "classes",
                            ),
                            tuple(
                                (
                                    f"{a:g}",
                                    f"{a:g}",
                                    accuracy,
                                    ece,
                                    "0.412",
                                    "0.197",
                                    "0.93",
                                    "0.29",
                                    classes[0],
                                )
                                for a in ALPHAS
                            ),
                            "Means over ten seeds, with 95 % intervals.",
                            numeric=(0, 1, 2, 3, 4, 5, 6, 7),
                        ),
                    ),
                ),
            ),
            facts=(
                ("Data", "invented"),
                ("Seeds", "0 to 9"),
                ("smoothlab", "0.1.0"),
                ("Convention", "uniform"),
            ),
        )

    return make


class Inventor:
    """Makes answers of built-in studies without training: measures of noise, and networks for the first seed alone."""

    def __init__(self, path: Path):
        self.path = path

    def store(self, source) -> Store:
        store = Store.create(self.path / source.study.name, source)
        for cell in source.study.cells():
            if cell["seed"] == 0 and cell.key not in store.records():
                store.write(
                    Record(cell, 1.0, {"smoothlab": "0.1.0"}, source.fingerprint), self.said(cell["alpha"])
                )
        return store

    def said(self, alpha: float, *, examples=(200, 120, 120)) -> dict[str, Predictions]:
        random, found = np.random.default_rng(1), {}
        for split, n in zip(("train", "validation", "test"), examples, strict=True):
            labels = np.arange(n) % len(GARMENTS)
            signal = np.eye(len(GARMENTS))[labels] * (7 - 15 * float(np.clip(alpha, 0, 0.2)))
            logits = (signal + random.normal(0, 2, signal.shape)).astype(np.float32)
            head = {"features": logits.astype(np.float16), "weight": np.eye(len(GARMENTS), dtype=np.float32)}
            found[split] = Predictions(logits, labels, **head, meta={"classes": list(GARMENTS)})
        return found

    def evidence(self, study) -> Evidence:
        factors = {**study.factors, **study.measures.views}
        factors["seed"] = factors.pop("seed")
        random, shape = np.random.default_rng(3), tuple(map(len, factors.values()))
        ran = np.zeros(shape, bool)
        for cell in study.cells():
            at = {factor: factors[factor].index(cell[factor]) for factor in study.factors}
            ran[tuple(at.get(factor, slice(None)) for factor in factors)] = True
        alpha = np.array(factors["alpha"]).reshape([-1 if factor == "alpha" else 1 for factor in factors])
        values = {
            each.name: np.where(
                ran, 0.5 + 0.1 * (index % 5 - 2) * alpha + random.normal(0, 0.004, shape), np.nan
            )
            for index, each in enumerate(study.measures.listed)
        }
        return Evidence(factors, values, {}, study.measures)

    def answers(self, *names: str) -> list[Answer]:
        sources = [load(name) for name in names]
        found = [self.evidence(source.study) for source in sources]
        families = [(source.study.claims, of) for source, of in zip(sources, found, strict=True)]
        return [
            Answer(self.store(source), of, verdicts, source.study.panels)
            for source, of, verdicts in zip(sources, found, judge_families(families), strict=True)
        ]


@pytest.fixture(scope="session")
def invented(tmp_path_factory) -> Inventor:
    """Answers of built-in studies by name, invented."""
    return Inventor(tmp_path_factory.mktemp("invented"))


CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    """Headless Chromium that keeps a log of its console and of every request."""
    chromium = shutil.which("chromium") or CHROMIUM
    driver = shutil.which("chromedriver") or DRIVER
    if not (Path(chromium).exists() and Path(driver).exists()):
        if os.environ.get("CI"):
            pytest.fail("Chromium and chromedriver must be installed where CI is set.")
        pytest.skip("Chromium or chromedriver is not installed.")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--hide-scrollbars",  # a phone's take no room, and the tests count pixels
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as chrome:
        yield chrome


@pytest.fixture(scope="session")
def screen():
    """The screen of a phone, a tablet or a desk, by its width, in the browser's words."""

    def metrics(width: int) -> dict[str, object]:
        return {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}

    return metrics


@pytest.fixture
def opened(browser, screen, tmp_path):
    """Opens a page at a width and in a theme, and returns the browser once the figures are drawn."""

    def open_page(page, *, width=1280, theme="light", edit=lambda html: html):
        path = write(page, tmp_path / "report.html")
        path.write_text(edit(path.read_text("utf-8")), "utf-8")
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen(width))
        feature = {"name": "prefers-color-scheme", "value": theme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        for log in ("browser", "performance"):
            browser.get_log(log)  # reading empties it
        browser.get(path.as_uri())
        WebDriverWait(browser, 20).until(
            lambda b: b.execute_script("return document.documentElement.dataset.figures") == "drawn"
        )
        return browser

    return open_page


@pytest.fixture
def requested():
    """The addresses that the browser asked for since the page was opened."""

    def addresses(browser) -> list[str]:
        messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]

    return addresses
