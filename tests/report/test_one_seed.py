import numpy as np

from smoothlab.lab import Evidence
from smoothlab.report.one_seed import alphas_run, first_whole_seed

GAP = np.nan


def evidence(*rows):
    """Alpha 0, 0.1, 0.2 by seeds 5, 6, 7."""
    return Evidence({"alpha": (0.0, 0.1, 0.2), "seed": (5, 6, 7)}, {"accuracy": np.array(rows)}, {})


def test_the_first_seed_with_a_run_at_every_alpha_is_shown():
    assert first_whole_seed(evidence([1, 1, 1], [GAP, 1, 1], [1, 1, 1.0])) == 6


def test_an_alpha_that_was_never_run_is_no_hindrance():
    never = evidence([GAP, 1, 1], [1, 1, 1], [GAP, GAP, GAP])
    assert alphas_run(never) == (0.0, 0.1)
    assert first_whole_seed(never) == 6


def test_no_whole_seed_and_no_hard_network_are_no_seed():
    assert first_whole_seed(evidence([1, GAP, GAP], [GAP, 1, 1], [1, 1, 1.0])) is None
    assert first_whole_seed(evidence([GAP, GAP, GAP], [1, 1, 1], [1, 1, 1.0])) is None
    assert first_whole_seed(evidence(*[[GAP] * 3] * 3)) is None


def test_a_view_is_seen_where_its_tables_are(invented):
    """Measures taken once a run are there at one temperature of the views alone."""
    of = invented.answers("calibration")[0].evidence.where(net="dense")
    once = of.values["accuracy"]
    once[:, [index for index, T in enumerate(of.factors["temperature"]) if T != 1]] = np.nan
    assert first_whole_seed(of) == 0
