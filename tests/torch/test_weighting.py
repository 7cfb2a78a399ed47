"""The two meanings of a class weight; that each is the reference's is tested in conformance."""

import torch

from smoothlab.torch import cross_entropy

torch.manual_seed(0)
LOGITS = torch.randn(6, 5, dtype=torch.float64)
LABELS = torch.tensor([0, 1, 2, 3, 4, 1])
WEIGHT = torch.rand(5, dtype=torch.float64) + 0.1


def slope(weighting, logits):
    wanting = logits.clone().requires_grad_()
    cross_entropy(wanting, LABELS, WEIGHT, label_smoothing=0.2, weighting=weighting).backward()
    return wanting.grad


def test_weights_on_the_example_leave_the_smoothed_target_the_best_prediction_and_torchs_do_not():
    q = torch.full((6, 5), 0.04, dtype=torch.float64).scatter(1, LABELS[:, None], 0.84)
    assert slope("example", q.log()).abs().max() < 1e-16
    assert slope("torch", q.log()).abs().max() > 1e-3


def test_a_weight_on_the_example_is_a_number_of_copies():
    copies = torch.tensor([1, 2, 3, 1, 2])
    rows = torch.repeat_interleave(torch.arange(6), copies[LABELS])
    torch.testing.assert_close(
        cross_entropy(LOGITS, LABELS, copies.double(), label_smoothing=0.2, weighting="example"),
        cross_entropy(LOGITS[rows], LABELS[rows], label_smoothing=0.2),
    )


def test_labels_and_the_same_labels_as_probabilities_agree_under_example_weights_alone():
    hot = torch.eye(5, dtype=torch.float64)[LABELS]

    def both(weighting):
        return [
            cross_entropy(LOGITS, target, WEIGHT, label_smoothing=0.2, weighting=weighting)
            for target in (LABELS, hot)
        ]

    one, other = both("example")
    torch.testing.assert_close(one, other)
    one, other = both("torch")  # torch divides by the sum of weights for labels, by N for probabilities
    torch.testing.assert_close(one * WEIGHT[LABELS].sum(), other * 6)


def test_without_smoothing_both_weightings_of_labels_agree():
    one, other = (cross_entropy(LOGITS, LABELS, WEIGHT, weighting=word) for word in ("torch", "example"))
    torch.testing.assert_close(one, other)
