from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from smoothlab.torch.models import alexnet, fully_connected, resnet, small_cnn
from smoothlab.torch.models.convolutional import judge_image
from smoothlab.torch.models.residual import Block

MODELS = {
    "fully_connected": partial(fully_connected, widths=(12, 7), dropout=0.2),
    "small_cnn": partial(small_cnn, channels=(4, 8), width=9),
    "alexnet": alexnet,
    "resnet": partial(resnet, depth=8),
}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def size(model):
    return sum(weights.numel() for weights in model.parameters())


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (1, 8, 8), (2, 9, 13)])
def test_every_model_maps_a_batch_of_images_of_any_size_to_logits(build, shape):
    model = build(shape, 5)
    for mode in (True, False):
        assert model.train(mode)(torch.rand(2, *shape)).shape == (2, 5)


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_every_weight_of_a_model_takes_part(build):
    model = build((3, 16, 16), 5)
    model(torch.randn(4, 3, 16, 16)).square().sum().backward()
    assert all(weights.grad is not None and weights.grad.abs().sum() > 0 for weights in model.parameters())


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_every_model_ends_in_its_head(build):
    head = build((3, 16, 16), 5)[-1]
    assert isinstance(head, nn.Linear)
    assert head.out_features == 5


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_every_first_weight_comes_from_torchs_random_numbers(build):
    models = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        models.append(torch.cat([weights.flatten() for weights in build((3, 8, 8), 5).parameters()]))
    assert torch.equal(models[0], models[1])
    assert not torch.equal(models[0], models[2])


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        (fully_connected((1, 28, 28), 10), 784 * 1200 + 1200 + 1200 * 1200 + 1200 + 1200 * 10 + 10),
        (fully_connected((64,), 3, widths=()), 64 * 3 + 3),
        (alexnet((3, 24, 24), 10), 1_068_298),  # of the tutorial: 4,864 + 102,464 + 885,120 + 73,920 + 1,930
        (resnet((3, 32, 32), 10, depth=20), 269_722),  # "0.27M" and "0.85M" in He et al. 2016, table 6
        (resnet((3, 32, 32), 10), 853_018),
    ],
)
def test_the_papers_models_have_their_number_of_weights(model, weights):
    assert size(model) == weights


def test_dropout_is_there_where_it_is_asked_for_and_only_in_training():
    assert not any(isinstance(layer, nn.Dropout) for layer in fully_connected((8,), 3, widths=(4,)))
    model, inputs = fully_connected((8,), 3, widths=(64,), dropout=0.5), torch.randn(16, 8)
    assert torch.equal(model.eval()(inputs), model(inputs))
    assert not torch.equal(model.train()(inputs), model(inputs))


def test_a_resnet_of_depth_56_has_56_layers_in_three_stages():
    model = resnet((3, 32, 32), 10)
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(layers) == 56
    sizes, x = [], torch.rand(1, 3, 32, 32)
    for layer in model.eval():
        x = layer(x)
        if isinstance(layer, Block):
            sizes.append(tuple(x.shape[1:]))
    assert sizes == [(16, 32, 32)] * 9 + [(32, 16, 16)] * 9 + [(64, 8, 8)] * 9


def test_the_shortcut_takes_every_other_pixel_and_fills_new_channels_with_zeros():
    block = Block(2, 6, stride=2).eval()
    nn.init.zeros_(block.residual[-1].weight)  # f(x) = 0
    x = torch.rand(1, 2, 5, 5)
    want = torch.zeros(1, 6, 3, 3)
    want[:, 2:4] = x[:, :, ::2, ::2]
    assert torch.equal(block(x), want)


def test_alexnet_normalises_over_nine_neighbouring_channels_as_its_formula_says():
    layer = next(layer for layer in alexnet((3, 24, 24), 10) if isinstance(layer, nn.LocalResponseNorm))
    a = torch.randn(2, 64, 3, 3, dtype=torch.float64) * 50
    squares = np.pad(a.numpy() ** 2, ((0, 0), (4, 4), (0, 0), (0, 0)))
    near = sum(squares[:, shift : shift + 64] for shift in range(9))
    np.testing.assert_allclose(layer(a), a.numpy() / (1 + 0.001 / 9 * near) ** 0.75, rtol=1e-12)


def test_alexnet_starts_as_the_tutorial_does():
    model = alexnet((3, 24, 24), 10)
    layers = [layer for layer in model if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer, deviation, bias in zip(
        layers, (0.05, 0.05, 0.04, 0.04, 1 / 192), (0, 0.1, 0.1, 0.1, 0), strict=True
    ):
        assert layer.weight.abs().max() <= 2 * deviation
        # a normal cut off at two deviations keeps 0.88 of its own; of the 1,920 weights of the head, 5 % is 3 sigma
        assert layer.weight.std().item() == pytest.approx(0.88 * deviation, rel=0.05)
        assert (layer.bias == torch.tensor(bias)).all()


def test_alexnet_pools_as_tensorflow_does_on_images_of_even_size():
    pool = next(layer for layer in alexnet((3, 24, 24), 10) if isinstance(layer, nn.MaxPool2d))
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert pool(x)[0, 0].tolist() == [[10.0, 11.0], [14.0, 15.0]]  # "SAME" pads nothing in front here


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (
            partial(small_cnn, (64,), 10),
            r"\(channels, height, width\) for a convolutional network, but got \(64,\)",
        ),
        (partial(resnet, (64,), 10), "Use `fully_connected`"),
        (partial(alexnet, (3, 3, 24), 10), "at least 4 high and wide"),
        (partial(small_cnn, (1, 7, 7), 10, channels=(1, 1, 1)), "at least 8 high and wide"),
        (partial(resnet, (3, 32, 32), 10, depth=51), "`depth` must be 8, 14, 20"),
        (partial(fully_connected, (4,), 10, widths=(0,)), "`widths` must be a whole number, at least 1"),
        (partial(fully_connected, (4,), 10, dropout=1.5), r"`dropout` must lie in \[0, 1\]"),
        (partial(small_cnn, (1, 8, 8), 10, channels=(0,)), "`channels` must be a whole number, at least 1"),
        (partial(fully_connected, (4,), 0), "`classes` must be a whole number, at least 1"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_sentence(build, sentence):
    with pytest.raises(ValueError, match=sentence):
        build()


def test_an_image_that_is_just_large_enough_is_taken():
    judge_image((1, 4, 4), least=4)
    assert small_cnn((1, 8, 8), 3, channels=(1, 1, 1)).eval()(torch.rand(1, 1, 8, 8)).shape == (1, 3)
