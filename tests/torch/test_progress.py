from io import StringIO

from rich.console import Console

from smoothlab.torch.progress import progress
from smoothlab.torch.train import EpochReport


def test_the_bar_shows_how_many_epochs_are_done_what_the_last_gave_and_the_time_left():
    screen = StringIO()
    with progress(3, console=Console(file=screen, force_terminal=True, width=100)) as on_epoch:
        for epoch in (1, 2):
            on_epoch(EpochReport(epoch=epoch, loss=1 / epoch, accuracy=epoch / 4, seconds=0.1))
    drawn = screen.getvalue()
    assert "loss 0.500, accuracy 50.0%" in drawn
    assert "2/3" in drawn
    assert "0:00:0" in drawn


def test_where_nobody_watches_nothing_is_animated():
    screen = StringIO()
    with progress(2, console=Console(file=screen, width=100)) as on_epoch:
        on_epoch(EpochReport(epoch=1, loss=0.5, accuracy=0.5, seconds=0.1))
    assert "\x1b" not in screen.getvalue()
