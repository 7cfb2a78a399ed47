"""What each of three processes finds of a vocabulary in shards; run by test_parallel.py, one process a rank.

    python sharded.py RANK FOLDER

Writes FOLDER/RANK.pt: for each case, the loss, the gradient of this process's logits, and where they stand.
"""

import sys
import warnings
from itertools import product
from pathlib import Path

import torch
from torch import distributed
from torch.nn import functional

from smoothlab.torch import parallel_cross_entropy, smooth_any

ROWS, CLASSES = 13, 11
WORLD = 3
CUTS = {  # the first column of each shard, and the end of the last; beyond CLASSES lies padding
    "even": (0, 4, 8, 12),
    "uneven": (0, 2, 8, 11),
    "padding alone": (0, 5, 11, 14),
    "an empty shard": (0, 6, 6, 11),
    "two processes": (0, 4, 13),
}
ROWS_OF = torch.linspace(0, 9, ROWS * CLASSES).sin().reshape(ROWS, CLASSES).double().softmax(1)
SMOOTHINGS = {
    "hard": {},
    "uniform": {"label_smoothing": 0.1},
    "others": {"label_smoothing": 0.1, "convention": "others"},
    "padding": {"label_smoothing": 0.1, "convention": "others_but_padding", "padding_index": 9},
    "classyvision": {"label_smoothing": 0.1, "convention": "classyvision"},
    "a background": {"label_smoothing": 0.3, "background": ROWS_OF[0]},
    "backgrounds": {"label_smoothing": 0.3, "background": ROWS_OF},
    "alphas": {"label_smoothing": torch.linspace(0, 1, ROWS, dtype=torch.float64)},
}
PROBABILITIES = torch.linspace(0, 7, ROWS * CLASSES).cos().reshape(ROWS, CLASSES).double().mul(3).softmax(1)
PROBABILITIES[3, [0, 4, 7]] = 0.0  # out of row 3 in `problem`, as class 2 is out of row 6
PROBABILITIES[9, 4] += 0.5  # a sum is nobody's business
WEIGHT = torch.linspace(0.2, 3, CLASSES, dtype=torch.float64)
WEIGHT[2] = 0.0
KINDS = {
    "class weights": {"weight": WEIGHT},
    "weights of examples": {"weight": WEIGHT, "weighting": "example"},
    "probabilities": {"target": PROBABILITIES},
    "probabilities and class weights": {"target": PROBABILITIES, "weight": WEIGHT},
    "probabilities and weights of examples": {
        "target": PROBABILITIES,
        "weight": WEIGHT,
        "weighting": "example",
    },
}


def problem(minus_infinity: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits over all columns, padding included, and labels."""
    logits = torch.randn(ROWS, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 3 + 100
    labels = torch.arange(ROWS) * 4 % CLASSES
    labels[5] = -100
    logits[5, 2] = torch.nan  # in an ignored row
    if minus_infinity:
        logits[3, [0, 4, 7]] = -torch.inf
        logits[6, labels[6]] = -torch.inf
        logits[8, :4] = -torch.inf  # all that the first shard holds
    return logits, labels


def of_kind(kind: str, minus_infinity: bool) -> dict:
    """Everything but the smoothing, of all classes at once."""
    logits, labels = problem(minus_infinity)
    keywords = {"target": labels, **KINDS[kind]}
    if keywords["target"].is_floating_point():  # no row is ignored
        logits = logits.nan_to_num(101.0, neginf=-torch.inf)
    return {"input": logits, **keywords}


def cut_of_kind(keywords: dict, cut: str, rank: int) -> dict:
    columns = slice(*CUTS[cut][rank : rank + 2])

    def part(numbers: torch.Tensor) -> torch.Tensor:
        return functional.pad(numbers, (0, 14 - CLASSES), value=torch.nan)[..., columns]

    target, weight = keywords["target"], keywords.get("weight")
    cut_ones = {"input": shard_of(keywords["input"], cut, rank)}
    if target.is_floating_point():
        cut_ones["target"] = part(target)
    if weight is not None:
        cut_ones["weight"] = part(weight)
    return keywords | cut_ones


def shard_of(logits: torch.Tensor, cut: str, rank: int) -> torch.Tensor:
    return logits[:, CUTS[cut][rank] : CUTS[cut][rank + 1]].clone().requires_grad_()


def cut_background(smoothing: dict, cut: str, rank: int) -> dict:
    whole = smoothing.get("background")
    if whole is None:
        return smoothing
    padded = functional.pad(whole, (0, 14 - CLASSES), value=0.5)  # what lies on padding must not count
    return smoothing | {"background": padded[..., CUTS[cut][rank] : CUTS[cut][rank + 1]]}


def found(value: torch.Tensor, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    back = torch.linspace(1, 2, value.numel(), dtype=value.dtype).reshape(value.shape)
    (gradient,) = torch.autograd.grad(value, logits, back)
    return value.detach(), gradient


def megatrons(shard: torch.Tensor, whole: torch.Tensor, labels: torch.Tensor, alpha: float) -> torch.Tensor:
    """Megatron-LM's formula for a smoothed loss: K and the mean are those of the shard."""
    normaliser = whole.logsumexp(1, keepdim=True)
    hard = (normaliser - whole.gather(1, labels[:, None]))[:, 0]
    held = shard.shape[1]
    smoothing = alpha * held / (held - 1)
    return (1 - smoothing) * hard - smoothing * (shard - normaliser).mean(1)


def hard_only(logits: torch.Tensor, labels: torch.Tensor, first: int, group: object) -> torch.Tensor:
    """A framework's own sharded loss, without smoothing."""
    return parallel_cross_entropy(
        logits, labels, first_class=first, classes=CLASSES, group=group, reduction="none"
    )


def main(rank: int, folder: Path) -> None:
    store = distributed.FileStore(str(folder / "store"), WORLD)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=WORLD)
    pair = distributed.new_group([0, 1])
    results = {}
    for cut, edges in CUTS.items():
        if rank >= len(edges) - 1:
            continue
        group = pair if len(edges) == 3 else None
        where = {"first_class": edges[rank], "classes": CLASSES, "group": group}
        for name, smoothing in SMOOTHINGS.items():
            keywords = cut_background(smoothing, cut, rank) | where
            for masked in (False, True):
                logits, labels = problem(masked)
                for reduction in ("mean", "sum", "none"):
                    mine = shard_of(logits, cut, rank)
                    value = parallel_cross_entropy(mine, labels, reduction=reduction, **keywords)
                    results[cut, name, masked, reduction] = found(value, mine)

            for kind, masked in product(KINDS, (False, True)):
                mine = cut_of_kind(of_kind(kind, masked), cut, rank)
                for reduction in ("none",) if masked else ("mean", "none"):  # else it is infinite
                    parts = parallel_cross_entropy(**mine, reduction=reduction, parts=True, **keywords)
                    gradient = found(parts.loss, mine["input"])[1]
                    assert not any(part.requires_grad for part in parts[1:])
                    results[cut, name, kind, masked, reduction] = [one.detach() for one in parts], gradient

            if not smoothing:
                continue
            logits, labels = problem()
            mine = shard_of(logits.nan_to_num(0.0), cut, rank)
            smooth = smooth_any(hard_only, reduction="none", **keywords)
            value = smooth(mine, labels, first=edges[rank], group=group)
            results[cut, name, "any"] = found(value, mine)

    logits, labels = problem()
    leading = {
        "first_class": CUTS["even"][rank],
        "classes": CLASSES,
        "reduction": "none",
        "label_smoothing": 0.1,
    }
    mine = shard_of(logits[:12], "even", rank)
    value = parallel_cross_entropy(mine.reshape(3, 4, -1), labels[:12].reshape(3, 4), **leading)
    results["leading axes"] = found(value, mine)
    for dtype in (torch.float32, torch.bfloat16):
        mine = shard_of(logits.to(dtype), "even", rank)
        value = parallel_cross_entropy(mine, labels, **leading)
        results["type", dtype] = found(value, mine)
    mine = shard_of(logits[:4], "uneven", rank).detach()
    results["megatron"] = megatrons(mine, logits[:4, :CLASSES], labels[:4], 0.1)

    with warnings.catch_warnings():  # torch's own, as it loads
        warnings.simplefilter("ignore")
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    mesh = init_device_mesh("cpu", (WORLD,))
    for width in (CLASSES, 14):
        whole = logits[:, :width].nan_to_num(0.0).clone()
        sharded = distribute_tensor(whole, mesh, [Shard(1)]).requires_grad_()
        value = parallel_cross_entropy(sharded, labels, classes=CLASSES, label_smoothing=0.1)
        value.backward()
        assert sharded.grad.placements == (Shard(1),)
        results["DTensor", width] = value.detach(), sharded.grad.full_tensor()
    for wrong in (Replicate(), Shard(0)):
        try:
            parallel_cross_entropy(distribute_tensor(whole, mesh, [wrong]), labels)
        except ValueError as error:
            results["refused", str(wrong)] = str(error)

    torch.save(results, folder / f"{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]), Path(sys.argv[2]))
