"""Cross entropy with label smoothing against everybody's, forward and backward: time, memory, error.

    python benchmarks/losses.py [--threads 2] [--rounds 9] [--keep-pages] [--quick]

Expected, in copies of the logits (one read, one write), where these are too large for caches: ours in place 1, since a
row is read once and written while a cache holds it; into memory that an earlier gradient left behind 1 as well, its
stores going past the caches; into new memory 2, since the system clears every page first. Exponentials hide behind the
memory at two threads, in bfloat16, whose numbers are half as long, not quite: 1.5. torch writes log p, the smoothed
part and the gradient, each to fresh 4 KiB pages whose faults cost more than the bytes: above 15, and so do the others
that are written in torch; torch.compile keeps the gradient alone: 5 to 10. With pages kept, eager should halve and
ours stay. Smoothing adds one addition a number: nothing that can be seen. 8192x10 is about 100 microseconds of calls
and 50 of arithmetic. In a step nothing is slower, since the threads that a product leaves spinning do ours too.
Errors: below torch's in half types, whose sums it forms in half, and like it in float32.

Everybody runs in turn, for 30 ms off the clock, because a processor that was at rest needs milliseconds to be as fast
as in a training, and for 10 ms on it, of which the median run counts; the smaller the shape, the more such rounds. A
ratio is the median over rounds of a time over that round's, so that whoever else uses the machine slows both sides;
smoothing and none take turns. `reused` is what a training sees: the gradient of the step before is gone. `in a step`
comes right after a matrix product. `new` forgets every buffer first. `in place` overwrites the logits, which are
filled again off the clock. `the kernel alone` has no calls around it, and `16 rows` are hardly more than calls. The
peak of memory is the system's own count (VmHWM), reset before one more run, in sizes of the logits beyond the logits
themselves.
--keep-pages tells glibc by mallopt, before torch is loaded, to map nothing apart and to return nothing to the system,
as allocators that cache do; faults then help nobody, and what fits into kept pages adds nothing to a peak. The other
formulas are written out from the sources named beside them, since those packages bring much else along.
"""

import argparse
import ctypes
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

ALPHA = 0.1
REST, WARM, WINDOW = 0.02, 0.03, 0.01  # seconds


def keep_pages() -> None:
    """glibc's own switches: M_MMAP_MAX 0, M_TRIM_THRESHOLD the largest int."""
    c = ctypes.CDLL(None)
    if not (c.mallopt(-4, 0) and c.mallopt(-1, 2**31 - 1)):
        raise SystemExit("This system's allocator cannot be told to keep its pages.")


if __name__ == "__main__" and "--keep-pages" in sys.argv:
    keep_pages()

import torch  # noqa: E402  after its allocator has been told
from machine import machine  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from smoothlab import _rows  # noqa: E402
from smoothlab.torch import cross_entropy  # noqa: E402
from smoothlab.torch.kernels import rows  # noqa: E402

Loss = Callable[[Tensor, Tensor], Tensor]
F32, BF16 = torch.float32, torch.bfloat16
SHAPES = [
    (512, 32000, F32),
    (256, 128000, F32),
    (2048, 50257, F32),
    (4096, 1000, F32),
    (8192, 10, F32),
    (2048, 50257, BF16),
]


# ------------------------------------------------------------------------------------------------------- the peers


def eager(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(logits, labels, label_smoothing=ALPHA)


def hard(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(logits, labels)


def timm(logits: Tensor, labels: Tensor) -> Tensor:
    """timm/loss/cross_entropy.py, LabelSmoothingCrossEntropy."""
    log_p = functional.log_softmax(logits, dim=-1)
    nll = -log_p.gather(dim=-1, index=labels.unsqueeze(1)).squeeze(1)
    return ((1 - ALPHA) * nll + ALPHA * -log_p.mean(dim=-1)).mean()


def fairseq(logits: Tensor, labels: Tensor) -> Tensor:
    """fairseq/criterions/label_smoothed_cross_entropy.py; its log probabilities are float32."""
    log_p = functional.log_softmax(logits, dim=-1, dtype=torch.float32)
    nll, smooth = -log_p.gather(-1, labels.unsqueeze(-1)).sum(), -log_p.sum(-1, keepdim=True).sum()
    each = ALPHA / (log_p.size(-1) - 1)
    return ((1 - ALPHA - each) * nll + each * smooth) / len(labels)


def hugging_face(logits: Tensor, labels: Tensor) -> Tensor:
    """transformers/trainer_pt_utils.py, LabelSmoother."""
    log_p = -functional.log_softmax(logits, dim=-1)
    padding = labels.unsqueeze(-1).eq(-100)
    nll = log_p.gather(dim=-1, index=labels.clamp(min=0).unsqueeze(-1)).masked_fill_(padding, 0.0)
    smooth = log_p.sum(dim=-1, keepdim=True, dtype=torch.float32).masked_fill_(padding, 0.0)
    active = padding.numel() - padding.long().sum()
    return (1 - ALPHA) * nll.sum() / active + ALPHA * smooth.sum() / (active * log_p.shape[-1])


def opennmt(logits: Tensor, labels: Tensor) -> Tensor:
    """onmt/utils/loss.py, LabelSmoothingLoss, with padding outside of the vocabulary."""
    target = torch.full((1, logits.shape[1]), ALPHA / (logits.shape[1] - 2), dtype=logits.dtype)
    target = target.repeat(len(labels), 1).scatter_(1, labels.unsqueeze(1), 1 - ALPHA)
    return functional.kl_div(functional.log_softmax(logits, -1), target, reduction="sum") / len(labels)


def ours(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits, labels, label_smoothing=ALPHA)


def ours_hard(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits, labels)


def ours_over_the_logits(logits: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(logits, labels, label_smoothing=ALPHA, overwrite_logits=True)


class Head(torch.autograd.Function):
    """Logits in memory that is there, as computed ones; their gradient goes nowhere."""

    @staticmethod
    def forward(ctx: object, anchor: Tensor, memory: Tensor) -> Tensor:
        # no view of anything, which nobody could overwrite
        return torch.empty(0, dtype=memory.dtype).set_(
            memory.untyped_storage(), 0, memory.shape, memory.stride()
        )

    @staticmethod
    def backward(ctx: object, *gradient: Tensor) -> tuple[None, None]:
        return None, None


class Run(NamedTuple):
    """A loss, forward and backward, and what is done before it off the clock."""

    work: Callable[[], object]
    before: Callable[[], object] = lambda: None


def forget() -> None:
    rows._buffers = _rows.Buffers()


def runs(logits: Tensor, labels: Tensor, *, compiled: bool) -> dict[str, Run]:
    anchor = torch.zeros((), requires_grad=True)
    spare = torch.zeros_like(logits, requires_grad=False)
    values = logits.detach()
    few = values[:16].clone().requires_grad_()
    factor = torch.randn(512, 512)

    def trained(loss: Loss) -> Callable[[], object]:
        return lambda: loss(logits, labels).backward()

    def gone() -> None:
        logits.grad = None

    def product() -> None:
        gone()
        torch.mm(factor, factor)

    def new() -> None:
        gone()
        forget()

    losses = {"torch": eager, "torch, alpha 0": hard}
    if compiled:
        torch._dynamo.reset()
        losses["torch.compile"] = torch.compile(eager, dynamic=False)
        losses["ours, compiled"] = torch.compile(ours, dynamic=False)
    losses |= {"timm": timm, "fairseq": fairseq, "Hugging Face": hugging_face, "OpenNMT": opennmt}
    losses |= {"ours, reused": ours, "ours, alpha 0": ours_hard}
    return {
        "copy": Run(lambda: spare.copy_(values)),
        **{name: Run(trained(loss), gone) for name, loss in losses.items()},
        "torch, in a step": Run(trained(eager), product),
        "ours, in a step": Run(trained(ours), product),
        "ours, new": Run(trained(ours), new),
        "ours, in place": Run(
            lambda: ours_over_the_logits(Head.apply(anchor, spare), labels).backward(),
            lambda: spare.copy_(values),
        ),
        "the kernel alone": Run(
            lambda: rows.run(
                *(values, labels, None, None, None, True, "count"),
                label_share=1 - ALPHA,
                background_share=ALPHA,
                gradient=spare,
                costs=False,
            )
        ),
        "ours, 16 rows": Run(lambda: ours(few, labels[:16]).backward(), lambda: setattr(few, "grad", None)),
    }


# ----------------------------------------------------------------------------------------------------- the measures


def timed(todo: dict[str, Run], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in todo}
    order, random = list(todo), Random(0)
    for _ in range(rounds + 1):
        random.shuffle(order)  # nobody always follows the same one
        for name in order:
            run = todo[name]
            # off the clock: nobody inherits the caches of another, or his threads, which spin for a while
            time.sleep(REST)
            repeated(run, WARM)
            times[name].append(median(repeated(run, WINDOW)))
    return {name: taken[1:] for name, taken in times.items()}  # the first round warms up, and compiles


def repeated(run: Run, seconds: float) -> list[float]:
    taken: list[float] = []
    while sum(taken) < seconds:
        run.before()
        start = time.perf_counter()
        run.work()
        taken.append(time.perf_counter() - start)
    return taken


def one_by_one(one: Run, other: Run, pairs: int = 40) -> float:
    """How many times as long as the other a run takes, for differences that a round is too long to show."""
    ratios = []
    for at in range(pairs):
        taken = {}
        for run in (one, other) if at % 2 else (other, one):
            run.before()
            start = time.perf_counter()
            run.work()
            taken[run] = time.perf_counter() - start
        ratios.append(taken[one] / taken[other])
    return median(ratios)


def ratio(times: dict[str, list[float]], one: str, other: str) -> float:
    return median(a / b for a, b in zip(times[one], times[other], strict=True))


def peak(run: Run) -> float | None:
    """Bytes that a run has beyond what is there before it, at most; `None` if the system does not count them."""
    run.before()
    forget()
    gc.collect()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak becomes what is resident now
        before = resident("VmRSS")
        run.work()
        return resident("VmHWM") - before
    except OSError:
        return None


def resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field))


def errors(classes: int, dtype: torch.dtype, scale: float, batches: int) -> tuple[float, float]:
    """Root mean square of the gradient's error against float64, ours and torch's."""
    generator = torch.Generator().manual_seed(0)
    squares = {eager: 0.0, ours: 0.0}
    for _ in range(batches):
        logits = (torch.randn(16, classes, generator=generator, dtype=torch.float64) * scale).to(dtype)
        labels = torch.randint(classes, (16,), generator=generator)
        exact = gradient(eager, logits.double(), labels)
        for loss in squares:
            squares[loss] += (gradient(loss, logits, labels).double() - exact).square().mean().item()
    return (squares[ours] / batches) ** 0.5, (squares[eager] / batches) ** 0.5


def gradient(loss: Loss, logits: Tensor, labels: Tensor) -> Tensor:
    wanting = logits.clone().requires_grad_()
    return torch.autograd.grad(loss(wanting, labels), wanting)[0]


# ------------------------------------------------------------------------------------------------------- the tables


def compare(shape: tuple[int, int, torch.dtype], rounds: int) -> list[str]:
    """Prints the table of one shape; hands back what it says of the goals."""
    batch, classes, dtype = shape
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, classes, generator=generator).to(dtype).requires_grad_()
    labels = torch.randint(classes, (batch,), generator=generator)
    todo = runs(logits, labels, compiled=True)
    few = logits.numel() < 1 << 20
    times = timed(todo, rounds * (25 if few else 6 if logits.numel() < 1 << 23 else 1))
    name = f"{batch}x{classes} {str(dtype)[6:]}"
    print(f"\n{name}: a copy takes {median(times['copy']) * 1e3:.3f} ms")
    print(f"  {'':<16}{'ms':>10}{'copies':>9}{'torch is':>10}{'memory':>9}")
    size = logits.numel() * logits.itemsize
    for who in list(todo)[1:]:
        memory = None if few else peak(todo[who])
        print(
            f"  {who:<16}{median(times[who]) * 1e3:10.3f}{ratio(times, who, 'copy'):9.2f}"
            f"{ratio(times, 'torch', who):9.1f}x" + ("" if memory is None else f"{memory / size:9.2f}")
        )
    faster = {who: ratio(times, "torch", who) for who in todo}
    smoothing = one_by_one(todo["ours, reused"], todo["ours, alpha 0"])
    return [
        f"{name:<20} torch is {faster['ours, reused']:.1f}x (reused), {faster['ours, new']:.1f}x (new); "
        f"compiled torch {ratio(times, 'torch.compile', 'ours, reused'):.1f}x",
        f"{'':<20} in a step {ratio(times, 'torch, in a step', 'ours, in a step'):.1f}x; "
        f"in place {ratio(times, 'ours, in place', 'copy'):.2f} copies; smoothing against alpha 0 {smoothing:.3f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--keep-pages", action="store_true", help="the allocator keeps its pages")
    parser.add_argument("--quick", action="store_true", help="small shapes, to see that it runs")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)

    print(machine(f"torch {torch.__version__}"))
    print(f"python {' '.join(sys.argv)}")
    print(f"{chosen.threads} threads, {chosen.rounds} rounds, alpha {ALPHA}; " + (
        "the allocator keeps its pages" if chosen.keep_pages else "the default allocator"
    ))  # fmt: skip
    shapes = [(64, 1000, F32), (64, 1000, BF16)] if chosen.quick else SHAPES
    said = [line for shape in shapes for line in compare(shape, chosen.rounds)]
    print("\nIn short")
    for line in said:
        print(f"  {line}")

    print("\nError of the gradient against float64 (root mean square), ours / torch's, logits scaled by")
    print(f"  {'':<22}" + "".join(f"{scale:>24g}" for scale in (1, 50, 1e4)))
    for classes in (10, 1000) if chosen.quick else (10, 1000, 32000):
        for dtype in (F32, BF16, torch.float16):
            cells = [errors(classes, dtype, scale, 5 if classes > 1000 else 40) for scale in (1, 50, 1e4)]
            row = "".join(f"{one:11.2e} /{other:9.2e} " for one, other in cells)
            print(f"  {classes:>6} {str(dtype)[6:]:<14} {row}")


if __name__ == "__main__":
    main()
