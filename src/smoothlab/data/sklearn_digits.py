"""scikit-learn's digits: 1,797 scanned digits of 8 x 8 pixels with 17 levels of grey.

A level v = 0 ... 16 becomes the byte round(255 v / 16), so that black is 255 as in every image of this house and
v is round(16 byte / 255) again. Source: Alpaydin and Kaynak 1998, doi:10.24432/C50P49
"""

import numpy as np

from .arrays import from_arrays
from .dataset import Dataset


def digits() -> Dataset:
    """The digits with a fixed split by class: `from_arrays` with a fifth for validation, a fifth for test, seed 0.

    Raises:
        ImportError: scikit-learn is not installed.

    >>> from smoothlab.data import digits
    >>> digits()
    Dataset('digits', 1079 + 359 + 359 examples, uint8 1 x 8 x 8, 10 classes)
    """
    try:
        from sklearn.datasets import load_digits  # here, so that the other data need no scikit-learn
    except ImportError as error:
        raise ImportError(
            "`digits` needs scikit-learn. Install it with: pip install 'smoothlab[study]'"
        ) from error
    levels, labels = load_digits(return_X_y=True)
    images = np.rint(levels * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    return from_arrays(images, labels, classes=tuple("0123456789"), name="digits")
