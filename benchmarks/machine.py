"""The machine that a benchmark runs on, and what runs on it: a line of its output."""

import platform
from pathlib import Path

import smoothlab
from smoothlab import _rows


def machine(beside: str, *devices: str) -> str:
    """`beside` is the package and version that smoothlab's stand beside; `devices` come before the processor."""
    return (
        f"{', '.join([*devices, _processor()])}; {_rows.INSTRUCTIONS[0]}; {platform.system()}, "
        f"Python {platform.python_version()}, {beside}, smoothlab {smoothlab.__version__}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
    return f"{model}, {sum(line.startswith('processor') for line in lines)} cores"
