"""What the losses run on here, and how fast it is: the text of `smoothlab doctor`.

Each kernel is timed against one copy of its logits, in turns, so that whoever else uses the machine slows both sides:
a number is the median over turns of its time over that turn's copy. Loss and gradient, alpha = 0.1.
"""

import platform
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from statistics import median

import torch

from .. import _rows
from .kernels import eager, frugal, rows, triton
from .losses import cross_entropy

SHAPES = ((8192, 10), (2048, 1000), (256, 32000))
SECONDS = 5.0
"""How long all measurements together take, about."""


def examine(say: Callable[[str], object]) -> None:
    """Hand the lines to `say`, each as soon as it is known."""
    for line in examined():
        say(line)


def examined() -> Iterator[str]:
    """The lines.

    >>> from smoothlab.torch import doctor
    >>> next(doctor.examined()).startswith("smoothlab")
    True
    """
    yield f"smoothlab {version('smoothlab')}, torch {torch.__version__}, Python {platform.python_version()}"
    whose = "the rows share them" if _rows.has_team() else "the rows start their own"
    yield f"CPU     {', '.join(_rows.INSTRUCTIONS)}; torch uses {torch.get_num_threads()} threads, {whose}"
    yield f"CUDA    {_cuda()}"
    yield ""
    yield "loss and gradient, as multiples of a copy of the logits (median)"
    yield f"{'logits':>13} {'type':>9} {'copy':>10}" + "".join(f"{name:>9}" for name in _NAMES)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    cases = [(device, shape, dtype) for device in devices for shape in SHAPES for dtype in _TYPES]
    for device, shape, dtype in cases:
        copy, ratios = _measured(device, shape, dtype, SECONDS / len(cases))
        place = f"{shape[0]} x {shape[1]}" if device == "cpu" else f"{shape[0]} x {shape[1]}*"
        cells = "".join(f"{ratios[name]:9.1f}" if name in ratios else f"{'-':>9}" for name in _NAMES)
        yield f"{place:>13} {str(dtype)[6:]:>9} {copy * 1e3:7.3f} ms{cells}"
    if len(devices) > 1:
        yield "* on CUDA"
    yield ""
    yield "smoothlab.torch.explain says which of them serves a loss, and why."


_TYPES = (torch.float32, torch.bfloat16)
_NAMES = ("loss", "triton", "rows", "frugal", "eager")


def _cuda() -> str:
    if not torch.cuda.is_available():
        return "none that torch can see" if torch.version.cuda else "this build of torch has none"
    name = torch.cuda.get_device_name()
    return f"{name}, with Triton" if find_spec("triton") else f"{name}, but Triton is not installed"


def _measured(
    device: str, shape: tuple[int, int], dtype: torch.dtype, seconds: float
) -> tuple[float, dict[str, float]]:
    """Seconds for a copy, and the multiples of it that each kernel takes."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(shape, generator=generator).to(device, dtype).requires_grad_()
    labels = torch.randint(shape[1], shape[:1], generator=generator).to(device)
    spare = torch.empty_like(logits, requires_grad=False)

    def by(kernel: Callable[..., eager.Costs]) -> Callable[[], object]:
        def work() -> object:
            costs = kernel(logits, labels, 1 / shape[1], out=None, ignored=None)
            loss = (0.9 * costs.label + 0.1 * costs.background).mean()
            return torch.autograd.grad(loss, logits)

        return work

    work: dict[str, Callable[[], object]] = {
        "copy": lambda: spare.copy_(logits.detach()),
        "loss": lambda: torch.autograd.grad(cross_entropy(logits, labels, label_smoothing=0.1), logits),
    }
    for kernel in (triton, rows, frugal, eager):
        if kernel.supports(logits, labels, 1 / shape[1]) is None:
            work[kernel.__name__.rpartition(".")[2]] = by(kernel.row_costs)
    times: dict[str, list[float]] = {name: [] for name in work}
    for run in work.values():  # the first call warms up
        run()
    end = time.perf_counter() + seconds
    while not times["copy"] or time.perf_counter() < end:
        for name, run in work.items():
            times[name].append(_timed(run, device))
    ratios = {
        name: median(one / copy for one, copy in zip(taken, times["copy"], strict=True))
        for name, taken in times.items()
    }
    return median(times["copy"]), ratios


def _timed(run: Callable[[], object], device: str) -> float:
    start = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
