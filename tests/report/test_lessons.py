"""The lessons say the same in two languages, and every number in them is what the mathematics gives."""

import re

import numpy as np
import pytest

from smoothlab.report.figures import Figure
from smoothlab.report.lessons import lessons

LOGITS = np.array([3.0, 1.0, 0.0])
SECTIONS = lessons(LOGITS, 0, ("shirt", "coat", "boot"))
NUMBER = re.compile(r"\d+\.\d+")


def section(title):
    (found,) = [each for each in SECTIONS if each.title == title]
    return found


@pytest.mark.parametrize("lesson", SECTIONS, ids=lambda lesson: lesson.title)
def test_every_lesson_is_told_in_korean_too_paragraph_by_paragraph(lesson):
    assert len(lesson.korean) == len(lesson.text)
    for paragraph in lesson.korean:
        letters = [letter for letter in paragraph if letter.isalpha()]
        assert sum("가" <= letter <= "힣" for letter in letters) > len(letters) / 2


@pytest.mark.parametrize("lesson", SECTIONS, ids=lambda lesson: lesson.title)
def test_both_languages_give_the_same_numbers(lesson):
    english, korean = ([NUMBER.findall(text) for text in of] for of in (lesson.text, lesson.korean))
    assert [sorted(set(each)) for each in english] == [sorted(set(each)) for each in korean]


def test_the_rule_gives_the_label_its_own_share_too():
    own, other = 0.9 + 0.1 / 4, 0.1 / 4
    assert f"that is {own:g} for the label and {other:g} for each other class" in section("The rule").text[0]


def test_alpha_among_the_others_alone_is_a_larger_alpha_among_all():
    # alpha' / (K - 1) for a wrong class is alpha / K with alpha = alpha' K / (K - 1)
    assert f"α = {0.1 * 4 / 3:.4f} here" in section("The rule").text[2]


def test_the_gap_of_the_last_layer_gives_back_the_smoothed_target():
    (gap,) = re.findall(
        r"which is (\d+\.\d+) at K = 3 and α = 0.1", " ".join(section("What the last layer sees").text)
    )
    odds = np.exp(float(gap))
    assert odds / (odds + 2) == pytest.approx(0.9 + 0.1 / 3, abs=1e-3)  # the gap is printed to 0.01


def test_the_ceiling_of_confidence_is_the_largest_entry_of_the_target():
    assert f"which is {0.9 + 0.1 / 3:g} here" in section("Calibration and temperature").text[0]


def test_two_lessons_have_a_figure_to_play_with():
    drawn = {each.title for each in SECTIONS if any(isinstance(part, Figure) for part in each.contents)}
    assert drawn == {"The rule", "Calibration and temperature"}


def test_the_slips_of_the_sources_are_put_right():
    wrong = " ".join(section("Often said, and wrong").text)
    assert "A smaller one sharpens" in wrong
    assert "it rose, from 4.67 to 4.92" in wrong
    assert "mean nothing there" in wrong
