"""What the row kernels cost, as multiples of one copy of the logits (numpy.copyto, one thread).

    python benchmarks/rows.py [--threads 2] [--rounds 15] [--quick]

Expected from the bytes that must move, where logits are too large for caches: a copy reads and writes, so `statistics`
and `loss` cost 0.5, a gradient in place 1, into another buffer 1 (its stores go past the caches, else 1.5), all of it
less where two threads get more out of the memory than one. Exponentials, twice a number with the gradient, take about
0.2 ns each with AVX-512 and should hide behind the memory at two threads, not at one. Rows of 10 classes are
arithmetic alone: 10 to 20 ns a row.

Every kernel runs once a round, in turn; a ratio is the median over rounds of its time over that round's copy, so that
whoever else uses the machine slows both sides. `read` is numpy.max by as many threads: what one pass costs at least.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np
from machine import machine

from smoothlab import _rows

SHAPES = [(4096, 1000), (512, 32000), (256, 128000), (2048, 50257), (8192, 10), (8192, 100), (100_000, 1000)]
SMOOTHED = {"label_share": 0.9, "background_share": 0.1}


def kernels(
    rows: int, classes: int, threads: int, pool: ThreadPoolExecutor
) -> dict[str, Callable[[], object]]:
    random = np.random.default_rng(0)
    logits = random.standard_normal((rows, classes), np.float32)
    labels = random.integers(classes, size=rows)
    spent, buffer = logits.copy(), np.zeros_like(logits)  # their pages are there before the clock starts
    brain = (logits.view(np.uint32) >> 16).astype(np.uint16)
    brain_spent = brain.copy()
    parts = np.array_split(logits, threads)
    return {
        "copy": lambda: np.copyto(buffer, logits),
        "read": lambda: list(pool.map(np.max, parts)),
        "statistics": lambda: _rows.statistics(logits, labels=labels, threads=threads),
        "moments": lambda: _rows.statistics(
            logits, labels=labels, inverse_temperature=0.7, moments=True, threads=threads
        ),
        "loss": lambda: _rows.loss(logits, labels, threads=threads, **SMOOTHED),
        "hard": lambda: _rows.loss(logits, labels, threads=threads),
        "buffer": lambda: _rows.loss(logits, labels, gradient=buffer, threads=threads, **SMOOTHED),
        "in place": lambda: _rows.loss(spent, labels, gradient=spent, threads=threads, **SMOOTHED),
        "bfloat16": lambda: _rows.loss(
            brain_spent, labels, gradient=brain_spent, threads=threads, **SMOOTHED
        ),
    }


def measure(todo: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in todo}
    for _ in range(rounds + 1):
        for name, run in todo.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: taken[1:] for name, taken in times.items()}  # the first round warms up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="one small shape, to see that it runs")
    chosen = parser.parse_args()

    print(machine(f"NumPy {np.__version__}"))
    print(
        f"{chosen.threads} threads, median of {chosen.rounds} rounds; each kernel as a multiple of the copy\n"
    )
    shapes = [(64, 1000)] if chosen.quick else SHAPES
    with ThreadPoolExecutor(chosen.threads) as pool:
        for i, (rows, classes) in enumerate(shapes):
            times = measure(kernels(rows, classes, chosen.threads, pool), chosen.rounds)
            if i == 0:
                print(f"{'logits':>13} {'copy':>10} " + " ".join(f"{name:>10}" for name in list(times)[1:]))
            ratios = {
                name: median(one / copy for one, copy in zip(taken, times["copy"], strict=True))
                for name, taken in times.items()
            }
            cells = " ".join(f"{ratios[name]:10.2f}" for name in list(times)[1:])
            print(f"{rows:>6}x{classes:<6} {median(times['copy']) * 1e3:7.3f} ms {cells}")


if __name__ == "__main__":
    main()
