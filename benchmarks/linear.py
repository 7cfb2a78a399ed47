"""What a smoothed linear head costs, forward and backward, in time and in memory, beside those of torch.

    python benchmarks/linear.py [--shape 2048x512x32000] [--threads 2] [--rounds 7] [--dtype float32] [--device cpu]

A shape is rows x features x classes. `naive` is functional.linear and functional.cross_entropy with label_smoothing
0.1; a time is given as a multiple of naive's in the same round, the median over rounds in which every entry runs once,
in turn. Memory is the most that a process held beyond what it held before, each entry in a process of its own.

Expected on a CPU at 2048x512x32000 in float32, written down before the first run of this script, though after trials
of the size of chunks in one thread (0.76 to 0.82 of naive's processor time). Three matrix products, 201 GFLOP, take
most of naive's time; the rest of it is three fresh arrays of 250 MiB and eight passes over such. `smoothlab` replaces
that by one pass over logits that a product has just written, reads the head and its gradient once more for each of
12 chunks of 176 rows (1.5 GiB in all), and scales the gradients once: 0.80 of naive's time. Its memory is 62.5 MiB
of the head's gradient, 4 of the rows', 21.5 of a chunk, and 3 of the matrix products' own: 91 MiB against 755.
Smoothing costs it nothing, since its gradient is written anyway: `hard` within 1 %. torch's own function is naive
wherever there is smoothing, and its chunked path without any as fast as `plain chunks`, 0.9. `smooth_any` adds to that
path two products with vectors and a second gradient of the head: 0.95, and 62.5 MiB more.
"""

import argparse
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from machine import machine
from torch import Tensor
from torch.nn import functional

from smoothlab.torch import linear_cross_entropy, smooth_any

ALPHA = 0.1
MIB = 1 << 20


def naive(hidden: Tensor, weight: Tensor, labels: Tensor, label_smoothing: float = ALPHA) -> Tensor:
    return functional.cross_entropy(
        functional.linear(hidden, weight), labels, label_smoothing=label_smoothing
    )


class PlainChunks(torch.autograd.Function):
    """Gradients in the forward pass by torch's own operations on 256 rows at a time, as a good user writes it."""

    @staticmethod
    def forward(ctx, hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
        loss, of_hidden, of_weight = hidden.new_zeros(()), torch.empty_like(hidden), torch.zeros_like(weight)
        classes = len(weight)
        for rows in torch.arange(len(hidden), device=hidden.device).split(256):
            few, y = hidden[rows], labels[rows, None]
            log_p = functional.linear(few, weight).log_softmax(1)
            loss -= (1 - ALPHA) * log_p.gather(1, y).sum() + ALPHA / classes * log_p.sum()
            slope = log_p.exp_().sub_(ALPHA / classes)
            slope.scatter_add_(1, y, slope.new_full(y.shape, ALPHA - 1)).div_(len(hidden))
            of_hidden[rows] = slope @ weight
            of_weight.addmm_(slope.t(), few)
        ctx.save_for_backward(of_hidden, of_weight)
        return loss / len(hidden)

    @staticmethod
    def backward(ctx, incoming: Tensor) -> tuple[Tensor, Tensor, None]:
        of_hidden, of_weight = ctx.saved_tensors
        return of_hidden * incoming, of_weight * incoming, None


def torchs_hard(hidden: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    return functional.linear_cross_entropy(
        hidden, weight, labels, options=torch.nn.LinearCrossEntropyOptions()
    )


def entries() -> dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]]:
    found = {
        "naive": naive,
        "naive, hard": lambda *tensors: naive(*tensors, label_smoothing=0.0),
        "plain chunks": PlainChunks.apply,
        "smoothlab": lambda *tensors: linear_cross_entropy(*tensors, label_smoothing=ALPHA),
        "smoothlab, hard": linear_cross_entropy,
    }
    if hasattr(functional, "linear_cross_entropy"):  # from 2.13 on
        found["torch's own"] = lambda *tensors: functional.linear_cross_entropy(
            *tensors, label_smoothing=ALPHA, options=torch.nn.LinearCrossEntropyOptions()
        )
        found["torch's own, hard"] = torchs_hard
        found["smooth_any of it"] = smooth_any(torchs_hard, head=True, label_smoothing=ALPHA)
    return found


def problem(chosen: argparse.Namespace) -> tuple[Tensor, Tensor, Tensor]:
    rows, features, classes = map(int, chosen.shape.split("x"))
    torch.manual_seed(0)
    kind = {"dtype": getattr(torch, chosen.dtype), "device": chosen.device}
    weight = (torch.randn(classes, features, **kind) * features**-0.5).requires_grad_()
    hidden = torch.randn(rows, features, **kind).requires_grad_()
    return hidden, weight, torch.randint(classes, (rows,), device=chosen.device)


def step(loss: Callable[[Tensor, Tensor, Tensor], Tensor], tensors: tuple[Tensor, Tensor, Tensor]) -> None:
    """One forward and backward pass; the gradients of the one before have been let go."""
    tensors[0].grad = tensors[1].grad = None
    loss(*tensors).backward()
    if tensors[0].is_cuda:
        torch.cuda.synchronize()


def times(chosen: argparse.Namespace) -> dict[str, list[float]]:
    tensors, taken = problem(chosen), {name: [] for name in entries()}
    for _ in range(chosen.rounds + 1):
        for name, loss in entries().items():
            start = time.perf_counter()
            step(loss, tensors)
            taken[name].append(time.perf_counter() - start)
    return {name: some[1:] for name, some in taken.items()}  # the first round warms up


def held(what: str) -> float:
    """VmRSS, what the process holds, or VmHWM, the most that it held since the last reset; MiB, on Linux."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def peak(name: str, chosen: argparse.Namespace) -> float:
    """The memory of one entry in this process, which has done nothing else before, in MiB."""
    tensors, loss = problem(chosen), entries()[name]
    small = argparse.Namespace(**vars(chosen) | {"shape": "16x8x10"})
    step(loss, problem(small))  # threads, and what libraries load at their first call
    if chosen.device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step(loss, tensors)
        return (torch.cuda.max_memory_allocated() - before) / MIB
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM begins anew
    before = held("VmRSS")
    step(loss, tensors)
    return held("VmHWM") - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", default="2048x512x32000", help="rows x features x classes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dtype", default="float32", choices=["float32", "float64", "bfloat16", "float16"])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument(
        "--memory-of", choices=list(entries()), help="print the peak memory of one entry, in MiB"
    )
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    warnings.filterwarnings(
        "ignore", message="linear_cross_entropy: ``options`` ignored"
    )  # it says so every time
    if chosen.memory_of:
        print(peak(chosen.memory_of, chosen))
        return

    print("python benchmarks/linear.py", *sys.argv[1:])
    devices = [torch.cuda.get_device_name()] if chosen.device == "cuda" else []
    print(machine(f"torch {torch.__version__}", *devices))
    print(f"{chosen.shape} {chosen.dtype}, {chosen.threads} threads, median of {chosen.rounds} rounds\n")
    taken = times(chosen)
    print(f"{'':<18} {'seconds':>8} {'of naive':>9} {'least':>6} {'most':>6} {'peak MiB':>9}")
    for name, some in taken.items():
        ratios = [one / whole for one, whole in zip(some, taken["naive"], strict=True)]
        command = [sys.executable, __file__, *sys.argv[1:], "--memory-of", name]
        memory = float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)  # noqa: S603
        print(
            f"{name:<18} {median(some):8.3f} {median(ratios):9.2f} {min(ratios):6.2f} {max(ratios):6.2f} {memory:9.0f}"
        )


if __name__ == "__main__":
    main()
