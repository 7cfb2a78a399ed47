"""torch.compile around a head; run by test_linear.py in a process of its own, for the reason given in compiled.py."""

import torch

from smoothlab.torch import linear_cross_entropy

LABELS = torch.arange(40) % 7

CASES = {
    "mean": {"label_smoothing": 0.1},
    "rows": {"label_smoothing": 0.1, "reduction": "none"},
    "parts": {"label_smoothing": 0.1, "parts": True},
    "everything": {
        "label_smoothing": torch.linspace(0, 1, 40),
        "background": torch.linspace(0, 1, 7).softmax(0),
        "class_mask": torch.arange(7) != 3,
        "weight": torch.linspace(1, 2, 7),
        "ignore_index": 5,
        "reduction": "sum",
    },
}


def trained(function, keywords):
    """Loss and gradients of a small model that ends in the head."""
    torch.manual_seed(0)
    first, last = torch.nn.Linear(3, 4), torch.nn.Linear(4, 7)
    x = torch.randn(40, 3)

    def loss(x):
        hidden = first(x).relu()
        return linear_cross_entropy(hidden, last.weight, LABELS, linear_bias=last.bias, **keywords)

    value = function(loss)(x)
    whole = value.loss if keywords.get("parts") else value
    (whole * torch.linspace(1, 2, whole.numel()).reshape(whole.shape)).sum().backward()
    return value, [one.grad for layer in (first, last) for one in layer.parameters()]


def test_a_model_compiles_around_the_head_without_a_graph_break():
    for keywords in CASES.values():
        torch._dynamo.reset()
        compiled = trained(lambda f: torch.compile(f, fullgraph=True, backend="aot_eager"), keywords)
        torch.testing.assert_close(compiled, trained(lambda f: f, keywords))


def test_the_operator_keeps_torchs_rules():
    operator = torch.ops.smoothlab.linear_cross_entropy.default
    head = [torch.randn(shape, requires_grad=True) for shape in ((40, 3), (7, 3), (7,))]
    for reduction, early in (("mean", True), ("none", False)):
        smoothing = (LABELS, None, 0.1, None, "uniform", None, None, None, -100, "torch", reduction, False)
        checks = ["test_schema", "test_autograd_registration", "test_faketensor"]
        if (
            not early
        ):  # else eager mode scales the gradients that wait, outputs of the operator, where they are
            checks.append("test_aot_dispatch_dynamic")
        arguments = (*head, *smoothing, torch.float32, [early] * 3, None)
        torch.library.opcheck(operator, arguments, test_utils=checks)
