"""A run store: one folder a cell, written whole or not at all.

    STORE/study.json                      what was asked: name, question, factors, settings, the study file's text
    STORE/cells/alpha=0.1,seed=3/         one finished cell
        cell.json                         status, levels, seconds, versions
        train.safetensors  ...            the predictions of each split
    STORE/partial/                        cells in flight; never read

A cell is written into `partial`, flushed to disk, and renamed into `cells`. A rename is atomic, so whoever finds a
folder in `cells` finds it complete, whenever the writer was killed.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .._files import flush, write_text
from ..predictions import Predictions
from .cell import Cell, Run
from .study import Source

FORMAT = 1


@dataclass(frozen=True)
class Record:
    """What became of a cell. `failure` says why a run has no predictions, and is `None` where it has.

    `teacher` is the key of the cell whose predictions this one learned from.
    """

    cell: Cell
    seconds: float
    versions: Mapping[str, str]
    fingerprint: str
    failure: str | None = None
    teacher: str | None = None


@dataclass(frozen=True)
class Store:
    """A folder of finished cells and the question they answer.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from smoothlab.lab import Store, load
    >>> store = Store.create(Path(tempfile.mkdtemp()) / "smoothing", load("smoothing"))
    >>> Store.open(store.path).manifest["name"], store.records()
    ('smoothing', {})
    """

    path: Path
    manifest: Mapping

    @classmethod
    def create(cls, path: Path, source: Source) -> "Store":
        """Make the folder, or take up one that was made for this study, and write down what is asked now."""
        manifest = {
            "format": FORMAT,
            "name": source.study.name,
            "question": source.question,
            "reference": source.reference,
            "data": source.data,
            "factors": {factor: list(levels) for factor, levels in source.study.factors.items()},
            "settings": dict(source.study.settings),
            "cells": len(source.study.cells()),
            "fingerprint": source.fingerprint,
            "text": source.text,
        }
        if (path / "study.json").exists():
            other = cls.open(path).manifest
            if other["name"] != source.study.name:
                raise ValueError(
                    f"The store {path} belongs to the study {other['name']!r}, not to {source.study.name!r}. "
                    "Choose another folder with --store."
                )
            if other.get("data") != (None if source.data is None else list(source.data)):
                raise ValueError(
                    f"The store {path} holds runs on other data, {other.get('data') or 'the study file`s own'}. "
                    "Choose another folder with --store."
                )
        for folder in ("cells", "partial"):
            (path / folder).mkdir(parents=True, exist_ok=True)
        write_text(path / "study.json", json.dumps(manifest, indent=1))
        return cls(path, manifest)

    @classmethod
    def open(cls, path: Path) -> "Store":
        """Open a store that exists.

        Raises:
            ValueError: there is no store at `path`, or a newer smoothlab wrote it.
        """
        file = path / "study.json"
        if not file.is_file():
            raise ValueError(
                f"There is no run store at {path}. Make one with: smoothlab study --store {path}"
            )
        try:
            manifest = json.loads(file.read_text())
            version = manifest["format"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(
                f"{file} is not a run store's manifest. Run the study again to rewrite it."
            ) from None
        if version != FORMAT:
            raise ValueError(
                f"{file} has format {version}, but this smoothlab reads {FORMAT}. Upgrade smoothlab."
            )
        return cls(path, manifest)

    def records(self) -> dict[str, Record]:
        """Every finished cell by its key, failed ones included."""
        return {folder.name: self.record(folder.name) for folder in sorted((self.path / "cells").iterdir())}

    def predictions(self, cell: Cell, split: str) -> Predictions:
        """The stored predictions of one split of a finished cell, memory-mapped."""
        return Predictions.load(self.path / "cells" / cell.key / f"{split}.safetensors")

    def read(self, record: Record) -> Run:
        """What a finished cell left, and its teacher's run."""
        folder = self.path / "cells" / record.cell.key
        predictions = {file.stem: Predictions.load(file) for file in sorted(folder.glob("*.safetensors"))}
        teacher = None if record.teacher is None else self.read(self.record(record.teacher))
        return Run(record.cell, predictions, teacher)

    def record(self, key: str) -> Record:
        """The record of one finished cell.

        Raises:
            ValueError: its folder is not what smoothlab writes.
        """
        folder = self.path / "cells" / key
        try:
            fields = json.loads((folder / "cell.json").read_text())
            fields["cell"] = Cell(tuple((factor, level) for factor, level in fields["cell"]))
            return Record(**fields)
        except (OSError, ValueError, TypeError, KeyError):
            raise ValueError(
                f"{folder} is not a cell that smoothlab wrote. Delete that folder; the study runs it again."
            ) from None

    def write(self, record: Record, predictions: Mapping[str, Predictions]) -> None:
        """Keep a cell, whole or not at all. A cell that somebody else finished in the meantime stays theirs."""
        home = self.path / "cells" / record.cell.key
        partial = Path(tempfile.mkdtemp(prefix=f"{record.cell.key}.", dir=self.path / "partial"))
        try:
            for split, of_split in predictions.items():
                of_split.save(partial / f"{split}.safetensors")
            fields = {**vars(record), "versions": dict(record.versions), "cell": record.cell.levels}
            write_text(partial / "cell.json", json.dumps(fields, indent=1))
            if not home.exists():
                partial.rename(home)
                flush(home.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def discard(self, key: str) -> None:
        """Remove a cell."""
        shutil.rmtree(self.path / "cells" / key)

    def sweep(self) -> None:
        """Remove what killed runs left in flight."""
        for left in (self.path / "partial").iterdir():
            shutil.rmtree(left, ignore_errors=True)
