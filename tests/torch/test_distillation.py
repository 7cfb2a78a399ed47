"""Distillation against its formula, its scalings, and the loop that tells a loss which examples it sees."""

from functools import partial

import numpy as np
import pytest
import torch

from smoothlab import reference
from smoothlab._numerics import softmax
from smoothlab.data import Dataset, Split, digits
from smoothlab.measures import accuracy, effective_smoothing, ideal_gap
from smoothlab.predictions import Predictions
from smoothlab.targets import teacher as softened
from smoothlab.torch import DistillationLoss, cross_entropy, distillation_loss
from smoothlab.torch.capture import predict
from smoothlab.torch.models import fully_connected
from smoothlab.torch.recipe import Recipe
from smoothlab.torch.train import LossOfExamples, train

RNG = np.random.default_rng(0)
Z, SAID = RNG.normal(size=(6, 5)) * 2, RNG.normal(size=(6, 5)) * 2
Y = np.array([0, 1, 2, 3, 4, 1])
LOGITS, TEACHER, LABELS = torch.tensor(Z), torch.tensor(SAID), torch.tensor(Y)
HARD = reference.cross_entropy(Z, Y, reduction="none").value
KINDS = {
    "hinton": {"temperature": 3.0},
    "figure 5": {"temperature": 3.0, "shared_temperature": False},
    "kl": {"temperature": 0.5, "term": "kl"},
    "kl at 1": {"temperature": 4.0, "term": "kl", "shared_temperature": False},
    "squared": {"term": "squared_logits"},
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


def gradient(logits, labels, teacher, **keywords):
    wanting = logits.clone().requires_grad_()
    distillation_loss(wanting, labels, teacher, **keywords).sum().backward()
    return wanting.grad


# The formula


@pytest.mark.parametrize("beta", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("T", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("shared", [True, False])
def test_the_soft_term_is_the_cross_entropy_against_the_teacher_at_its_temperature(T, shared, beta):
    p_t, log_p = softened(SAID, T), np.log(softmax(Z / T if shared else Z))
    scale = T**2 if shared else 1.0
    soft = -(p_t * log_p).sum(1) * scale
    got, divergence = (
        distillation_loss(
            LOGITS,
            LABELS,
            TEACHER,
            beta=beta,
            temperature=T,
            shared_temperature=shared,
            term=term,
            reduction="none",
        )
        for term in ("cross_entropy", "kl")
    )
    np.testing.assert_allclose(got, (1 - beta) * HARD + beta * soft, rtol=1e-12)
    floor = scale * reference.entropy(p_t)
    np.testing.assert_allclose(divergence, got.numpy() - beta * floor, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("shared", [True, False])
def test_its_gradient_is_that_of_the_formula(shared):
    T, beta = 3.0, 0.6
    hard = softmax(Z) - np.eye(5)[Y]
    soft = T * (softmax(Z / T) - softened(SAID, T)) if shared else softmax(Z) - softened(SAID, T)
    for term in ("cross_entropy", "kl"):
        got = gradient(
            LOGITS,
            LABELS,
            TEACHER,
            beta=beta,
            temperature=T,
            shared_temperature=shared,
            term=term,
            reduction="sum",
        )
        np.testing.assert_allclose(got, (1 - beta) * hard + beta * soft, atol=1e-14)


def test_the_papers_mnist_students_have_four_tenths_cross_entropy_and_half_the_squared_distance():
    want = 0.4 * HARD + 0.6 * ((Z - SAID) ** 2).sum(1) / 2
    keywords = {"beta": 0.6, "term": "squared_logits"}
    got = distillation_loss(LOGITS, LABELS, TEACHER, **keywords, reduction="none")
    np.testing.assert_allclose(got, want, rtol=1e-12)
    slope = gradient(LOGITS, LABELS, TEACHER, **keywords, reduction="sum")
    np.testing.assert_allclose(slope, 0.4 * (softmax(Z) - np.eye(5)[Y]) + 0.6 * (Z - SAID), atol=1e-14)
    # torch's mean over all entries, taken for the sum over classes, would weigh the teacher K/2 times less
    mean = torch.nn.functional.mse_loss(LOGITS, TEACHER)
    own = distillation_loss(LOGITS, LABELS, TEACHER, term="squared_logits")
    torch.testing.assert_close(own, mean * 5 / 2)


def test_as_the_temperature_grows_the_shared_divergence_becomes_the_squared_distance_of_centred_logits():
    centred = (Z - Z.mean(1, keepdims=True)) - (SAID - SAID.mean(1, keepdims=True))
    want = (centred**2).sum(1) / (2 * 5)
    errors = []
    for T in (1e2, 1e3):
        got = distillation_loss(LOGITS, LABELS, TEACHER, temperature=T, term="kl", reduction="none").numpy()
        errors.append(abs(got - want).max())
    assert errors[1] < 0.11 * errors[0]  # the next term falls as 1 / T
    np.testing.assert_allclose(got, want, rtol=1e-2)


def test_the_squared_temperature_keeps_gradients_of_one_size():
    norms = {
        shared: [
            float(gradient(LOGITS, LABELS, TEACHER, temperature=T, shared_temperature=shared).norm())
            for T in (20.0, 80.0)
        ]
        for shared in (True, False)
    }
    assert norms[True][1] == pytest.approx(norms[True][0], rel=0.05)
    # unscaled at student temperature 1 the size settles too, at that of a teacher that says nothing: a smoother
    uniform = gradient(LOGITS, LABELS, torch.zeros(6, 5), shared_temperature=False).norm()
    assert norms[False][1] == pytest.approx(float(uniform), rel=0.02)


def test_at_temperature_one_it_is_the_one_rule_with_the_teacher_as_background():
    for beta in (0.0, 0.3, 1.0):
        want = cross_entropy(LOGITS, LABELS, label_smoothing=beta, background=TEACHER.softmax(1))
        torch.testing.assert_close(distillation_loss(LOGITS, LABELS, TEACHER, beta=beta), want)


def test_a_copy_of_the_teacher_has_no_divergence_and_no_gradient():
    for kind in ({"term": "kl", "temperature": 3.0}, {"term": "squared_logits"}):
        assert distillation_loss(TEACHER, LABELS, TEACHER, **kind).abs() < 1e-14
        assert gradient(TEACHER, LABELS, TEACHER, **kind).abs().max() < 1e-14


# The edges


@every_kind
def test_gradients_and_second_derivatives_are_those_of_the_loss(kind):
    wanting = LOGITS.clone().requires_grad_()
    loss = partial(distillation_loss, target=LABELS, teacher=TEACHER, beta=0.6, **kind)
    assert torch.autograd.gradcheck(loss, wanting)
    assert torch.autograd.gradgradcheck(loss, wanting)


@every_kind
def test_no_gradient_reaches_the_teacher(kind):
    teacher = TEACHER.clone().requires_grad_()
    distillation_loss(LOGITS.clone().requires_grad_(), LABELS, teacher, **kind).backward()
    assert teacher.grad is None


@every_kind
def test_a_class_that_the_student_leaves_out_is_out_for_the_teacher_too(kind):
    logits = LOGITS.where(torch.arange(5) < 4, -torch.inf)
    got = distillation_loss(logits, LABELS % 4, TEACHER, **kind)
    want = distillation_loss(LOGITS[:, :4], LABELS % 4, TEACHER[:, :4], **kind)
    torch.testing.assert_close(got, want)


@every_kind
def test_a_class_that_the_teacher_rules_out_leaves_everything_finite(kind):
    teacher = TEACHER.clone()
    teacher[:, 1] = -torch.inf
    got = distillation_loss(LOGITS, LABELS, teacher, **kind, reduction="none")
    assert got.isfinite().all()
    slope = gradient(LOGITS, LABELS, teacher, **kind)
    assert slope.isfinite().all()
    if kind.get("term") == "squared_logits":
        others = [0, 2, 3, 4]
        want = distillation_loss(LOGITS[:, others], LABELS * 0, TEACHER[:, others], **kind, reduction="none")
        torch.testing.assert_close(got, want)
        assert torch.equal(slope[:, 1], torch.zeros(6, dtype=torch.float64))
    else:
        assert (slope[:, 1] > 0).all()  # down with it


@every_kind
def test_a_teacher_that_rules_everything_out_says_nothing(kind):
    teacher = TEACHER.clone()
    teacher[0] = -torch.inf
    got = distillation_loss(LOGITS, LABELS, teacher, **kind, beta=0.5, reduction="none")
    np.testing.assert_allclose(got[0], 0.5 * HARD[0], rtol=1e-12)
    assert gradient(LOGITS, LABELS, teacher, **kind).isfinite().all()


@every_kind
def test_what_the_teacher_says_of_an_ignored_row_does_not_matter(kind):
    labels = LABELS.masked_fill(LABELS == 1, -100)
    teacher = TEACHER.masked_fill((labels == -100)[:, None], torch.nan)
    kept = labels >= 0
    got = distillation_loss(LOGITS, labels, teacher, **kind)
    torch.testing.assert_close(got, distillation_loss(LOGITS[kept], LABELS[kept], TEACHER[kept], **kind))


def test_what_has_no_share_adds_nothing_not_even_an_infinity():
    logits = LOGITS.clone()
    logits[0, 0] = -torch.inf  # the label's own class
    assert distillation_loss(logits, LABELS, TEACHER, beta=1.0).isfinite()
    assert distillation_loss(logits, LABELS, TEACHER, beta=0.9).isinf()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"beta": 1.5}, "`beta` must lie in"),
        ({"temperature": 0.0}, "`temperature` must be a finite number above 0"),
        ({"term": "squared"}, "`term` must be one of"),
        ({"term": "squared_logits", "temperature": 2.0}, "`temperature` must be 1 with 'squared_logits'"),
        ({"teacher": TEACHER[:, :4]}, "`teacher` must hold floating-point logits in the shape of `input`"),
        ({"teacher": LABELS[:, None].expand(6, 5)}, "`teacher` must hold floating-point logits"),
        ({"teacher": TEACHER * torch.nan}, "`teacher` must hold logits below"),
        ({"teacher": TEACHER + torch.inf}, "`teacher` must hold logits below"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        distillation_loss(**({"input": LOGITS, "target": LABELS, "teacher": TEACHER} | wrong))


# The module, and the loop that tells it which examples it sees


def test_the_module_looks_up_what_the_teacher_said_of_each_example():
    keywords = {"beta": 0.6, "temperature": 2.0, "shared_temperature": False, "term": "kl", "ignore_index": 1}
    loss = DistillationLoss(SAID, **keywords, class_mask=torch.arange(5) < 5, reduction="sum")
    rows = torch.tensor([4, 0, 4])
    got = loss(LOGITS[:3], LABELS[:3], rows)
    assert got == distillation_loss(LOGITS[:3], LABELS[:3], TEACHER[rows], **keywords, reduction="sum")
    assert loss.examples == 6
    assert isinstance(loss, LossOfExamples)
    assert "examples=6, term=kl, beta=0.6, temperature=2.0, shared_temperature=False" in repr(loss)


def test_the_table_is_a_copy_that_moves_with_the_module_and_stays_out_of_its_state():
    said = SAID.copy()
    loss = DistillationLoss(said)
    said[:] = 0
    assert torch.equal(loss.teacher, TEACHER)
    assert loss.float().teacher.dtype == torch.float32
    assert not loss.state_dict()


def test_stored_predictions_of_the_training_split_are_a_teacher(tmp_path):
    Predictions(SAID.astype(np.float16), Y).save(tmp_path / "train.safetensors")
    loss = DistillationLoss(Predictions.load(tmp_path / "train.safetensors").logits)
    want = distillation_loss(LOGITS, LABELS, torch.tensor(SAID.astype(np.float16)))
    assert loss(LOGITS, LABELS, torch.arange(6)) == want


def test_a_table_of_another_shape_or_type_is_refused():
    for table in (LABELS, LOGITS[0], LOGITS.long()):
        with pytest.raises(ValueError, match=r"`teacher` must hold logits \(examples, classes\)"):
            DistillationLoss(table)
    with pytest.raises(IndexError):
        DistillationLoss(SAID)(LOGITS[:1], LABELS[:1], torch.tensor([6]))


DIGITS = digits()
SMALL = partial(fully_connected, widths=(16,))
QUICK = Recipe(epochs=2, batch_size=64)


def said_of_training(model):
    return predict(model, DIGITS.train, features=False).logits


def trained(loss, build=SMALL, data=DIGITS, seed=0):
    return train(build, data, loss=loss, recipe=QUICK, seed=seed)


def test_self_distillation_is_a_student_of_its_teachers_kind():
    teacher = said_of_training(trained(cross_entropy).model)
    student = said_of_training(trained(DistillationLoss(teacher, temperature=2.0), seed=1).model)
    stranger = said_of_training(trained(cross_entropy, seed=1).model)

    def far(one, other):
        return abs(softmax(one) - softmax(other)).sum(1).mean()

    assert far(student, teacher) < far(stranger, teacher)


def test_a_bad_teacher_is_a_control_that_softens_as_much_and_knows_less():
    teacher = said_of_training(trained(cross_entropy).model)
    shuffled = teacher.copy()
    for label in range(10):
        own = np.flatnonzero(DIGITS.train.labels == label)
        shuffled[own] = teacher[np.random.default_rng(label).permutation(own)]
    labels = DIGITS.train.labels
    assert effective_smoothing(shuffled, labels) == pytest.approx(effective_smoothing(teacher, labels))
    assert accuracy(shuffled, labels) == accuracy(teacher, labels)
    right, control = (trained(DistillationLoss(said, term="kl")) for said in (teacher, shuffled))
    assert (
        right.history[-1].loss < control.history[-1].loss
    )  # an answer that hangs on the image can be learnt


def test_a_teacher_that_knows_its_smoothed_labels_alone_is_label_smoothing():
    said = ideal_gap(0.1, 10) * np.eye(10)[DIGITS.train.labels]
    taught = trained(DistillationLoss(said, temperature=1.0))
    smoothed = trained(partial(cross_entropy, label_smoothing=0.1))
    for ours, theirs in zip(taught.model.parameters(), smoothed.model.parameters(), strict=True):
        # two epochs of float32 steps along gradients that differ in their last bits
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_every_copy_of_an_image_meets_what_was_said_of_the_image():
    images = Split(RNG.integers(0, 256, (40, 1, 6, 6), np.uint8), np.arange(40) % 4)
    data = Dataset("noise", train=images, validation=images, test=images, classes=("a", "b", "c", "d"))
    table = np.eye(4)[images.labels] * 50.0  # says the label; a row of another example would contradict it
    for augment in ("none", "shift"):
        loss = DistillationLoss(table, temperature=1.0)
        seen = []

        def watching(logits, labels, examples, *, loss=loss, seen=seen):
            seen.append(torch.equal(loss.teacher[examples].argmax(1), labels))
            return loss(logits, labels, examples)

        watching.examples = 40
        train(SMALL, data, loss=watching, recipe=Recipe(epochs=2, batch_size=8, augment=augment), seed=0)
        assert len(seen) == 10
        assert all(seen)
