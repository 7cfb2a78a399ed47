"""The compiled rows as operators of torch."""

import gc

import pytest
import torch
from torch.library import opcheck

from smoothlab.torch.kernels import clauses, eager, rows, sums

torch.manual_seed(0)
LOGITS = torch.randn(4, 5, dtype=torch.float64)
LOGITS[0, 1] = LOGITS[2, 4] = -torch.inf
LABELS = torch.tensor([0, 3, 2, 4])
LABELS_OF = {"classes": LABELS, "distributions": torch.rand(4, 5).double().softmax(1)}
BACKGROUND = torch.rand(4, 5, dtype=torch.float64)
MASK = torch.tensor([True, True, True, False, True])
IGNORED = torch.tensor([False, True, False, False])


def by_hand(logits, label, background, divisor, class_mask, ignored):
    """What `row_sums` promises, in torch."""
    out = logits.isneginf() if class_mask is None else logits.isneginf() | ~class_mask
    share = torch.where(out, 0.0, torch.ones_like(logits) if background is None else background)
    by = {"one": torch.ones(len(logits)), "mass": share.sum(1), "count": (~out).sum(1)}[divisor]
    costs = eager.row_costs(logits, label, share / by[:, None], out=out, ignored=ignored)
    return costs.label, costs.background


@pytest.mark.parametrize("ignored", [None, IGNORED], ids=["all rows", "ignored"])
@pytest.mark.parametrize(
    "class_mask", [None, MASK, MASK & (torch.rand(4, 5) < 0.9)], ids=["none", "one", "rows"]
)
@pytest.mark.parametrize("divisor", ["one", "mass", "count"])
@pytest.mark.parametrize("background", [None, BACKGROUND[0], BACKGROUND], ids=["even", "one row", "rows"])
@pytest.mark.parametrize("label", LABELS_OF.values(), ids=LABELS_OF.keys())
def test_the_background_is_cut_and_divided_inside(label, background, divisor, class_mask, ignored):
    outgoing, results = torch.rand(2, 4, dtype=torch.float64), []
    if label.is_floating_point():  # whose mass lies where classes take part
        out = LOGITS.isneginf() if class_mask is None else LOGITS.isneginf() | ~class_mask
        label = label.masked_fill(out, 0.0)
    for way in (by_hand, rows.row_sums):
        wanting = LOGITS.clone().requires_grad_()
        given = {"divisor": divisor, "class_mask": class_mask, "ignored": ignored}
        costs = way(wanting, label, background, **given)
        finite = costs[0].isfinite() if not results else results[0][2]
        total = (costs[0] * outgoing[0])[finite].sum() + (costs[1] * outgoing[1]).sum()
        results.append((costs[0], costs[1], finite, torch.autograd.grad(total, wanting)[0]))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_the_third_column_counts_the_classes_that_take_part():
    given = {"divisor": "one", "class_mask": MASK, "ignored": None}
    assert rows.row_sums(LOGITS, LABELS, None, **given).count.tolist() == [3, 4, 3, 4]


@pytest.mark.parametrize("smoothed", [True, False])
def test_the_operators_keep_torchs_rules(smoothed):
    wanting = torch.randn(4, 5, requires_grad=True)
    tables = (wanting, LABELS, None, MASK[None], IGNORED, smoothed, "mass")
    opcheck(torch.ops.smoothlab.row_costs.default, tables)
    opcheck(
        torch.ops.smoothlab.row_slope.default, (torch.rand(4), torch.rand(4), wanting.detach(), *tables[1:])
    )


@pytest.mark.parametrize("divisor", ["mass", "one"])
def test_the_label_stands_in_for_a_background_of_which_nothing_is_left(divisor):
    background = BACKGROUND.clone()
    background[0] = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0])  # whose class is out
    gradients = []
    for create_graph in (False, True):  # as it is written, and as it is traced
        wanting = LOGITS.clone().requires_grad_()
        given = {"divisor": divisor, "class_mask": None, "ignored": None}
        costs = rows.row_sums(wanting, LABELS, background, **given)
        assert costs.background[0] == (costs.label[0] if divisor == "mass" else 0)
        total = (costs.label + 0.5 * costs.background).sum()
        gradients.append(torch.autograd.grad(total, wanting, create_graph=create_graph)[0])
    torch.testing.assert_close(*gradients)


def test_first_and_second_derivatives_are_right():
    wanting = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)

    def sums(z):
        return rows.row_sums(z, LABELS[:3], None, divisor="mass", class_mask=None, ignored=IGNORED[:3])[:2]

    assert torch.autograd.gradcheck(sums, wanting, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(sums, wanting)


def test_many_gradients_at_once_are_traced_and_a_single_one_is_not(monkeypatch):
    traced = []
    monkeypatch.setattr(rows, "traced_slope", lambda *tables: traced.append(1) or sums.traced_slope(*tables))
    wanting = LOGITS.clone().requires_grad_()
    cost = rows.row_sums(wanting, LABELS, None, divisor="mass", class_mask=None, ignored=None).label
    torch.autograd.grad(cost.sum(), wanting, retain_graph=True)
    assert not traced
    torch.autograd.grad(cost, wanting, torch.eye(len(cost), dtype=cost.dtype), is_grads_batched=True)
    assert traced


@pytest.mark.parametrize("dtype", clauses.DTYPES)
def test_room_is_an_array_like_any_other_whatever_its_size(dtype):
    for shape in ((3, 5), (300, 1000)):
        like = torch.zeros(shape, dtype=dtype)
        room = rows.room(like)
        assert room.shape == shape
        assert room.dtype == dtype
        assert room.is_contiguous()
        assert not room._is_view()
        room.fill_(1)
        assert room.sum(dtype=torch.float64) == like.numel()


def test_room_that_is_let_go_of_is_used_again():
    like = torch.zeros(300, 1000)
    room = rows.room(like)
    address, other = room.data_ptr(), rows.room(like)
    assert other.data_ptr() != address
    del room
    gc.collect()
    assert rows.room(like).data_ptr() == address
