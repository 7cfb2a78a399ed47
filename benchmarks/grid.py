"""Small models trained one after another, and as one stack of 5, 20 and 50: models a second.

    python benchmarks/grid.py [--device cuda] [--epochs 20] [--together 5 20 50] [--rounds 3] [--threads 1]

A model is one cell of a built-in study: 5,000 images of Fashion-MNIST, batches of 128, SGD, its own seed, and an alpha
from 0 to 0.2; `dense` has 2 x 256 hidden units, `convolutional` 8 and 16 channels and 64 hidden units. `apart` gives
every model a loss of its own, as one has to whose losses are not all smoothed cross entropies. A round trains two
models one after another and then each stack once; `of one by one` is the median over rounds of models a second over
the round's own two. The first round warms up.

Expected, written down before the first run of this script, and for the GPU without one at hand. On a GPU of today a
step of one such model costs about 1 ms, nearly all of it Python and launches, and one of a stack 2.5 ms, vmap's own
work included; 50 dense models need 10 GFLOP and 0.5 GB a step, which is 0.5 ms at 25 TFLOP/s and hides behind that.
So 5 dense models together are trained at 2 times the speed, 20 at 8 times, 50 at 17 times; losses apart add 0.25 ms a
model, which leaves 50 at 3.5 times. Convolutions of a stack are grouped ones, which libraries are worse at: half of
that. On a CPU arithmetic is all, and one thread does it no faster in a stack whose weights are too large for its
caches: 0.8 to 1.1 for dense models, 0.5 to 0.8 for convolutional ones.
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from statistics import median

import torch
from machine import machine

from smoothlab.data import Dataset, fashion_mnist_small
from smoothlab.torch import cross_entropy
from smoothlab.torch.grid import train_together
from smoothlab.torch.models import Builder, fully_connected, small_cnn
from smoothlab.torch.recipe import Recipe
from smoothlab.torch.train import Loss, train

ALPHAS = (0.0, 0.02, 0.05, 0.1, 0.2)
NETS: dict[str, Builder] = {
    "dense": partial(fully_connected, widths=(256, 256)),
    "convolutional": partial(small_cnn, channels=(8, 16), width=64),
}
ONE_BY_ONE = 2
"""Models a round that are trained one after another: each takes the same time."""


def losses_of(models: int, *, apart: bool) -> list[Loss]:
    losses = [partial(cross_entropy, label_smoothing=alpha) for alpha in islice(cycle(ALPHAS), models)]
    return [(lambda *batch, loss=loss: loss(*batch)) if apart else loss for loss in losses]


def entries(
    build: Builder, data: Dataset, asked: argparse.Namespace
) -> dict[str, tuple[int, Callable[[], object]]]:
    """By name, how many models an entry trains, and what trains them."""
    settings = {
        "recipe": Recipe(epochs=asked.epochs, batch_size=128, learning_rate=0.1),
        "device": asked.device,
        "threads": asked.threads,
    }

    def one_by_one() -> None:
        for seed, loss in enumerate(losses_of(ONE_BY_ONE, apart=False)):
            train(build, data, loss=loss, seed=seed, **settings)

    def stacked(models: int, apart: bool) -> None:
        train_together(
            build, data, losses=losses_of(models, apart=apart), seeds=tuple(range(models)), **settings
        )

    together = {f"{models} together": (models, partial(stacked, models, False)) for models in asked.together}
    most = max(asked.together)
    return {
        "one by one": (ONE_BY_ONE, one_by_one),
        **together,
        f"{most}, losses apart": (most, partial(stacked, most, True)),
    }


def speeds(
    todo: dict[str, tuple[int, Callable[[], object]]], asked: argparse.Namespace
) -> dict[str, list[float]]:
    """Models a second of every entry in every round."""
    found: dict[str, list[float]] = {name: [] for name in todo}
    for _ in range(asked.rounds + 1):
        for name, (models, run) in todo.items():
            start = time.perf_counter()
            run()
            if asked.device == "cuda":
                torch.cuda.synchronize()
            found[name].append(models / (time.perf_counter() - start))
    return {name: some[1:] for name, some in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    found = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=["cuda", "cpu"], default=found, help=f"here: {found}")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--together", type=int, nargs="+", default=[5, 20, 50], help="models in each stack")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nets", nargs="+", choices=list(NETS), default=list(NETS))
    asked = parser.parse_args()

    print("python benchmarks/grid.py", *sys.argv[1:])
    cuda = asked.device == "cuda"
    print(
        machine(
            f"torch {torch.__version__}",
            *([f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"] if cuda else []),
        )
    )
    print(f"{asked.device}, {asked.epochs} epochs, {asked.threads} threads, median of {asked.rounds} rounds")
    data = fashion_mnist_small()
    for net in asked.nets:
        found_speeds = speeds(entries(NETS[net], data, asked), asked)
        print(f"\n{net:<20} {'models/s':>9} {'of one by one':>14} {'least':>6} {'most':>6}")
        for name, some in found_speeds.items():
            ratios = [one / alone for one, alone in zip(some, found_speeds["one by one"], strict=True)]
            print(
                f"{name:<20} {median(some):9.3f} {median(ratios):14.2f} {min(ratios):6.2f} {max(ratios):6.2f}"
            )


if __name__ == "__main__":
    main()
