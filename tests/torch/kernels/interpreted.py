"""What the CUDA kernels compute, in Triton's interpreter on the CPU; run by test_triton.py in a process of its own.

Triton decides when it is imported whether kernels are interpreted, and the import hook of tests/conftest.py has no
business in them, so this file is not collected with the others: its name does not begin with `test_`.
"""

import numpy as np
import pytest
import torch

from smoothlab import reference
from smoothlab.torch.kernels import eager, triton

# NumPy's, for what is infinite or not a number on purpose; a GPU says nothing
pytestmark = pytest.mark.filterwarnings("ignore:(divide by zero|invalid value|overflow):RuntimeWarning")

DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
# Against float64 on the same logits. A gradient is rounded to its type once; float32 sums of n terms err by about
# sqrt(n) roundings of 6e-8, here of costs up to 30.
CLOSE = {
    torch.float64: {"rtol": 1e-13, "atol": 1e-13},
    torch.float32: {"rtol": 2e-6, "atol": 1e-7},
    torch.bfloat16: {"rtol": 2**-7, "atol": 1e-7},  # the interpreter cuts where a GPU rounds
    torch.float16: {"rtol": 2**-10, "atol": 6e-8},  # half of its smallest number
}
ALPHA = np.array([0.1, 0.0, 1.0, 0.5])


def draw(classes, dtype, *, scale=3.0, rows=4):
    generator = torch.Generator().manual_seed(0)
    logits = (torch.randn(rows, classes, generator=generator, dtype=torch.float64) * scale).to(dtype)
    return logits, torch.randint(classes, (rows,), generator=generator), generator


def loss(logits, label, background, *, divisor="mass", class_mask=None, ignored=None, alpha=ALPHA):
    """Rows of the smoothed loss and the gradient of their sum, as float64 arrays."""
    alpha = torch.from_numpy(alpha)
    wanting = logits.detach().requires_grad_()
    sums = triton.row_sums(
        wanting, label, background, divisor=divisor, class_mask=class_mask, ignored=ignored
    )
    cost = torch.where(alpha == 1, 0.0, sums.label) * (1 - alpha) + alpha * sums.background
    (gradient,) = torch.autograd.grad(cost.sum(), wanting)
    assert gradient.dtype == logits.dtype
    return cost.detach().double().numpy(), gradient.double().numpy()


def double(array):
    return array.detach().double().numpy()


@pytest.mark.parametrize("classes", [1, 3, 10, 300, 4104])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_loss_and_gradient_are_those_of_the_reference(dtype, classes):
    logits, labels, generator = draw(classes, dtype)
    sums = eager.precision(dtype)
    backgrounds = {
        "even": None,
        "one row": torch.rand(classes, generator=generator, dtype=sums),
        "rows": torch.rand(4, classes, generator=generator, dtype=sums),
    }
    distributions = torch.rand(4, classes, generator=generator, dtype=sums).softmax(1)
    for label in (labels, distributions):
        for background in backgrounds.values():
            got = loss(logits, label, background)
            want = reference.cross_entropy(
                double(logits),
                label.numpy() if label is labels else double(label),
                alpha=ALPHA,
                background=background if background is None else normalised(double(background)),
                reduction="none",
            )
            np.testing.assert_allclose(got[0], want.value, **CLOSE[sums])
            np.testing.assert_allclose(got[1], want.gradient, **CLOSE[dtype])


def normalised(rows):
    return rows / rows.sum(-1, keepdims=True)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_masked_classes_and_logits_of_minus_infinity_leave_the_background_and_the_count(dtype):
    logits, labels, generator = draw(37, dtype)
    labels = labels // 3  # on classes that take part everywhere
    logits[:, 20:25] = -torch.inf
    logits[2, 13:20] = -torch.inf
    mask = torch.arange(37) < 30
    background = torch.rand(37, generator=generator, dtype=eager.precision(dtype))
    for takes_part in (None, mask, mask.expand(4, 37), mask | (torch.rand(4, 37, generator=generator) < 0.5)):
        for given, divisor in ((None, "mass"), (None, "count"), (background, "mass")):
            got = loss(logits, labels, given, divisor=divisor, class_mask=takes_part)
            want = reference.cross_entropy(
                double(logits),
                labels.numpy(),
                alpha=ALPHA,
                background=None if given is None else normalised(double(given)),
                class_mask=None if takes_part is None else takes_part.numpy(),
                reduction="none",
            )
            np.testing.assert_allclose(got[0], want.value, **CLOSE[eager.precision(dtype)])
            np.testing.assert_allclose(got[1], want.gradient, **CLOSE[dtype])
            assert (got[1][want.gradient == 0] == 0).all()


def test_classes_that_take_part_are_counted():
    logits = torch.zeros(2, 5)
    logits[1, 2:] = -torch.inf
    labels = torch.zeros(2, dtype=torch.long)
    even = triton.row_sums(logits, labels, None, divisor="mass", class_mask=None, ignored=None)
    assert even.count.tolist() == [5, 2]
    given = triton.row_sums(logits, labels, torch.arange(5.0), divisor="count", class_mask=None, ignored=None)
    assert given.count.tolist() == [5, 2]
    np.testing.assert_allclose(given.background, [10 * np.log(5) / 5, np.log(2) / 2], rtol=1e-6)


def test_where_nothing_of_the_background_is_left_the_label_stands_in():
    logits = torch.tensor([[1.0, 3.0, -torch.inf, -torch.inf, 2.0]])
    background = torch.tensor([0.0, 0.0, 0.5, 0.5, 0.0])
    got = loss(logits, torch.tensor([1]), background, alpha=np.array([0.3]))
    want = reference.cross_entropy(
        double(logits), np.array([1]), alpha=0.3, background=double(background), reduction="none"
    )
    np.testing.assert_allclose(got[0], want.value, **CLOSE[torch.float32])
    np.testing.assert_allclose(got[1], want.gradient, **CLOSE[torch.float32])


def test_a_label_that_is_out_costs_infinity_and_keeps_a_finite_gradient():
    logits = torch.tensor([[1.0, -torch.inf, 2.0], [1.0, 0.0, 2.0], [-torch.inf] * 3])
    mask = torch.tensor([[True, True, True], [True, False, True], [True, True, True]])
    labels = torch.tensor([1, 1, 1])
    dense = torch.eye(3)[labels]
    for label in (labels, dense):
        got = loss(logits, label, None, class_mask=mask, alpha=np.array([0.1, 0.1, 0.1]))
        want = reference.cross_entropy(
            double(logits), labels.numpy(), alpha=0.1, class_mask=mask.numpy(), reduction="none"
        )
        np.testing.assert_allclose(got[0], want.value)
        np.testing.assert_allclose(got[1], want.gradient, **CLOSE[torch.float32])


@pytest.mark.parametrize("classes", [3, 300])
def test_an_ignored_row_is_exactly_nothing_even_where_it_holds_nan(classes):
    logits, labels, _ = draw(classes, torch.float32)
    logits[1], logits[3, 0] = torch.nan, torch.inf
    ignored = torch.tensor([False, True, False, True])
    costs, gradient = loss(logits, labels, None, ignored=ignored)
    assert (costs[ignored] == 0).all()
    assert (gradient[ignored] == 0).all()
    want = reference.cross_entropy(
        double(logits), labels.masked_fill(ignored, -100).numpy(), alpha=ALPHA, reduction="none"
    )
    np.testing.assert_allclose(costs, want.value, **CLOSE[torch.float32])
    np.testing.assert_allclose(gradient, want.gradient, **CLOSE[torch.float32])


def test_nan_stays_nan_in_its_row():
    logits, labels, _ = draw(300, torch.float32)
    logits[1, 7], logits[3, 299] = torch.nan, torch.inf
    costs, gradient = loss(logits, labels, None)
    assert np.isnan(costs).tolist() == [False, True, False, True]
    assert np.isnan(gradient).all(1).tolist() == [False, True, False, True]


def test_a_label_outside_the_classes_costs_nan_and_reads_nothing():
    logits, _, _ = draw(3, torch.float32, rows=2)
    sums = triton.row_costs(logits, torch.tensor([-(2**40), 3]), 0.0, out=None, ignored=None)
    assert sums.label.isnan().all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("scale", [1, 50, 1e4])
def test_no_scale_or_offset_costs_more_than_torch_loses(dtype, scale):
    logits, labels, _ = draw(1000, dtype, scale=1.0, rows=16)
    logits = (logits * scale + scale).to(dtype)
    alpha = np.full(16, 0.1)
    want = reference.cross_entropy(double(logits), labels.numpy(), alpha=0.1, reduction="none")
    got = loss(logits, labels, None, alpha=alpha)
    wanting = logits.detach().requires_grad_()
    theirs = torch.nn.functional.cross_entropy(wanting, labels, label_smoothing=0.1, reduction="none")
    (slope,) = torch.autograd.grad(theirs.sum(), wanting)
    bit = torch.finfo(eager.precision(dtype)).eps
    cut = 2 if dtype == torch.bfloat16 else 1  # the interpreter cuts where a GPU rounds
    for ours, torchs, truth, least in (
        (got[0], double(theirs), want.value, bit * want.value.max()),
        (got[1], double(slope), want.gradient, bit),
    ):
        error, theirs_error = (np.abs(values - truth) for values in (ours, torchs))
        # a bit of the largest number where torch happens to hit it; where torch overflows, nothing is compared
        assert np.isfinite(ours).all()
        assert error.max() <= max(2 * cut * np.nan_to_num(theirs_error, nan=np.inf).max(), least)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_rows_may_begin_anywhere(dtype):
    logits, _, generator = draw(331, dtype, rows=3)
    labels = torch.tensor([0, 299, 150])
    background = torch.rand(3, 331, generator=generator, dtype=eager.precision(dtype))
    mask = torch.arange(331) != torch.tensor([[44], [45], [46]])
    for begin in (0, 1, 7, 8):
        one, other = slice(begin, begin + 300), slice(3, 303)
        arrays = logits[:, one], background[:, other], mask[:, :300]
        assert not any(array.is_contiguous() for array in arrays)
        got, want = (
            loss(z, labels, v, class_mask=m, alpha=ALPHA[:3])
            for z, v, m in (arrays, [a.contiguous() for a in arrays])
        )
        # sums are formed in another order
        np.testing.assert_allclose(got[0], want[0], **CLOSE[eager.precision(dtype)])
        np.testing.assert_allclose(got[1], want[1], **CLOSE[dtype])


def test_labels_and_ignored_rows_may_lie_apart():
    logits, labels, _ = draw(10, torch.float64)
    spread = torch.stack([labels, 9 - labels], 1)[:, 0], (torch.arange(8) < 3)[::2]
    assert not any(column.is_contiguous() for column in spread)
    got = loss(logits, spread[0], None, ignored=spread[1])
    want = loss(logits, labels, None, ignored=torch.tensor([True, True, False, False]))
    for ours, contiguous in zip(got, want, strict=True):
        np.testing.assert_array_equal(ours, contiguous)


def test_rows_beyond_two_to_the_31_logits_are_found():
    step = 2**30 + 8
    logits = torch.empty(2 * step + 10, dtype=torch.bfloat16).as_strided(
        (3, 10), (step, 1)
    )  # touched in 3 places
    logits.copy_(torch.arange(30).reshape(3, 10) * 0.25)
    labels = torch.tensor([1, 5, 9])
    got, want = (
        loss(logits, labels, None, alpha=ALPHA[:3]),
        loss(logits.clone(), labels, None, alpha=ALPHA[:3]),
    )
    np.testing.assert_array_equal(got[1], want[1])


def test_places_lie_behind_the_classes_as_in_torch():
    logits = torch.randn(2, 4, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.randint(30, (2, 4), generator=torch.Generator().manual_seed(1))
    wanting = logits.clone().requires_grad_()
    results = []
    for kernel in (triton, eager):
        costs = kernel.row_costs(wanting.transpose(1, 2), labels, 1 / 30, out=None, ignored=labels == 3)
        results.append((*costs, *torch.autograd.grad(costs.label.sum() + costs.background.sum(), wanting)))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("background", [0.0, 0.2, torch.arange(5.0), torch.arange(20.0).reshape(4, 5)])
@pytest.mark.parametrize("dense", [False, True])
def test_row_costs_are_those_of_the_closed_form(dense, background):
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(4, 5, generator=generator, dtype=torch.float64)
    if isinstance(background, torch.Tensor):
        background = background.double() / 10
    label = torch.rand(4, 5, generator=generator).double() if dense else torch.tensor([0, 4, 2, 1])
    outgoing = torch.rand(2, 4, generator=generator, dtype=torch.float64)
    results = []
    for kernel in (triton, eager):
        wanting = logits.clone().requires_grad_()
        costs = kernel.row_costs(wanting, label, background, out=None, ignored=None)
        total = (costs.label * outgoing[0] + costs.background * outgoing[1]).sum()
        results.append((*costs, *torch.autograd.grad(total, wanting)))
    torch.testing.assert_close(*results)


def test_second_derivatives_and_batches_of_gradients_are_right():
    logits, labels, generator = draw(4, torch.float64, rows=2)
    logits[0, 3] = -torch.inf
    background = torch.rand(4, generator=generator, dtype=torch.float64)
    takes = logits.isfinite()

    def total(finite):
        z = torch.full_like(logits, -torch.inf).masked_scatter(takes, finite)
        sums = triton.row_sums(
            z, labels % 3, background, divisor="mass", class_mask=None, ignored=labels == 9
        )
        return sums.label**2 + 0.3 * sums.background**2

    finite = logits[takes].requires_grad_()
    assert torch.autograd.gradcheck(total, finite, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(total, finite)


def test_torch_finds_the_operators_well_formed():
    logits, labels, _ = draw(5, torch.float32)
    arrays = (
        logits.requires_grad_(),
        labels,
        torch.linspace(0, 1, 5)[None],
        None,
        torch.tensor([True, False, False, False]),
    )
    torch.library.opcheck(triton._costs, (*arrays, True, "mass"))
    kept = triton._costs(*arrays, True, "mass")[3].detach()
    torch.library.opcheck(
        triton._slope, (torch.ones(4), torch.ones(4), kept, logits.detach(), *arrays[1:], True)
    )


def test_a_compiler_traces_them_whole():
    logits, labels, _ = draw(5, torch.float32)

    def mean(z, share):
        costs = triton.row_costs(z, labels, 0.2, out=None, ignored=labels == 0)
        return ((1 - share) * costs.label + share * costs.background).mean()

    results = []
    for function in (mean, torch.compile(mean, fullgraph=True, backend="aot_eager")):
        z = logits.clone().requires_grad_()
        value = function(z, torch.tensor(0.1))
        value.backward()
        results.append((value.detach(), z.grad))
    torch.testing.assert_close(*results)
