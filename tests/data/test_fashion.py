import gzip
import hashlib
from importlib import resources

import numpy as np
import pytest

from smoothlab.data import fashion, fashion_mnist, fashion_mnist_small

FOLDER = fashion.DEBIAN_FOLDER
needs_the_whole_set = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"Fashion-MNIST is not at {FOLDER}: install dataset-fashion-mnist"
)
SHA256 = {
    "train": "e35328b44fcec0b632af98330bb7cf4eef3dd4b8cc9f5eb934333c64071a2e34",
    "validation": "94d6771517fe295605dfae36d111e8474378f6b32447c8166d5c427666ed1ece",
    "test": "bdde8b28fb7376294e730e47f2f263ec193d958613914ffc5ba47b384e54ddca",
}


@pytest.fixture(scope="module")
def small():
    return fashion_mnist_small()


@pytest.fixture(scope="module")
def whole():
    return fashion_mnist()


def parts(data):
    return {"train": data.train, "validation": data.validation, "test": data.test}


def images(split):
    return [image.tobytes() for image in split.inputs]


@pytest.mark.parametrize("word", ["train", "validation", "test"])
def test_the_embedded_arrays_are_exactly_these_bytes(small, word):
    part = parts(small)[word]
    digest = hashlib.sha256(part.inputs.tobytes() + part.labels.astype(np.uint8).tobytes())
    assert digest.hexdigest() == SHA256[word]


@pytest.mark.parametrize(("word", "of_a_class"), [("train", 500), ("validation", 200), ("test", 400)])
def test_the_embedded_splits_hold_equally_many_images_of_every_class(small, word, of_a_class):
    part = parts(small)[word]
    assert np.bincount(part.labels).tolist() == [of_a_class] * 10
    assert part.inputs.shape == (10 * of_a_class, 1, 28, 28)
    assert part.inputs.dtype == np.uint8
    assert part.inputs.flags.writeable  # torch.from_numpy warns of arrays that are not


def test_no_embedded_image_occurs_twice(small):
    every = [image for part in parts(small).values() for image in images(part)]
    assert len(set(every)) == len(every) == 11_000


def test_the_classes_are_the_published_ones(small):
    assert small.classes == fashion.CLASSES
    assert small.classes[0] == "T-shirt/top"
    assert small.classes[9] == "Ankle boot"
    assert len(small.classes) == 10


def test_the_embedded_file_is_small_and_comes_with_its_licence():
    folder = resources.files("smoothlab.data").joinpath("embedded")
    assert len(folder.joinpath("fashion_mnist_small.npz").read_bytes()) < 5_000_000
    licence = folder.joinpath("FASHION_MNIST_LICENSE.txt").read_text("utf-8")
    assert licence.startswith("The MIT License (MIT) Copyright © 2017 Zalando SE")
    assert "Permission is hereby granted, free of charge" in licence


@needs_the_whole_set
def test_the_whole_set_has_its_published_sizes_with_10000_images_set_aside(whole):
    sizes = {"train": 5000, "validation": 1000, "test": 1000}
    for word, part in parts(whole).items():
        assert np.bincount(part.labels).tolist() == [sizes[word]] * 10
    assert whole.classes == fashion.CLASSES


@needs_the_whole_set
def test_the_whole_set_holds_every_pixel_of_its_files(whole):
    def pixels(name):
        return np.frombuffer(gzip.decompress((FOLDER / name).read_bytes())[16:], np.uint8).reshape(-1, 784)

    assert np.array_equal(whole.test.inputs.reshape(-1, 784), pixels("t10k-images-idx3-ubyte.gz"))
    training = [row.tobytes() for row in pixels("train-images-idx3-ubyte.gz")]
    assert sorted(images(whole.train) + images(whole.validation)) == sorted(training)


@needs_the_whole_set
@pytest.mark.parametrize("word", ["train", "validation", "test"])
def test_every_embedded_split_is_a_part_of_the_same_split_of_the_whole_set(small, whole, word):
    labelled = dict(zip(images(parts(whole)[word]), parts(whole)[word].labels, strict=True))
    part = parts(small)[word]
    assert [labelled.get(image) for image in images(part)] == part.labels.tolist()


def test_without_the_whole_set_one_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion, "DEBIAN_FOLDER", tmp_path / "nothing")
    with pytest.raises(
        FileNotFoundError, match="Install Debian's package dataset-fashion-mnist, or pass as `path`"
    ):
        fashion_mnist()
    with pytest.raises(
        FileNotFoundError, match=r"There is no folder .*elsewhere. Pass as `path` the folder with train-"
    ):
        fashion_mnist(tmp_path / "elsewhere")
    with pytest.raises(
        FileNotFoundError, match=r"has neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz"
    ):
        fashion_mnist(tmp_path)
