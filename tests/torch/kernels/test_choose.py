"""The choice of a kernel: the first that has nothing against the tensors, and what the others have."""

import torch

from smoothlab.torch.kernels import choose, chosen, eager, frugal, rows

LABELS = torch.tensor([0, 1])


def wanting(*shape, **keywords):
    return torch.zeros(*shape, requires_grad=True, **keywords)


def test_plain_training_on_the_cpu_is_by_compiled_rows():
    for label in (LABELS, torch.zeros(2, 3)):
        for background in (0.0, 1 / 3, torch.zeros(3)):
            assert choose(wanting(2, 3), label, background) is rows.row_costs


def test_so_is_a_loss_without_a_gradient():
    assert choose(torch.zeros(2, 3), LABELS, 0.0) is rows.row_costs
    with torch.no_grad():
        assert choose(wanting(2, 3), LABELS, 0.0) is rows.row_costs


def test_rows_want_their_classes_side_by_side():
    labels = torch.zeros(2, 4, dtype=torch.long)
    assert choose(wanting(2, 3, 4), labels, 0.0) is frugal.row_costs
    assert choose(torch.zeros(2, 3, 4), labels, 0.0) is eager.row_costs
    assert choose(wanting(2, 4, 3).transpose(1, 2), labels, 0.0) is rows.row_costs
    assert choose(torch.zeros(3, 2).t(), LABELS, 0.0) is eager.row_costs
    assert choose(torch.zeros(2, 9)[:, ::3], LABELS, 0.0) is eager.row_costs
    assert choose(torch.zeros(4, 9)[::2, 3:6], LABELS, 0.0) is rows.row_costs


def test_off_the_cpu_training_is_frugal():
    labels = LABELS.to("meta")
    assert choose(wanting(2, 3, device="meta"), labels, 0.0) is frugal.row_costs
    assert choose(torch.zeros(2, 3, device="meta"), labels, 0.0) is eager.row_costs


def test_gradients_for_targets_are_traced():
    assert choose(wanting(2, 3), wanting(2, 3), 0.0) is eager.row_costs
    assert choose(wanting(2, 3), LABELS, wanting(3)) is eager.row_costs
    assert chosen(wanting(2, 3), LABELS, 0.0, wanting(2)).kernel is eager


def test_transforms_are_traced():
    seen = []
    torch.func.grad(lambda z: seen.append(choose(z, LABELS, 0.0)) or z.sum())(torch.zeros(2, 3))
    assert seen == [eager.row_costs]


def test_what_the_others_have_against_it_is_said_in_their_order():
    assert chosen(torch.zeros(2, 3, 4), torch.zeros(2, 4, dtype=torch.long), 0.0).against == {
        "triton": "the logits lie on cpu, not on CUDA",
        "rows": "the classes of a row do not lie side by side",
        "frugal": "no gradient is due",
    }
