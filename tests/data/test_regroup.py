"""Other labels for the same images."""

import numpy as np
import pytest

from smoothlab.data import FASHION_KINDS, fashion_mnist_small, from_arrays, held_apart, regrouped

NAMES = ("ant", "bee", "cat", "dog", "eel")
DATA = from_arrays(np.arange(200.0).reshape(100, 2), np.arange(100) % 5, classes=NAMES, name="animals")
GROUPS = {"insect": ("bee", "ant"), "other": ("eel", "cat", "dog")}
SPLITS = ("train", "validation", "test")


@pytest.mark.parametrize("split", SPLITS)
def test_a_group_keeps_every_example_in_its_place_and_knows_its_members(split):
    before, after = getattr(DATA, split), getattr(regrouped(DATA, GROUPS), split)
    np.testing.assert_array_equal(after.inputs, before.inputs)
    assert [tuple(GROUPS)[label] for label in after.labels] == [
        next(group for group, members in GROUPS.items() if NAMES[label] in members) for label in before.labels
    ]


def test_fashions_kinds_hold_each_class_once():
    small = fashion_mnist_small()
    kinds = regrouped(small, FASHION_KINDS)
    assert np.bincount(kinds.test.labels).tolist() == [1600, 800, 1200, 400]
    assert kinds.name == "fashion_mnist_small_grouped"
    assert kinds.fingerprint() != small.fingerprint()


@pytest.mark.parametrize("split", SPLITS)
def test_what_is_held_apart_and_what_is_kept_are_the_whole(split):
    kept, apart = held_apart(DATA, ["dog", "bee"])
    assert kept.classes == ("ant", "cat", "eel")
    assert apart.classes == ("bee", "dog")
    named = [
        {
            tuple(row): data.classes[label]
            for row, label in zip(part.inputs.tolist(), part.labels, strict=True)
        }
        for data, part in ((data, getattr(data, split)) for data in (DATA, kept, apart))
    ]
    assert named[0] == named[1] | named[2]
    assert len(named[0]) == len(named[1]) + len(named[2])


def test_other_classes_held_apart_have_another_name():
    assert held_apart(DATA, ["dog", "bee"])[0].name == "animals_without_1_3"
    assert held_apart(DATA, ["bee", "cat"])[0].name == "animals_without_1_2"
    assert held_apart(DATA, ["bee", "cat"], name="unseen")[1].name == "unseen"


def test_names_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="`groups` must hold every class, but 'dog' is in none"):
        regrouped(DATA, {"insect": ("ant", "bee"), "other": ("cat", "eel")})
    with pytest.raises(ValueError, match="`groups` must name a class once, but 'ant' stands twice"):
        regrouped(DATA, {"insect": ("ant", "bee"), "other": ("cat", "dog", "eel", "ant")})
    with pytest.raises(ValueError, match="`classes` must name classes of animals, but 'cow' is none"):
        held_apart(DATA, ["cow", "dog"])
    with pytest.raises(
        ValueError, match=r"`classes` must leave two classes or more on either side.* it names 1"
    ):
        held_apart(DATA, ["dog"])
    with pytest.raises(
        ValueError, match=r"`classes` must leave two classes or more on either side.* it names 4"
    ):
        held_apart(DATA, ["ant", "bee", "cat", "dog"])
    with pytest.raises(ValueError, match="`classes` must name at least two classes"):
        regrouped(DATA, {"animal": NAMES})
