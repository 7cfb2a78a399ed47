"""What calibration errors and temperatures cost, beside everyone else's on the same numbers, in one run.

    python benchmarks/audit.py [--rows 100000] [--classes 1000] [--answers 10000000] [--threads 2] [--rounds 5] [--peak]

Expected, from bytes and arithmetic, for float32 logits of 100 000 x 1000 and two threads. The file is 400 MB and one
read of it 15 to 20 ms. A calibration error reads it once and forms 1e8 exponentials in float64: for 16 of them, a line
of the cache, 27 operations on registers of 8, two at a time, are 4 ns on one core. The next line takes as long to come,
and comes meanwhile, so 16 ms and what the two get in each other's way: at most 20, where the peers' softmax in float32
takes 150 to 180 ms and 400 MB more. A temperature is a pass in float64 for the NLL before, two in float32 to come near
the minimum, and one in float64 for the last step: 80 to 120 ms and 15 MB, against minutes of passes over copies. A
calibration error of 1e7 confidences is 90 MB read, and an addition to one of 15 sums for each, 3 ns: 15 to 30 ms.

All of them take turns; what is printed is the median of a number of rounds, as a multiple of one read of the data
(numpy.max by as many threads) and of the fastest peer whose number is ours to 1 %; a * marks those whose is not.
Whoever needs more than five seconds is measured twice only.
`extra` is the largest private memory during one call in a process of its own, beyond what it had before (Linux). A
peer that is not installed is left out by name: scikit-learn, torchmetrics, relplot, probmetrics, netcal, and torch for
the formulas of gpleiss/temperature_scaling.
"""

import argparse
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

SLOW = 5.0  # seconds
BINS = 15
OURS = "smoothlab"


class Data(NamedTuple):
    """Logits as a file in memory's reach, labels, and what the last task takes instead."""

    logits: np.ndarray
    labels: np.ndarray
    confidences: np.ndarray
    correct: np.ndarray

    @classmethod
    def write(cls, folder: Path, rows: int, classes: int, answers: int) -> None:
        random = np.random.default_rng(0)
        logits = 3 * random.standard_normal((rows, classes), np.float32)
        labels = (logits / 1.7 + random.gumbel(size=logits.shape)).argmax(1)
        confidences = random.random(answers)
        arrays = logits, labels, confidences, random.random(answers) < confidences
        for name, array in zip(cls._fields, arrays, strict=True):
            np.save(folder / f"{name}.npy", array)

    @classmethod
    def read(cls, folder: Path) -> "Data":
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in cls._fields))

    def few(self) -> "Data":
        """Enough to have everything imported and compiled."""
        rows = 50
        return Data(*(array[:rows] for array in self))


Call = Callable[[Data], float]


def tensors(data: Data):
    """The logits without a copy: torch warns of read-only memory, which nobody here writes to."""
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.from_numpy(data.logits), torch.from_numpy(np.asarray(data.labels))


def torch_answers(data: Data) -> tuple[np.ndarray, np.ndarray]:
    import torch

    logits, labels = tensors(data)
    confidences, predictions = torch.softmax(logits, 1).max(1)
    return confidences.numpy(), (predictions == labels).numpy()


def gpleiss_ece(confidences, correct) -> float:
    """The formula of gpleiss/temperature_scaling: a mask for each bin."""
    import torch

    found = torch.zeros(())
    edges = torch.linspace(0, 1, BINS + 1)
    for low, high in pairwise(edges):
        inside = confidences.gt(low.item()) & confidences.le(high.item())
        share = inside.float().mean()
        if share.item() > 0:
            found += (confidences[inside].mean() - correct[inside].float().mean()).abs() * share
    return found.item()


@contextmanager
def peer(name: str) -> Iterator[None]:
    """What is inside imports a peer; one that is not there, or breaks, is left out by name."""
    try:
        yield
    except ImportError as error:
        print(f"  {name} is left out: {error}")
    except Exception as error:  # of a peer's own
        print(f"  {name} cannot be imported: {type(error).__name__}: {error}")


# Each imports what it needs and gives back the calls of one task by the name of who does it.


def ece_of_logits() -> Iterator[tuple[str, Call]]:
    from smoothlab.measures import calibration_error, top_label

    yield OURS, lambda data: calibration_error(*top_label(data.logits, data.labels), bins=BINS)
    with peer("gpleiss"):
        import torch

        def gpleiss(data: Data) -> float:
            logits, labels = tensors(data)
            confidences, predictions = torch.softmax(logits, 1).max(1)
            return gpleiss_ece(confidences, predictions == labels)

        yield "gpleiss", gpleiss
    with peer("torchmetrics"):
        from torchmetrics.functional.classification import multiclass_calibration_error

        yield (
            "torchmetrics",
            lambda data: multiclass_calibration_error(
                *tensors(data), num_classes=data.logits.shape[1], n_bins=BINS
            ).item(),
        )
    with peer("relplot"):
        from relplot.metrics import binnedECE

        yield "relplot", lambda data: float(binnedECE(*torch_answers(data), nbins=BINS))
    with peer("netcal"):
        from netcal.metrics import ECE

        def netcal(data: Data) -> float:
            import torch

            return float(
                ECE(BINS).measure(torch.softmax(tensors(data)[0], 1).numpy(), np.asarray(data.labels))
            )

        yield "netcal", netcal


def ece_of_confidences() -> Iterator[tuple[str, Call]]:
    from smoothlab.measures import calibration_error

    yield OURS, lambda data: calibration_error(data.confidences, data.correct, bins=BINS)
    with peer("gpleiss"):
        import torch

        yield (
            "gpleiss",
            lambda data: gpleiss_ece(torch.tensor(data.confidences), torch.tensor(data.correct)),
        )
    with peer("torchmetrics"):
        import torch
        from torchmetrics.functional.classification import binary_calibration_error

        yield (
            "torchmetrics",
            lambda data: binary_calibration_error(
                torch.tensor(data.confidences), torch.tensor(data.correct), n_bins=BINS
            ).item(),
        )
    with peer("relplot"):
        from relplot.metrics import binnedECE

        yield "relplot", lambda data: float(binnedECE(data.confidences, data.correct, nbins=BINS))
    with peer("netcal"):
        from netcal.metrics import ECE

        yield (
            "netcal",
            lambda data: float(ECE(BINS).measure(np.array(data.confidences), np.array(data.correct))),
        )


def temperature() -> Iterator[tuple[str, Call]]:
    from smoothlab.scaling import Temperature

    yield OURS, lambda data: Temperature().fit(data.logits, data.labels).temperature_
    with peer("scikit-learn"):
        from sklearn.calibration import _TemperatureScaling

        yield (
            "scikit-learn",
            lambda data: float(1 / _TemperatureScaling().fit(data.logits, data.labels).beta_),
        )
    with peer("probmetrics"):
        from probmetrics.calibrators.temperature_scaling import TemperatureScalingCalibrator
        from probmetrics.distributions import CategoricalLogits

        def probmetrics(data: Data) -> float:
            logits, labels = tensors(data)
            fitted = TemperatureScalingCalibrator()
            fitted.fit_torch(CategoricalLogits(logits), labels)
            return float(1 / fitted.invtemp_)

        yield "probmetrics", probmetrics
    with peer("gpleiss"):
        import torch

        def gpleiss(data: Data) -> float:
            logits, labels = tensors(data)
            found = torch.nn.Parameter(torch.ones(1) * 1.5)
            optimiser = torch.optim.LBFGS([found], lr=0.01, max_iter=50)

            def loss():
                optimiser.zero_grad()
                value = torch.nn.functional.cross_entropy(logits / found, labels)
                value.backward()
                return value

            optimiser.step(loss)
            return found.item()

        yield "gpleiss", gpleiss
    with peer("netcal"):
        from netcal.scaling import TemperatureScaling

        def netcal(data: Data) -> float:
            import torch

            fitted = TemperatureScaling().fit(
                torch.softmax(tensors(data)[0], 1).numpy(), np.asarray(data.labels)
            )
            return float(1 / fitted.temperature[0])

        yield "netcal", netcal


TASKS = {
    "ECE of logits": (ece_of_logits, "logits"),
    "ECE of confidences": (ece_of_confidences, "confidences"),
    "temperature": (temperature, "logits"),
}
PEERS = ("scikit-learn", "torch", "torchmetrics", "relplot", "probmetrics", "netcal")


def measure(
    calls: dict[str, Call], data: Data, rounds: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of each round, in turn, and what was found; an error is printed and its peer left out."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    values: dict[str, float] = {}
    for name in tuple(calls):
        try:
            calls[name](data.few())
        except Exception as error:  # whatever a peer raises, the others are measured
            print(f"  {name} fails: {type(error).__name__}: {str(error).splitlines()[0]}")
            del times[name], calls[name]
    for _ in range(rounds):
        for name, call in calls.items():
            if len(times[name]) == 2 and median(times[name]) > SLOW:
                continue
            start = time.perf_counter()
            values[name] = call(data)
            times[name].append(time.perf_counter() - start)
    return times, values


def private_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))) * 1024


def peak(call: Call, data: Data) -> int:
    """Bytes of private memory at most during a call, beyond what there was before; looked at every millisecond."""
    call(data.few())
    done, before, most = threading.Event(), private_bytes(), [0]

    def look() -> None:
        while not done.wait(1e-3):
            most[0] = max(most[0], private_bytes())

    looking = threading.Thread(target=look)
    looking.start()
    call(data)
    most[0] = max(most[0], private_bytes())
    done.set()
    looking.join()
    return max(0, most[0] - before)


def peak_elsewhere(folder: Path, task: str, name: str, threads: int) -> str:
    """The same in a process of its own, so that nobody profits from what another has left behind."""
    command = [sys.executable, __file__, "--peak-of", str(folder), task, name, "--threads", str(threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    return f"{int(done.stdout.split()[-1]) / 1e6:9.1f}" if done.returncode == 0 else "failed"


def report(folder: Path, task: str, rounds: int, threads: int, *, with_peak: bool) -> None:
    offered, array = TASKS[task]
    data = Data.read(folder)
    what = getattr(data, array)
    print(f"\n{task}, {' x '.join(map(str, what.shape))} in {what.dtype}")
    parts = np.array_split(what, threads)
    with ThreadPoolExecutor(threads) as pool:
        calls = {"read": lambda _: float(max(pool.map(np.max, parts))), **dict(offered())}
        times, values = measure(calls, data, rounds)
    seconds = {name: median(taken) for name, taken in times.items()}
    right = {name for name in values if abs(values[name] - values[OURS]) <= 0.01 * abs(values[OURS])}
    best = min((seconds[name] for name in right - {"read", OURS}), default=float("nan"))
    print(f"{'':14}{'ms':>11}{'rounds':>8}{'/ read':>9}{'/ peer':>9}{'extra MB':>10}   found")
    for name, taken in sorted(seconds.items(), key=lambda pair: pair[1]):
        extra = peak_elsewhere(folder, task, name, threads) if with_peak and name != "read" else ""
        found = "" if name == "read" else f"{values[name]:.6g}{'' if name in right else ' *'}"
        print(
            f"{name:14}{taken * 1e3:11.2f}{len(times[name]):8}{taken / seconds['read']:9.1f}{taken / best:9.3f}"
            f"{extra:>10}   {found}"
        )


def versions() -> str:
    import smoothlab

    found = []
    for name in PEERS:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} is not installed")
    return f"smoothlab {smoothlab.__version__}, NumPy {np.__version__}; {', '.join(found)}"


def processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "an unknown processor"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--answers", type=int, default=10_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--task", choices=TASKS, action="append", help="one of the tasks; all of them if left out"
    )
    parser.add_argument(
        "--peak", action="store_true", help="measure memory too, each in a process of its own"
    )
    parser.add_argument("--peak-of", nargs=3, metavar=("FOLDER", "TASK", "NAME"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)  # before any peer is imported; smoothlab heeds it too
    here = str(Path(__file__).parent)  # whose coverage.py is not the package that numba looks for
    sys.path[:] = [folder for folder in sys.path if folder != here]

    if chosen.peak_of:
        folder, task, name = chosen.peak_of
        print(peak(dict(TASKS[task][0]())[name], Data.read(Path(folder))))
        return
    print(f"{processor()}, {os.cpu_count()} cores, {chosen.threads} threads; {versions()}")
    with tempfile.TemporaryDirectory() as name:
        Data.write(Path(name), chosen.rows, chosen.classes, chosen.answers)
        for task in chosen.task or TASKS:
            report(Path(name), task, chosen.rounds, chosen.threads, with_peak=chosen.peak)


if __name__ == "__main__":
    main()
