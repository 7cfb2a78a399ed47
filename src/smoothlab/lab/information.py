"""How much a network still knows of its training examples, along training: the paper's figure 6 and statement S17.

A run keeps the two logits of N examples of two classes under 2 L augmentations each, after some of its epochs, as one
file of predictions called "draws" whose rows go through epochs, then draws, then examples; `meta` has the three
lengths. The first L draws make the means, and the others are scored afresh (see `measures.information`).

Source: Mueller, Kornblith, Hinton 2019, sec. 4 and figure 6, arXiv:1906.02629
"""

import numpy as np
from jaxtyping import Float

from ..measures import fresh_information, plug_in_information, scores
from ..predictions import Predictions
from . import compare
from .cell import Run
from .claims import Claim, Finding
from .evidence import Evidence
from .measures import Measure, Measures
from .panel import Panel, Trace
from .paper import ALPHA

LISTED = (
    Measure(
        "information",
        "Mutual information",
        "between an example and its difference of two logits, in nats, a fresh draw scored; its most is log N",
    ),
    Measure(
        "plug_in",
        "Mutual information, plug-in",
        "the same with the scored draw in its own mean, which reads collapsed clusters too high",
    ),
    Measure("accuracy", "Accuracy", "share of test examples whose largest logit is the label's, at the end"),
    Measure(
        "train_accuracy", "Train accuracy", "the same of the training examples, not augmented, at the end"
    ),
)


def draws_of(said: Predictions, epoch: int) -> Float[np.ndarray, "examples draws"]:
    """The difference of the two logits after an epoch: a row for each example, a column for each draw."""
    epochs, draws, examples = said.meta["epochs"], said.meta["draws"], said.meta["examples"]
    difference = np.asarray(said.logits[:, 0], np.float64) - said.logits[:, 1]
    return difference.reshape(len(epochs), draws, examples)[epochs.index(epoch)].T


def take(run: Run, epoch: int) -> dict[str, float]:
    """The information after one epoch, and the accuracies of the end beside the last."""
    draws = draws_of(run["draws"], epoch)
    means, fresh = np.split(draws, 2, axis=1)
    found = {
        "information": fresh_information(means, fresh),
        "plug_in": plug_in_information(means),
    }
    if epoch == run["draws"].meta["epochs"][-1]:
        for name, split in (("accuracy", "test"), ("train_accuracy", "train")):
            found[name] = scores.accuracy(run[split].logits, run[split].labels)
    return found


def informed(epochs: tuple[int, ...]) -> Measures:
    """The measures of a study that kept draws after these epochs."""
    return Measures(LISTED, take, views={"epoch": epochs}, at={"epoch": epochs[-1]})


PANELS = (
    Panel(
        "What the network still knows of an example",
        "information",
        (Trace("hard labels", {"alpha": 0.0}), Trace(f"smoothed, α = {ALPHA:g}", {"alpha": ALPHA})),
        along="epoch",
        reference=("one bit, which of the two classes: log 2", float(np.log(2))),
        text="The paper's figure 6: information rises fast, then falls, and falls further with smoothing, to slightly "
        "above log 2. A fresh draw is scored here.",
    ),
    Panel(
        "The same, plugged in",
        "plug_in",
        (Trace("hard labels", {"alpha": 0.0}), Trace(f"smoothed, α = {ALPHA:g}", {"alpha": ALPHA})),
        along="epoch",
        reference=("collapsed clusters read log 2 + .11", float(np.log(2) + 0.5 * np.log(5 / 4))),
        text="Where the scored draw is also in its example's mean, fully collapsed clusters read 0.805 in place of "
        "log 2 = 0.693: slightly above log 2 may be exactly log 2.",
    ),
)


def peak(over: Float[np.ndarray, "epochs seeds"]) -> Float[np.ndarray, " seeds"]:
    """Each seed's value at the epoch where the mean of the other seeds is largest.

    A seed's own largest value would be above its last one by chance alone.
    """
    others = np.nansum(over, 1, keepdims=True) - np.nan_to_num(over)
    return over[others.argmax(0), np.arange(over.shape[1])]


def _s17(evidence: Evidence) -> Finding:
    epochs = evidence.factors["epoch"]
    over = np.array([evidence.at("information", ALPHA, epoch=epoch) for epoch in epochs])
    hard = evidence.at("information", 0.0, epoch=epochs[-1])
    fell, lower = compare.below(over[-1], peak(over)), compare.below(over[-1], hard)
    if lower.claimed:  # both must hold, so the larger p-value is the one that counts
        lower = compare.Side(lower.estimate, True, max(lower.p, fell.p if fell.claimed else 1.0))
    return Finding(
        f"Information at alpha = {ALPHA:g} less at 0, at the end",
        lower,
        note=f"From its peak, at the epoch that the other seeds choose, it changed by {fell.estimate}.",
    )


CLAIMS = (
    Claim(
        "S17",
        "Smoothing erases what tells examples of a class apart.",
        "figure 6, never replicated",
        "the information of the smoothed network falls from its peak, and ends below the hard one's",
        _s17,
    ),
)
