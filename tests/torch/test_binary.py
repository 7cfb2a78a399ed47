"""Binary cross entropy on logits: torch's own on a softened target; the values are held against the reference."""

import pytest
import torch
from torch.nn import functional

from smoothlab.torch import binary_cross_entropy_with_logits, cross_entropy

torch.manual_seed(0)
LOGITS = torch.randn(6, 3, dtype=torch.float64)
YES = torch.randint(2, (6, 3)).double()


@pytest.mark.parametrize(("convention", "low"), [("binary_half", 0.05), ("binary_flip", 0.1)])
def test_a_target_is_pulled_in_by_half_of_alpha_or_turned_over_with_probability_alpha(convention, low):
    got = binary_cross_entropy_with_logits(LOGITS, YES, label_smoothing=0.1, convention=convention)
    want = functional.binary_cross_entropy_with_logits(LOGITS, YES.clamp(low, 1 - low))
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize(("binary", "categorical"), [("binary_half", "uniform"), ("binary_flip", "others")])
def test_one_logit_is_two_classes_of_which_one_has_logit_zero(binary, categorical):
    two = torch.stack([torch.zeros(6).double(), LOGITS[:, 0]], 1)
    torch.testing.assert_close(
        binary_cross_entropy_with_logits(LOGITS[:, 0], YES[:, 0], label_smoothing=0.1, convention=binary),
        cross_entropy(two, YES[:, 0].long(), label_smoothing=0.1, convention=categorical),
    )


def test_all_arguments_of_torch_stand_in_torchs_places():
    arguments = (torch.rand(3).double(), None, None, "sum", torch.rand(3).double())
    torch.testing.assert_close(
        binary_cross_entropy_with_logits(LOGITS, YES, *arguments),
        functional.binary_cross_entropy_with_logits(LOGITS, YES, *arguments),
    )


def test_each_element_may_have_its_own_alpha():
    for shape in ((), (3,), (6, 1), (6, 3)):
        alphas = torch.rand(shape, dtype=torch.float64)
        got = binary_cross_entropy_with_logits(LOGITS, YES, label_smoothing=alphas, reduction="none")
        for row in range(6):
            for column in range(3):
                alpha = alphas.expand(6, 3)[row, column].item()
                one = LOGITS[row, column], YES[row, column]
                want = binary_cross_entropy_with_logits(*one, label_smoothing=alpha)
                torch.testing.assert_close(got[row, column], want)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_logits_give_a_float32_loss_and_a_half_gradient(dtype):
    wanting = LOGITS.to(dtype).requires_grad_()
    loss = binary_cross_entropy_with_logits(wanting, YES.to(dtype), label_smoothing=0.1)
    loss.backward()
    assert (loss.dtype, wanting.grad.dtype) == (torch.float32, dtype)
    want = binary_cross_entropy_with_logits(wanting.detach().double(), YES, label_smoothing=0.1)
    torch.testing.assert_close(loss.detach().double(), want, rtol=1e-6, atol=0)


def test_targets_may_be_whole_numbers_or_true_and_false():
    want = binary_cross_entropy_with_logits(LOGITS, YES, label_smoothing=0.1)
    for target in (YES.long(), YES.bool()):
        assert binary_cross_entropy_with_logits(LOGITS, target, label_smoothing=0.1) == want


def test_second_derivatives_are_right():
    wanting = LOGITS.clone().requires_grad_()
    pos_weight = torch.rand(3).double()

    def loss(z):
        return binary_cross_entropy_with_logits(z, YES, pos_weight=pos_weight, label_smoothing=0.1)

    assert torch.autograd.gradcheck(loss, wanting)
    assert torch.autograd.gradgradcheck(loss, wanting)
