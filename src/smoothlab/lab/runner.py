"""Runs the cells that a store lacks, in parallel, and keeps each the moment it ends.

A worker loads the study by its reference, runs one cell and writes it to the store itself, so that killing the
parent at any moment loses at most the cells in flight. Nothing travels between processes but names. The cells of a
study with `run_together` can be run here instead, stack by stack, and a kill then loses at most one stack.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import cast

from filelock import FileLock, Timeout

from .cell import Cell, Run
from .store import Record, Store
from .study import Ended, Source, Study, load

PACKAGES = ("smoothlab", "numpy", "torch", "safetensors")


Executor = Callable[[Callable[[Cell], Record], Sequence[Cell]], Iterable[Record]]
"""Whatever calls a task on each cell, anywhere and in any order, and yields the records as they come."""


def in_processes(workers: int) -> Executor:
    """Joblib's worker processes on this machine, each with its share of the cores.

    >>> from operator import attrgetter
    >>> from smoothlab.lab import Cell, in_processes
    >>> cells = [Cell((("alpha", alpha),)) for alpha in (0.0, 0.1)]
    >>> sorted(in_processes(2)(attrgetter("key"), cells))
    ['alpha=0.0', 'alpha=0.1']
    """

    def execute(task: Callable[[Cell], Record], cells: Sequence[Cell]) -> Iterable[Record]:
        import joblib  # a re-analysis of a store needs no joblib

        parallel = joblib.Parallel(n_jobs=min(workers, len(cells)), return_as="generator_unordered")
        return cast(Iterable[Record], parallel(joblib.delayed(task)(cell) for cell in cells))

    return execute


def missing(
    source: Source, store: Store | None, *, keep: bool = False, seeds: int | None = None
) -> tuple[Cell, ...]:
    """The cells of the study that the store lacks, if there is one; of the first `seeds` alone, if that is given.

    Raises:
        ValueError: the store holds cells that another text of this study file made, and `keep` is not set.
    """
    records = store.records() if store else {}
    stale = [key for key, record in records.items() if record.fingerprint != source.fingerprint]
    if store and stale and not keep:
        raise ValueError(
            f"{len(stale)} of the {len(records)} cells in {store.path} were made by another version of the study "
            "file. Reuse them with --keep, or start afresh with --store FOLDER."
        )
    wanted = source.study.factors["seed"][:seeds]
    return tuple(cell for cell in source.study.cells() if cell["seed"] in wanted and cell.key not in records)


def run(
    source: Source,
    store: Store,
    *,
    executor: Executor,
    keep: bool = False,
    seeds: int | None = None,
    together: bool = False,
) -> Iterator[Record]:
    """Run what is `missing`, and yield each cell's record as it is stored.

    Raises:
        ValueError: another process runs in this store, or `missing` refuses it.
        RuntimeError: the study's own function raised; its error is the cause.

    With `together`, a study that has `run_together` runs its cells by that, in this process, and not by `executor`.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from smoothlab.lab import Store, in_processes, load, run
    >>> source = load("smoothing")
    >>> store = Store.create(Path(tempfile.mkdtemp()) / "smoothing", source)
    >>> records = run(source, store, executor=in_processes(2))  # next(records) would begin
    """
    try:
        with FileLock(store.path / "lock", timeout=0):
            store.sweep()
            cells = missing(source, store, keep=keep, seeds=seeds)
            if together and source.study.run_together is not None:
                yield from _together(source, store, cells)
                return
            for wave in _waves(source.study, cells):
                yield from executor(_Task(source.reference, source.data, store.path.resolve()), wave)
    except Timeout:
        raise ValueError(
            f"Another process runs a study in {store.path}. Wait for it, or choose another --store FOLDER."
        ) from None


def _waves(study: Study, cells: Sequence[Cell]) -> Iterator[tuple[Cell, ...]]:
    """Cells that can run side by side: teachers before their students, and students of students after those."""
    left = dict.fromkeys(cells)
    while left:
        ready = tuple(cell for cell in left if study.teacher is None or study.teacher(cell) not in left)
        if not ready:
            raise ValueError(
                f"`teacher` must lead to a cell that has none, but it goes round from {next(iter(left)).key}. "
                "Let the first cell of each chain have None."
            )
        yield ready
        for cell in ready:
            del left[cell]


@dataclass(frozen=True)
class _Task:
    """One cell's work, from nothing but names."""

    reference: str
    data: tuple[str, str] | None
    path: Path

    def __call__(self, cell: Cell) -> Record:
        source, store = load(self.reference, self.data), Store.open(self.path)
        start = time.perf_counter()
        teacher = source.study.teacher(cell) if source.study.teacher else None
        try:
            ended = source.study.run(*self._asked(source.study, store, cell, teacher))
        except FloatingPointError as diverged:  # the run itself failed, and would again: that is a result
            ended = diverged
        except Exception as error:
            raise RuntimeError(f"The study's `run` raised an error in the cell {cell.key}.") from error
        key = None if teacher is None else teacher.key
        return _kept(source, store, cell, ended, seconds=time.perf_counter() - start, teacher=key)

    @staticmethod
    def _asked(
        study: Study, store: Store, cell: Cell, teacher: Cell | None
    ) -> tuple[Cell] | tuple[Cell, Run | None]:
        """What `run` is called with."""
        if study.teacher is None:
            return (cell,)
        if teacher is None:
            return cell, None
        record = store.record(teacher.key)
        if record.failure is not None:
            raise FloatingPointError(f"its teacher {teacher.key} failed: {record.failure}")
        return cell, store.read(record)


def _together(source: Source, store: Store, cells: Sequence[Cell]) -> Iterator[Record]:
    """Stack by stack. All of one is kept before any of its records is handed out: a caller who stops loses none."""
    for stack in _stacks(source.study, cells):
        start = time.perf_counter()
        try:
            runs = _ended(source.study, stack)
        except Exception as error:
            keys = "; ".join(cell.key for cell in stack)
            raise RuntimeError(f"The study's `run_together` raised an error in the cells {keys}.") from error
        each = (time.perf_counter() - start) / len(stack)
        yield from [_kept(source, store, cell, ended, seconds=each) for cell, ended in runs]


def _stacks(study: Study, cells: Sequence[Cell]) -> Iterator[tuple[Cell, ...]]:
    """Cells that agree in what is to be kept apart, as many at once as the study asks for."""
    alike: dict[tuple, list[Cell]] = {}
    for cell in cells:
        alike.setdefault(tuple(cell[factor] for factor in study.apart), []).append(cell)
    for group in alike.values():
        for start in range(0, len(group), study.together):
            yield tuple(group[start : start + study.together])


def _ended(study: Study, stack: Sequence[Cell]) -> list[tuple[Cell, Ended]]:
    """Each cell with how it ended. Raises `ValueError` where that is not said of each."""
    assert study.run_together is not None
    runs = tuple(study.run_together(stack))
    if len(runs) != len(stack):
        raise ValueError(
            f"`run_together` must give one entry for each cell, in their order, but gave {len(runs)} for "
            f"{len(stack)}. Give the FloatingPointError of a run that failed."
        )
    return list(zip(stack, runs, strict=True))


def _kept(
    source: Source, store: Store, cell: Cell, ended: Ended, *, seconds: float, teacher: str | None = None
) -> Record:
    """The record of a run, once it and its predictions are stored."""
    failure = str(ended) if isinstance(ended, FloatingPointError) else None
    record = Record(cell, seconds, versions(), source.fingerprint, failure, teacher)
    store.write(record, {} if isinstance(ended, FloatingPointError) else ended)
    return record


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    found = {"python": python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
