"""The command line: verbs over files. What a verb does, a Python function of the same room does too."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from . import __version__

if TYPE_CHECKING:
    from .lab import Evidence, Source, Store, Verdict

Item = TypeVar("Item")
EXTRAS = ("torch", "plotly", "jinja2", "joblib", "filelock", "sklearn")

# Rooms are imported inside the verbs that enter them: `smoothlab --help` must not wait for torch or SciPy.


@contextmanager
def _spoken() -> Iterator[None]:
    """A refused argument, or an extra that is not installed, is a sentence for a person and exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        raise click.UsageError(
            f"This needs the package {error.name}. Run: pip install 'smoothlab[study]'"
        ) from None


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="smoothlab")
def main() -> None:
    """When does label smoothing help, and what does it cost?

    \b
    smoothlab study                   train, judge every claim, write the report
    smoothlab study --dry             say what that would run, and run nothing
    smoothlab show runs/smoothing     print the verdicts of a store again
    smoothlab report runs/smoothing   write its HTML page again

    Results live in a run store, a folder. A study that was stopped, or killed,
    goes on where it was when the same command is given again.
    """


@main.command(short_help="Train, judge the claims, write the report.")
@click.argument("study", default="smoothing", metavar="[NAME | FILE.py]")
@click.option(
    "--store", type=click.Path(path_type=Path), help="Folder for the results.  [default: runs/NAME]"
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes that train.  [default: one a core]")
@click.option("--dry", is_flag=True, help="Say what would run, and run nothing.")
@click.option("--keep", is_flag=True, help="Reuse finished cells although the study file has changed.")
@click.option("--open", "show_page", is_flag=True, help="Open the report in a browser at the end.")
@_spoken()
def study(
    study: str, store: Path | None, workers: int | None, dry: bool, keep: bool, show_page: bool
) -> None:
    """Run a study: train what is missing, judge the claims, write the report.

    \b
    NAME      a study that comes with smoothlab:
              smoothing   small networks on real images, alpha 0 to 0.2
    FILE.py   a study of your own: a file that defines `study = Study(...)`.
              Start from a copy of the built-in one, whose path --dry prints.

    Every finished cell is kept at once. Press Ctrl-C at any time; the same
    command goes on with what is missing.
    """
    from . import lab

    source = lab.load(study)
    path = store or Path("runs") / source.study.name
    if dry:
        _say_what_would_run(source, path, keep=keep)
        return
    into = lab.Store.create(path, source)
    _train(source, into, workers=workers, keep=keep)
    _judge(into, show_page=show_page, page=path / "report.html")


@main.command(short_help="Print the verdicts of a run store.")
@click.argument("store", type=click.Path(path_type=Path))
@_spoken()
def show(store: Path) -> None:
    """Print the measures and the verdicts of a run store.

    A half-finished store is welcome: pairs of runs that are there count.
    """
    from . import lab
    from .report.terminal import print_study

    opened = lab.Store.open(store)
    evidence, verdicts = _evidence(opened)
    print_study(opened, evidence, verdicts)


@main.command(short_help="Print the verdicts of a run store.")
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="The file.  [default: STORE/report.html]"
)
@click.option("--open", "show_page", is_flag=True, help="Open it in a browser.")
@_spoken()
def report(store: Path, output: Path | None, show_page: bool) -> None:
    """Write the HTML report of a run store, one file that needs no network.

    Nothing is trained: everything is measured anew from stored predictions.
    """
    from . import lab

    opened = lab.Store.open(store)
    _write_page(opened, output or store / "report.html", *_evidence(opened), show_page=show_page)


def _train(source: "Source", store: "Store", *, workers: int | None, keep: bool) -> None:
    """Run what is missing, with a bar that says how long it will still take."""
    from . import lab
    from .lab.runner import in_processes, missing

    todo = len(missing(source, store, keep=keep))
    if not todo:
        click.echo(f"All {len(source.study.cells())} runs are in {store.path} already.")
        return
    workers = workers or _cores()
    click.echo(f"{source.question}\n{todo} runs on {min(workers, todo)} processes, kept in {store.path}")
    records = lab.run(source, store, executor=in_processes(workers), keep=keep)
    for record in _progress(records, total=todo, what="Training"):
        if record.failure is not None:
            click.echo(f"{record.cell.key} failed: {record.failure}", err=True)


def _judge(store: "Store", *, show_page: bool, page: Path) -> None:
    from .report.terminal import print_study

    evidence, verdicts = _evidence(store)
    print_study(store, evidence, verdicts)
    _write_page(store, page, evidence, verdicts, show_page=show_page)


def _evidence(store: "Store") -> tuple["Evidence", tuple["Verdict", ...]]:
    """Measure every run of a store, and judge the claims of its study."""
    from . import lab

    claims = lab.load(store.manifest["reference"]).study.claims
    records = store.records().values()
    evidence = lab.gather(store, _progress(records, total=len(records), what="Measuring"))
    return evidence, lab.judge(claims, evidence)


def _write_page(
    store: "Store", path: Path, evidence: "Evidence", verdicts: tuple["Verdict", ...], *, show_page: bool
) -> None:
    from .report.page import write
    from .report.study import study_page

    write(study_page(store, evidence, verdicts), path)
    click.echo(f"\nReport: {path}")
    if show_page:
        click.launch(str(path))


def _say_what_would_run(source: "Source", path: Path, *, keep: bool) -> None:
    from . import lab
    from .lab.runner import missing

    cells = source.study.cells()
    if (path / "study.json").exists():
        cells = missing(source, lab.Store.open(path), keep=keep)
    total = len(source.study.cells())
    click.echo(f"{source.question}\nStudy file  {source.path}\nStore       {path}")
    for factor, levels in source.study.factors.items():
        click.echo(f"{factor:<11} {', '.join(map(str, levels))}")
    click.echo(f"Missing     {len(cells)} of {total} runs, on {_cores()} processes")


def _progress(items: Iterable[Item], *, total: int, what: str) -> Iterator[Item]:
    """The same items, with a bar on standard error that knows how long is left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(items, total=total, description=what)


def _cores() -> int:
    """The cores that this process may use, which on a shared machine are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
