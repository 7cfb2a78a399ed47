import numpy as np
import pytest
import torch

from smoothlab.data import Split
from smoothlab.torch.models import Standardise
from smoothlab.torch.models.standardise import as_floats

RANDOM = np.random.default_rng(0)
IMAGES = Split(
    (RANDOM.integers(0, 256, (1500, 3, 4, 5)) // [[[1]], [[2]], [[9]]]).astype(np.uint8), np.zeros(1500, int)
)
TABLE = Split(RANDOM.normal([3, -50, 0], [1, 9, 1e-3], (1500, 3)).astype(np.float32), np.zeros(1500, int))


@pytest.mark.parametrize("split", [IMAGES, TABLE], ids=["images", "table"])
def test_every_channel_of_the_training_split_has_mean_0_and_deviation_1(split):
    inputs = Standardise.of(split)(torch.tensor(split.inputs)).double().transpose(0, 1).flatten(1)
    # single precision rounds a column of mean -50 and deviation 9 by about 1e-6 of its deviation
    np.testing.assert_allclose(inputs.mean(1), 0, atol=1e-6)
    np.testing.assert_allclose(inputs.std(1, correction=0), 1, atol=1e-6)


def test_bytes_mean_their_255th_parts():
    layer = Standardise.of(IMAGES)
    raw = torch.tensor(IMAGES.inputs)
    assert torch.equal(layer(raw), layer(raw / 255))
    assert torch.equal(as_floats(raw, torch.float64), raw.double() / 255)
    np.testing.assert_allclose(layer.mean, IMAGES.inputs.mean((0, 2, 3)) / 255, rtol=1e-6)


@pytest.mark.parametrize("rounding", [False, True])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_a_column_that_never_varies_but_for_rounding_is_only_centred(value, rounding):
    inputs = np.full((3001, 2), value, np.float32)
    inputs[:, 1] += np.arange(3001)
    if rounding and value:
        inputs[::2, 0] = np.nextafter(np.float32(value), np.float32(np.inf))
    layer = Standardise.of(Split(inputs, np.zeros(3001, int)))
    assert layer.deviation[0] == 1
    assert layer(torch.tensor(inputs))[:, 0].abs().max() <= 1e-7 * value


def test_black_is_what_the_value_0_becomes():
    layer = Standardise.of(IMAGES)
    assert torch.equal(layer(torch.zeros(1, 3, 1, 1)).flatten(), layer.black)


def test_the_constants_are_saved_with_the_model_and_never_trained():
    layer = Standardise.of(IMAGES)
    assert set(layer.state_dict()) == {"mean", "deviation"}
    assert list(layer.parameters()) == []
    assert Standardise.of(IMAGES, dtype=torch.float64)(torch.tensor(IMAGES.inputs)).dtype == torch.float64
