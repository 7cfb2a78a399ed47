r"""Isotonic scaling: each class's probability through the rising step function that fits best, then normalised.

For class k the function minimises sum_i (f(p_ik) - [y_i = k])^2 over all that never fall; between its steps it is drawn
straight. Every class gets one of its own (one against the rest), because what is wanted is a distribution over the
classes: a function for the top label alone would leave open how the others share what it takes or gives. It has as many
parameters as the data have steps, so it wants some thousand examples; and it gives probability 0 where no label was
seen, so that a likelihood may be infinite, which a fit on few examples makes likely.

Sources: Zadrozny & Elkan 2002, sec. 3 and 5, doi:10.1145/775047.775151; the step functions are scikit-learn's.
"""

import numpy as np
from jaxtyping import Float, Integer

from .._statistics import statistics_of
from .estimator import Scaler


class Isotonic(Scaler):
    """A rising function for each class's probability, fitted by least squares on held-out examples.

    After `fit`, `steps_` has for each class the places and heights of its corners. Fitting takes scikit-learn; raises
    `ImportError` without it. Source: Zadrozny & Elkan 2002.

    >>> import numpy as np
    >>> from smoothlab.scaling import Isotonic
    >>> logits = np.repeat([[1.0, 0.0], [3.0, 0.0]], 10, axis=0)  # claims of 0.73 and 0.95 ...
    >>> labels = np.concatenate([np.arange(10) < 5, np.arange(10) < 2]).astype(int)  # ... are 0.5 and 0.8
    >>> Isotonic().fit(logits, labels).predict_proba(logits[[0, 10]]).round(6).tolist()
    [[0.5, 0.5], [0.8, 0.2]]
    """

    steps_: list[tuple[Float[np.ndarray, " corners"], Float[np.ndarray, " corners"]]]

    def fit(
        self, logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
    ) -> "Isotonic":
        """Find the functions. Rows in which a class is masked say nothing about it.

        Raises `ValueError` for logits that no softmax can read and for labels that are no column of them.
        """
        try:
            from sklearn.isotonic import IsotonicRegression
        except ImportError as error:
            raise ImportError(
                "`Isotonic` takes scikit-learn to fit, which is not installed. Install it, or use `Temperature`."
            ) from error
        chances = _chances(logits, labels)
        steps = []
        for k in range(logits.shape[1]):
            shown = logits[:, k] > -np.inf
            if not shown.any():  # never took part: nothing is known, and nothing will be asked
                steps.append((np.zeros(1), np.zeros(1)))
                continue
            curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
            curve.fit(chances[shown, k], (labels[shown] == k).astype(np.float64))
            steps.append((np.asarray(curve.X_thresholds_), np.asarray(curve.y_thresholds_)))
        self._learn_classes(logits.shape[1])
        self.steps_ = steps
        return self

    def transform(self, logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, "batch classes"]:
        """The logarithms of the calibrated probabilities, in float64; -inf for a class that is masked or has none.

        Where every function is 0, the classes that take part share alike. Raises as `Temperature`'s does.
        """
        steps = self.steps_
        self._judge(logits)
        chances = _chances(logits)
        for k, (places, heights) in enumerate(steps):
            chances[:, k] = np.interp(chances[:, k], places, heights)
        chances[logits == -np.inf] = 0
        nothing = chances.sum(1) == 0
        chances[nothing] = logits[nothing] > -np.inf
        with np.errstate(divide="ignore"):
            return np.log(chances / chances.sum(1, keepdims=True))


def _chances(
    logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"] | None = None
) -> Float[np.ndarray, "batch classes"]:
    """The softmax, of arguments that are judged on the way."""
    parts = statistics_of(logits, labels)
    chances = np.empty(logits.shape)
    for rows, numbers in parts:
        chances[rows] = np.exp(logits[rows] - numbers.highest[:, None]) / (1 + numbers.others[:, None])
    return chances
