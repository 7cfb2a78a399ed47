"""`smoothlab audit` of a file larger than memory: how long it takes, and how much memory the whole command needs.

    python benchmarks/large_audit.py [--rows 100000000] [--classes 10] [--keep FOLDER]

Writes a Parquet file of float32 logits, in row groups, of a model that is sure of itself beyond its merit; runs the
audit on it in a process of its own; and looks at that process and its children in /proc every 20 ms. Peak memory is the
sum over the tree of the proportional set size (Pss, shared pages counted once), and beside it that of resident sizes.
The files' pages that the system caches are not the command's and do not count.

Expected: reading Parquet, the row kernels and the cells of histograms cost some 100 ns a row each, the classwise error
as much for each three classes; memory does not depend on the rows.
"""

import argparse
import contextlib
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import smoothlab
from smoothlab import _rows

GROUP = 2**18


def write(path: Path, rows: int, classes: int) -> None:
    """Labels are drawn from the softmax of the logits, and the logits then made 1.5 times as large."""
    random = np.random.default_rng(0)
    schema = pa.schema([("logits", pa.list_(pa.float32(), classes)), ("label", pa.int64())])
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for start in range(0, rows, GROUP):
            size = min(GROUP, rows - start)
            logits = 2 * random.standard_normal((size, classes), np.float32)
            labels = (logits + random.gumbel(size=(size, classes))).argmax(1)
            lists = pa.FixedSizeListArray.from_arrays(pa.array(1.5 * logits.ravel()), classes)
            writer.write_table(pa.table([lists, pa.array(labels)], schema=schema), row_group_size=GROUP)


def tree(process: int) -> list[int]:
    """A process and all that descend from it."""
    found = [process]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    return found


def memory(process: int) -> tuple[int, int]:
    """Pss and resident size of a tree, in bytes; a process that has just ended has none."""
    totals = {"Pss": 0, "Rss": 0}
    for one in tree(process):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            name = line.partition(":")[0]
            if name in totals:
                totals[name] += 1024 * int(line.split()[1])
    return totals["Pss"], totals["Rss"]


def watched(command: list[str]) -> tuple[float, int, int]:
    """Seconds, and the highest Pss and resident size of a command."""
    start, peaks = time.perf_counter(), (0, 0)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:  # noqa: S603
        while running.poll() is None:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended between two looks
                peaks = tuple(map(max, peaks, memory(running.pid)))
            time.sleep(0.02)
    if running.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {running.returncode}.")
    return time.perf_counter() - start, *peaks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--fit", type=int, default=0, help="rows of a held-out file, for a temperature")
    parser.add_argument("--keep", type=Path, help="a folder for the file; a temporary one if left out")
    chosen = parser.parse_args()

    print(
        f"smoothlab {smoothlab.__version__}, Python {platform.python_version()}, NumPy {np.__version__}, pyarrow "
        f"{pa.__version__}, {_rows.INSTRUCTIONS[0]}, {platform.system()} {platform.machine()}"
    )
    with tempfile.TemporaryDirectory(dir=chosen.keep) as folder:
        path, held_out = Path(folder) / "logits.parquet", Path(folder) / "held_out.parquet"
        write(path, chosen.rows, chosen.classes)
        command = [sys.executable, "-m", "smoothlab", "audit", str(path)]
        if chosen.fit:
            write(held_out, chosen.fit, chosen.classes)
            command += ["--fit", str(held_out)]
        size = path.stat().st_size
        seconds, pss, rss = watched(command)
        print(" ".join(["smoothlab audit", *(Path(word).name for word in command[4:])]))
        print(f"file     {chosen.rows:,} rows x {chosen.classes} float32, {size / 1e6:,.0f} MB")
        rate, speed = chosen.rows / seconds / 1e6, size / seconds / 1e6
        print(f"time     {seconds:.1f} s, {rate:.2f} million rows/s, {speed:.0f} MB/s")
        print(
            f"memory   {pss / 1e6:.0f} MB Pss, {rss / 1e6:.0f} MB resident, at the peak of the process tree"
        )


if __name__ == "__main__":
    main()
