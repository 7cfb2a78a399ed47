"""Several studies that answer one question: run one after another, kept side by side, judged as one family.

A suite file in `studies/` defines `suite = Suite(...)` in place of `study`. Its folder has a store for each member:

    FOLDER/suite.json         the members' names, and the question
    FOLDER/smoothing/ ...     the run store of each
"""

import json
from dataclasses import dataclass
from pathlib import Path

from .._files import write_text
from .store import Store
from .study import Source, load, module_of, question_of


@dataclass(frozen=True)
class Suite:
    """The names of built-in studies, in the order in which they are run and read.

    >>> from smoothlab.lab import Suite
    >>> Suite("all", ("smoothing",)).studies
    ('smoothing',)
    """

    name: str
    studies: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What a name or a file stands for: a question, and the studies that answer it; one, unless it is a suite.

    >>> from smoothlab.lab import plan
    >>> [source.study.name for source in plan("smoothing").sources]
    ['smoothing']
    """

    name: str
    question: str
    sources: tuple[Source, ...]
    is_suite: bool

    def stores(self, path: Path) -> tuple[Store, ...]:
        """Make the folders, or take up those that are there, and write down what is asked."""
        if not self.is_suite:
            return (Store.create(path, self.sources[0]),)
        members = [source.study.name for source in self.sources]
        path.mkdir(parents=True, exist_ok=True)
        manifest = {"format": 1, "name": self.name, "question": self.question, "studies": members}
        write_text(path / "suite.json", json.dumps(manifest, indent=1))
        return tuple(Store.create(path / source.study.name, source) for source in self.sources)


def plan(reference: str, data: tuple[str, str] | None = None) -> Plan:
    """A built-in study or suite by its name, or a user's study by the path of its `.py` file. Raises as `load`."""
    module = module_of(reference)
    suite = getattr(module, "suite", None)
    if isinstance(suite, Suite):
        return Plan(suite.name, question_of(module), tuple(load(name, data) for name in suite.studies), True)
    source = load(reference, data)
    return Plan(source.study.name, source.question, (source,), False)


def source_of(store: Store) -> Source:
    """The study that a store was made for, as its file is now. Raises `ValueError` as `load`."""
    data = store.manifest.get("data")
    return load(store.manifest["reference"], None if data is None else tuple(data))


def open_stores(path: Path) -> tuple[str, tuple[Store, ...]]:
    """The question of a folder and its stores. Raises `ValueError` as `Store.open`."""
    if not (path / "suite.json").is_file():
        store = Store.open(path)
        return store.manifest["question"], (store,)
    try:
        manifest = json.loads((path / "suite.json").read_text())
        return manifest["question"], tuple(Store.open(path / name) for name in manifest["studies"])
    except (KeyError, TypeError, json.JSONDecodeError):
        raise ValueError(
            f"{path / 'suite.json'} is not a suite's manifest. Run the suite again to rewrite it."
        ) from None
