"""A stack says of each batch what its network says of it alone, and remembers what that would remember."""

import copy
import re
from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from smoothlab.torch.models import alexnet, fully_connected, resnet, small_cnn
from smoothlab.torch.stacked import Stack

CPU = torch.device("cpu")
SEEDS = (7, 8, 7)
IMAGES = torch.randn(3, 16, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


class Functional(nn.Module):
    """Dropout of every kind, called as functions, one of them in place and one twice."""

    def __init__(self):
        super().__init__()
        self.filters, self.head = nn.Conv2d(2, 6, 3), nn.Linear(6, 3)

    def forward(self, images):
        hidden = functional.dropout2d(self.filters(images).relu(), 0.3, self.training)
        for _ in range(2):
            hidden = functional.dropout(hidden, training=self.training)
        doubled = hidden * 2
        functional.dropout(doubled, 0.25, self.training, inplace=True)
        return self.head((hidden + doubled).mean((2, 3)))


class Tied(nn.Module):
    """Two layers that share their weights, and one that is not trained."""

    def __init__(self):
        super().__init__()
        self.still, self.one, self.other = nn.Linear(128, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.other.weight = self.one.weight
        self.still.requires_grad_(False)

    def forward(self, images):
        return self.other(self.one(self.still(images.flatten(1))).tanh())


BUILDERS = {
    "fully connected": partial(fully_connected, (2, 8, 8), 3, widths=(16, 8), dropout=0.5),
    "convolutional": partial(small_cnn, (2, 8, 8), 3, channels=(4,), width=8, dropout=0.2),
    "alexnet": partial(alexnet, (2, 8, 8), 3),
    "batch normalisation": partial(resnet, (2, 8, 8), 3, depth=8, width=4),
    "functional dropout": Functional,
    "tied and frozen": Tied,
}


def networks_of(build):
    torch.manual_seed(0)
    return [build().double() for _ in SEEDS]


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_logits_gradients_and_buffers_are_those_of_each_network_alone(build, training):
    networks = networks_of(build)
    stack = Stack(copy.deepcopy(networks), dropout=SEEDS, device=CPU)
    stack.train(training)
    first, second = stack(IMAGES), stack(IMAGES.flip(1))
    (first.square().sum() + second.sum()).backward()
    for which, (network, seed) in enumerate(zip(networks, SEEDS, strict=True)):
        network.train(training)
        torch.manual_seed(seed)
        logits = network(IMAGES[which]), network(IMAGES[which].flip(0))
        (logits[0].square().sum() + logits[1].sum()).backward()
        # double precision, in which a product may add in another order
        close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-11)
        close((first[which], second[which]), logits)
        wanted = [weights for weights in network.parameters() if weights.requires_grad]
        close([weights.grad[which] for weights in stack.trained], [weights.grad for weights in wanted])
        close(dict(stack.unstack(which).state_dict()), dict(network.state_dict()))


def test_networks_with_one_seed_drop_the_same_units_and_others_do_not():
    build = BUILDERS["fully connected"]
    network = networks_of(build)[0]
    stack = Stack([copy.deepcopy(network) for _ in SEEDS], dropout=SEEDS, device=CPU)
    stack.train()
    one, other, again = stack(IMAGES[:1].expand(3, -1, -1, -1, -1))
    assert torch.allclose(one, again)
    assert not torch.allclose(one, other)


def test_a_network_keeps_its_weights_until_it_is_unstacked():
    networks = networks_of(BUILDERS["tied and frozen"])
    before = copy.deepcopy(networks)
    stack = Stack(networks, dropout=SEEDS, device=CPU)
    with torch.no_grad():
        for weights in stack.trained:
            weights.add_(torch.arange(3.0).view(-1, *(1,) * (weights.ndim - 1)))
    assert torch.equal(networks[2].one.bias, before[2].one.bias)
    moved = stack.unstack(2)
    assert moved is networks[2]
    assert torch.equal(moved.one.bias, before[2].one.bias + 2)
    assert torch.equal(moved.still.bias, before[2].still.bias)
    assert moved.other.weight is moved.one.weight


@pytest.mark.parametrize("name", ["0.weight", "1.running_var"])
def test_a_network_with_a_number_that_is_not_finite_is_found(name):
    networks = [nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)) for _ in SEEDS]
    networks[1].state_dict()[name].view(-1)[-1] = torch.nan
    assert Stack(networks, dropout=SEEDS, device=CPU).finite().tolist() == [True, False, True]


class Branching(nn.Linear):
    def forward(self, inputs):
        logits = super().forward(inputs)
        return logits if logits.sum() > 0 else -logits


class Noisy(nn.Linear):
    def forward(self, inputs):
        return super().forward(inputs + torch.randn_like(inputs))


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (Branching, "data-dependent control flow"),
        (Noisy, "random operation"),
        (lambda *sizes: nn.Sequential(nn.AlphaDropout(), nn.Linear(*sizes)), "random operation"),
        (
            lambda *sizes: nn.Sequential(nn.BatchNorm1d(4, momentum=None), nn.Linear(*sizes)),
            "raised RuntimeError",
        ),
    ],
    ids=["branch", "noise", "alpha dropout", "a mean of all batches"],
)
def test_what_vmap_cannot_stack_is_refused_in_one_sentence(build, reason):
    stack = Stack([build(4, 3) for _ in SEEDS], dropout=SEEDS, device=CPU)
    with pytest.raises(
        ValueError, match=rf"^`build` must build .* can stack.*{reason}.*Train them one after"
    ):
        stack(torch.zeros(3, 5, 4))


def test_networks_of_several_shapes_are_refused():
    with pytest.raises(ValueError, match=re.escape("`build` must build models of one architecture")):
        Stack([nn.Linear(4, 3), nn.Linear(5, 3)], dropout=(0, 1), device=CPU)
