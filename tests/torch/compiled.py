"""torch.compile without graph breaks; run by test_transforms.py in a process of its own.

The import hook of tests/conftest.py wraps every function in checks that the compiler cannot trace, so this file
is not collected with the others: its name does not begin with `test_`.
"""

import pytest
import torch
from functorch.compile import make_boxed_func
from torch._dynamo.backends.common import aot_autograd

from smoothlab.torch import Parts, binary_cross_entropy_with_logits, cross_entropy, quadratic_loss
from smoothlab.torch.kernels import rows

torch.manual_seed(0)
LOGITS = torch.randn(7, 5)
LOGITS[:, 4] = -torch.inf
LABELS = torch.tensor([0, 1, 2, 3, 3, -100, 1])

CASES = {
    "hard": {},
    "everything of torch's": {"label_smoothing": 0.1, "weight": torch.rand(5)},
    "another convention": {"label_smoothing": 0.1, "convention": "others"},
    "padding": {"label_smoothing": 0.1, "convention": "others_but_padding", "padding_index": 0},
    "background and mask": {
        "label_smoothing": 0.1,
        "background": torch.rand(5).softmax(0),
        "class_mask": torch.tensor([True, True, True, True, False]),
    },
    "alphas and parts": {
        "label_smoothing": torch.rand(7),
        "weight": torch.rand(5),
        "weighting": "example",
        "parts": True,
    },
}


@pytest.fixture(params=["traced", "operator"], autouse=True)
def left_to_the_compiler(request, monkeypatch):
    """All operations, as where there are few logits, or the operators of the rows, as where there are many."""
    monkeypatch.setattr(rows, "WORTH_AN_OPERATOR", 0 if request.param == "operator" else 1 << 18)


def same_compiled(loss, logits, *rest, backend="aot_eager", **keywords):
    """Value and gradient agree with and without the compiler; a graph break raises."""
    torch._dynamo.reset()
    results = []
    for run in (loss, torch.compile(loss, fullgraph=True, backend=backend)):
        z = logits.clone().requires_grad_()
        value = run(z, *rest, **keywords)
        (value.loss if isinstance(value, Parts) else value).backward()
        results.append((tuple(value) if isinstance(value, Parts) else value, z.grad))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("keywords", CASES.values(), ids=CASES.keys())
def test_cross_entropy_compiles_without_a_graph_break(keywords):
    same_compiled(cross_entropy, LOGITS, LABELS, **keywords)


def test_dense_targets_in_many_dimensions_compile_without_a_graph_break():
    logits = torch.randn(2, 3, 4)
    same_compiled(cross_entropy, logits, torch.rand(2, 3, 4).softmax(1), label_smoothing=0.1)


def test_the_other_losses_compile_without_a_graph_break():
    same_compiled(quadratic_loss, LOGITS, LABELS, label_smoothing=0.1)
    same_compiled(binary_cross_entropy_with_logits, torch.randn(4), torch.rand(4), label_smoothing=0.1)


@pytest.mark.filterwarnings(
    "ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"
)  # torch's own use
def test_inductor_gives_the_same_loss_and_gradient():
    same_compiled(cross_entropy, LOGITS, LABELS, label_smoothing=0.1, backend="inductor")


def test_many_logits_are_one_node_each_way():
    graphs = []

    def kept(graph, _):
        graphs.append(graph)
        return make_boxed_func(graph.forward)

    torch._dynamo.reset()
    compiled = torch.compile(
        lambda z: cross_entropy(z, LABELS, label_smoothing=0.1), backend=aot_autograd(fw_compiler=kept)
    )
    compiled(LOGITS.clone().requires_grad_()).backward()
    called = [str(node.target) for graph in graphs for node in graph.graph.nodes]
    among = rows.WORTH_AN_OPERATOR == 0
    assert ("smoothlab.row_costs.default" in called) is among
    assert ("smoothlab.row_slope.default" in called) is among
