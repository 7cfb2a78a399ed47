"""How often do the intervals cover, and how often do the tests cry wolf? Measured by simulation.

Claim: the 95 % intervals of `smoothlab.measures` cover the truth in about 95 % of the cases or more, for calibrated,
overconfident and underconfident models alike, from 200 examples on; and a calibrated model is called miscalibrated in
no more than about 5 % of them. Where answers come in clusters, as the labels of a document or the tokens of a sequence
do, the intervals of clusters cover, and those that take answers as independent do not.
Cost: about fifteen minutes on one core; with --quick, some seconds. NumPy, SciPy and smoothlab.
Command: python benchmarks/coverage.py > docs/coverage.md

A model is a law of logits, with labels drawn from softmax(logits / temperature), so that the probability of every
answer is known and so is the truth of every measure. For clusters the normals behind the logits, and those behind the
labels, have the part rho in common within a cluster; one answer alone is as before, and so are the truths.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import log_ndtr

import smoothlab
from smoothlab import Predictions
from smoothlab._numerics import softmax
from smoothlab.audit.clustered import temperature_interval
from smoothlab.audit.lines import temperature_lines
from smoothlab.measures import (
    Estimate,
    accuracy_estimate,
    augrc_estimate,
    aurc_estimate,
    brier_score_estimate,
    calibration_error,
    calibration_error_estimate,
    calibration_test,
    confidence_gap_estimate,
    consistency_test,
    excess_aurc_estimate,
    kolmogorov_smirnov,
    negative_log_likelihood_estimate,
    smooth_calibration_error,
    spiegelhalter,
    top_label,
)
from smoothlab.measures.binning import Binning, bins_of
from smoothlab.scaling import Temperature

CLASSES, BINS = 10, 15
SIZES = (200, 1000, 5000)
CLUSTERS, ANSWERS = 60, 20
ALIKE = (0.0, 0.3, 0.8)
WIDTH, MASS = Binning.WIDTH, Binning.MASS


@dataclass(frozen=True)
class Model:
    """Logits scale * (normal + signal e_k), k uniform, and labels drawn from softmax(logits / temperature)."""

    name: str
    temperature: float
    scale: float = 3.0
    signal: float = 0.0

    def logits(self, n: int, random: np.random.Generator) -> np.ndarray:
        normal = random.normal(size=(n, CLASSES))
        normal[np.arange(n), random.integers(0, CLASSES, n)] += self.signal
        return self.scale * normal

    def drawn(self, n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        logits = self.logits(n, random)
        return logits, (logits / self.temperature + random.gumbel(size=(n, CLASSES))).argmax(1)


def drawn_in_clusters(
    model: Model, alike: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits, labels and clusters; each answer alone has the law of the model, whatever the correlation of normals."""
    clusters = np.repeat(np.arange(CLUSTERS), ANSWERS)

    def normal() -> np.ndarray:
        own, shared = random.normal(size=(len(clusters), CLASSES)), random.normal(size=(CLUSTERS, CLASSES))
        return np.sqrt(1 - alike) * own + np.sqrt(alike) * shared[clusters]

    logits = model.scale * normal()
    gumbel = -np.log(-log_ndtr(normal()))
    return logits, (logits / model.temperature + gumbel).argmax(1), clusters


CALIBRATED = Model("Calibrated", 1.0)
MODELS = (
    CALIBRATED,
    Model("A little overconfident", 1.1),
    Model("Overconfident", 1.5),
    Model("Underconfident", 0.6),
    Model("Overconfident, and hardly ever wrong", 1.5, scale=6.0, signal=4.0),
)


class Truth:
    """What the measures of a model are on all examples: integrated over a large draw, its labels probabilities."""

    def __init__(self, model: Model, size: int) -> None:
        logits = model.logits(size, np.random.default_rng(2025))
        claimed, real = softmax(logits), softmax(logits / model.temperature)
        top, self.temperature = logits.argmax(1)[:, None], model.temperature
        self.confidence = np.take_along_axis(claimed, top, 1)[:, 0]
        self.right = np.take_along_axis(real, top, 1)[:, 0]
        wrong = np.cumsum(1 - self.right[np.argsort(-self.confidence)]) / size
        coverage = np.arange(1, size + 1) / size
        error, aurc = wrong[-1], float((wrong / coverage).mean())
        self.of = {
            "accuracy": 1 - error,
            "NLL": -float((real * np.log(claimed)).sum(1).mean()),
            "Brier score": float((claimed**2 - 2 * claimed * real).sum(1).mean()) + 1,
            "confidence gap": float((self.confidence - self.right).mean()),
            "AURC": aurc,
            "E-AURC": aurc - error - (1 - error) * np.log1p(-error),
            "AUGRC": float(wrong.mean()),
        }

    def calibration_error(self, bin_of: Callable[[np.ndarray], np.ndarray]) -> float:
        """The ECE at the edges of a sample, which are asked to cut the confidences of all examples, or of enough."""
        confidence, right = self.confidence[:200_000], self.right[:200_000]
        return float(np.abs(np.bincount(bin_of(confidence), weights=right - confidence)).sum() / len(right))


def percentile_bootstrap(
    confidences: np.ndarray, correct: np.ndarray, random: np.random.Generator, resamples: int = 200
) -> Estimate:
    """The usual interval, for contrast: it repeats the bias of the plug-in ECE."""
    n = len(confidences)
    rows = random.integers(0, n, (resamples, n))
    cells = bins_of(confidences, bins=BINS)[rows] + BINS * np.arange(resamples)[:, None]
    sums = np.bincount(
        cells.ravel(), weights=(correct - confidences)[rows].ravel(), minlength=resamples * BINS
    )
    errors = np.abs(sums.reshape(resamples, BINS)).sum(1) / n
    return Estimate(calibration_error(confidences, correct), *np.quantile(errors, [0.025, 0.975]).tolist(), n)


def clustered_intervals(
    logits: np.ndarray, labels: np.ndarray, clusters: np.ndarray | None, truth: Truth
) -> Iterator[tuple[str, Estimate, float]]:
    """As `intervals`, and the temperature, with or without what belongs together."""
    confidences, correct = top_label(logits, labels)
    for name, estimate in (
        ("accuracy", accuracy_estimate(logits, labels, clusters=clusters)),
        ("NLL", negative_log_likelihood_estimate(logits, labels, clusters=clusters)),
        ("Brier score", brier_score_estimate(logits, labels, clusters=clusters)),
        ("confidence gap", confidence_gap_estimate(logits, labels, clusters=clusters)),
        ("AURC", aurc_estimate(confidences, correct, clusters=clusters)),
        ("E-AURC", excess_aurc_estimate(confidences, correct, clusters=clusters)),
        ("AUGRC", augrc_estimate(confidences, correct, clusters=clusters)),
    ):
        yield name, estimate, truth.of[name]
    width = truth.calibration_error(partial(bins_of, bins=BINS))
    mass = truth.calibration_error(partial(mass_bins_of, confidences))
    for name, binning, want in (("ECE, equal width", WIDTH, width), ("ECE, equal mass", MASS, mass)):
        yield (
            name,
            calibration_error_estimate(confidences, correct, binning=binning, clusters=clusters),
            want,
        )
    fitted = Temperature().fit(logits, labels)
    [line] = temperature_lines(fitted)
    said = Predictions(logits, labels, clusters=clusters)
    low, high = (
        (line.interval or (np.nan, np.nan)) if clusters is None else temperature_interval(said, fitted)
    )
    yield "temperature", Estimate(fitted.temperature_, low, high, len(labels)), truth.temperature


def mass_bins_of(sample: np.ndarray, confidences: np.ndarray) -> np.ndarray:
    ranks = (len(sample) * np.arange(1, BINS) - 1) // BINS
    return np.searchsorted(np.sort(sample)[ranks], confidences)


def intervals(
    logits: np.ndarray, labels: np.ndarray, truth: Truth, random: np.random.Generator
) -> Iterator[tuple[str, Estimate, float]]:
    confidences, correct = top_label(logits, labels)
    for name, estimate in (
        ("accuracy", accuracy_estimate(logits, labels)),
        ("NLL", negative_log_likelihood_estimate(logits, labels)),
        ("Brier score", brier_score_estimate(logits, labels)),
        ("confidence gap", confidence_gap_estimate(logits, labels)),
        ("AURC", aurc_estimate(confidences, correct)),
        ("E-AURC", excess_aurc_estimate(confidences, correct)),
        ("AUGRC", augrc_estimate(confidences, correct)),
    ):
        yield name, estimate, truth.of[name]
    width = truth.calibration_error(partial(bins_of, bins=BINS))
    mass = truth.calibration_error(partial(mass_bins_of, confidences))
    yield "ECE, equal width", calibration_error_estimate(confidences, correct, binning=WIDTH), width
    yield "ECE, equal mass", calibration_error_estimate(confidences, correct, binning=MASS), mass
    yield "(ECE, percentile bootstrap)", percentile_bootstrap(confidences, correct, random), width


def p_values(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    confidences, correct = top_label(logits, labels)
    return {
        "ECE, equal width": calibration_test(confidences, correct, resamples=200).p_value,
        "ECE, equal mass": calibration_test(confidences, correct, binning=MASS, resamples=200).p_value,
        "MCE, equal mass": calibration_test(
            confidences, correct, binning=MASS, norm="maximum", resamples=200
        ).p_value,
        "smooth ECE": consistency_test(
            partial(smooth_calibration_error, bandwidth=0.05), confidences, correct, resamples=100
        ).p_value,
        "Kolmogorov-Smirnov": kolmogorov_smirnov(confidences, correct).p_value,
        "Spiegelhalter, normal": spiegelhalter(confidences, correct).p_value,
        "Spiegelhalter, drawn": spiegelhalter(confidences, correct, resamples=200).p_value,
    }


def share(hits: list[bool]) -> str:
    rate = float(np.mean(hits))
    wary = (sum(hits) + 2) / (len(hits) + 4)  # so that a rate of 100 % is not without an error of its own
    return f"{100 * rate:.1f} ({100 * np.sqrt(wary * (1 - wary) / len(hits)):.1f})"


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    print("| " + " | ".join(head) + " |")
    print("|---" * len(head) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def report_intervals(model: Model, repeats: int, population: int) -> None:
    truth = Truth(model, population)
    covered: dict[str, list[list[bool]]] = {}
    width: dict[str, list[list[float]]] = {}
    truths: dict[str, float] = {}
    for i, n in enumerate(SIZES):
        random = np.random.default_rng([n, round(100 * model.temperature), round(model.signal)])
        for _ in range(repeats):
            logits, labels = model.drawn(n, random)
            for name, estimate, want in intervals(logits, labels, truth, random):
                covered.setdefault(name, [[] for _ in SIZES])[i].append(estimate.low <= want <= estimate.high)
                width.setdefault(name, [[] for _ in SIZES])[i].append(estimate.high - estimate.low)
                truths[name] = want
    print(f"## {model.name}\n")
    what = (
        f"logits {model.scale:g} x (normal + {model.signal:g} e_k)"
        if model.signal
        else f"logits {model.scale:g} x normal"
    )
    print(f"{what}, labels from softmax(logits / {model.temperature:g}).\n")
    table(
        ("measure", "truth", *(f"n = {n}" for n in SIZES), "mean width"),
        (
            (
                name,
                f"{truths[name]:.3g}",
                *map(share, covered[name]),
                ", ".join(f"{np.mean(each):.2g}" for each in width[name]),
            )
            for name in covered
        ),
    )


def report_clusters(model: Model, repeats: int, population: int) -> None:
    truth = Truth(model, population)
    covered: dict[str, list[list[bool]]] = {}
    for i, alike in enumerate(ALIKE):
        random = np.random.default_rng([CLUSTERS, round(100 * model.temperature), round(100 * alike)])
        for _ in range(repeats):
            logits, labels, clusters = drawn_in_clusters(model, alike, random)
            for j, belonging in enumerate((None, clusters)):
                for name, estimate, want in clustered_intervals(logits, labels, belonging, truth):
                    columns = covered.setdefault(name, [[] for _ in range(2 * len(ALIKE))])
                    columns[2 * i + j].append(estimate.low <= want <= estimate.high)
    print(f"## {model.name}, {CLUSTERS} clusters of {ANSWERS} answers\n")
    print(
        f"Logits {model.scale:g} x normal, labels from softmax(logits / {model.temperature:g}), and of the normals the "
        "part rho in common within a cluster. `answers` takes answers as independent, `clusters` is the interval of "
        "clusters.\n"
    )
    heads = [f"rho = {alike:g}, {kind}" for alike in ALIKE for kind in ("answers", "clusters")]
    table(("measure", *heads), ((name, *map(share, covered[name])) for name in covered))


def report_sizes(repeats: int) -> None:
    rejected: dict[str, list[list[bool]]] = {}
    for i, n in enumerate(SIZES):
        random = np.random.default_rng([n, 7])
        for _ in range(repeats):
            for name, p_value in p_values(*CALIBRATED.drawn(n, random)).items():
                rejected.setdefault(name, [[] for _ in SIZES])[i].append(p_value <= 0.05)
    print("## A calibrated model called miscalibrated at the level of 5 %\n")
    table(
        ("test", *(f"n = {n}" for n in SIZES)),
        ((name, *map(share, columns)) for name, columns in rejected.items()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20 repeats, some seconds: does it run?")
    parser.add_argument("--repeats", type=int, default=1000, help="samples a model and size (default: 1000)")
    chosen = parser.parse_args()
    repeats, population = (20, 50_000) if chosen.quick else (chosen.repeats, 1_000_000)

    start = time.perf_counter()
    command = " ".join(["python benchmarks/coverage.py", *sys.argv[1:]])
    print(f"""# How often the intervals cover

Made by `{command}` with smoothlab {smoothlab.__version__}, NumPy {np.__version__}, Python {platform.python_version()}.

A model has {CLASSES} logits, and its labels are drawn from softmax(logits / T), so that every truth is known: it is
integrated over {population} examples whose labels stay probabilities. Each entry is the percentage of {repeats} samples
of n examples whose 95 % interval holds the truth, with its Monte Carlo standard error in brackets. The truth of an ECE
is that at the edges of the sample's bins, of which there are {BINS}. The line in brackets is what one would do without
thinking, and is no part of the package.
""")
    for model in MODELS:
        report_intervals(model, repeats, population)
    for model in (CALIBRATED, MODELS[2]):
        report_clusters(model, repeats, population)
    report_sizes(repeats)
    print(f"Took {time.perf_counter() - start:.0f} s.", file=sys.stderr)


if __name__ == "__main__":
    main()
