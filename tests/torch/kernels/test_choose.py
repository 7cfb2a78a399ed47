"""The choice of a kernel: frugal where gradients may be written by hand, eager everywhere else."""

import torch

from smoothlab.torch.kernels import choose, eager, frugal

LABELS = torch.tensor([0, 1])


def wanting(*shape):
    return torch.zeros(*shape, requires_grad=True)


def test_plain_training_is_frugal():
    for label in (LABELS, torch.zeros(2, 3)):
        for background in (0.0, 1 / 3, torch.zeros(3)):
            assert choose(wanting(2, 3), label, background) is frugal.row_costs


def test_without_a_gradient_nothing_is_kept_for_one():
    assert choose(torch.zeros(2, 3), LABELS, 0.0) is eager.row_costs
    with torch.no_grad():
        assert choose(wanting(2, 3), LABELS, 0.0) is eager.row_costs


def test_gradients_for_targets_are_traced():
    assert choose(wanting(2, 3), wanting(2, 3), 0.0) is eager.row_costs
    assert choose(wanting(2, 3), LABELS, wanting(3)) is eager.row_costs


def test_transforms_are_traced():
    seen = []
    torch.func.grad(lambda z: seen.append(choose(z, LABELS, 0.0)) or z.sum())(torch.zeros(2, 3))
    assert seen == [eager.row_costs]
