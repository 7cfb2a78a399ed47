"""Every wrong argument gets one sentence and a way out, and only where somebody can act on it."""

import pytest
import torch

from smoothlab.torch import binary_cross_entropy_with_logits, cross_entropy, quadratic_loss

LOGITS = torch.zeros(4, 5)
LABELS = torch.tensor([0, 1, 2, 3])
ROWS = LOGITS.softmax(1)

WRONG = {
    "an alpha below 0": ({"label_smoothing": -0.5}, r"`label_smoothing` must lie in \[0, 1\], but got -0.5"),
    "an alpha above 1": ({"label_smoothing": 1.5}, r"`label_smoothing` must lie in \[0, 1\], but got 1.5"),
    "NaN": ({"label_smoothing": float("nan")}, r"`label_smoothing` must lie in \[0, 1\], but got nan"),
    "an infinite alpha": (
        {"label_smoothing": float("inf"), "convention": "classyvision"},
        "`label_smoothing` must be a finite number from 0 on under 'classyvision', but got inf",
    ),
    "one alpha of many": (
        {"label_smoothing": torch.tensor([0.1, 0.1, 0.1, 1.5])},
        r"`label_smoothing` must lie in \[0, 1\], but got 1.5",
    ),
    "a NaN among alphas": (
        {"label_smoothing": torch.tensor([0.1, 0.1, 0.1, torch.nan])},
        r"`label_smoothing` must lie in \[0, 1\], but got nan",
    ),
    "alphas of another shape": (
        {"label_smoothing": torch.zeros(5)},
        r"`label_smoothing` must be one number or hold one for each row, shape \(4,\), but has \(5,\)",
    ),
    "whole alphas": (
        {"label_smoothing": torch.zeros(4, dtype=torch.long)},
        "`label_smoothing` must hold floating-point numbers, but has dtype torch.int64",
    ),
    "a label too high": (
        {"target": torch.tensor([0, 1, 2, 5])},
        "`target` must hold whole numbers from 0 to 4 or `ignore_index`, but holds 5",
    ),
    "a negative label": (
        {"target": torch.tensor([0, 1, 2, -1])},
        "`target` must hold whole numbers from 0 to 4 or `ignore_index`, but holds -1",
    ),
    "a wrong label beside an ignored one": (
        {"target": torch.tensor([0, 7, -100, 2])},
        "`target` must hold whole numbers from 0 to 4 or `ignore_index`, but holds 7",
    ),
    "true or false as labels": (
        {"target": LABELS > 1},
        "`target` must hold class numbers or probabilities, but has dtype torch.bool",
    ),
    "labels as floats": (
        {"target": LABELS.float()},
        r"`target` of floating-point probabilities must have the shape of `input`, \(4, 5\), but has \(4,\)",
    ),
    "one-hot labels as integers": (
        {"target": torch.eye(5, dtype=torch.long)[:4]},
        r"`target` of class numbers must have the shape of `input` without its class axis, \(4,\), "
        r"but has \(4, 5\)",
    ),
    "too many labels": (
        {"target": torch.zeros(6, dtype=torch.long)},
        r"`target` of class numbers must have the shape of `input` without its class axis, \(4,\), but has \(6,\)",
    ),
    "whole logits": (
        {"input": LOGITS.long()},
        "`input` must hold logits as floating-point numbers, but has dtype torch.int64",
    ),
    "no axis": ({"input": torch.tensor(1.0)}, r"`input` must have shape .* at least one class, but has \(\)"),
    "no class": (
        {"input": LOGITS[:, :0]},
        r"`input` must have shape .* at least one class, but has \(4, 0\)",
    ),
    "probabilities with an ignored class": (
        {"target": ROWS, "ignore_index": 1},
        "`ignore_index` must be negative, which means unused, where `target` holds probabilities, but got 1",
    ),
    "a word for a convention": (
        {"convention": "other"},
        "`convention` must be one of .*, but got 'other'. Did you mean 'others'?",
    ),
    "a background that does not sum to 1": (
        {"background": torch.full((5,), 0.3)},
        "`background` must hold rows from 0 up that sum to 1, but its least entry is 0.3 and one sum 1.5",
    ),
    "a negative background": (
        {"background": torch.tensor([1.5, -0.5, 0.0, 0.0, 0.0])},
        "`background` must hold rows from 0 up that sum to 1, but its least entry is -0.5 and one sum 1",
    ),
    "a background with NaN": (
        {"background": ROWS.masked_fill(torch.eye(4, 5) > 0, torch.nan)},
        "`background` must hold rows from 0 up that sum to 1, but its least entry is nan and one sum nan",
    ),
    "a background of another width": (
        {"background": torch.full((4,), 0.25)},
        r"`background` must have shape \(5,\) or that of `input`, \(4, 5\), but has \(4,\)",
    ),
    "a background of counts": (
        {"background": torch.ones(5, dtype=torch.long)},
        "`background` must hold floating-point numbers, but has dtype torch.int64",
    ),
    "a background where alpha counts classes": (
        {"background": torch.full((5,), 0.2), "convention": "others"},
        "`background` goes with convention 'uniform' or 'classyvision', but got 'others'",
    ),
    "a mask of numbers": (
        {"class_mask": torch.ones(5)},
        "`class_mask` must have dtype torch.bool, true where a class takes part, but has torch.float32",
    ),
    "a mask of another width": (
        {"class_mask": torch.ones(4, dtype=torch.bool)},
        r"`class_mask` must have shape \(5,\) or that of `input`, \(4, 5\), but has \(4,\)",
    ),
    "padding without its convention": ({"padding_index": 1}, "`padding_index` and the convention"),
    "padding out of range": (
        {"padding_index": 5, "convention": "others_but_padding"},
        "`padding_index` must be one of the classes 0 to 4, but got 5",
    ),
    "a word for a reduction": (
        {"reduction": "average"},
        "`reduction` must be one of 'mean', 'sum', 'none', but got 'average'",
    ),
}
OF_CROSS_ENTROPY_ALONE = {
    "a weight too short": (
        {"weight": torch.ones(4)},
        r"`weight` must hold one floating-point number for each of the 5 classes, but has shape \(4,\)",
    ),
    "a whole weight": (
        {"weight": torch.ones(5, dtype=torch.long)},
        r"`weight` must hold one floating-point number .* and dtype torch.int64",
    ),
    "a word for a weighting": (
        {"weighting": "row"},
        "`weighting` must be one of 'torch', 'example', but got 'row'",
    ),
}
OF_BINARY = {
    "an alpha above 1": ({"label_smoothing": 1.5}, r"`label_smoothing` must lie in \[0, 1\], but got 1.5"),
    "alphas that do not broadcast": (
        {"label_smoothing": torch.zeros(3)},
        r"`label_smoothing` must broadcast against `target`, shape \(4, 5\), but has \(3,\)",
    ),
    "alphas that enlarge": (
        {"label_smoothing": torch.zeros(2, 4, 5)},
        r"`label_smoothing` must broadcast against `target`, shape \(4, 5\), but has \(2, 4, 5\)",
    ),
    "a convention of many classes": (
        {"convention": "uniform"},
        "`convention` must be one of 'binary_half', 'binary_flip', but got 'uniform'",
    ),
    "a target of another shape": (
        {"target": torch.zeros(4)},
        r"`target` must have the shape of `input`, \(4, 5\), but has \(4,\)",
    ),
    "whole logits": ({"input": LOGITS.long()}, "`input` must hold logits as floating-point numbers"),
    "a word for a reduction": ({"reduction": "average"}, "`reduction` must be one of"),
}


def refused(loss, keywords, sentence, target):
    with pytest.raises((ValueError, TypeError), match=sentence) as caught:
        loss(**{"input": LOGITS, "target": target} | keywords)
    words = str(caught.value)
    assert words.startswith("`")
    assert words.endswith((".", "?"))
    assert words.count(". ") <= 1, "one sentence and a way out, which a list of words is in itself"


@pytest.mark.parametrize("loss", [cross_entropy, quadratic_loss])
@pytest.mark.parametrize(("keywords", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_argument_is_told_in_one_sentence(loss, keywords, sentence):
    refused(loss, keywords, sentence, LABELS)


@pytest.mark.parametrize(
    ("keywords", "sentence"), OF_CROSS_ENTROPY_ALONE.values(), ids=OF_CROSS_ENTROPY_ALONE.keys()
)
def test_a_wrong_argument_of_cross_entropy_is_told_in_one_sentence(keywords, sentence):
    refused(cross_entropy, keywords, sentence, LABELS)


@pytest.mark.parametrize(("keywords", "sentence"), OF_BINARY.values(), ids=OF_BINARY.keys())
def test_a_wrong_argument_of_the_binary_loss_is_told_in_one_sentence(keywords, sentence):
    refused(binary_cross_entropy_with_logits, keywords, sentence, ROWS)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_row_of_half_precision_is_close_enough_to_a_distribution(dtype):
    thirds = torch.tensor([1 / 3, 1 / 3, 1 / 3, 0.0, 0.0])
    assert thirds.to(dtype).sum(dtype=torch.float64) != 1
    rounded, exact = (
        cross_entropy(LOGITS, LABELS, label_smoothing=0.1, background=row, parts=True)
        for row in (thirds.to(dtype), thirds)
    )
    torch.testing.assert_close(tuple(rounded), tuple(exact))  # what is left of the sum is divided by


def test_under_a_transform_types_and_shapes_are_judged_but_values_are_not():
    mapped = torch.func.vmap(lambda alpha: cross_entropy(LOGITS, LABELS, label_smoothing=alpha))
    assert mapped(torch.tensor([0.1, 1.5])).shape == (2,)
    with pytest.raises(TypeError, match="`label_smoothing` must hold floating-point numbers"):
        mapped(torch.tensor([0, 1]))


@pytest.mark.parametrize("target", [LABELS, ROWS], ids=["labels", "probabilities"])
def test_off_the_cpu_no_value_is_waited_for(target):
    # tensors of the meta device have no values: a look at one would raise
    logits = torch.empty(4, 5, device="meta", requires_grad=True)
    rows, alphas = torch.empty(4, 5, device="meta"), torch.empty(4, device="meta")
    for keywords in (
        {
            "label_smoothing": alphas,
            "weight": rows[0],
            "background": rows,
            "class_mask": rows > 0,
            "parts": True,
        },
        {"label_smoothing": alphas, "convention": "others_but_padding", "padding_index": 1, "parts": True},
    ):
        parts = cross_entropy(logits, target.to("meta"), **keywords)
        parts.loss.backward()
    quadratic_loss(logits, target.to("meta"), label_smoothing=alphas).backward()
    binary_cross_entropy_with_logits(logits, rows, label_smoothing=rows).backward()
