r"""The kernels on CUDA, in Triton: forward reads the logits, backward reads them again and writes the gradient.

For logits z of a row, its largest m, background v, label t, with sums over the classes that take part,

    s = sum exp(z_k - m)        B = sum v_k (z_k - m)        T = sum t_k (z_k - m)        |v| = sum v_k
    label cost = |t| log s - T  (a class: log s + m - z_y)        background cost = (|v| log s - B) / by
    d / dz = (g |t| + h |v| / by) exp(z - m) / s - g t - h v / by        for incoming gradients g, h of the two,

where `by` is 1, |v| or the number of classes that take part; where it is 0 the label stands in for the background. A
logit of -inf takes its class out here, on the way, and no array of booleans has to be made for it.

One pass finds all sums, though m is known only at its end: each lane measures from its own largest logit so far, and
where that rises by r, its s shrinks by exp(-r), its B falls by |v| r, its T by |t| r. Lanes meet once a row. So neither
an offset of the logits nor a wide row costs digits; m and s are kept apart, for m + log s rounds at the size of m.

Bytes. With u the bytes of the logits (2.1 GB at 8192 x 128256 in bfloat16) the two kernels move 3 u, as much as 1.5
copies, whatever comes after the loss. A gradient written in the forward pass would make it 2 u where the second look
at a row hits the L2 cache (132 rows of 256 KB are 34 MB of an H100's 50, and as much is being written) and 3 u where
not; but g and h are known in the backward pass only, and a wrong guess at them (a scaled loss, accumulated steps) costs
2 u more. Hence 3 u, always, and no array of that size between the passes. What should keep them near a copy's speed:
loads and stores of 16 bytes wherever rows begin, and, counted in what the compiler makes for an H100, 14 instructions a
logit forward, 9 unsmoothed, 13 backward, of the 19 that it can issue while 3 TB/s bring in one of bfloat16. A number
for each class as background is read from L2 in every row, 4 bytes for each 2 of logits, and is slower. A row is one
program, never several: that would pay only for fewer rows than processors (132), logits of at most 34 MB, and what it
saves of their 11 microseconds a second launch would eat.

Sources: Milakov & Gimelshein 2018, arXiv:1805.02867 (one pass); Bishop 2006, eq. 4.109 (the gradient).
"""

from typing import Any, no_type_check

# The kernels below are Triton's language, not Python's.
# pyright: reportMissingImports=false, reportInvalidTypeForm=false, reportOptionalMemberAccess=false
try:
    import triton
    import triton.language as tl
    from triton.language import constexpr
except ImportError:  # nobody calls what follows, but whoever reads it all, as tests do, may
    triton = tl = None
    constexpr = Any


def jit(kernel: Any) -> Any:
    """A kernel, of which no number of classes, rows or steps makes a new one; without Triton, what nobody calls."""
    if triton is None:
        return kernel
    return triton.jit(do_not_specialize=_COUNTS)(kernel)


_COUNTS = [
    "classes",
    "step",
    "label_step",
    "background_step",
    "mask_step",
    "of_label_step",
    "of_background_step",
]


@jit
@no_type_check  # for the import hook of the tests, which would wrap what is not to run in Python
def _start(row, step, lead, EACH: constexpr, ALIGNED: constexpr):
    """Where a row begins in an array, less the `lead`; where rows begin at 16 bytes the compiler shall know it."""
    return row * (step // EACH) * EACH if ALIGNED else row * step - lead


@jit
@no_type_check
def _window(row, step, classes, EACH: constexpr, ALIGNED: constexpr):
    """A row in pieces of 16 bytes, counted from one: its start, its first class, its end, its first and last border.

    Between the borders whole pieces are loaded; `_edges` says where the few classes beside them lie.
    """
    start = _start(row, step, 0, EACH, ALIGNED)
    lead = 0 if ALIGNED else (start % EACH).to(tl.int32)
    end = classes // EACH * EACH if ALIGNED else lead + classes
    first = 0 if ALIGNED else (lead + EACH - 1) // EACH * EACH
    last = end if ALIGNED else tl.maximum(end // EACH * EACH, first)
    return start if ALIGNED else start // EACH * EACH, lead, end, first, last


@jit
@no_type_check
def _edges(tile, lead, end, first, last, EACH: constexpr):
    """Where the classes before the first border and after the last are, and which of the tile these are."""
    at = tl.where(tile < EACH, tile, tile + (last - EACH))
    return at, tl.where(tile < EACH, (at >= lead) & (at < first), tile < 2 * EACH) & (at < end)


@jit
@no_type_check
def _load(logits, background, label, class_mask, at, inside, SUMS: constexpr, DENSE: constexpr):
    """Logits, -inf where a class is out; background, 1 if it is even; label, 0 if it is a class."""
    z = tl.load(logits + at, inside, other=-float("inf")).to(SUMS)
    v = 1.0
    t = 0.0
    if class_mask is not None:
        z = tl.where(tl.load(class_mask + at, inside, other=1) == 0, -float("inf"), z)
    if background is not None:
        v = tl.load(background + at, inside, other=0.0).to(SUMS)
    if DENSE:
        t = tl.load(label + at, inside, other=0.0).to(SUMS)
    return z, v, t


@jit
@no_type_check
def _exp(x):
    return tl.exp2(x * 1.4426950408889634)  # tl.exp spends three instructions more on results below 1e-38


@jit
@no_type_check
def _fold(z, v, t, highest, total, of_v, mass, count, of_t, label_mass, SMOOTHED: constexpr,
          COUNTED: constexpr, DENSE: constexpr):  # fmt: skip
    """The sums of each lane, with one more tile of the row."""
    risen = tl.maximum(highest, tl.max(z, 1))
    centre = tl.where(risen == -float("inf"), 0.0, risen)
    fall = tl.where(highest == -float("inf"), 0.0, highest - centre)
    below = z - centre[:, None]
    takes = z != -float("inf")
    total = total * _exp(fall) + tl.sum(_exp(below), 1)
    if SMOOTHED:
        of_v += mass * fall + tl.sum(tl.where(takes, v * below, 0.0), 1)
        mass += tl.sum(tl.where(takes, v, 0.0), 1)
    if COUNTED:
        count += tl.sum(tl.where(takes, 1.0, 0.0), 1)
    if DENSE:
        of_t += label_mass * fall + tl.sum(tl.where(t != 0, t * below, 0.0), 1)  # -inf if its class is out
        label_mass += tl.sum(tl.where(t != 0, t, 0.0), 1)  # Triton 3.7 cannot compile sums of what is loaded
    return risen, total, of_v, mass, count, of_t, label_mass


@jit
@no_type_check
def forward(
    logits, label, background, class_mask, ignored, label_costs, background_costs, counts, kept,
    classes, step, label_step, background_step, mask_step,
    SMOOTHED: constexpr, DIVISOR: constexpr, DENSE: constexpr, ALIGNED: constexpr,
    EACH: constexpr, LANES: constexpr,
):  # fmt: skip
    """One row: its costs, how many classes take part in it, and what the backward pass will ask for."""
    SUMS: constexpr = kept.dtype.element_ty
    COUNTED: constexpr = SMOOTHED and background is not None
    row = tl.program_id(0).to(tl.int64)
    kept += row * 5
    start, lead, end, first, last = _window(row, step, classes, EACH, ALIGNED)
    logits += start
    if DENSE:
        label += _start(row, label_step, lead, EACH, ALIGNED)
    if background is not None:
        background += _start(row, background_step, lead, EACH, ALIGNED)
    if class_mask is not None:
        class_mask += _start(row, mask_step, lead, EACH, ALIGNED)
    keep = True
    if ignored is not None:
        keep = tl.load(ignored + row) == 0

    tile = tl.arange(0, LANES)[:, None] * EACH + tl.arange(0, EACH)[None, :]
    highest = tl.full([LANES], -float("inf"), SUMS)
    total = tl.zeros([LANES], SUMS)
    of_v, mass, count, of_t, label_mass = total, total, total, total, total
    if not ALIGNED:
        at, inside = _edges(tile, lead, end, first, last, EACH)
        z, v, t = _load(logits, background, label, class_mask, at, inside & keep, SUMS, DENSE)
        highest, total, of_v, mass, count, of_t, label_mass = _fold(
            z, v, t, highest, total, of_v, mass, count, of_t, label_mass, SMOOTHED, COUNTED, DENSE
        )
    for piece in range(first, last, LANES * EACH):
        at = piece + tile
        z, v, t = _load(logits, background, label, class_mask, at, (at < last) & keep, SUMS, DENSE)
        highest, total, of_v, mass, count, of_t, label_mass = _fold(
            z, v, t, highest, total, of_v, mass, count, of_t, label_mass, SMOOTHED, COUNTED, DENSE
        )

    highest_of_all = tl.max(highest, 0)
    centre = tl.where(highest_of_all == -float("inf"), 0.0, highest_of_all)
    fall = tl.where(highest == -float("inf"), 0.0, highest - centre)
    total = tl.sum(total * _exp(fall), 0)
    log_total = tl.log(tl.where(total == 0, 1.0, total))  # without any class
    tl.store(kept + 0, centre)
    tl.store(kept + 1, total)
    if DENSE:
        whole = tl.sum(label_mass, 0)
        cost = whole * log_total - tl.sum(of_t + label_mass * fall, 0)
    else:
        whole = tl.full([], 1, SUMS)
        y = tl.load(label + row)
        known = keep & (y >= 0) & (y < classes)  # any other label costs NaN: nobody has looked at them
        z = tl.load(logits + lead + y, known, other=float("nan")).to(SUMS)
        if class_mask is not None:
            z = tl.where(tl.load(class_mask + lead + y, known, other=1) == 0, -float("inf"), z)
        cost = tl.where(z == -float("inf"), float("inf"), log_total + (centre - z))
    tl.store(kept + 2, whole)
    tl.store(label_costs + row, tl.where(keep, cost, 0.0))
    if SMOOTHED:
        whole = tl.sum(mass, 0)
        number = tl.sum(count, 0) if COUNTED else whole
        by = whole if DIVISOR == "mass" else number if DIVISOR == "count" else whole * 0 + 1
        part = tl.where(by > 0, 1 / by, 0.0)
        tl.store(kept + 3, whole)
        tl.store(kept + 4, part)
        tl.store(counts + row, number)
        # where nothing of the background is left, the label stands in for it
        cost = tl.where(by > 0, (whole * log_total - tl.sum(of_v + mass * fall, 0)) * part, cost)
        tl.store(background_costs + row, tl.where(keep, cost, 0.0))
    else:
        tl.store(kept + 3, 0.0)
        tl.store(kept + 4, 0.0)
        tl.store(counts + row, 0.0)
        tl.store(background_costs + row, 0.0)


@jit
@no_type_check
def _slope(z, v, t, at, centre, factor, g, h, y, DENSE: constexpr):
    slope = _exp(z - centre) * factor - h * v
    slope = slope - g * t if DENSE else tl.where(at == y, slope - g, slope)
    return tl.where(z == -float("inf"), 0.0, slope)


@jit
@no_type_check
def backward(
    logits, label, background, class_mask, ignored, of_label, of_background, kept, gradient,
    classes, step, label_step, background_step, mask_step, of_label_step, of_background_step,
    SMOOTHED: constexpr, DENSE: constexpr, ALIGNED: constexpr, SAME: constexpr,
    EACH: constexpr, LANES: constexpr,
):  # fmt: skip
    """One row: its gradient, for what came back for its two costs."""
    SUMS: constexpr = kept.dtype.element_ty
    row = tl.program_id(0).to(tl.int64)
    kept += row * 5
    start, lead, end, first, last = _window(row, step, classes, EACH, ALIGNED)
    logits += start
    gradient += start if SAME else _start(row, classes, lead, EACH, ALIGNED)
    y = 0
    mass = 1.0
    if DENSE:
        label += _start(row, label_step, lead, EACH, ALIGNED)
        mass = tl.load(kept + 2)
    else:
        y = (lead + tl.load(label + row)).to(tl.int32)
    if background is not None:
        background += _start(row, background_step, lead, EACH, ALIGNED)
    if class_mask is not None:
        class_mask += _start(row, mask_step, lead, EACH, ALIGNED)
    keep = True
    if ignored is not None:
        keep = tl.load(ignored + row) == 0

    g = tl.load(of_label + row * of_label_step)
    h = 0.0
    if SMOOTHED:
        h = tl.load(of_background + row * of_background_step)
        part = tl.load(kept + 4)
        g += tl.where(part == 0, h, 0.0)  # the label stands in
        h *= part
        mass = g * mass + h * tl.load(kept + 3)
    else:
        mass *= g
    centre = tl.load(kept + 0)
    total = tl.load(kept + 1)
    factor = mass / tl.where(total == 0, 1.0, total)  # without any class there is nothing to multiply

    tile = tl.arange(0, LANES)[:, None] * EACH + tl.arange(0, EACH)[None, :]
    if not ALIGNED:
        at, inside = _edges(tile, lead, end, first, last, EACH)
        z, v, t = _load(logits, background, label, class_mask, at, inside & keep, SUMS, DENSE)
        slope = _slope(z, v, t, at, centre, factor, g, h, y, DENSE)
        tl.store(gradient + at, slope.to(gradient.dtype.element_ty), inside)
    for piece in range(first, last, LANES * EACH):
        at = piece + tile
        z, v, t = _load(logits, background, label, class_mask, at, (at < last) & keep, SUMS, DENSE)
        slope = _slope(z, v, t, at, centre, factor, g, h, y, DENSE)
        tl.store(gradient + at, slope.to(gradient.dtype.element_ty), at < last)
