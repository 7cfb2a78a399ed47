"""What torch keeps for the whole process, borrowed for one block and given back as it was.

A block that trains or predicts needs its own random numbers, its own number of threads and gradients on or off,
whatever its caller had set, and must leave no trace of that behind.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from .. import _checks


def place(device: str) -> torch.device:
    """The device that a word such as "cpu" or "cuda:1" means, if it is there."""
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f'`device` must be one that this machine has, but got {device!r} ({reason}). "cpu" is always there.'
        ) from None
    return found


@contextmanager
def undisturbed(device: torch.device, *, threads: int, gradients: bool) -> Iterator[None]:
    """A block with these settings and random numbers of its own, after which torch is as it was before."""
    _checks.at_least("threads", threads, 1)
    before = torch.get_num_threads()
    on_cuda = device.type == "cuda"
    random = torch.random.fork_rng(devices=[device] if on_cuda else [])
    mode = torch.enable_grad() if gradients else torch.no_grad()
    with random, torch.inference_mode(False), mode, _repeatable() if on_cuda else nullcontext():
        try:
            torch.set_num_threads(threads)
            yield
        finally:
            torch.set_num_threads(before)


@contextmanager
def _repeatable() -> Iterator[None]:
    """No kernel of a GPU is chosen by its time, and none adds in an order of its own."""
    cudnn: Any = torch.backends.cudnn
    benchmark, deterministic = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = benchmark, deterministic


def reseed(device: torch.device, number: int) -> None:
    """Start the random numbers of the CPU and of one device, and of no other, anew."""
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(number)
