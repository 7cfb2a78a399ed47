"""The command line: verbs over files. What a verb does, a Python function of the same room does too."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import __version__
from ._files import write_text
from ._progress import Watched, bars, progress

if TYPE_CHECKING:
    from rich.progress import Progress

    from .audit import Audit
    from .lab import Source, Store
    from .lab.store import Record
    from .predictions import Predictions
    from .report.study import Answer

EXTRAS = {
    "torch": "study",
    "joblib": "study",
    "filelock": "study",
    "sklearn": "study",
    "plotly": "report",
    "jinja2": "report",
    "matplotlib": "plots",
}
"""The packages that may be absent, and what brings them."""
MOST_NUMBERS = 50_000_000
MOST_BYTES = 500_000_000
"""Files of more logits, or of text that is longer, are streamed."""

# Rooms are imported inside the verbs that enter them: `smoothlab --help` must not wait for torch or SciPy.


@contextmanager
def _spoken() -> Iterator[None]:
    """A refused argument, or an extra that is not installed, is a sentence for a person and exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise click.UsageError(_in_options(str(error))) from None
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        raise click.UsageError(
            f"This needs the package {error.name}. Run: pip install 'smoothlab[{EXTRAS[error.name]}]'"
        ) from None
    except ImportError as error:  # a room that says itself what it needs
        raise click.UsageError(str(error)) from None


def _in_options(sentence: str) -> str:
    """A way out in the words of the command line, where a function says it in its own."""
    for said in ("task", "kind"):
        sentence = re.sub(rf"\b{said}='(\w+)'", rf"--{said} \1", sentence)
    return re.sub(
        r"`(ignore_index|logits|labels|fit)`", lambda name: f"`--{name[1].replace('_', '-')}`", sentence
    )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(__version__, prog_name="smoothlab")
def main() -> None:
    """When does label smoothing help, and what does it cost?

    \b
    smoothlab study                   train, judge every claim, write the report
    smoothlab study --dry             say what that would run, and run nothing
    smoothlab show runs/smoothing     print the verdicts of a store again
    smoothlab report runs/smoothing   write its HTML page again
    smoothlab audit test.npz          judge saved logits from any framework

    Results live in a run store, a folder. A study that was stopped, or killed,
    goes on where it was when the same command is given again.
    """


@main.command(short_help="Train, judge the claims, write the report.")
@click.argument("study", default="smoothing", metavar="[NAME | FILE.py]")
@click.option(
    "--store", type=click.Path(path_type=Path), help="Folder for the results.  [default: runs/NAME]"
)
@click.option(
    "--data",
    nargs=2,
    metavar="NAME FOLDER",
    help="Other images: fashion_mnist, mnist, cifar10 or cifar100, and where they lie.",
)
@click.option("--seeds", type=click.IntRange(min=1), help="Only the first so many, for a quick look.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that train.  [default: one a core]")
@click.option("--together", is_flag=True, help="Train many cells as one model, on a GPU if there is one.")
@click.option("--dry", is_flag=True, help="Say what would run, and run nothing.")
@click.option("--keep", is_flag=True, help="Reuse finished cells although the study file has changed.")
@click.option("--open", "show_page", is_flag=True, help="Open the report in a browser at the end.")
@_spoken()
def study(
    study: str,
    store: Path | None,
    data: tuple[str, str] | None,
    seeds: int | None,
    workers: int | None,
    together: bool,
    dry: bool,
    keep: bool,
    show_page: bool,
) -> None:
    """Run a study: train what is missing, judge the claims, write the report.

    \b
    NAME      a study that comes with smoothlab:
              smoothing      accuracy, calibration and geometry over alpha
              penultimate    figure 1 of the paper: clusters, arcs, collapse
              calibration    alpha against temperature, where either helps
              distillation   figure 5: students of smoothed teachers
              information    figure 6: what is left of single examples
              costs          abstention, transfer, corruption, other losses
              noise          wrong labels, and alpha below 0
              replication    the numbers of a published replication
              paper          penultimate to noise, judged as one family
    FILE.py   a study of your own: a file that defines `study = Study(...)`.
              Start from a copy of the built-in one, whose path --dry prints.

    Every finished cell is kept at once. Press Ctrl-C at any time; the same
    command goes on with what is missing.
    """
    from . import lab

    plan = lab.plan(study, data)
    path = store or Path("runs") / plan.name
    if dry:
        for source in plan.sources:
            into = path / source.study.name if plan.is_suite else path
            _say_what_would_run(source, into, keep=keep, seeds=seeds)
        return
    stores = plan.stores(path)
    for source, into in zip(plan.sources, stores, strict=True):
        _train(source, into, workers=workers, together=together, keep=keep, seeds=seeds)
    _say(plan.question, stores, page=path / "report.html", show_page=show_page)


@main.command(short_help="Print the verdicts of a run store.")
@click.argument("store", type=click.Path(path_type=Path))
@_spoken()
def show(store: Path) -> None:
    """Print the measures and the verdicts of a run store.

    A half-finished store is welcome: pairs of runs that are there count.
    """
    from . import lab

    _say(*lab.open_stores(store))


@main.command(short_help="Write the report of a run store again.")
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
    from .report.study import answers_of

    question, stores = lab.open_stores(store)
    answers = answers_of(stores, _measuring)
    _write_page(question, answers, output or store / "report.html", show_page=show_page)


@main.command(short_help="Audit saved logits.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--fit",
    "held_out",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Held-out file for the temperature; one, or one a FILE.",
)
@click.option(
    "--kind",
    type=click.Choice(["logits", "probabilities"]),
    default="logits",
    show_default=True,
    help="What the numbers are; never guessed.",
)
@click.option("--logits", help="Name of the array, column or column prefix.  [default: logits]")
@click.option("--labels", help="Name of the array or column, or a file.  [default: labels]")
@click.option(
    "--task",
    type=click.Choice(["multiclass", "binary", "multilabel"]),
    default="multiclass",
    show_default=True,
    help="What a row answers.",
)
@click.option("--ignore-index", type=int, help="Rows with this label are left out.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the table as JSON.")
@click.option(
    "--html", "html_file", type=click.Path(path_type=Path), help="Write a page that needs no network."
)
@click.option(
    "--plots",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write the figures as SVG and PNG, with their data.",
)
@click.option(
    "--axis",
    type=click.Choice(["probability", "log-odds"]),
    help="Scale of the reliability diagrams in DIR.  [default: both]",
)
@click.option(
    "--fail-above",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Exit with 1 if a measure is above, such as ece=0.05.",
)
@_spoken()
def audit(
    files: tuple[Path, ...],
    held_out: tuple[Path, ...],
    json_file: Path | None,
    html_file: Path | None,
    plots: Path | None,
    axis: str | None,
    fail_above: tuple[str, ...],
    **reading: Any,
) -> None:
    """Audit saved predictions: are they calibrated, would one temperature do,
    and can their confidence decide when to abstain?

    \b
    FILE    .safetensors .npz .npy .pt .parquet .arrow .csv .jsonl, told by
            its ending; holds logits and labels, never a pickle that runs

    Give two files of the same examples, say of a hard and a smoothed model,
    and they are compared in pairs, the first as the baseline.

    Several answers of one row, as of sequences and multilabel files, get
    intervals of rows, and no null bands, which suppose independent answers.

    A file of more than 50 million numbers (rows x classes), or of text above
    500 MB, is never loaded but streamed, in some 200 MB of memory. It gets the
    same lines; bins of equal width lose nothing, and what has none takes each
    confidence to within a thousandth of its odds.
    """
    from .audit import audit as audited
    from .audit import compare
    from .report.audit import as_json, audit_page
    from .report.terminal import print_audits

    plot = _plotting(axis) if plots else None  # before the work, lest it be lost for want of a package
    limits = [_limit(text) for text in fail_above]
    if len(held_out) not in (0, 1, len(files)):
        raise ValueError(
            f"`--fit` must be given once, or once a FILE, but got {len(held_out)} for {len(files)}."
        )
    names = [path.name for path in files]
    if len(set(names)) < len(names):  # such as hard/test.npz and smoothed/test.npz
        names = [str(path) for path in files]
    with bars() as shown:
        said = [_saved(path, reading, shown) for path in files]
        fits = [_saved(path, reading, shown) for path in held_out] or [None]
        fits = fits * len(files) if len(fits) == 1 else fits
        jobs = shown.track(zip(names, said, fits, strict=True), total=len(files), description="Measuring")
        audits = [audited(one, fit=fit, name=name) for name, one, fit in jobs]
        differences = [
            (f"{name} against {names[0]}", compare(said[0], other, fit=audits[0].temperature))
            for name, other in zip(names[1:], said[1:], strict=True)
        ]
    print_audits(audits, differences)
    if json_file:
        write_text(json_file, json.dumps(as_json(audits, differences), indent=1) + "\n")
    if html_file:
        from .report.page import write

        write(audit_page(audits, differences), html_file)
    if plots and plot:
        plot(audits, plots)
    above = [
        f"{found.name}: {name} is {found[name].value:.4g}, above {limit:g}"
        for found in audits
        for name, limit in limits
        if not found[name].value <= limit  # nan is above everything
    ]
    if above:
        click.echo("\n".join(above), err=True)
        raise SystemExit(1)


@main.command(short_help="Say what the losses run on here, and how fast.")
@_spoken()
def doctor() -> None:
    """Print this machine's kernels, and time each against a copy for 5 s."""
    from .torch.doctor import examine

    examine(click.echo)


def _plotting(axis: str | None) -> "Callable[[Sequence[Audit], Path], object]":
    """What draws audits into a folder, on one scale or on both."""
    from .report.print import BOTH, Scale, write_plots

    return partial(write_plots, scales=[Scale(axis)] if axis else BOTH)


def _saved(path: Path, reading: dict[str, Any], shown: "Progress") -> "Predictions | Watched":
    """A file in any format, its name in every refusal, a large one as a stream."""
    from .saved import open_saved

    saved = open_saved(path, **reading)
    numbers = None if saved.rows is None else saved.rows * saved.classes
    # of text, only reading would tell how long it is
    large = path.stat().st_size > MOST_BYTES if numbers is None else numbers > MOST_NUMBERS
    return Watched(saved, path.name, shown) if large else saved.predictions()


def _limit(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise ValueError(f"`--fail-above` must be NAME=NUMBER, such as ece=0.05, but got {text!r}.") from None


def _train(source: "Source", store: "Store", *, workers: int | None, together: bool, **which: Any) -> None:
    """Run what is missing, with a bar that says how long it will still take."""
    from . import lab
    from .lab.runner import in_processes, missing

    todo = len(missing(source, store, **which))
    if not todo:
        click.echo(f"All runs asked for are in {store.path} already.")
        return
    workers, at_once = workers or _cores(), source.study.together
    together = together and source.study.run_together is not None
    how = f"up to {at_once} at once" if together else f"on {min(workers, todo)} processes"
    click.echo(f"{source.question}\n{todo} runs {how}, kept in {store.path}")
    records = lab.run(source, store, executor=in_processes(workers), together=together, **which)
    for record in progress(records, total=todo, what="Training"):
        if record.failure is not None:
            click.echo(f"{record.cell.key} failed: {record.failure}", err=True)


def _say(
    question: str, stores: "Sequence[Store]", *, page: Path | None = None, show_page: bool = False
) -> None:
    """Print what the stores say, and write it as a page."""
    from .report.study import answers_of
    from .report.terminal import print_study

    answers = answers_of(stores, _measuring)
    for answer in answers:
        print_study(answer.store, answer.evidence, answer.verdicts)
    if page:
        _write_page(question, answers, page, show_page=show_page)


def _measuring(records: "Iterable[Record]", *, total: int) -> "Iterable[Record]":
    return progress(records, total=total, what="Measuring")


def _write_page(question: str, answers: "Sequence[Answer]", path: Path, *, show_page: bool) -> None:
    from .report.page import write
    from .report.study import suite_page

    write(suite_page(question, answers), path)
    click.echo(f"\nReport: {path}")
    if show_page:
        click.launch(str(path))


def _say_what_would_run(source: "Source", path: Path, **which: Any) -> None:
    from . import lab
    from .lab.runner import missing

    store = lab.Store.open(path) if (path / "study.json").exists() else None
    todo = len(missing(source, store, **which))
    click.echo(f"{source.question}\nStudy file  {source.path}\nStore       {path}")
    for factor, levels in source.study.factors.items():
        click.echo(f"{factor:<11} {', '.join(map(str, levels))}")
    click.echo(f"Missing     {todo} of {len(source.study.cells())} runs, on {_cores()} processes")


def _cores() -> int:
    """The cores that this process may use, which on a shared machine are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
