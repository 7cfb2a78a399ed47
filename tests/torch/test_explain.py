"""An explanation asks what the loss asks."""

import pytest
import torch

from smoothlab.torch import cross_entropy, explain

LABELS = torch.tensor([0, 1])


def wanting(*shape):
    return torch.zeros(*shape, requires_grad=True)


def test_plain_training_on_the_cpu_is_one_pass_over_rows():
    found = explain(wanting(2, 3), LABELS, label_smoothing=0.1)
    assert (found.kernel, found.one_pass, found.memory, found.against) == ("rows", True, "the gradient", {})
    assert "loss and gradient in one pass" in str(found)


def test_without_a_gradient_there_is_nothing_to_allocate():
    assert explain(torch.zeros(2, 3), LABELS).memory == "nothing"
    with torch.no_grad():
        assert explain(wanting(2, 3), LABELS).memory == "nothing"
    assert explain(wanting(2, 3) * 1, LABELS, overwrite_logits=True).memory == "nothing"


@pytest.mark.parametrize(
    ("logits", "keywords", "kernel", "clause"),
    [
        (wanting(2, 3), {"reduction": "none"}, "rows", "each row waits for a factor of its own"),
        (wanting(2, 3, 2), {}, "frugal", "the classes of a row do not lie side by side"),
        (torch.zeros(2, 3, 2), {}, "eager", "the classes of a row do not lie side by side"),
        (wanting(2, 3), {"label_smoothing": torch.rand(2, requires_grad=True)}, "eager", "is traced"),
        (
            wanting(2, 3),
            {"label_smoothing": 0.1, "convention": "others", "class_mask": torch.tensor([True, True, False])},
            "rows",
            "counted first",
        ),
        (
            torch.tensor([[0.0, 0.0, -torch.inf]]),  # found by looking, as the loss finds it by trying
            {"label_smoothing": 0.1, "convention": "others"},
            "rows",
            "counted first",
        ),
    ],
)
def test_what_stands_in_the_way_of_one_pass_is_said(logits, keywords, kernel, clause):
    labels = torch.zeros(logits.shape[:1] + logits.shape[2:], dtype=torch.long)
    found = explain(logits, labels, **keywords)
    assert found.kernel == kernel
    assert not found.one_pass
    assert clause in found.against["in one pass"]
    assert clause in str(found)
    assert cross_entropy(logits, labels, **keywords).isfinite().all()


def test_others_are_named_in_their_order_with_their_reasons():
    found = explain(torch.zeros(2, 3, 2), torch.zeros(2, 2, dtype=torch.long))
    assert list(found.against) == ["in one pass", "triton", "rows", "frugal"]
    assert len(str(found).splitlines()) == 3 + len(found.against)


def test_a_wrong_argument_is_told_as_by_the_loss():
    with pytest.raises(ValueError, match="`reduction` must be one of"):
        explain(wanting(2, 3), LABELS, reduction="average")
    with pytest.raises(TypeError, match="unexpected keyword"):
        explain(wanting(2, 3), LABELS, smoothing=0.1)
