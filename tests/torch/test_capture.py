import re
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from smoothlab.data import Dataset, Split
from smoothlab.predictions import Predictions
from smoothlab.torch.capture import predict
from smoothlab.torch.models import alexnet, fully_connected, resnet, small_cnn
from smoothlab.torch.recipe import Recipe
from smoothlab.torch.train import train

RANDOM = np.random.default_rng(0)
IMAGES = Split(RANDOM.integers(0, 256, (50, 1, 8, 8), np.uint8), np.arange(50) % 3)
TABLE = Split(RANDOM.normal(size=(50, 6)).astype(np.float32), np.arange(50) % 3)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


class Tangled(nn.Module):
    """The head is defined first and runs last, and a side output of the same shape runs in between."""

    def __init__(self, *, after=nn.Identity()):  # noqa: B008  it holds nothing
        super().__init__()
        self.head, self.first, self.side, self.after = (
            nn.Linear(5, 3),
            nn.Linear(6, 5),
            nn.Linear(5, 3),
            after,
        )

    def forward(self, inputs):
        hidden = functional.relu(self.first(inputs))
        self.side(hidden)
        return self.after(self.head(input=hidden))


def hidden(model, inputs=TABLE.inputs):
    with torch.no_grad():
        return functional.relu(model.first(torch.tensor(inputs))).numpy()


@pytest.mark.parametrize(
    "build",
    [
        partial(fully_connected, widths=(7, 4), dropout=0.5),
        partial(small_cnn, channels=(4,), width=6),
        alexnet,
        partial(resnet, depth=8),
    ],
    ids=["fully_connected", "small_cnn", "alexnet", "resnet"],
)
def test_the_captured_head_gives_the_logits_from_the_features(build):
    said = predict(build((1, 8, 8), 3), IMAGES, batch_size=16)
    assert said.features is not None
    assert said.weight is not None
    assert said.bias is not None
    want = said.features.astype(np.float64) @ said.weight.T + said.bias
    # single precision on at most 192 features of order 1
    np.testing.assert_allclose(said.logits, want, rtol=1e-4, atol=1e-5)
    assert np.array_equal(said.labels, IMAGES.labels)


def test_the_head_is_the_layer_that_gave_the_output_not_the_last_defined():
    model = Tangled()
    said = predict(model, TABLE)
    np.testing.assert_array_equal(said.weight, model.head.weight.detach())
    np.testing.assert_array_equal(said.bias, model.head.bias.detach())
    np.testing.assert_allclose(said.features, hidden(model), rtol=1e-6)


def test_of_two_layers_that_gave_the_output_the_head_is_the_one_that_ran_last():
    last = nn.Linear(3, 3)
    nn.init.eye_(last.weight)
    nn.init.zeros_(last.bias)
    said = predict(nn.Sequential(nn.Linear(6, 3), last), TABLE)
    np.testing.assert_array_equal(said.weight, np.eye(3))
    np.testing.assert_array_equal(said.features, said.logits)


def test_rows_stay_in_order_over_batches():
    model = Tangled()
    whole, parts = predict(model, TABLE), predict(model, TABLE, batch_size=7)
    # another batch size may add in another order
    np.testing.assert_allclose(parts.logits, whole.logits, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(parts.features, whole.features, rtol=1e-5, atol=1e-6)


def test_a_head_may_be_named_where_something_follows_it():
    model = Tangled(after=nn.LogSoftmax(1))
    with pytest.raises(
        ValueError, match=r"its output is that of none of the 3 that ran\. Name the layer with `head`"
    ):
        predict(model, TABLE)
    said = predict(model, TABLE, head="head")
    np.testing.assert_allclose(said.features, hidden(model), rtol=1e-6)
    np.testing.assert_allclose(np.exp(said.logits).sum(1), 1, rtol=1e-6)
    wrapped = predict(nn.Sequential(nn.Identity(), model), TABLE, head="head")
    np.testing.assert_array_equal(wrapped.features, said.features)


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (
            "fc",
            "`head` must name one torch.nn.Linear of the model, but 'fc' names 0. It has '0.head', '0.first', '0.side'",
        ),
        ("head", "'head' names 2"),
        ("2", "'2' names 0"),
        ("3", "`head` must have an input (batch, features), but it had no input, as it did not run"),
        ("4", "`head` must have an input (batch, features), but it had an input of shape (50, 2, 3)"),
    ],
)
def test_a_name_that_is_no_head_is_refused_in_one_sentence(head, sentence):
    class Odd(nn.Sequential):
        def forward(self, inputs):
            self[4](inputs.view(-1, 2, 3))
            return self[1](self[0](inputs))

    parts = [nn.Linear(6, 6), nn.Linear(6, 3), nn.ReLU(), nn.Linear(2, 2), nn.Linear(3, 3)]
    model = nn.Sequential(Tangled(), Tangled()) if head in ("fc", "head") else Odd(*parts)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        predict(model, TABLE, head=head)


def test_without_features_any_model_will_do():
    said = predict(nn.Sequential(nn.Conv2d(1, 3, 8), nn.Flatten()), IMAGES, features=False)
    assert said.features is said.weight is said.bias is None
    assert said.logits.shape == (50, 3)


def test_a_head_without_bias_has_none():
    assert predict(nn.Linear(6, 3, bias=False), TABLE).bias is None


def test_half_precision_features_are_the_features_rounded():
    model = Tangled()
    whole, half = predict(model, TABLE), predict(model, TABLE, features_dtype="float16")
    assert half.features is not None
    assert half.features.dtype == np.float16
    np.testing.assert_array_equal(half.features, np.asarray(whole.features).astype(np.float16))
    np.testing.assert_array_equal(half.logits, whole.logits)


def test_features_that_half_precision_cannot_hold_are_refused():
    far = Split(TABLE.inputs * np.float32(1e6), TABLE.labels)
    with pytest.raises(
        ValueError, match=r"`features` must be finite, .* beyond the 65504 that float16 can hold"
    ):
        predict(Tangled(), far, features_dtype="float16")


@pytest.mark.parametrize(("dtype", "want"), [(torch.bfloat16, np.float32), (torch.float64, np.float64)])
def test_a_model_of_another_precision_gets_inputs_of_its_own(dtype, want):
    model = Tangled().to(dtype)
    said = predict(model, TABLE)
    assert said.logits.dtype == want
    with torch.no_grad():
        assert np.array_equal(
            said.logits, model(torch.tensor(TABLE.inputs).to(dtype)).to(torch.float64).numpy()
        )


def test_bytes_reach_a_users_model_as_their_255th_parts():
    said = predict(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), IMAGES)
    np.testing.assert_array_equal(said.features, IMAGES.inputs.reshape(50, 64) / np.float32(255))


def test_a_trained_model_predicts_with_the_constants_it_was_trained_with():
    data = Dataset("noise", train=IMAGES, validation=IMAGES, test=IMAGES, classes=("a", "b", "c"))
    recipe = Recipe(epochs=30, batch_size=25, learning_rate=0.05)
    trained = train(
        partial(fully_connected, widths=(64,)), data, loss=functional.cross_entropy, recipe=recipe, seed=0
    )
    said = predict(trained.model, data.train)
    with torch.no_grad():
        np.testing.assert_array_equal(said.logits, trained.model(torch.tensor(IMAGES.inputs)))
    assert trained.history[-1].accuracy == 1.0
    assert (said.logits.argmax(1) == IMAGES.labels).all()


def test_every_module_returns_to_its_own_mode_and_loses_its_hooks():
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 3)
    ).train()
    model[2].eval()
    before = (
        [module.training for module in model.modules()],
        {k: v.clone() for k, v in model.state_dict().items()},
    )
    random = torch.get_rng_state()
    said = predict(model, TABLE)
    assert [module.training for module in model.modules()] == before[0]
    assert all(torch.equal(value, before[1][name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(torch.get_rng_state(), random)
    with torch.no_grad():
        np.testing.assert_array_equal(said.logits, model.eval()(torch.tensor(TABLE.inputs)))


def test_a_model_that_fails_is_given_back_as_it_was():
    model = nn.Sequential(nn.Linear(6, 4), nn.Dropout(), nn.Linear(5, 3)).train()
    with pytest.raises(
        ValueError, match=r"The model must take inputs of shape \(2, 6\), but it raised RuntimeError"
    ):
        predict(model, TABLE)
    assert model[1].training
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (nn.LSTM(6, 3), "returned tuple. Wrap it in a module that returns the logits alone."),
        (
            nn.Unflatten(1, (2, 3)),
            "The model must return logits of shape (2, classes) for this batch, but it returned",
        ),
        (nn.Linear(6, 2), "`labels` must lie in 0 to 1"),
    ],
)
def test_an_output_that_is_no_logits_is_refused_in_one_sentence(model, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        predict(model, TABLE)


def test_a_model_that_diverged_is_refused():
    model = nn.Linear(6, 3)
    nn.init.constant_(model.bias, torch.nan)
    with pytest.raises(ValueError, match="`logits` must be finite"):
        predict(model, TABLE, features=False)


def test_a_compiled_model_is_looked_into():
    model = Tangled()
    compiled = torch.compile(model, backend="eager")
    np.testing.assert_array_equal(predict(compiled, TABLE).features, predict(model, TABLE).features)


def test_a_split_of_one_example_is_enough():
    said = predict(Tangled(), Split(TABLE.inputs[:1], TABLE.labels[:1]))
    assert len(said) == 1


def test_what_was_captured_survives_the_file(tmp_path):
    said = predict(Tangled(), TABLE, meta={"alpha": 0.1, "split": "test"}, features_dtype="float16")
    said.save(tmp_path / "test.safetensors")
    again = Predictions.load(tmp_path / "test.safetensors")
    assert again.meta == {"alpha": 0.1, "split": "test"}
    for name in ("logits", "labels", "features", "weight", "bias"):
        np.testing.assert_array_equal(getattr(again, name), getattr(said, name))


def test_predicting_uses_the_threads_it_is_given_and_gives_them_back():
    inside = []

    class Counting(nn.Linear):
        def forward(self, inputs):
            inside.append(torch.get_num_threads())
            return super().forward(inputs)

    kept = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        predict(Counting(6, 3), TABLE)
        assert set(inside) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(kept)
