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

FORMAT = 1


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
        """Make the folders, or take up those that are there, and write down what is asked.

        Raises:
            ValueError: the folder is another suite's, or a suite's where this is one study, or the other way round.
        """
        self._judge_folder(path)
        if not self.is_suite:
            return (Store.create(path, self.sources[0]),)
        members = [source.study.name for source in self.sources]
        path.mkdir(parents=True, exist_ok=True)
        manifest = {"format": FORMAT, "name": self.name, "question": self.question, "studies": members}
        write_text(path / "suite.json", json.dumps(manifest, indent=1))
        return tuple(Store.create(path / source.study.name, source) for source in self.sources)

    def _judge_folder(self, path: Path) -> None:
        """One folder, one question: a page that is written again must find what it was written from."""
        other = None
        if (path / "suite.json").is_file():
            name = _manifest(path)["name"]
            other = None if self.is_suite and name == self.name else f"the suite {name!r}"
        elif self.is_suite and (path / "study.json").is_file():
            other = f"the study {Store.open(path).manifest['name']!r}"
        if other is not None:
            raise ValueError(
                f"The folder {path} belongs to {other}, not to {self.name!r}. Choose another with --store."
            )


def plan(reference: str, data: tuple[str, str] | None = None) -> Plan:
    """A built-in study or suite by its name, or a user's study by the path of its `.py` file. Raises as `load`."""
    module = module_of(reference)
    suite = getattr(module, "suite", None)
    if isinstance(suite, Suite):
        return Plan(suite.name, question_of(module), tuple(load(name, data) for name in suite.studies), True)
    source = load(reference, data)
    return Plan(source.study.name, source.question, (source,), False)


def source_of(store: Store) -> Source:
    """The study that a store was made for, as its file is now. Raises `ValueError` as `load`.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from smoothlab.lab import Store, load, source_of
    >>> store = Store.create(Path(tempfile.mkdtemp()) / "smoothing", load("smoothing"))
    >>> source_of(store).study.name
    'smoothing'
    """
    data = store.manifest.get("data")
    return load(store.manifest["reference"], None if data is None else tuple(data))


def open_stores(path: Path) -> tuple[str, tuple[Store, ...]]:
    """The question of a folder and its stores; of a suite's one for each member. Raises `ValueError` as `Store.open`.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from smoothlab.lab import open_stores, plan
    >>> folder = Path(tempfile.mkdtemp()) / "smoothing"
    >>> made = plan("smoothing").stores(folder)
    >>> question, stores = open_stores(folder)
    >>> question, len(stores)
    ('What does label smoothing do to small networks on real images?', 1)
    """
    if not (path / "suite.json").is_file():
        store = Store.open(path)
        return store.manifest["question"], (store,)
    manifest = _manifest(path)
    return manifest["question"], tuple(Store.open(path / name) for name in manifest["studies"])


def _manifest(path: Path) -> dict:
    """What a suite's folder says of itself. Raises `ValueError` where that is not what smoothlab writes."""
    file = path / "suite.json"
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        version, named = manifest["format"], [manifest["name"], manifest["question"], *manifest["studies"]]
        if not all(isinstance(each, str) for each in named):
            raise TypeError
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"{file} is not a suite's manifest. Delete it, and run the suite again to rewrite it."
        ) from None
    if version != FORMAT:
        raise ValueError(
            f"{file} has format {version}, but this smoothlab reads {FORMAT}. Upgrade smoothlab."
        )
    return manifest
