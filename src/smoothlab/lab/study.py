"""A study: a grid of cells as frozen data, and the one function that runs a cell.

A study file is a Python file that defines `study = Study(...)`. Its docstring says what is claimed, what it costs
and the command. The function `run(cell)` trains whatever it wants and returns the predictions of each split; it
must depend on nothing but its cell, because cells run in other processes and in any order. Where students learn
from teachers, `teacher(cell)` names the cell that must be finished before, and `run(cell, taught_by)` gets its run.
Where many cells can be run at once, as on a GPU, `run_together(cells)` does what `run` does of each, up to rounding.
"""

import hashlib
import importlib
import importlib.util
import inspect
import itertools
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from .. import _checks
from ..predictions import Predictions
from .cell import Cell
from .images import IMAGES, PANELS
from .measures import Measures
from .panel import Picture

if TYPE_CHECKING:
    from .claims import Claim

BUILT_IN = f"{__name__.split('.', 1)[0]}.studies"  # by name: the studies stand above the laboratory

NAME = r"[\w-]+"
LEVEL = r"[\w-]+=[\w.+-]*\w"

Ended = Mapping[str, Predictions] | FloatingPointError
"""How a run ended: with predictions by name, or with the error that says why it has none."""


@dataclass(frozen=True)
class Study:
    """A question, its grid, and how one cell of it is run.

    `factors` maps each factor to its levels; the grid is their product, less the cells that `skip` refuses. Paired
    evidence needs the factors `alpha` (with 0, the control) and `seed`. `measures` are taken of every run, `claims`
    are judged by them, and `panels` say what the report draws. `settings` describes for a reader what all cells share.

    Whoever wants many cells run at once has `run_together` called in place of `run`, in the runner's own process: with
    up to `together` cells, the most that a kill then loses, which agree in the factors that `apart` names. It gives how
    each ended, in their order: its predictions, or the `FloatingPointError` that `run` would raise.

    Raises:
        ValueError: a factor without levels or with one twice, `alpha` or `seed` missing, a name or level that cannot
            name a folder, `run_together` in a study with `teacher`, or a name in `apart` that is no factor's.

    >>> from smoothlab.lab import Study
    >>> study = Study("mine", {"alpha": (0.0, 0.1), "seed": (0, 1, 2)}, run=lambda cell: {})
    >>> len(study.cells()), study.cells()[0].key
    (6, 'alpha=0.0,seed=0')
    """

    name: str
    factors: Mapping[str, tuple[float | int | str, ...]]
    run: Callable[..., Mapping[str, Predictions]]
    claims: tuple["Claim", ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    measures: Measures = IMAGES
    panels: tuple[Picture, ...] = PANELS
    teacher: Callable[[Cell], Cell | None] | None = None
    skip: Callable[[Cell], bool] | None = None
    run_together: Callable[[Sequence[Cell]], Iterable[Ended]] | None = None
    together: int = 50
    apart: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(NAME, self.name):
            raise ValueError(
                f"`name` must be letters, digits, - and _, because it names a folder, but got {self.name!r}."
            )
        for factor, levels in self.factors.items():
            if len(set(levels)) != len(levels) or not levels:
                raise ValueError(
                    f"Factor `{factor}` must have at least one level and none twice, but got {levels!r}."
                )
            if not all(re.fullmatch(LEVEL, f"{factor}={level}") for level in levels):
                raise ValueError(
                    f"Factor `{factor}` must have levels that can name a folder, but got {levels!r}. "
                    "Use numbers, or words of letters, digits, - and _."
                )
        for factor in ("alpha", "seed"):
            if factor not in self.factors:
                raise ValueError(
                    f"A study must have the factor `{factor}`, but `factors` has {', '.join(self.factors)}. "
                    "Give it one level if it does not vary."
                )
        alphas = self.factors["alpha"]
        if 0 not in alphas or len(alphas) < 2:
            raise ValueError(
                f"Factor `alpha` must have 0, the control, and a level above it, but got {alphas!r}. Add them."
            )
        if self.run_together is not None and self.teacher is not None:
            raise ValueError(
                "`run_together` must be None where cells have teachers, but the study has `teacher` too. "
                "Leave one of the two away."
            )
        _checks.at_least("together", self.together, 1)
        for factor in self.apart:
            _checks.one_of("apart", factor, list(self.factors))

    def cells(self) -> tuple[Cell, ...]:
        """Every cell; seeds go round first, so that a half-finished study has whole pairs of the first seeds."""
        names = sorted(self.factors, key=lambda factor: factor != "seed")
        grid = itertools.product(*(self.factors[name] for name in names))
        rows = (dict(zip(names, levels, strict=True)) for levels in grid)
        cells = (Cell(tuple((factor, row[factor]) for factor in self.factors)) for row in rows)
        return tuple(cell for cell in cells if self.skip is None or not self.skip(cell))


@dataclass(frozen=True)
class Source:
    """A study with the file it came from: its question, its text, and what another process loads it by.

    >>> from smoothlab.lab import load
    >>> load("smoothing").question
    'What does label smoothing do to small networks on real images?'
    """

    study: Study
    reference: str
    data: tuple[str, str] | None
    path: Path
    text: str
    question: str

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the study file: results of another text are results of another study."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def builtin_studies() -> dict[str, str]:
    """The names of the studies that come with the package, each with its question."""
    return {name: question_of(importlib.import_module(f"{BUILT_IN}.{name}")) for name in _names()}


def _names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(BUILT_IN).__path__))


def load(reference: str, data: tuple[str, str] | None = None) -> Source:
    """Load a built-in study by its name, or a user's by the path of its `.py` file.

    `data` is the name of a data set and its folder, for a study file that defines `on(data) -> Study` too.

    Raises:
        ValueError: no such study or file, a file that does not define `study`, or one that is about its own data.

    >>> from smoothlab.lab import load
    >>> load("smoothing").study.name
    'smoothing'
    """
    if reference.endswith(".py"):
        reference = str(Path(reference).resolve())
    module = module_of(reference)
    study = getattr(module, "study", None)
    if data is not None:
        if not hasattr(module, "on"):
            raise ValueError(
                f"`--data` needs a study that takes other data, but {reference} is about its own. Leave it away, or "
                "define `on(data)` in the study file, which returns the study on that data."
            )
        study = module.on(data)
    if not isinstance(study, Study):
        raise ValueError(
            f"A study file must define `study`, but {reference} does not. Write `study = Study(...)` at its end."
        )
    path = Path(inspect.getfile(module))
    return Source(study, reference, data, path, path.read_text(encoding="utf-8"), question_of(module))


def module_of(reference: str) -> ModuleType:
    """The module of a built-in study or of a file. Raises `ValueError` where there is none."""
    if reference.endswith(".py"):
        return _load_file(Path(reference).resolve())
    _checks.one_of("study", reference, _names())
    return importlib.import_module(f"{BUILT_IN}.{reference}")


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"`study` must name a file, but there is none at {path}. Check the path.")
    specification = importlib.util.spec_from_file_location(f"study_{path.stem}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def question_of(module: ModuleType) -> str:
    """The first line of a study file's docstring."""
    return (module.__doc__ or "").strip().split("\n", 1)[0]
