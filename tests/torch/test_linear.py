"""linear_cross_entropy: the loss of the logits that it never holds, by itself and under what torch can do."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from smoothlab import reference
from smoothlab.torch import LinearCrossEntropyLoss, Parts, chunked, cross_entropy, linear_cross_entropy

ROWS, CLASSES, FEATURES = 37, 6, 5
LABELS = torch.arange(ROWS) % CLASSES
BACKGROUND = torch.rand(CLASSES, generator=torch.Generator().manual_seed(1)).double().softmax(0)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Chunks of 16 rows: two whole ones, and one of 5."""
    monkeypatch.setattr(chunked, "CHUNK", 1)


def head(dtype=torch.float64):
    random = torch.Generator().manual_seed(0)
    shapes = ((ROWS, FEATURES), (CLASSES, FEATURES), (CLASSES,))
    return [
        torch.randn(shape, generator=random, dtype=torch.float64).to(dtype).requires_grad_()
        for shape in shapes
    ]


def found(layer, target, *, loss=linear_cross_entropy, incoming=None, **keywords):
    """The loss, and the gradients of hidden, weight and bias."""
    hidden, weight, bias = layer
    value = loss(hidden, weight, target, linear_bias=bias, **keywords)
    value.backward(torch.ones_like(value) if incoming is None else incoming)
    return [value.detach(), *(one.grad for one in (hidden, weight, bias) if one is not None)]


def by_logits(hidden, linear_weight, target, *, linear_bias=None, **keywords):
    return cross_entropy(functional.linear(hidden, linear_weight, linear_bias), target, **keywords)


def truth(layer, target, incoming=None, **keywords):
    """The reference on whole logits, with the chain rule of a linear layer."""
    h, w, b = (one.detach().double().numpy() for one in layer)
    known = {key: one.numpy() if isinstance(one, torch.Tensor) else one for key, one in keywords.items()}
    want = reference.cross_entropy(
        h @ w.T + b, target.numpy(), alpha=known.pop("label_smoothing", 0.0), **known
    )
    slope = want.gradient if incoming is None else want.gradient * incoming[:, None].numpy()
    return [want.value, slope @ w, slope.T @ h, slope.sum(0)]


# float64 against float64: what differs is the order of a few dozen additions of numbers near 1
CLOSE = {"rtol": 1e-12, "atol": 1e-13}

SMOOTHINGS = {
    "hard": {},
    "uniform": {"label_smoothing": 0.1},
    "others": {"label_smoothing": 0.1, "convention": "others"},
    "padding": {"label_smoothing": 0.1, "convention": "others_but_padding", "padding_index": 2},
    "classyvision": {"label_smoothing": 0.1, "convention": "classyvision"},
    "a background": {"label_smoothing": 0.3, "background": BACKGROUND},
    "backgrounds": {
        "label_smoothing": 0.3,
        "background": torch.linspace(0, 3, ROWS * CLASSES).sin().reshape(ROWS, CLASSES).double().softmax(1),
    },
    "alphas": {"label_smoothing": torch.linspace(0, 1, ROWS, dtype=torch.float64)},
}
EXTRAS = {
    "plain": {},
    "weights": {"weight": torch.linspace(0.2, 2, CLASSES, dtype=torch.float64)},
    "weighted examples": {
        "weight": torch.linspace(0.2, 2, CLASSES, dtype=torch.float64),
        "weighting": "example",
    },
    "a mask": {"class_mask": torch.arange(CLASSES) != 4},
    "masks and weights": {
        "class_mask": (torch.arange(ROWS)[:, None] + torch.arange(CLASSES)) % 4 != 0,
        "weight": torch.linspace(0.2, 2, CLASSES, dtype=torch.float64),
    },
    "a class of -inf": {"bias": 3},
}


PROBABILITIES = torch.linspace(1, 9, ROWS * CLASSES).cos().reshape(ROWS, CLASSES).double().softmax(1)


@pytest.mark.parametrize("kernel", ["_compiled", "_closed_form"])
@pytest.mark.parametrize("kind", ["labels", "probabilities"])
@pytest.mark.parametrize("smoothing", SMOOTHINGS.values(), ids=SMOOTHINGS.keys())
def test_loss_and_gradients_are_the_references(smoothing, kind, kernel, monkeypatch):
    monkeypatch.setattr(chunked, "_compiled", getattr(chunked, kernel))
    if kind == "probabilities" and "padding_index" in smoothing:
        kind = "labels"  # padding is a label
    target = LABELS.where(torch.arange(ROWS) % 7 > 0, -100) if kind == "labels" else PROBABILITIES
    incoming = torch.linspace(-1, 2, ROWS, dtype=torch.float64)
    for extra in EXTRAS.values():
        for reduction in ("mean", "sum", "none"):
            layer = head()
            keywords = smoothing | extra | {"reduction": reduction}
            if (minus := keywords.pop("bias", None)) is not None:
                layer[2].data[minus] = -torch.inf
            back = incoming if reduction == "none" else None
            want = truth(layer, target, back, **keywords)
            for one, other in zip(found(layer, target, incoming=back, **keywords), want, strict=True):
                np.testing.assert_allclose(one, other, **CLOSE)


def test_nobody_waits_for_a_gradient_that_is_not_wanted():
    want = found(head(), LABELS, label_smoothing=0.1)
    for reduction in ("mean", "none"):
        for wanting in ((0,), (1,), (2,), (0, 2), (1, 2), ()):
            layer = [one.requires_grad_(i in wanting) for i, one in enumerate(head())]
            value = linear_cross_entropy(
                *layer[:2], LABELS, linear_bias=layer[2], label_smoothing=0.1, reduction=reduction
            )
            assert value.requires_grad == bool(wanting)
            if wanting:
                (value.mean() if reduction == "none" else value).backward()
            for i, one in enumerate(layer):
                if i in wanting:
                    np.testing.assert_allclose(one.grad, want[i + 1], **CLOSE)
                else:
                    assert one.grad is None


def test_no_rows_and_only_ignored_rows_have_no_mean_and_no_gradient():
    hidden, weight, bias = head()
    for h, labels in ((hidden[:0], LABELS[:0]), (hidden, torch.full((ROWS,), -100))):
        for reduction, want in (("mean", torch.nan), ("sum", 0.0)):
            layer = [one.detach().clone().requires_grad_() for one in (h, weight, bias)]
            got = found(layer, labels, label_smoothing=0.1, reduction=reduction)
            np.testing.assert_equal(got[0].item(), want)
            for gradient, one in zip(got[1:], layer, strict=True):
                assert torch.equal(gradient, torch.zeros_like(one))


def test_an_ignored_row_leaks_nothing_whatever_it_holds():
    labels = LABELS.clone()
    labels[3] = -100
    clean, dirty = head(), head()
    dirty[0].data[3] = torch.nan
    for reduction in ("mean", "none"):
        for layer in (clean, dirty):
            for one in layer:
                one.grad = None
        want = found(clean, labels, label_smoothing=0.1, reduction=reduction)
        got = found(dirty, labels, label_smoothing=0.1, reduction=reduction)
        torch.testing.assert_close(got, want, **CLOSE)


def test_leading_axes_are_rows_and_no_leading_axis_is_one_row():
    hidden, weight, _ = (one.detach() for one in head())
    alphas = torch.linspace(0, 1, 36, dtype=torch.float64)
    rows = {
        "label_smoothing": alphas,
        "background": PROBABILITIES[:36],
        "class_mask": torch.ones(36, CLASSES, dtype=torch.bool),
        "reduction": "none",
    }
    want = linear_cross_entropy(hidden[:36], weight, LABELS[:36], **rows)
    shaped = {
        key: value.reshape(4, 9, *value.shape[1:]) if isinstance(value, torch.Tensor) else value
        for key, value in rows.items()
    }
    for target in (LABELS[:36], PROBABILITIES[:36]):
        want = linear_cross_entropy(hidden[:36], weight, target, **rows)
        got = linear_cross_entropy(
            hidden[:36].reshape(4, 9, FEATURES), weight, target.reshape(4, 9, *target.shape[1:]), **shaped
        )
        assert torch.equal(got, want.reshape(4, 9))
        for reduction in ("mean", "none"):
            one = linear_cross_entropy(
                hidden[2],
                weight,
                target[2],
                label_smoothing=alphas[2],
                background=PROBABILITIES[2],
                reduction=reduction,
            )
            torch.testing.assert_close(one, want[2])


def test_parts_are_those_of_cross_entropy():
    layer = head()
    labels = LABELS.where(LABELS != 1, -100)
    for extra in EXTRAS.values():
        if "bias" in extra:
            continue
        for target in (labels, PROBABILITIES):
            for reduction in ("mean", "none"):
                keywords = {"label_smoothing": 0.2, "parts": True, "reduction": reduction} | extra
                got = linear_cross_entropy(*layer[:2], target, linear_bias=layer[2], **keywords)
                want = by_logits(*layer[:2], target, linear_bias=layer[2], **keywords)
                assert isinstance(got, Parts)
                torch.testing.assert_close(tuple(got), tuple(want))


def test_gradients_and_second_derivatives_are_right():
    hidden, weight, bias = (one.detach() for one in head())
    few = [one.clone().requires_grad_() for one in (hidden[:18, :2], weight[:4, :2], bias[:4])]
    labels = torch.where(LABELS[:18] < 4, LABELS[:18], -100)
    for keywords in ({"reduction": "mean"}, {"reduction": "none", "class_mask": torch.arange(4) != 2}):

        def loss(h, w, b, keywords=keywords):
            target = torch.where(labels == 2, -100, labels)
            return linear_cross_entropy(h, w, target, linear_bias=b, label_smoothing=0.1, **keywords)

        assert torch.autograd.gradcheck(loss, few, check_batched_grad=True)
        assert torch.autograd.gradgradcheck(loss, few)


def test_a_second_backward_through_a_kept_graph_gives_the_same_bits():
    for reduction in ("mean", "none"):
        layer = head()
        value = linear_cross_entropy(
            *layer[:2], LABELS, linear_bias=layer[2], label_smoothing=0.1, reduction=reduction
        )
        incoming = torch.full_like(value, 3.0)
        first, second = (torch.autograd.grad(value, layer, incoming, retain_graph=True) for _ in range(2))
        assert all(map(torch.equal, first, second))
        assert len({one.data_ptr() for one in (*first, *second)}) == 6  # and nobody's gradient is overwritten


def test_a_tied_head_adds_up_both_of_its_gradients():
    def gradient(loss):
        embedding = torch.randn(CLASSES, FEATURES, generator=torch.Generator().manual_seed(2)).double()
        embedding.requires_grad_()
        loss(embedding[LABELS].tanh(), embedding, LABELS.roll(1), label_smoothing=0.1).backward()
        return embedding.grad

    torch.testing.assert_close(gradient(linear_cross_entropy), gradient(by_logits))


def test_every_chunk_uses_the_memory_of_the_first_and_gradients_are_not_copied(monkeypatch):
    seen, summed = [], []
    chunk, whole = chunked._chunk, chunked._pass

    def watched(logits, *rest):
        seen.append((logits.data_ptr(), len(logits)))
        return chunk(logits, *rest)

    def noted(*arguments):
        columns, gradients = whole(*arguments)
        summed.extend(one.data_ptr() for one in gradients)
        return columns, gradients

    monkeypatch.setattr(chunked, "_chunk", watched)
    monkeypatch.setattr(chunked, "_pass", noted)
    layer = head()
    (linear_cross_entropy(*layer[:2], LABELS, linear_bias=layer[2]) * 3).backward()
    assert [rows for _, rows in seen] == [16, 16, 5]
    assert len({place for place, _ in seen}) == 1
    assert [one.grad.data_ptr() for one in layer] == summed


def root_mean_square(error):
    return error.double().square().mean().sqrt().item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_our_error_is_at_most_twice_that_of_torchs_own_layers(dtype):
    random = torch.Generator().manual_seed(3)
    hidden, weight = (torch.randn(n, 64, generator=random).to(dtype) for n in (512, 1000))
    labels = torch.randint(1000, (512,), generator=random)

    def errors(loss, exact):
        layer = [one.clone().requires_grad_() for one in (hidden, weight / 8)]
        loss(*layer, labels, label_smoothing=0.1, reduction="sum").backward()
        return [root_mean_square(one.grad.double() - want) for one, want in zip(layer, exact, strict=True)]

    def torchs(h, w, target, **keywords):
        return functional.cross_entropy(functional.linear(h, w).float(), target, **keywords)

    exact = [one.double().requires_grad_() for one in (hidden, weight / 8)]
    by_logits(*exact, labels, label_smoothing=0.1, reduction="sum").backward()
    truth = [one.grad for one in exact]
    for ours, theirs in zip(errors(linear_cross_entropy, truth), errors(torchs, truth), strict=True):
        print(f"{dtype}: {ours:.3g} against {theirs:.3g}")
        assert ours <= 2 * theirs


def test_half_types_give_a_float32_loss_and_gradients_of_their_own_type():
    for dtype in (torch.bfloat16, torch.float16):
        layer = head(dtype)
        loss, *gradients = found(layer, LABELS, label_smoothing=0.1)
        assert loss.dtype == torch.float32
        assert {one.dtype for one in gradients} == {dtype}


def test_autocast_forms_logits_in_its_type_and_keeps_the_heads_gradient_in_float32():
    layer = head(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = linear_cross_entropy(*layer[:2], LABELS, linear_bias=layer[2], label_smoothing=0.1)
        want = by_logits(*layer[:2], LABELS, linear_bias=layer[2], label_smoothing=0.1)
    torch.testing.assert_close(value, want, rtol=1e-6, atol=0)  # of the same rounded logits
    value.backward()
    exact = head()
    by_logits(*exact[:2], LABELS, linear_bias=exact[2], label_smoothing=0.1).backward()
    for one, want in zip(layer, exact, strict=True):
        assert one.grad.dtype == torch.float32
        # what was rounded to bfloat16 is off by 2^-9 of itself, and a sum of 37 of them by hardly more
        assert root_mean_square(one.grad.double() - want.grad) <= 2**-7 * root_mean_square(want.grad)


def test_transforms_and_targets_that_want_gradients_go_by_the_logits():
    hidden, weight, _ = (one.detach() for one in head())

    def loss(h, target):
        return linear_cross_entropy(h, weight, target, label_smoothing=0.1)

    layer = [hidden.clone().requires_grad_(), weight, None]
    want = found(layer, LABELS, label_smoothing=0.1)[1]
    torch.testing.assert_close(torch.func.grad(loss)(hidden, LABELS), want)
    each = torch.func.vmap(loss)(hidden, LABELS)
    torch.testing.assert_close(each.mean(), loss(hidden, LABELS))
    wanting = PROBABILITIES.clone().requires_grad_()
    assert torch.autograd.gradcheck(loss, (hidden, wanting))


def test_without_gradients_nothing_but_the_loss_is_computed():
    layer = head()
    want = by_logits(*layer[:2], LABELS, label_smoothing=0.1)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            value = linear_cross_entropy(*layer[:2], LABELS, label_smoothing=0.1)
        assert not value.requires_grad
        torch.testing.assert_close(value, want.detach())


@pytest.mark.skipif(
    not hasattr(functional, "linear_cross_entropy"), reason="this torch has none to be compared with"
)
def test_arguments_and_modules_of_torchs_own_stand_in_torchs_places():
    hidden, weight, bias = head()
    keywords = {
        "linear_bias": bias,
        "weight": torch.linspace(1, 2, CLASSES, dtype=torch.float64),
        "reduction": "sum",
        "ignore_index": 1,
        "label_smoothing": 0.1,
    }
    torch.testing.assert_close(
        linear_cross_entropy(hidden, weight, LABELS, **keywords),
        functional.linear_cross_entropy(hidden, weight, LABELS, **keywords),
    )
    modules = [
        module(
            FEATURES,
            CLASSES,
            bias=True,
            dtype=torch.float64,
            weight=torch.ones(CLASSES).double(),
            label_smoothing=0.1,
        )
        for module in (LinearCrossEntropyLoss, torch.nn.LinearCrossEntropyLoss)
    ]
    modules[0].load_state_dict(modules[1].state_dict())
    torch.testing.assert_close(modules[0](hidden, LABELS), modules[1](hidden, LABELS))


def test_a_module_smooths_in_training_alone_if_told_so():
    torch.manual_seed(0)
    module = LinearCrossEntropyLoss(FEATURES, CLASSES, label_smoothing=0.1, smooth_in_eval=False)
    hidden = head(torch.float32)[0].detach()
    assert module(hidden, LABELS) == linear_cross_entropy(
        hidden, module.linear.weight, LABELS, label_smoothing=0.1
    )
    assert module(hidden, LABELS, label_smoothing=0.3) == linear_cross_entropy(
        hidden, module.linear.weight, LABELS, label_smoothing=0.3
    )
    plain = linear_cross_entropy(hidden, module.linear.weight, LABELS)
    assert module.eval()(hidden, LABELS) == module(hidden, LABELS, label_smoothing=0.3) == plain
    assert "label_smoothing=0.1, convention=uniform, weighting=torch, reduction=mean" in repr(module)


MISTAKES = {
    "`linear_weight` must": {"linear_weight": torch.zeros(CLASSES, FEATURES + 1)},
    "`linear_bias` must": {"linear_bias": torch.zeros(CLASSES + 1)},
    "must have one type": {"linear_weight": torch.zeros(CLASSES, FEATURES).double()},
    "floating-point numbers, but": {"input": torch.zeros(ROWS, FEATURES).long()},
    "`target` must have shape": {"target": LABELS[1:]},
    "`target` must hold whole numbers from 0 to 5": {"target": LABELS + 1},
    "`target` must hold class numbers": {"target": LABELS == 0},
    "`ignore_index` must be negative": {"target": PROBABILITIES.float(), "ignore_index": 1},
    "`background` must have shape": {"background": torch.ones(ROWS - 1, CLASSES)},
    "`background` must hold rows": {"background": torch.ones(CLASSES), "label_smoothing": 0.1},
    "`class_mask` must have shape": {"class_mask": torch.ones(CLASSES - 1, dtype=torch.bool)},
    "`class_mask` must have dtype": {"class_mask": torch.ones(CLASSES)},
    "`label_smoothing` must lie": {"label_smoothing": 1.5},
    "`label_smoothing` must be one number": {"label_smoothing": torch.zeros(ROWS - 1)},
    "`weight` must hold one": {"weight": torch.ones(CLASSES - 1)},
    "`reduction` must": {"reduction": "average"},
    "`weighting` must": {"weighting": "row"},
    "`convention` must": {"convention": "other"},
    "need each other": {"padding_index": 1},
}


@pytest.mark.parametrize(("sentence", "mistake"), MISTAKES.items(), ids=MISTAKES.keys())
def test_a_wrong_argument_is_told_in_a_sentence(sentence, mistake):
    right = {
        "input": torch.zeros(ROWS, FEATURES),
        "linear_weight": torch.zeros(CLASSES, FEATURES),
        "target": LABELS,
    }
    with pytest.raises((ValueError, TypeError), match=sentence):
        linear_cross_entropy(**right | mistake)


@pytest.mark.slow
def test_models_compile_around_the_head():
    file = Path(__file__).with_name("compiled_linear.py")
    command = [sys.executable, "-m", "pytest", "--noconftest", "-q", "-p", "no:cacheprovider", file.name]
    told = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout
    assert " passed" in told.stdout
