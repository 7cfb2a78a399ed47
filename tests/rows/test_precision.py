"""Errors against float64 on the same numbers, beside torch's own."""

import numpy as np
import pytest
import torch

from smoothlab import _rows, reference
from smoothlab._numerics import logsumexp

each_set = pytest.mark.parametrize("instructions", _rows.INSTRUCTIONS)


def root_mean_square(error):
    return float(np.sqrt(np.mean(np.square(error))))


def one_hot(labels, classes):
    return torch.nn.functional.one_hot(labels, classes).double().numpy()


def bits(tensor):
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


@each_set
@pytest.mark.parametrize("classes", [10, 1000])
@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (50, 0), (1e4, 0), (1, 1e4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_our_error_is_at_most_twice_torchs(dtype, scale, offset, classes, instructions):
    torch.manual_seed(0)
    logits = (torch.randn(300, classes, dtype=torch.float64) * scale + offset).to(dtype)
    labels = torch.randint(classes, (300,))
    exact = reference.cross_entropy(
        logits.double().numpy(), labels.numpy(), alpha=0.1, reduction="none"
    )  # of the rounded logits

    z = logits.clone().requires_grad_()
    torchs = torch.nn.functional.cross_entropy(z, labels, label_smoothing=0.1, reduction="none")
    torchs.sum().backward()
    gradient = torch.empty_like(logits)
    ours = _rows.loss(
        bits(logits),
        labels.numpy(),
        gradient=bits(gradient),
        label_share=0.9,
        background_share=0.1,
        instructions=instructions,
    )
    loss_error = root_mean_square(ours.value - exact.value)
    assert loss_error <= 2 * root_mean_square(torchs.detach().double().numpy() - exact.value)
    gradient_error = root_mean_square(gradient.double().numpy() - exact.gradient)
    assert gradient_error <= 2 * root_mean_square(z.grad.double().numpy() - exact.gradient)

    numbers = _rows.statistics(bits(logits), instructions=instructions)
    exact_sum = logsumexp(logits.double().numpy())
    sum_error = root_mean_square(numbers.highest + numbers.log_sum - exact_sum)
    assert sum_error <= 2 * root_mean_square(torch.logsumexp(logits.float(), 1).double().numpy() - exact_sum)


@each_set
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_is_within_two_units_in_the_last_place(dtype, instructions):
    # Where no class is the label's, and its share is the sum of the exponentials, the gradient is the exponentials.
    lowest = np.log(np.finfo(dtype).tiny)
    logits = np.concatenate([[0.0], -np.geomspace(1e-6, -lowest, 200_001)[:-1]]).astype(dtype)[None]
    total = np.exp(_rows.statistics(logits, instructions=instructions).log_sum)
    gradient = np.empty_like(logits)
    _rows.loss(logits, np.array([-1]), gradient=gradient, label_share=total, instructions=instructions)
    exact = np.exp(logits.astype(np.longdouble))
    error = np.abs(gradient - exact) / np.spacing(exact.astype(dtype))
    # of float64 the share and the factor made of it are off by a few units themselves
    assert error.max() < (2 if dtype == np.float32 else 20)


@each_set
def test_every_number_of_half_precision_is_read_exactly(instructions):
    every = np.arange(2**16, dtype=np.uint16)[:, None]
    as_float16 = every.view(np.float16)
    as_float32 = torch.from_numpy(every).view(torch.bfloat16).float().numpy()
    for got, want in (
        (_rows.statistics(as_float16, instructions=instructions).highest, as_float16[:, 0]),
        (_rows.statistics(every, instructions=instructions).highest, as_float32[:, 0]),
    ):
        number = ~np.isnan(want)  # NaN is no largest; it shows up in the sums
        np.testing.assert_array_equal(got[number], want[number].astype(np.float64))
        assert (got[~number] == -np.inf).all()


@each_set
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_written_to_the_nearest_number_with_ties_to_even(dtype, instructions):
    # A background whose mass is 0, as x and -x are together, is written as it is: nothing of a softmax is added.
    every = torch.arange(2**16, dtype=torch.int32).to(torch.uint16).view(dtype).float()
    every = every[every.isfinite()]
    between = every[:-1] / 2 + every[1:] / 2
    x = torch.cat(
        [every, between, between.nextafter(every[1:]), between.nextafter(every[:-1]), torch.tensor([1e9])]
    )
    background = torch.stack([-x, x], 1)
    gradient = torch.empty(background.shape, dtype=dtype)
    _rows.loss(
        bits(torch.zeros_like(gradient)),
        np.full(len(x), -1),
        gradient=bits(gradient),
        label_share=0.0,
        background_share=1.0,
        background=background.numpy(),
        divisor="one",
        instructions=instructions,
    )
    np.testing.assert_array_equal(gradient.float().numpy(), -background.to(dtype).float().numpy())


@each_set
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_lies_far_below_the_largest_has_no_probability_at_all(dtype, instructions):
    for classes in (4, 200):
        logits = np.full((1, classes), -1e4, dtype)
        logits[0, 0] = 0
        gradient = np.empty_like(logits)
        _rows.loss(logits, np.array([0]), gradient=gradient, instructions=instructions)
        assert (gradient == 0).all()


@each_set
@pytest.mark.parametrize("classes", [10, 100, 1000])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_gradient_in_half_precision_is_the_nearest_there_is(dtype, classes, instructions):
    torch.manual_seed(1)
    logits, labels = (3 * torch.randn(40, classes)).to(dtype), torch.randint(classes, (40,))
    exact = reference.cross_entropy(
        logits.double().numpy(), labels.numpy(), alpha=0.1, reduction="none"
    ).gradient
    gradient = torch.empty_like(logits)
    _rows.loss(
        bits(logits),
        labels.numpy(),
        gradient=bits(gradient),
        label_share=0.9,
        background_share=0.1,
        instructions=instructions,
    )
    nearest = torch.from_numpy(exact).to(dtype)
    off = (gradient.double() - nearest.double()).abs()
    # one unit apart where the exact value lies within float32's error of the middle between two numbers
    unit = torch.finfo(dtype).eps * nearest.double().abs() + torch.finfo(dtype).smallest_normal
    assert (off <= unit).all()
    assert (off > 0).double().mean() < 0.01


def test_float16_neither_overflows_nor_loses_the_loss_of_a_large_vocabulary():
    torch.manual_seed(0)
    logits, labels = torch.randn(8, 32000).half(), torch.randint(32000, (8,))
    exact = reference.cross_entropy(
        logits.double().numpy(), one_hot(labels, 32000), alpha=0.1, reduction="none"
    ).value
    loss = _rows.loss(logits.numpy(), labels.numpy(), label_share=0.9, background_share=0.1)
    np.testing.assert_allclose(loss.value, exact, rtol=1e-6)
