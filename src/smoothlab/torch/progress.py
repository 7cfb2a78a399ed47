"""A bar for one training in a terminal: epochs done, loss and accuracy of the last, and the time that is left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .train import EpochReport


@contextmanager
def progress(epochs: int, *, console: Console | None = None) -> Iterator[Callable[[EpochReport], None]]:
    """What `train` may be given as `on_epoch`: it draws on standard error, or on a `console` of rich.

    >>> from smoothlab.torch.progress import progress
    >>> from smoothlab.torch.train import EpochReport
    >>> with progress(1) as on_epoch:
    ...     on_epoch(EpochReport(epoch=1, loss=0.5, accuracy=0.8, seconds=0.1))
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console or Console(stderr=True)) as bars:
        bar = bars.add_task("training", total=epochs)

        def on_epoch(report: EpochReport) -> None:
            bars.update(bar, completed=report.epoch)
            bars.update(bar, description=f"loss {report.loss:.3f}, accuracy {report.accuracy:.1%}")

        yield on_epoch
