"""Is there any alpha at which smoothing beats temperature scaling?

Claim    Statements S6 to S11 of the paper, and this project's own question C1, for three pairs of network and data:
         2 x 256 hidden units on 5,000 images of Fashion-MNIST, which are overconfident; a small convolutional network
         on the same; and 2 x 128 hidden units on the digits, which need no repair and show what smoothing spoils.
         Every run is read at seven temperatures. 10 paired seeds each.
Cost     130 trainings, about four minutes and 150 MB of disk on 2 cores. No download, no GPU.
Command  smoothlab study calibration
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial

from ..data import digits
from ..lab import Cell, Diagram, Map, Panel, Study, Trace, calibrating
from ..predictions import Predictions
from ..torch.capture import predict
from ..torch.losses import cross_entropy
from ..torch.models import fully_connected, small_cnn
from ..torch.train import train
from .smoothing import RECIPE, WIDTHS, read

ALPHAS = (0.0, 0.02, 0.05, 0.1, 0.2)
NETS = {
    "dense": (partial(fully_connected, widths=WIDTHS), RECIPE),
    "convolutional": (partial(small_cnn, channels=(8, 16), width=64), replace(RECIPE, epochs=12)),
    "digits": (partial(fully_connected, widths=(128, 128)), RECIPE),
}
"""Each with its recipe; the last is on the digits."""


def run(cell: Cell, *, on: tuple[str, str] | None = None) -> Mapping[str, Predictions]:
    """Train one network at the cell's alpha and seed, and predict every split."""
    data = digits() if cell["net"] == "digits" else read(on)
    build, recipe = NETS[cell["net"]]
    loss = partial(cross_entropy, label_smoothing=cell["alpha"])
    trained = train(build, data, loss=loss, recipe=recipe, seed=cell["seed"])
    meta = {**dict(cell.levels), "effective_alpha": cell["alpha"], "convention": "uniform", "data": data.name}
    return {
        split: predict(trained.model, getattr(data, split), meta={**meta, "split": split}, features=False)
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
    )


study = on(None)
