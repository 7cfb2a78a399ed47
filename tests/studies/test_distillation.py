"""The arms of the study of distillation."""

import numpy as np

from smoothlab import Predictions
from smoothlab.lab import teaching
from smoothlab.studies import distillation


def test_shuffled_answers_stay_within_their_class_and_go_to_other_examples():
    labels = np.arange(300) % 3
    said = Predictions(np.random.default_rng(0).normal(size=(300, 3)), labels)
    dealt = distillation.shuffled(said, seed=1)
    for label in range(3):
        of_class = labels == label
        np.testing.assert_array_equal(np.sort(dealt[of_class, 0]), np.sort(said.logits[of_class, 0]))
    assert (dealt == said.logits).all(1).mean() < 0.1
    assert len(np.unique(dealt, axis=0)) == 300  # rows stay whole
    np.testing.assert_array_equal(dealt, distillation.shuffled(said, seed=1))
    assert (dealt != distillation.shuffled(said, seed=2)).any()


def test_arms_that_learn_from_labels_have_no_teacher_and_no_temperature():
    for cell in distillation.study.cells():
        alone = cell["arm"] in teaching.ALONE
        assert (distillation.teacher(cell) is None) == alone
        assert not alone or cell["temperature"] == 1


def test_a_student_learns_from_the_teacher_of_its_alpha():
    for cell in distillation.study.cells():
        teacher = distillation.teacher(cell)
        if teacher is not None:
            assert teacher.levels == cell.but(arm="teacher", temperature=1.0).levels
            assert teacher["alpha"] == cell["alpha"]


def test_every_cell_that_a_claim_compares_is_in_the_grid():
    grid = {(cell["arm"], cell["alpha"], cell["temperature"]) for cell in distillation.study.cells()}
    wanted = {("taught", 0.0, temperature) for temperature in distillation.TEMPERATURES}
    wanted |= {("alone", alpha, 1.0) for alpha in distillation.ALPHAS}
    wanted |= {("shared", alpha, temperature) for alpha in (0.0, 0.1) for temperature in (1.0, 2.0)}
    assert wanted | {("taught", 0.1, 1.0), ("teacher", 0.1, 1.0)} <= grid
