"""The metric in torchmetrics' own hands."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torchmetrics = pytest.importorskip("torchmetrics")

from smoothlab.accumulators import Tally  # noqa: E402
from smoothlab.torchmetrics import Calibration  # noqa: E402

LOGITS = 3 * torch.randn(600, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(600) % 4


def tally(**settings) -> Tally:
    seen = Tally(classes=4, **settings)
    for start in range(0, 600, 100):
        seen.update(LOGITS[start : start + 100].numpy(), LABELS[start : start + 100].numpy())
    return seen


def fed(metric, first=0, last=600):
    for start in range(first, last, 100):
        metric.update(LOGITS[start : start + 100], LABELS[start : start + 100])
    return metric


def values(found) -> dict[str, float]:
    return {name: value.item() for name, value in found.items()}


def test_it_computes_what_a_tally_does():
    metric = fed(Calibration(classes=4, classwise=True))
    assert values(metric.compute()) == pytest.approx(tally(classwise=True).compute(), rel=1e-6)
    assert metric.tally().n == 600


def test_a_collection_takes_it_beside_torchmetrics_own():
    own = torchmetrics.classification.MulticlassCalibrationError(num_classes=4, n_bins=15)
    collection = fed(torchmetrics.MetricCollection([Calibration(classes=4), own]))
    found = values(collection.compute())
    # torchmetrics sums 600 confidences in float32, and bins them a little otherwise at edges
    assert found["ece"] == pytest.approx(found["MulticlassCalibrationError"], abs=1e-5)
    collection.reset()
    assert collection["Calibration"].tally().n == 0


def test_states_merge_copy_and_travel():
    one, other = fed(Calibration(classes=4), last=300), fed(Calibration(classes=4), first=300)
    one.merge_state(other)
    assert values(one.compute()) == pytest.approx(tally().compute(), rel=1e-6)
    fresh = Calibration(classes=4)
    fresh.persistent(mode=True)
    one.persistent(mode=True)
    fresh.load_state_dict(one.state_dict())
    assert fresh.tally().n == 600
    assert one.clone().tally().n == 600


def test_forward_gives_the_batch_and_keeps_the_whole():
    metric = Calibration(classes=4)
    metric(LOGITS[:100], LABELS[:100])
    batch = metric(LOGITS[100:300], LABELS[100:300])
    want = Tally(classes=4)
    want.update(LOGITS[100:300].numpy(), LABELS[100:300].numpy())
    assert values(batch) == pytest.approx(want.compute(), rel=1e-6)
    assert metric.tally().n == 300


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_logits_of_any_type_with_a_gradient_are_taken(dtype):
    metric = Calibration(classes=4)
    metric.update(LOGITS.to(dtype).requires_grad_(), LABELS.to(torch.int32))
    want = Tally(classes=4)
    want.update(LOGITS.to(dtype).double().numpy(), LABELS.numpy())
    assert values(metric.compute())["nll"] == pytest.approx(want.compute()["nll"], rel=1e-5)


def test_wrong_labels_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="`labels` must lie in 0 to 3"):
        Calibration(classes=4).update(LOGITS, LABELS + 1)
    assert np.isfinite(Calibration(classes=4).tally().sums["nll.n"]).all()
