"""Cross entropy with label smoothing on a GPU, forward and backward, against a copy of the logits and against peers.

    python benchmarks/gpu.py [--rounds 30] [--alpha 0.1] [--shapes 8192x128256xbfloat16 ...]

Expected from the bytes that must move, u being those of the logits: a copy moves 2 u; forward and backward in two
passes read u, then read u and write u, 1.5 copies; a gradient formed in the forward pass takes 1 copy at best. `of the
bandwidth` is the share of the copy's that a kernel of 3 u has reached, 1.5 / copies; above 100 % something moved less.

Every loss runs once a round, in turn, on the same logits; numbers are medians over rounds of CUDA events around
forward and backward, after three rounds that do not count. `memory` is the peak beyond the logits, as multiples of u.
`error` is the largest of the gradient on 32 rows against float64, over its largest entry. Liger is measured where it
is installed. With --device cpu the script runs on small shapes without a GPU: that checks it, its times mean nothing.
"""

import argparse
import gc
import platform
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median

import torch
from torch import Tensor

import smoothlab
from smoothlab import reference
from smoothlab.torch import cross_entropy
from smoothlab.torch.kernels import chosen

SHAPES = ["8192x128256xbfloat16", "4096x32000xfloat32", "2048x50257xbfloat16"]
SMALL = ["16x1000xbfloat16", "8x257xfloat32"]
CHECKED_ROWS = 32
WARM_UP = 3
Loss = Callable[[Tensor, Tensor], Tensor]


def peers(alpha: float) -> Iterator[tuple[str, Loss]]:
    def plain(logits: Tensor, labels: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits, labels, label_smoothing=alpha)

    def ours(logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(logits, labels, label_smoothing=alpha)

    yield "smoothlab", ours
    yield "smoothlab, alpha 0", lambda logits, labels: cross_entropy(logits, labels)
    yield "torch", plain
    yield "torch.compile", torch.compile(plain)
    try:
        from liger_kernel.transformers.functional import liger_cross_entropy
    except ImportError:
        return
    yield "Liger", lambda logits, labels: liger_cross_entropy(logits, labels, label_smoothing=alpha)


class Clock:
    """Milliseconds on the device between two points of its queue; of the wall where there is no device."""

    def __init__(self, device: str) -> None:
        self.cuda = device == "cuda"

    def point(self):
        if not self.cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def between(self, start, end) -> float:
        if not self.cuda:
            return (end - start) * 1e3
        torch.cuda.synchronize()
        return start.elapsed_time(end)


def measure(shape: str, todo: dict[str, Loss], device: str, rounds: int, alpha: float) -> None:
    rows, classes, name = shape.split("x")
    dtype = getattr(torch, name)
    generator = torch.Generator(device).manual_seed(0)
    logits = torch.randn(int(rows), int(classes), device=device, dtype=dtype, generator=generator)
    labels = torch.randint(int(classes), (int(rows),), device=device, generator=generator)
    target, clock = torch.empty_like(logits), Clock(device)

    def copied() -> tuple[float, float]:
        start = clock.point()
        target.copy_(logits)
        end = clock.point()
        took = clock.between(start, end)
        return 0.0, took

    def trained(loss: Loss) -> tuple[float, float]:
        # Liger writes its gradient over the logits, so it is given a copy
        wanting = (target.copy_(logits) if loss is todo.get("Liger") else logits).detach().requires_grad_()
        start = clock.point()
        value = loss(wanting, labels)
        middle = clock.point()
        value.backward()
        end = clock.point()
        return clock.between(start, middle), clock.between(start, end)

    times: dict[str, list[tuple[float, float]]] = {"copy": []} | {name: [] for name in todo}
    for _ in range(WARM_UP + rounds):
        times["copy"].append(copied())
        for name, loss in todo.items():
            times[name].append(trained(loss))
    forward, whole = (
        {name: median(t[i] for t in took[WARM_UP:]) for name, took in times.items()} for i in (0, 1)
    )

    bandwidth = 2 * logits.nbytes / whole["copy"] / 1e9
    kernel = chosen(logits.detach().requires_grad_(), labels, None).kernel.__name__.rpartition(".")[2]
    print(
        f"\n{shape}: {logits.nbytes / 1e9:.2f} GB; a copy {whole['copy']:.3f} ms, {bandwidth:.2f} TB/s; "
        f"ours by {kernel}"
    )
    print(f"{'':20}{'ms':>9}{'forward':>9}{'copies':>8}{'of the bandwidth':>18}{'memory':>8}{'error':>10}")
    for name, loss in todo.items():
        copies = whole[name] / whole["copy"]
        error = worst(loss, logits, labels, 0.0 if name.endswith("alpha 0") else alpha)
        peak = memory(loss, logits, labels, device)
        print(
            f"{name:20}{whole[name]:9.3f}{forward[name]:9.3f}{copies:8.2f}{1.5 / copies:18.0%}{peak:>8}{error:10.1e}"
        )


def worst(loss: Loss, logits: Tensor, labels: Tensor, alpha: float) -> float:
    """The largest error of the gradient on a few rows, over the gradient's largest entry."""
    part, few = logits[:CHECKED_ROWS].clone(), labels[:CHECKED_ROWS]
    exact = part.double().cpu().numpy()
    wanting = part.requires_grad_()
    loss(wanting, few).backward()
    assert wanting.grad is not None
    want = torch.from_numpy(reference.cross_entropy(exact, few.cpu().numpy(), alpha=alpha).gradient)
    return ((wanting.grad.double().cpu() - want).abs().max() / want.abs().max()).item()


def memory(loss: Loss, logits: Tensor, labels: Tensor, device: str) -> str:
    """The peak beyond the logits, as multiples of them."""
    if device != "cuda":
        return "-"
    gc.collect()
    wanting = logits.clone().requires_grad_()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    loss(wanting, labels).backward()
    return f"{(torch.cuda.max_memory_allocated() - before) / logits.nbytes:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--alpha", type=float, default=0.1)
    parser.add_argument("--shapes", nargs="+", help=f"rows x classes x type; default: {' '.join(SHAPES)}")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        print(
            "benchmarks/gpu.py needs a CUDA device, and torch finds none here; --device cpu checks the script itself.",
            file=sys.stderr,
        )
        raise SystemExit(2)

    print(" ".join(["python", *sys.argv]))
    device = torch.cuda.get_device_name() if asked.device == "cuda" else platform.machine()
    print(
        f"{device}; CUDA {torch.version.cuda}; torch {torch.__version__}; smoothlab {smoothlab.__version__}",
        end="",
    )
    try:
        import triton

        print(f"; Triton {triton.__version__}")
    except ImportError:
        print("; no Triton")
    todo = dict(peers(asked.alpha))
    if "Liger" not in todo:
        print("Liger is not installed: pip install liger-kernel puts it into the table.")
    for shape in asked.shapes or (SHAPES if asked.device == "cuda" else SMALL):
        measure(shape, todo, asked.device, asked.rounds, asked.alpha)
        gc.collect()


if __name__ == "__main__":
    main()
