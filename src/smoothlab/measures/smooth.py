r"""The smooth calibration error: no bins, a kernel, and a bandwidth that the error itself chooses.

The residuals a_i - p_i are smoothed over [0, 1] by a Gaussian K_s of standard deviation s, reflected at both ends,

    r_s(t) = 1/n sum_i K_s(t, p_i) (a_i - p_i),        smECE_s = integral over [0, 1] of |r_s(t)| dt.

The wider the kernel, the smaller the error, so that there is exactly one bandwidth equal to its own error, and that is

    smECE = s*,      where smECE_s* = s*.

It changes continuously with the confidences, which no error of bins does, and is within a constant of the distance to
the nearest calibrated predictor.

A reflected Gaussian is the heat kernel of an insulated rod: it multiplies the k-th cosine of [0, 1] by
exp(-(pi k s)^2 / 2). So residuals are put into 2^14 cells, transformed once, and every bandwidth after that costs one
inverse transform. The cells move a confidence by 2^-15 at most, against a bandwidth of 1e-3 or more.

Source: Blasiok and Nakkiran 2023, sec. 2 and 3, arXiv:2309.12236.
"""

from typing import cast

import numpy as np
from jaxtyping import Bool, Complex, Float

from .. import _checks
from .groups import Groups

_CELLS = 2**14
_CLOSE = 1e-12


def smooth_calibration_error(
    confidences: Float[np.ndarray, " batch"],
    correct: Bool[np.ndarray, " batch"],
    *,
    bandwidth: float | None = None,
) -> float:
    """The smooth ECE at its own bandwidth, which is equal to it, or at a given one in (0, infinity).

    0 where every confidence came true to the letter. For its null band use `consistency_test`. Raises `ValueError` for
    a confidence outside [0, 1] or NaN, for unequal lengths, for no example and for a `bandwidth` that is not above 0;
    `TypeError` if `correct` is not boolean. Source: Blasiok and Nakkiran 2023, sec. 3.

    >>> import numpy as np
    >>> from smoothlab.measures import smooth_calibration_error
    >>> confidences, correct = np.full(100, 0.75), np.arange(100) % 2 == 0
    >>> round(smooth_calibration_error(confidences, correct), 6)  # one confidence: off by a quarter at any width
    0.25
    """
    _checks.confidences_and_correct(confidences, correct)
    groups = Groups.each_alone(confidences, correct)
    if bandwidth is not None:
        _checks.positive("bandwidth", bandwidth)
        return _smoothed(_spectrum(groups), bandwidth)
    return smooth_calibration_error_of_groups(groups)


def smooth_calibration_error_of_groups(groups: Groups) -> float:
    """The smooth ECE of answers in groups, at its own bandwidth.

    >>> import numpy as np
    >>> from smoothlab.measures.groups import Groups
    >>> from smoothlab.measures.smooth import smooth_calibration_error_of_groups
    >>> round(smooth_calibration_error_of_groups(Groups(np.array([0.75]), np.array([100]), np.array([50]))), 6)
    0.25
    """
    spectrum = _spectrum(groups)
    from scipy.optimize import brentq  # here, because it takes longer to load than all of `import smoothlab`

    found = brentq(lambda width: _smoothed(spectrum, width) - width, 0.0, 1.0, xtol=_CLOSE)
    return float(cast(float, found))  # its other answer, with a report, was not asked for


def _spectrum(groups: Groups) -> Complex[np.ndarray, " waves"]:
    """The Fourier transform of the residuals in their cells, reflected at 1, which is their cosine transform."""
    cell_of = np.minimum((groups.confidences * _CELLS).astype(np.intp), _CELLS - 1)
    residuals = groups.right - groups.count * groups.confidences
    cells = np.bincount(cell_of, weights=residuals, minlength=_CELLS) / groups.n
    return np.fft.rfft(np.concatenate([cells, cells[::-1]]))


def _smoothed(spectrum: Complex[np.ndarray, " waves"], bandwidth: float) -> float:
    """smECE at a bandwidth; the reflected half of the inverse transform is as large as the other."""
    damped = spectrum * np.exp(-((np.pi * bandwidth * np.arange(len(spectrum))) ** 2) / 2)
    return float(np.abs(np.fft.irfft(damped, 2 * _CELLS)).sum() / 2)
