"""Measures other packages on invented data, and prints what they say as JSON for tests/conformance/peers.json.

    pip install relplot==1.0.3 probmetrics==1.3.0 numba torchmetrics==1.9.0
    python scripts/record_peers.py > tests/conformance/peers.json

The tests compute the same cases exactly and by smoothlab, and hold the peers' numbers against both; where a peer is
installed, they also ask it again. Every case is made here, from fixed seeds.
"""

import json
import platform
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.random import default_rng

CLASSES, MANY = 10, 10**7


def drawn(n: int, *, temperature: float, scale: float = 3) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from their softmax at a temperature."""
    random = default_rng(0)
    logits = scale * random.normal(size=(n, CLASSES))
    return logits, (logits / temperature + random.gumbel(size=(n, CLASSES))).argmax(1)


def plain() -> tuple[np.ndarray, np.ndarray]:
    return drawn(3000, temperature=1.7)


def sharpened() -> tuple[np.ndarray, np.ndarray]:
    """A net that is less sure than right, as one trained with label smoothing: its temperature is one half."""
    return drawn(5000, temperature=0.5, scale=1)


def softened() -> tuple[np.ndarray, np.ndarray]:
    """A net that is far too sure: its temperature is 8."""
    return drawn(5000, temperature=8.0)


def like_probabilities() -> tuple[np.ndarray, np.ndarray]:
    """Logits of three classes, many rows of which lie in [0, 1]."""
    random = default_rng(1)
    return random.uniform(-0.2, 1.2, (2000, 3)), random.integers(0, 3, 2000)


def certain() -> tuple[np.ndarray, np.ndarray]:
    """One bin: half of the examples at 0.95 and all right, half at exactly 1 and a tenth of them wrong."""
    confidences = np.repeat([0.95, 1.0], 500)
    correct = np.ones(1000, bool)
    correct[500:550] = False
    return confidences, correct


def quoted(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """2000 confidences with a density of 2p, whose answers are right with probability p, p^2 or the root of p."""
    random = default_rng(5)
    confidences, chances = np.sqrt(random.random(2000)), random.random(2000)
    right = {"calibrated": confidences, "over": confidences**2, "under": np.sqrt(confidences)}[kind]
    return confidences, chances < right


def many() -> tuple[np.ndarray, np.ndarray]:
    """Ten million float32 confidences and calibrated answers, most of them as sure as a net's; a block at a time."""
    confidences, correct = np.empty(MANY, np.float32), np.empty(MANY, bool)
    random = default_rng(2)
    for start in range(0, MANY, 10**6):
        rows = slice(start, start + 10**6)
        confidences[rows] = 1 - random.random(10**6, np.float32) ** 4 / 2
        correct[rows] = random.random(10**6, np.float32) < confidences[rows]
    return confidences, correct


def torchmetrics() -> dict[str, Any]:
    import torch
    from torchmetrics.classification import MulticlassCalibrationError  # type: ignore[import-not-found]
    from torchmetrics.functional.classification import binary_calibration_error  # type: ignore[import-not-found]

    def of_answers(confidences: np.ndarray, correct: np.ndarray) -> float:
        return float(
            binary_calibration_error(
                torch.from_numpy(confidences), torch.from_numpy(correct).int(), n_bins=15
            )
        )

    def of_logits(logits: np.ndarray, labels: np.ndarray, *, batch: int | None = None) -> float:
        metric = MulticlassCalibrationError(logits.shape[1], n_bins=15)
        for start in range(0, len(labels), batch or len(labels)):
            rows = slice(start, start + (batch or len(labels)))
            metric.update(torch.from_numpy(logits[rows]), torch.from_numpy(labels[rows]))
        return float(metric.compute())

    logits, labels = plain()
    return {
        "ece": of_logits(logits, labels),
        "ece, a label that is no class": of_logits(logits, labels.clip(min=CLASSES)),
        "ece, float16": of_logits(logits.astype(np.float16), labels),
        "ece, like probabilities, one batch": of_logits(*like_probabilities()),
        "ece, like probabilities, batches of one": of_logits(*like_probabilities(), batch=1),
        "ece, certain": of_answers(*certain()),
        "ece, many": of_answers(*many()),
    }


def relplot() -> dict[str, Any]:
    from relplot import smECE, smECE_sigma  # type: ignore[import-not-found]

    found: dict[str, Any] = {}
    for kind in ("calibrated", "over", "under"):
        confidences, correct = quoted(kind)
        error, bandwidth = smECE(confidences, correct.astype(float), return_width=True)
        at = [
            float(smECE_sigma(confidences, correct.astype(float), width)) for width in (0.02, 0.05, 0.1, 0.2)
        ]
        found[kind] = {"error": float(error), "bandwidth": float(bandwidth), "at bandwidths": at}
    return found


def probmetrics() -> dict[str, Any]:
    """Its own temperature, and those of two others whose code it carries: gpleiss' and torch-uncertainty's."""
    import torch
    from probmetrics.calibrators.temperature_scaling import (  # type: ignore[import-not-found]
        GuoTemperatureScalingCalibrator,
        TemperatureScalingCalibrator,
        TorchUncertaintyTemperatureScalingCalibrator,
    )
    from probmetrics.distributions import CategoricalLogits  # type: ignore[import-not-found]

    def fitted(calibrator: Any, logits: np.ndarray, labels: np.ndarray) -> float:
        torch.manual_seed(0)
        calibrator.fit_torch(CategoricalLogits(torch.from_numpy(logits).float()), torch.from_numpy(labels))
        return calibrator.temp_.item() if hasattr(calibrator, "temp_") else float(1 / calibrator.invtemp_)

    logits, labels = plain()
    holed = logits.copy()
    holed[17, 2] = np.nan
    cases = {
        "plain": (logits, labels),
        "true 0.5": sharpened(),
        "true 8": softened(),
        "separable": (logits, logits.argmax(1)),
        "all wrong": (logits, logits.argmin(1)),
        "one nan": (holed, labels),
    }
    makers = {
        "own": TemperatureScalingCalibrator,
        "gpleiss": GuoTemperatureScalingCalibrator,
        "torch-uncertainty": TorchUncertaintyTemperatureScalingCalibrator,
    }
    wanted = {
        "own": list(cases),
        "gpleiss": ["true 0.5", "true 8"],
        "torch-uncertainty": ["true 0.5", "true 8"],
    }
    return {
        maker: {case: fitted(makers[maker](), *cases[case]) for case in chosen}
        for maker, chosen in wanted.items()
    }


PEERS: dict[str, Callable[[], dict[str, Any]]] = {
    "torchmetrics": torchmetrics,
    "relplot": relplot,
    "probmetrics": probmetrics,
}


def measured(peer: str) -> dict[str, Any]:
    """What a peer says of all its cases; its own warnings, such as of torch's, are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PEERS[peer]()


def main() -> None:
    packages = (*PEERS, "numpy", "torch")
    record = {
        "command": "python scripts/record_peers.py",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        **{peer: measured(peer) for peer in PEERS},
    }
    json.dump(record, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
