"""MaxSup against its formula, and against label smoothing, from which it differs where the net is wrong."""

import numpy as np
import pytest
import torch

from smoothlab import reference
from smoothlab.torch import MaxSupLoss, cross_entropy, maxsup_loss

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(8, 5)) * 3
Y = np.array([0, 1, 2, 3, 4, 1, 0, 0])
Y[:4] = Z[:4].argmax(1)
LOGITS, LABELS = torch.tensor(Z), torch.tensor(Y)
RIGHT = LOGITS.argmax(1) == LABELS


def gradient(loss, **keywords):
    wanting = LOGITS.clone().requires_grad_()
    loss(wanting, LABELS, reduction="sum", **keywords).backward()
    return wanting.grad


def test_it_is_cross_entropy_and_alpha_times_the_height_of_the_highest_logit():
    want = reference.cross_entropy(Z, Y, reduction="none").value + 0.2 * (Z.max(1) - Z.mean(1))
    np.testing.assert_allclose(maxsup_loss(LOGITS, LABELS, alpha=0.2, reduction="none"), want, rtol=1e-12)


def test_where_the_net_is_right_and_nowhere_else_it_is_label_smoothing():
    assert RIGHT.any()
    assert not RIGHT.all()
    ours = maxsup_loss(LOGITS, LABELS, alpha=0.2, reduction="none")
    smooth = cross_entropy(LOGITS, LABELS, label_smoothing=0.2, reduction="none")
    torch.testing.assert_close(ours[RIGHT], smooth[RIGHT])
    slopes = gradient(maxsup_loss, alpha=0.2), gradient(cross_entropy, label_smoothing=0.2)
    torch.testing.assert_close(slopes[0][RIGHT], slopes[1][RIGHT])
    # what label smoothing takes off a wrong prediction's height: alpha (z_max - z_y), its "error amplification"
    gap = LOGITS.amax(1) - LOGITS.gather(1, LABELS[:, None])[:, 0]
    torch.testing.assert_close(ours - smooth, 0.2 * gap)


def test_its_gradient_is_softmax_less_label_and_less_what_the_highest_has_to_give():
    alpha = 0.3
    want = LOGITS.softmax(1) - torch.eye(5, dtype=torch.float64)[LABELS]
    want = want + alpha * (torch.eye(5, dtype=torch.float64)[LOGITS.argmax(1)] - 1 / 5)
    torch.testing.assert_close(gradient(maxsup_loss, alpha=alpha), want)


def test_the_module_is_the_function_and_its_alpha_may_rise():
    keywords = {"class_mask": torch.arange(5) < 5, "ignore_index": 1, "reduction": "sum"}
    loss = MaxSupLoss(alpha=0.1, **keywords)
    assert loss(LOGITS, LABELS) == maxsup_loss(LOGITS, LABELS, alpha=0.1, **keywords)
    loss.alpha = 0.2
    assert loss(LOGITS, LABELS) == maxsup_loss(LOGITS, LABELS, alpha=0.2, **keywords)
    assert "alpha=0.2" in repr(loss)


def test_an_alpha_outside_the_range_is_refused():
    for make in (MaxSupLoss, lambda alpha: maxsup_loss(LOGITS, LABELS, alpha=alpha)):
        with pytest.raises(ValueError, match="`alpha` must lie in"):
            make(alpha=1.5)
