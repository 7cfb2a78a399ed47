import numpy as np
import pytest

from smoothlab.targets import class_prior, similarity_rows, smooth_labels, teacher

LABELS = np.array([0, 2, 2, 1, 2])
SIMILARITY = np.array([[0.0, 1.0, 3.0], [2.0, 2.0, 4.0], [5.0, 0.0, 0.0]])


def test_the_class_prior_is_the_share_of_each_class_and_unseen_classes_have_none():
    assert class_prior(LABELS, classes=4).tolist() == [0.2, 0.2, 0.6, 0.0]


def test_a_similarity_row_belongs_to_the_label_and_sums_to_one():
    rows = similarity_rows(SIMILARITY, LABELS)
    assert rows.tolist() == [[0, 0.25, 0.75], [1, 0, 0], [1, 0, 0], [0.25, 0.25, 0.5], [1, 0, 0]]


def test_a_teacher_is_a_softmax_that_flattens_with_temperature():
    logits = np.array([[1.0, 2.0, 4.0], [1e4, 1e4, -np.inf]])
    rows = teacher(logits)
    np.testing.assert_allclose(rows[0], np.exp(logits[0]) / np.exp(logits[0]).sum(), rtol=1e-15)
    # float64 carries log 2 beside 1e4 to 1e4 * 2.2e-16
    np.testing.assert_allclose(rows[1], [0.5, 0.5, 0], rtol=4e-12, atol=0)
    np.testing.assert_allclose(teacher(logits, temperature=2.0)[0], teacher(logits / 2)[0], rtol=1e-15)
    np.testing.assert_allclose(teacher(logits[:1], temperature=1e9), 1 / 3, rtol=1e-8)


@pytest.mark.parametrize(
    "background",
    [class_prior(LABELS, 3), similarity_rows(SIMILARITY, LABELS), teacher(np.eye(3)[LABELS])],
)
def test_every_background_goes_straight_into_the_rule(background):
    q = smooth_labels(LABELS, classes=3, alpha=0.4, background=background)
    np.testing.assert_allclose(q, 0.6 * np.eye(3)[LABELS] + 0.4 * background, rtol=0, atol=1e-15)


def test_distillation_is_the_rule_with_a_teacher_and_alpha_one():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    q = smooth_labels(LABELS, classes=3, alpha=1.0, background=teacher(logits))
    np.testing.assert_allclose(q, teacher(logits), rtol=0, atol=1e-15)


def test_a_wrong_argument_is_told_in_one_sentence():
    with pytest.raises(ValueError, match="`labels` must hold numbers from 0 to 1, at least one"):
        class_prior(LABELS, classes=2)
    with pytest.raises(ValueError, match="at least one, but got"):
        class_prior(np.array([], int), classes=2)
    with pytest.raises(
        ValueError, match="`similarity` must hold finite numbers from 0 on and no row of zeros"
    ):
        similarity_rows(-SIMILARITY, LABELS)
    with pytest.raises(ValueError, match="no row of zeros"):
        similarity_rows(np.zeros((3, 3)), LABELS)
    with pytest.raises(ValueError, match="`labels` must be whole numbers from 0 to 2, but reach from 3 to 3"):
        similarity_rows(SIMILARITY, np.array([3]))
    with pytest.raises(ValueError, match="`temperature` must be a finite number above 0, but got 0"):
        teacher(np.eye(3), temperature=0.0)
    with pytest.raises(ValueError, match=r"hold NaN or \+inf"):
        teacher(np.array([[0.0, np.nan]]))
