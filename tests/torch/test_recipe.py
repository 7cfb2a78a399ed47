import math
import re
from dataclasses import asdict

import jaxtyping
import pytest

from smoothlab.torch.recipe import Recipe


@pytest.fixture
def plain():
    """What a user meets: without the type hook of the tests, the sentences are all there is."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def rates(steps, **settings):
    recipe = Recipe(learning_rate=1.0, **settings)
    return [recipe.rate(step, steps=steps) for step in range(steps)]


def test_a_constant_schedule_keeps_the_rate():
    assert rates(5, schedule="constant") == [1.0] * 5


def test_a_linear_schedule_falls_by_equal_steps_towards_zero():
    assert rates(4, schedule="linear") == pytest.approx([1, 0.75, 0.5, 0.25])


def test_a_cosine_schedule_is_half_a_cosine():
    assert rates(8, schedule="cosine") == pytest.approx(
        [(1 + math.cos(math.pi * k / 8)) / 2 for k in range(8)]
    )


def test_a_step_schedule_is_the_papers_for_its_resnet():
    # 64k steps, divided by 10 at 32k and at 48k
    recipe = Recipe(learning_rate=0.1, schedule="step", milestones=(0.5, 0.75), decay=0.1)
    at = {step: recipe.rate(step, steps=64_000) for step in (0, 31_999, 32_000, 47_999, 48_000, 63_999)}
    assert list(at.values()) == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_a_warm_up_rises_to_the_rate_and_the_schedule_starts_after_it(schedule):
    warmed = rates(10, schedule=schedule, warmup=0.4)
    assert warmed[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert warmed[4:] == pytest.approx(rates(6, schedule=schedule))


def test_the_rate_is_proportional_to_the_learning_rate():
    assert Recipe(learning_rate=0.3).rate(3, steps=10) == pytest.approx(
        0.3 * Recipe(learning_rate=1.0).rate(3, steps=10)
    )


def test_equal_recipes_are_equal_and_a_recipe_is_plain_data():
    assert Recipe(epochs=3) == Recipe(epochs=3)
    assert Recipe(**asdict(Recipe(clip_norm=1.0))) == Recipe(clip_norm=1.0)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epochs": 0}, "`epochs` must be a whole number, at least 1, but got 0"),
        ({"batch_size": 0}, "`batch_size` must be a whole number, at least 1"),
        ({"learning_rate": 0.0}, "`learning_rate` must be a finite number above 0"),
        ({"learning_rate": math.nan}, "`learning_rate` must be a finite number above 0"),
        ({"momentum": 1.0}, "`momentum` must lie in [0, 1), but got 1.0"),
        ({"weight_decay": -1.0}, "`weight_decay` must be a finite number from 0 on, but got -1.0"),
        ({"warmup": 1.0}, "`warmup` must lie in [0, 1)"),
        ({"milestones": (0.5, 30.0)}, "`milestones` must lie in [0, 1], but got 30.0"),
        ({"decay": 0.0}, "`decay` must be a finite number above 0"),
        ({"clip_norm": 0.0}, "`clip_norm` must be a finite number above 0"),
    ],
)
def test_a_number_out_of_range_is_refused_in_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Recipe(**settings)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"optimizer": "adam"},
            "`optimizer` must be one of 'sgd', 'adamw', but got 'adam'. Did you mean 'adamw'?",
        ),
        ({"schedule": "cosin"}, "Did you mean 'cosine'?"),
        ({"augment": "flip"}, "`augment` must be one of 'none', 'shift', 'crop_flip', but got 'flip'"),
    ],
)
@pytest.mark.usefixtures("plain")
def test_an_unknown_word_is_refused_with_the_nearest(settings, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        Recipe(**settings)
