"""What every scaler is to scikit-learn: an estimator, without loading it.

A scaler takes logits where an estimator takes features, one column for each class, and the label is the column's index.
So it can stand at the end of a pipeline behind anything that hands out logits, be cloned, searched and cross-validated.
Of scikit-learn's rules it breaks those that are about features: one column says nothing, labels cannot be words, and a
class need not occur among the examples of the fit.

Source: Buitinck et al. 2013, arXiv:1309.0238 (the rules).
"""

import inspect
import sys
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Integer

from .. import _checks
from .._numerics import softmax


class Scaler(ABC):
    """Logits in, better calibrated logits out. Fitted values end in `_`; before the fit they do not answer.

    >>> from smoothlab.scaling import Temperature
    >>> Temperature().set_params(bounds=(0.1, 10.0))
    Temperature(bounds=(0.1, 10.0))
    """

    classes_: Int[np.ndarray, " classes"]
    n_features_in_: int

    _estimator_type = "classifier"  # what scikit-learn asked for before it had tags

    @abstractmethod
    def fit(
        self, logits: Float[np.ndarray, "batch classes"], labels: Integer[np.ndarray, " batch"]
    ) -> "Scaler":
        """Find the parameters on examples that no test number is taken from."""

    @abstractmethod
    def transform(self, logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, "batch classes"]:
        """The scaled logits, in float64; a class masked with -inf stays masked."""

    def predict_proba(self, logits: Float[np.ndarray, "batch classes"]) -> Float[np.ndarray, "batch classes"]:
        """The calibrated probabilities, in float64. Raises as `transform` does."""
        return softmax(self.transform(logits))

    def predict(self, logits: Float[np.ndarray, "batch classes"]) -> Int[np.ndarray, " batch"]:
        """The likeliest class; among equals the first. Raises as `transform` does."""
        return self.transform(logits).argmax(1)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the constructor, by name; no scaler holds another, so `deep` changes nothing."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> "Scaler":
        """Set arguments of the constructor, which judges them. Raises `ValueError` for one that there is none of."""
        names = self.get_params()
        for name in parameters:
            _checks.one_of("parameter", name, names)
        self.__init__(**{**names, **parameters})
        return self

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({arguments})"

    def __getattr__(self, name: str) -> Any:
        if any(name in vars(kind).get("__annotations__", {}) for kind in type(self).__mro__):
            raise _not_fitted()(f"`{name}` is known only after a fit. Call `fit(logits, labels)` first.")
        raise AttributeError(f"`{type(self).__name__}` has no attribute {name!r}.")

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks, and so has been loaded to ask."""
        from sklearn.utils import ClassifierTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            transformer_tags=TransformerTags(),
            classifier_tags=ClassifierTags(),
        )

    def _learn_classes(self, classes: int) -> None:
        self.classes_, self.n_features_in_ = np.arange(classes), classes

    def _judge(self, logits: Float[np.ndarray, "batch classes"]) -> None:
        """Logits that a softmax can read, with a column for each class of the fit."""
        classes = self.n_features_in_
        _checks.readable_logits(logits)
        if logits.shape[1] != classes:
            raise ValueError(
                f"`logits` must have the {classes} columns of the fit, but has {logits.shape[1]}. "
                "Pass logits of the same model."
            )


def _not_fitted() -> type[AttributeError]:
    """scikit-learn's own error where it is loaded, which is an `AttributeError` too."""
    loaded = sys.modules.get("sklearn.exceptions")
    return AttributeError if loaded is None else loaded.NotFittedError
