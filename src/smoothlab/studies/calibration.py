"""Is there any alpha at which smoothing beats temperature scaling?

Claim    Statements S6 to S11 of the paper, and this project's own question C1, for three pairs of network and data:
         2 x 256 hidden units on 5,000 images of Fashion-MNIST, which are overconfident; a small convolutional network
         on the same; and 2 x 128 hidden units on the digits, which need no repair and show what smoothing spoils.
         Every run is read at seven temperatures. 10 paired seeds each.
Cost     130 trainings, about three minutes and 150 MB of disk on 2 cores. No download, no GPU. With --together,
         on a GPU if there is one, as one model for each net.
Command  smoothlab study calibration
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

from torch import nn

from ..data import Dataset, digits
from ..lab import Cell, Diagram, Map, Panel, Study, Trace, calibrating
from ..predictions import Predictions
from ..torch.capture import predict
from ..torch.models import fully_connected, small_cnn
from ..torch.train import train
from .smoothing import RECIPE, WIDTHS, at_once, read, smoothed

ALPHAS = (0.0, 0.02, 0.05, 0.1, 0.2)
NETS = {
    "dense": (partial(fully_connected, widths=WIDTHS), RECIPE),
    "convolutional": (partial(small_cnn, channels=(8, 16), width=64), replace(RECIPE, epochs=12)),
    "digits": (partial(fully_connected, widths=(128, 128)), RECIPE),
}
"""Each with its recipe; the last is on the digits."""


def run(cell: Cell, *, on: tuple[str, str] | None = None) -> Mapping[str, Predictions]:
    """Train one network at the cell's alpha and seed, and predict every split."""
    data, (build, recipe) = seen_by(cell["net"], on), NETS[cell["net"]]
    trained = train(build, data, loss=smoothed(cell), recipe=recipe, seed=cell["seed"])
    return said(cell, trained.model, data)


def run_together(
    cells: Sequence[Cell], *, on: tuple[str, str] | None = None
) -> list[Mapping[str, Predictions] | FloatingPointError]:
    """`run` of each cell, all trained at once. They have one net."""
    [net] = {cell["net"] for cell in cells}
    build, recipe = NETS[net]
    return at_once(cells, build, seen_by(net, on), recipe=recipe, said=said)


def seen_by(net: str, on: tuple[str, str] | None) -> Dataset:
    """The data of a net."""
    return digits() if net == "digits" else read(on)


def said(cell: Cell, model: nn.Module, data: Dataset) -> Mapping[str, Predictions]:
    """What a network of the cell predicts of every split."""
    meta = {
        **dict(cell.levels),
        "effective_alpha": cell["alpha"],
        "convention": "uniform",
        "data": data.name,
        "device": next(model.parameters()).device.type,
    }
    return {
        split: predict(model, getattr(data, split), meta={**meta, "split": split}, features=False)
        for split in ("train", "validation", "test")
    }


def _alphas(net: str) -> tuple[Trace, ...]:
    return tuple(Trace(f"α = {alpha:g}", {"net": net, "alpha": alpha}) for alpha in (0.0, 0.05, 0.1, 0.2))


def on(data: tuple[str, str] | None) -> Study:
    """The study on the embedded images, or on others by name and folder; the digits stay."""
    return Study(
        name="calibration",
        factors={"net": tuple(NETS), "alpha": ALPHAS, "seed": tuple(range(10))},
        skip=lambda cell: cell["net"] == "convolutional" and cell["alpha"] not in (0.0, 0.05, 0.1),
        run=partial(run, on=data),
        claims=tuple(
            calibrating.of_slice(claim, net, {"net": net, "temperature": 1.0})
            for net in NETS
            for claim in calibrating.FAMILY
        ),
        settings={
            "data": f"{'embedded Fashion-MNIST' if data is None else data[0]}, digits",
            "recipe": asdict(RECIPE),
            "networks": "fully connected 256, 256; convolutional 8, 16 with 64 hidden units and 12 epochs; "
            "fully connected 128, 128 on the digits",
        },
        measures=calibrating.CALIBRATION,
        panels=tuple(Diagram(f"Hard against smoothed, {net}", {"net": net}) for net in NETS)
        + tuple(Diagram(f"Hard, divided by T, {net}", {"net": net}, along="temperature") for net in NETS)
        + tuple(
            Panel(
                f"Calibration over temperature, {net}",
                "ece_at",
                _alphas(net),
                along="temperature",
                marked=True,
            )
            for net in NETS
        )
        + tuple(
            Map(f"Alpha and temperature, {net}", "ece_at", {"net": net}, floor="null_at") for net in NETS
        ),
        run_together=partial(run_together, on=data),
        apart=("net",),
    )


study = on(None)
