"""The waist of the house: what a model said of a split, and nothing of how it was trained.

    logits    [examples classes]    before any softmax; -inf marks a class that a mask left out
    labels    [examples]            the true classes, from 0
    features  [examples features]   the input of the last linear layer, where it was captured
    weight    [classes features]    that layer, the head: logits = features weight^T + bias
    bias      [classes]
    clusters  [examples]            a number for what each example came from, where several came from one; rising
    meta                            how it came about: split, seed, alpha, convention, versions

Everything above this file writes one, everything below reads it, so that a re-analysis never trains again. On disk
it is one safetensors file (https://github.com/huggingface/safetensors, section "Format"): eight bytes of length, a
JSON header with an offset for each array, the arrays. It is read by mapping and runs no code.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from . import _checks
from ._files import replacing

FORMAT = 1
OWN = "smoothlab"
"""The entry of the file's metadata that is ours; files of other tools have none."""
AXES = {
    "logits": ("examples", "classes"),
    "labels": ("examples",),
    "features": ("examples", "features"),
    "weight": ("classes", "features"),
    "bias": ("classes",),
    "clusters": ("examples",),
}
_FLOATS = ("float16", "float32", "float64")
_STORED = {
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
}


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """What one model said of one split: logits and labels, and where captured the features and the head.

    Answers that came from one row of a file, or one document, have the same number in `clusters`, and stand together.
    Floats may be half, single or double precision, and labels any whole numbers; they are held as int64. `meta`
    is held as the JSON that the file will carry, so a tuple in it becomes a list.

    Raises `TypeError` for what is no array of these types, and `ValueError` for no example, fewer than two classes,
    shapes that do not fit, a label that is no class, a row of logits that no softmax can read, features or a head
    that are not finite, `clusters` that fall, and a `meta` that JSON cannot carry. Source: the head of this module.

    >>> import numpy as np
    >>> from smoothlab.predictions import Predictions
    >>> said = Predictions(logits=np.array([[2.0, 0.5], [0.1, 0.3]]), labels=np.array([0, 1]), meta={"seed": 7})
    >>> said, said.meta["seed"]
    (Predictions(2 examples, 2 classes), 7)
    """

    logits: Float[np.ndarray, "examples classes"]
    labels: Integer[np.ndarray, " examples"]
    features: Float[np.ndarray, "examples features"] | None = None
    weight: Float[np.ndarray, "classes features"] | None = None
    bias: Float[np.ndarray, " classes"] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    clusters: Integer[np.ndarray, " examples"] | None = None

    def __post_init__(self) -> None:
        _judge(self)
        object.__setattr__(self, "labels", self.labels.astype(np.int64, copy=False))
        if self.clusters is not None:
            object.__setattr__(self, "clusters", self.clusters.astype(np.int64, copy=False))
        object.__setattr__(self, "meta", _as_json(self.meta))

    def __len__(self) -> int:
        return len(self.logits)

    def __repr__(self) -> str:
        features = "" if self.features is None else f", {self.features.shape[1]} features"
        return f"Predictions({len(self)} examples, {self.logits.shape[1]} classes{features})"

    def save(self, path: str | Path) -> None:
        """Write the file whole or not at all: a reader, or a run after a crash, never meets half of one.

        An existing file is replaced. Raises `FileNotFoundError` where the folder does not exist.

        >>> import tempfile, numpy as np
        >>> from pathlib import Path
        >>> from smoothlab.predictions import Predictions
        >>> path = Path(tempfile.mkdtemp()) / "test.safetensors"
        >>> Predictions(logits=np.eye(3), labels=np.arange(3)).save(path)
        >>> Predictions.load(path).logits.shape
        (3, 3)
        """
        path = Path(path)
        if not path.parent.is_dir():
            raise FileNotFoundError(f"There is no folder {str(path.parent)!r} to save in. Create it first.")
        arrays = {name: getattr(self, name) for name in AXES if getattr(self, name) is not None}
        arrays = {
            name: np.ascontiguousarray(array) for name, array in arrays.items()
        }  # others are saved scrambled
        # one entry, because the library writes several in any order: equal predictions are equal files
        metadata = {OWN: json.dumps({"format": FORMAT, "meta": self.meta})}
        with replacing(path) as unfinished:
            save_file(arrays, unfinished, metadata)

    @classmethod
    def load(cls, path: str | Path) -> "Predictions":
        """Map a file into memory: its arrays are read-only `numpy.memmap` views, paged in as they are used.

        Also reads a safetensors file of another tool, as long as it holds `logits` and `labels`; arrays of other
        names are left alone. Raises `FileNotFoundError`, and `ValueError` for a file that is truncated, is of a
        newer format, lacks an array, or holds what `Predictions` refuses; each names the file.
        """
        path = Path(path)
        header, start = _header(path)
        meta = _meta(path, header.pop("__metadata__", {}))
        missing = [f"`{name}`" for name in ("logits", "labels") if name not in header]
        if missing:
            found = ", ".join(sorted(header)) or "nothing"
            raise ValueError(
                f"{str(path)!r} must hold `logits` and `labels`, but it lacks {' and '.join(missing)} and holds "
                f"{found}. Write it with `Predictions.save`, or save your arrays under these names."
            )
        content = np.memmap(path, np.uint8, "r")
        arrays = {name: _mapped(path, content, start, name, header[name]) for name in AXES if name in header}
        try:
            return cls(**arrays, meta=meta)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{str(path)!r} cannot be used: {error}") from None


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The JSON header of a file, once the library has found it sound, and where the arrays begin."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}. Pass one that `Predictions.save` wrote.")
    try:
        with safe_open(path, framework="numpy"):
            pass
    except SafetensorError as error:
        raise ValueError(
            f"{str(path)!r} is no whole safetensors file ({error}). Copy it again, or write it with `Predictions.save`."
        ) from None
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(length)), 8 + length


def _meta(path: Path, metadata: Mapping[str, str]) -> Any:
    """Our entry of the metadata, if its format is known; a file of another tool has no entry, and so no `meta`."""
    try:
        own = json.loads(metadata.get(OWN, json.dumps({"format": FORMAT, "meta": {}})))
        version, meta = own["format"], own["meta"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{str(path)!r} carries a `meta` that smoothlab did not write. Write it again with `Predictions.save`."
        ) from None
    if version != FORMAT:
        raise ValueError(
            f"{str(path)!r} is of format {version}, but this version of smoothlab reads {FORMAT}. Upgrade smoothlab."
        )
    return meta


def _mapped(path: Path, content: np.memmap, start: int, name: str, entry: Mapping[str, Any]) -> np.ndarray:
    if entry["dtype"] not in _STORED:
        raise ValueError(
            f"{str(path)!r} stores `{name}` as {entry['dtype']}, which NumPy cannot hold as it is. "
            "Save floats as float16, float32 or float64, and labels as int64."
        )
    first, last = entry["data_offsets"]
    return content[start + first : start + last].view(_STORED[entry["dtype"]]).reshape(entry["shape"])


def _judge(said: Predictions) -> None:
    """Logits and labels are readable; features and head fit them and each other."""
    sizes: dict[str, int] = {}
    _judge_floats("logits", said.logits, sizes)
    if sizes["classes"] < 2:
        raise ValueError(
            "`logits` must have at least 2 classes, but got 1. A single yes-or-no logit z is the row (0, z)."
        )
    _checks.logits_and_labels(said.logits, said.labels)
    for name in ("features", "weight", "bias"):
        if getattr(said, name) is not None:
            _judge_floats(name, getattr(said, name), sizes)
    if said.clusters is not None:
        _judge_clusters(said.clusters, sizes["examples"])


def _judge_clusters(clusters: np.ndarray, examples: int) -> None:
    _checks.array("clusters", clusters, axes=1)
    if clusters.dtype.kind not in "iu":
        raise TypeError(f"`clusters` must be whole numbers, but got {clusters.dtype}. Number them from 0.")
    _checks.same_length(["logits", "clusters"], [examples, len(clusters)])
    if (clusters[1:] < clusters[:-1]).any():
        row = 1 + int((clusters[1:] < clusters[:-1]).argmax())
        raise ValueError(
            f"`clusters` must not fall, but row {row} has {clusters[row]} after {clusters[row - 1]}. Sort the rows, so "
            "that those of one cluster stand together."
        )


def _judge_floats(name: str, array: np.ndarray, sizes: dict[str, int]) -> None:
    """Floats along their axes; `sizes` remembers how long each axis was in the arrays before."""
    _checks.array(name, array, axes=len(AXES[name]))
    if array.dtype not in _FLOATS:
        raise TypeError(
            f"`{name}` must be float16, float32 or float64, but got {array.dtype}. Convert it with `astype` first."
        )
    for axis, size in zip(AXES[name], array.shape, strict=True):
        if sizes.setdefault(axis, size) != size:
            raise ValueError(
                f"`{name}` must have {sizes[axis]} {axis}, as the arrays beside it, but got {size}. "
                "Pass features, weight and bias of the layer that gave these logits."
            )
    if name != "logits" and not (np.isfinite(array.max()) and np.isfinite(array.min())):
        raise ValueError(
            f"`{name}` must be finite, but holds NaN or an infinity. Look for a training run that diverged, "
            "or for numbers beyond the 65504 that float16 can hold."
        )


def _as_json(meta: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(meta, Mapping):
        raise TypeError(
            f"`meta` must be a mapping, but got {type(meta).__name__}. Pass a dict, such as {{'seed': 0}}."
        )
    for key, value in meta.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`meta` must be what JSON can carry, but its {key!r} is not ({error}). "
                "Pass words, finite numbers, lists and dicts."
            ) from None
    return json.loads(json.dumps(dict(meta)))
