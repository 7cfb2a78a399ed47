r"""Corrupted images: six of the source's corruptions, each at severity 1 to 5, with its constants for small images.

With x in [0, 1] the pixels of an image, clipped and rounded at the end, and the constant c of a severity,

    gaussian_noise    x + c n, n standard normal                    c = .04  .06  .08  .09  .10
    shot_noise        Poisson(c x) / c                              c = 500  250  100  75   50
    gaussian_blur     x * Gaussian of c pixels in 32                c = .4   .6   .7   .8   1
    contrast          m + c (x - m), m the channel's mean           c = .75  .5   .4   .3   .15
    brightness        V + c, hue and saturation kept                c = .05  .1   .15  .2   .3
    pixelate          c times the height and width in pixels        c = .95  .9   .85  .75  .65

where V = max over the channels, and a grey image is its own V. The constants are those that the source gives for 32 x
32 pixels; a blur is scaled by the height in 32, so that 28 x 28 images are blurred as much. Bytes are rounded here, and
cut off there. The source's others need pictures of frost, a JPEG codec or drawing libraries.

Images are corrupted to test nets that were trained on clean ones: never train on them, or choose by them.

Source: Hendrycks and Dietterich 2019, arXiv:1903.12261, with the constants of make_cifar_c.py in
github.com/hendrycks/robustness.
"""

from collections.abc import Iterator
from enum import StrEnum

import numpy as np
from jaxtyping import Float, UInt8

from .. import _checks

SEVERITIES = (1, 2, 3, 4, 5)
_AT_ONCE = 2**20  # pixels in float64 at once


class Corruption(StrEnum):
    """The kinds, each a word that may be written instead of the member.

    >>> from smoothlab.data import Corruption
    >>> [kind.value for kind in Corruption][:3]
    ['gaussian_noise', 'shot_noise', 'gaussian_blur']
    """

    GAUSSIAN_NOISE = "gaussian_noise"
    SHOT_NOISE = "shot_noise"
    GAUSSIAN_BLUR = "gaussian_blur"
    CONTRAST = "contrast"
    BRIGHTNESS = "brightness"
    PIXELATE = "pixelate"


_CONSTANTS = {
    Corruption.GAUSSIAN_NOISE: (0.04, 0.06, 0.08, 0.09, 0.10),
    Corruption.SHOT_NOISE: (500, 250, 100, 75, 50),
    Corruption.GAUSSIAN_BLUR: (0.4, 0.6, 0.7, 0.8, 1.0),
    Corruption.CONTRAST: (0.75, 0.5, 0.4, 0.3, 0.15),
    Corruption.BRIGHTNESS: (0.05, 0.1, 0.15, 0.2, 0.3),
    Corruption.PIXELATE: (0.95, 0.9, 0.85, 0.75, 0.65),
}


def corrupted(
    images: UInt8[np.ndarray, "examples channels height width"],
    kind: Corruption | str,
    *,
    severity: int,
    seed: int = 0,
) -> UInt8[np.ndarray, "examples channels height width"]:
    """New images of one kind and severity; `seed` decides the noise, and matters to the two kinds of noise alone.

    The same seed gives another image other noise, and every model that is tested the same images. Raises `TypeError`
    for images that are no bytes, and `ValueError` for an unknown kind and for a severity outside 1 to 5.
    Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.data import corrupted
    >>> half = np.full((1, 1, 2, 2), 100, np.uint8)
    >>> half[0, 0, 0] = 200
    >>> corrupted(half, "contrast", severity=2)[0, 0].tolist()  # half as far from their mean, 150
    [[175, 175], [125, 125]]
    """
    _checks.array("images", images, axes=4)
    if images.dtype != np.uint8:
        raise TypeError(
            f"`images` must be bytes from 0 to 255, but got {images.dtype}. Corrupt images before they are scaled."
        )
    _checks.one_of("kind", str(kind), [each.value for each in Corruption])
    _checks.within("severity", severity, 1, 5)
    _checks.at_least("seed", seed, 0)
    kind = Corruption(kind)
    amount = _CONSTANTS[kind][severity - 1]
    random = np.random.default_rng(seed)
    result = np.empty_like(images)
    for rows in _blocks(images):
        pixels = images[rows] / 255
        match kind:
            case Corruption.GAUSSIAN_NOISE:
                pixels += amount * random.standard_normal(pixels.shape)
            case Corruption.SHOT_NOISE:
                pixels = random.poisson(amount * pixels) / amount
            case Corruption.GAUSSIAN_BLUR:
                pixels = _blurred(pixels, amount * pixels.shape[2] / 32)
            case Corruption.CONTRAST:
                mean = pixels.mean((2, 3), keepdims=True)
                pixels = mean + amount * (pixels - mean)
            case Corruption.BRIGHTNESS:
                pixels = _brighter(pixels, amount)
            case Corruption.PIXELATE:
                pixels = _pixelated(pixels, amount)
        result[rows] = np.rint(255 * np.clip(pixels, 0, 1))
    return result


def _blurred(
    pixels: Float[np.ndarray, "examples channels height width"], deviation: float
) -> Float[np.ndarray, "examples channels height width"]:
    """Gaussian blur; beyond an edge the picture's last pixel goes on, as in the source's library."""
    from scipy.ndimage import gaussian_filter  # here, because it takes longer to load than all of this room

    return gaussian_filter(pixels, (0, 0, deviation, deviation), mode="nearest")


def _brighter(
    pixels: Float[np.ndarray, "examples channels height width"], amount: float
) -> Float[np.ndarray, "examples channels height width"]:
    """The value of hue, saturation and value, raised: all channels times one factor, and black made grey."""
    value = pixels.max(1, keepdims=True)
    raised = np.minimum(value + amount, 1)
    factor = np.divide(raised, value, out=np.zeros_like(value), where=value > 0)
    return np.where(value > 0, factor * pixels, raised)


def _pixelated(
    pixels: Float[np.ndarray, "examples channels height width"], share: float
) -> Float[np.ndarray, "examples channels height width"]:
    """`share` of the height and width: a coarse pixel is the mean of those whose centres it holds, shown over them."""
    for axis in (2, 3):
        length = pixels.shape[axis]
        coarse = max(1, int(length * share))
        centre = (2 * np.arange(length) + 1) * coarse  # in units of 1 / (2 length) of a coarse pixel
        holds = (centre - 1) // (2 * length) == np.arange(coarse)[
            :, None
        ]  # a centre on an edge is the lower one's
        shown = centre // (2 * length)
        resampled = (holds / holds.sum(1, keepdims=True))[shown]
        pixels = np.moveaxis(np.moveaxis(pixels, axis, -1) @ resampled.T, -1, axis)
    return pixels


def _blocks(images: UInt8[np.ndarray, "examples channels height width"]) -> Iterator[slice]:
    rows = max(1, _AT_ONCE // images[0].size)
    for start in range(0, len(images), rows):
        yield slice(start, start + rows)
