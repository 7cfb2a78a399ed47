"""t-SNE pictures of one seed, beside the plane: who is near whom, with the sentence on what not to read in them."""

import numpy as np

from ..lab import Evidence, Neighbours, Store
from ..lab.paper import ALPHA
from ..measures.embedding import tsne
from .figures import Figure, draw_neighbours
from .one_seed import alphas_run, first_whole_seed, load
from .page import Section

NEIGHBOURS = 600
"""Training examples in a t-SNE picture; more take minutes and show no more."""
PERPLEXITY = 30.0
NOT_TO_READ = (
    "t-SNE keeps who is near whom, and nothing else. It fits a width at every example, so tight and wide clusters are "
    "drawn alike, and it leaves what is far wherever that does no harm: distances between clusters mean nothing here, "
    "nor do their sizes. That smoothing tightens clusters cannot be seen in such a picture; the plane above is linear, "
    "and there it can."
)


def neighbours_section(
    wanted: tuple[Neighbours, ...], store: Store, evidence: Evidence
) -> tuple[Section, ...]:
    """The t-SNE pictures that a study asks for; without scikit-learn a sentence in their place."""
    try:
        figures = tuple(
            figure for each in wanted if (figure := _neighbours(each, store, evidence)) is not None
        )
    except ImportError:
        missing = "The t-SNE pictures are left out: they need scikit-learn, which is not installed here."
        return (Section("Who is whose neighbour?", (NOT_TO_READ, missing)),)
    texts = dict.fromkeys(each.text for each in wanted if each.text)
    return (Section("Who is whose neighbour?", (NOT_TO_READ, *texts), figures),) if figures else ()


def _neighbours(wanted: Neighbours, store: Store, evidence: Evidence) -> Figure | None:
    """None where no seed is whole, no features were kept, or there are too few examples to have neighbours."""
    part = evidence.where(**wanted.levels)
    seed = first_whole_seed(part)
    if seed is None or ALPHA not in alphas_run(part):
        return None
    said = [load(store, alpha, seed, "train", **wanted.levels) for alpha in (0.0, ALPHA)]
    features = [each.features[:NEIGHBOURS] for each in said if each.features is not None]
    labels = said[0].labels[:NEIGHBOURS]
    if len(features) < len(said) or len(labels) <= 3 * PERPLEXITY or features[0].shape[1] < 2:
        return None
    names = said[0].meta.get("classes") or [f"class {label}" for label in range(said[0].logits.shape[1])]
    headings = ("hard labels", f"smoothed, α = {ALPHA:g}")
    return draw_neighbours(
        [
            (heading, tsne(np.asarray(each, np.float64), perplexity=PERPLEXITY))
            for heading, each in zip(headings, features, strict=True)
        ],
        labels,
        classes=tuple(map(str, names)),
        title=wanted.title,
        caption=(
            f"t-SNE of penultimate activations, perplexity {PERPLEXITY:g}, started from principal components. The same "
            f"n = {len(labels):,} training examples of seed {seed} left and right.",
            "Distances between clusters, and their sizes, mean nothing.",
        ),
    )
