"""Feeds malformed files of every format to `open_saved`, and counts what becomes of them.

    python scripts/fuzz_saved.py [--files 22000] [--seed 0] [--seconds 20] [--first 0] [--format FORMAT]

Each file begins as a small sound one, of some task and kind. Then it is damaged (bits, cuts, splices, numbers in its
head; a member or a header before it is packed, so that its checksums are right; words of a text) or spoiled (a NaN, a
label without its class, a row too few, a null, a wrong name, ...). A damaged file must give legal rows or be refused in
one sentence; a spoiled one must be refused. Anything else is a fault, of one of four kinds:

    number      a spoiled file was read, or a block holds what no other room may meet
    traceback   an error that is no sentence about the file
    hang        no answer within `--seconds`
    crash       the process died

A fault is printed with its number, and the same seed and number make the same file again. The output is a summary that
can be kept as it is: the command, versions, the table, and how long it took.
"""

import argparse
import csv
import io
import json
import multiprocessing
import platform
import resource
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import torch
from numpy.random import Generator
from safetensors.numpy import save_file

from smoothlab.saved import open_saved

ARRAYS = ("npy", "npz", "npz packed", "safetensors", "pt")
TABLES = ("parquet", "arrow", "arrow stream", "feather", "csv", "jsonl")
FORMATS = (*ARRAYS, *TABLES)
TASKS = ("multiclass", "probabilities", "sequences", "binary", "multilabel")
ENDINGS = {"npz packed": "npz", "arrow stream": "arrow"}
STEMS = {"logits": "logit", "probabilities": "probability", "labels": "label"}
CLASSES = 4
FAULTS = ("number", "traceback", "hang", "crash")
TABLE = "{:<13}{:>8}{:>9}{:>8}{:>9}{:>12}{:>7}{:>9}"


class Unsayable(Exception):  # noqa: N818  a format that cannot carry a mistake is no error
    """This format cannot say such a thing, or it would be no mistake."""


@dataclass
class Draft:
    """Outputs and labels on their way into a file, and how that file is declared."""

    form: str
    task: str
    name: str
    outputs: np.ndarray
    labels: np.ndarray
    declared: dict[str, Any]
    wide: bool

    @property
    def arrays(self) -> dict[str, Any]:
        return {self.name: self.outputs, "labels": self.labels}

    def columns(self) -> dict[str, list]:
        """Lists, or where asked and possible numbers side by side."""
        held: dict[str, list] = {}
        for name, array in self.arrays.items():
            if self.wide and array.ndim == 2:
                held |= {f"{STEMS[name]}_{k}": column.tolist() for k, column in enumerate(array.T)}
            else:
                held["label" if name == "labels" else name] = array.tolist()
        return held


def sound(form: str, task: str, random: Generator) -> Draft:
    """A dozen rows that are in order."""
    logits = random.normal(0, 3, (12, CLASSES)).astype(random.choice(["f4", "f8"]))
    labels = random.integers(0, CLASSES, 12)
    wide = bool(random.integers(2))
    match task:
        case "probabilities":
            share = np.exp(logits - logits.max(1, keepdims=True))
            share /= share.sum(1, keepdims=True)
            return Draft(form, task, "probabilities", share, labels, {"kind": "probabilities"}, wide)
        case "sequences":
            labels = labels.reshape(4, 3)
            labels[1, 2] = -100
            return Draft(form, task, "logits", logits.reshape(4, 3, -1), labels, {"ignore_index": -100}, wide)
        case "binary":
            return Draft(form, task, "logits", logits[:, 0].copy(), labels % 2, {"task": "binary"}, wide)
        case "multilabel":
            truth = random.integers(0, 2, logits.shape)
            return Draft(form, task, "logits", logits, truth, {"task": "multilabel"}, wide)
    logits[3, 1] = -np.inf
    return Draft(form, task, "logits", logits, labels, {}, wide)


def write(
    draft: Draft, folder: Path, columns: dict[str, list] | None = None, *, twice: str | None = None
) -> Path:
    """The draft, or these columns in its place, as a file of its format; `twice` names a column to repeat."""
    path = folder / f"saved.{ENDINGS.get(draft.form, draft.form)}"
    match draft.form:
        case "npy":
            np.save(path, draft.outputs)
            np.save(folder / "truth.npy", draft.labels)
            draft.declared["labels"] = folder / "truth.npy"
        case "npz":
            np.savez(path, **draft.arrays)
        case "npz packed":
            np.savez_compressed(path, **draft.arrays)
        case "safetensors":
            save_file({name: np.ascontiguousarray(array) for name, array in draft.arrays.items()}, path)
        case "pt":
            torch.save({name: torch.from_numpy(array.copy()) for name, array in draft.arrays.items()}, path)
        case "csv" | "jsonl":
            write_text(draft.form, path, columns or draft.columns(), twice)
        case _:
            held = columns or draft.columns()
            table = pa.table({name: pa.array(cells) for name, cells in held.items()})
            write_columnar(draft.form, path, table.append_column(twice, table[twice]) if twice else table)
    return path


def write_text(form: str, path: Path, held: dict[str, list], twice: str | None) -> None:
    rows = list(zip(*held.values(), strict=True))
    if form == "jsonl":
        path.write_text("".join(json.dumps(dict(zip(held, row, strict=True))) + "\n" for row in rows))
        return
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*held, twice] if twice else held)
        for row in rows:
            cells = [json.dumps(cell) if isinstance(cell, list) else cell for cell in row]
            writer.writerow([*cells, 0] if twice else cells)


def write_columnar(form: str, path: Path, table: pa.Table) -> None:
    match form:
        case "parquet":
            checked = bool(table.num_columns % 2)
            pyarrow.parquet.write_table(table, path, row_group_size=5, write_page_checksum=checked)
        case "feather":
            pyarrow.feather.write_feather(table, path, compression="lz4")
        case _:
            make = pa.ipc.new_file if form == "arrow" else pa.ipc.new_stream
            with make(str(path), table.schema) as writer:
                writer.write_table(table, max_chunksize=5)


# Spoiled: a sound file of wrong numbers. The first row counts, since its labels are not ignored.


def spoil_numbers(draft: Draft, random: Generator) -> None:
    """One of the ways in which numbers can be wrong in any format."""
    where = tuple(random.integers(0, length) for length in (1, *draft.outputs.shape[1:]))
    label = random.integers(draft.labels.size)
    draft.labels[0] = 0
    match random.integers(9):
        case 0:
            draft.outputs[where] = random.choice([np.nan, np.inf])
        case 1 if draft.task != "probabilities":
            draft.outputs[0] = -np.inf
        case 2:
            draft.labels.flat[label] = random.choice([CLASSES, 9, -1, -99, 2**40])
        case 3:
            draft.labels = draft.labels + 0.0
            draft.labels.flat[label] = random.choice([0.5, np.nan, np.inf, 1e300])
        case 4:
            draft.outputs, draft.labels = draft.outputs[:0], draft.labels[:0]
        case 5:
            draft.labels[...] = -100
        case 6 if draft.task == "probabilities":
            draft.outputs[random.integers(12)] *= random.choice([0.9, 1.1, 100, -1, 0])
        case 7 if draft.task in ("multiclass", "probabilities", "sequences"):
            draft.outputs = draft.outputs[..., :1]
        case 8:
            draft.labels = np.eye(CLASSES, dtype=int)[draft.labels.clip(0)]
        case _:
            raise Unsayable


def spoiled_arrays(draft: Draft, folder: Path, random: Generator) -> Path:
    """Arrays that do not fit, of another type or another name."""
    which = random.choice(["outputs", "labels"])
    array = getattr(draft, which)
    match random.integers(4):
        case 0:
            setattr(draft, which, array[: random.integers(1, len(array))])
        case 1:
            setattr(draft, which, array[None] if random.integers(2) else array.T[..., None, None])
        case 2:
            kind = random.choice(["c8", "U3", "O", "M8[s]", "i4"])
            if (
                draft.form in ("safetensors", "pt") and kind in ("U3", "O", "M8[s]")
            ) or which + kind == "labelsi4":
                raise Unsayable
            setattr(draft, which, np.nan_to_num(array, neginf=-9).astype(kind))
        case _:
            if draft.form == "npy":
                raise Unsayable
            draft.declared["logits" if which == "outputs" else "labels"] = "others"
    return write(draft, folder)


def spoiled_table(draft: Draft, folder: Path, random: Generator) -> Path:
    """A cell that is null, a word, too short or too deep; a column that is missing, renamed or there twice."""
    held = draft.columns()
    which = random.choice(list(held))
    if random.integers(2):
        row = random.integers(len(held[which]))
        value = held[which][row]
        others = [None, "cat", [[value]], {"a": 1}, "", "nan nan"]
        if isinstance(value, list):
            others += [value[:-1], [*value, value[0]], [None, *value[1:]], ["x", *value[1:]], 1.5]
        held[which][row] = others[random.integers(len(others))]
        return write(draft, folder, held)
    if which.endswith(f"_{CLASSES - 1}") or (draft.form == "jsonl" and random.integers(2)):
        raise Unsayable  # without its last column a wide table is sound; an object has no name twice
    match random.integers(3):
        case 0:
            return write(
                draft, folder, {"other" if name == which else name: cells for name, cells in held.items()}
            )
        case 1:
            return write(draft, folder, {name: cells for name, cells in held.items() if name != which})
    if draft.form in ("jsonl", "feather"):
        raise Unsayable
    return write(draft, folder, held, twice=which)


def spoiled(form: str, folder: Path, random: Generator) -> tuple[Path, dict[str, Any]]:
    """A file that is whole but wrong, and how it is declared."""
    while True:
        draft = sound(form, random.choice(TASKS), random)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if random.integers(2):
                    spoil_numbers(draft, random)
                    return write(draft, folder), draft.declared
                if form in TABLES:
                    return spoiled_table(draft, folder, random), draft.declared
                return spoiled_arrays(draft, folder, random), draft.declared
        except (Unsayable, pa.ArrowException, TypeError):
            continue


# Damaged: the bytes of a sound file are changed, so it may be sound still.


def damage(content: bytes, random: Generator) -> bytes:
    """A wound or a few, anywhere or in the head or the tail, where formats say what they hold."""
    changed = bytearray(content)
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        reach = min(len(changed), int(random.choice([len(changed), 64, 400])))
        start = int(random.integers(0, reach + 1))
        if random.integers(2):
            start = len(changed) - start
        length = int(random.integers(1, 20))
        match random.integers(9):
            case 0 | 1 | 2:
                for place in range(start, min(start + int(random.integers(1, 4)), len(changed))):
                    changed[place] ^= 1 << int(random.integers(8))
            case 3:
                changed[start : start + length] = random.bytes(length)
            case 4:
                number = int(random.choice([0, 1, 255, 2**31 - 1, 2**32 - 1, 2**62, 2**63 - 1]))
                width = 8 if number >= 2**32 else 4
                changed[start : start + width] = number.to_bytes(width, "little")
            case 5:
                del changed[start:]
            case 6:
                del changed[start : start + length]
            case 7:
                other = int(random.integers(0, len(changed) + 1))
                changed[start:start] = changed[other : other + length]
            case _:
                changed[start : start + length] = bytes(length)
    return bytes(changed)


# fmt: off
WORDS = (
    "nan", "NaN", "inf", "-inf", "Infinity", "-Infinity", "null", "None", "true", '"cat"', '""', "", "[", "]", "{}",
    "[]", ",", ":", "1e999", "-1e999", "1_000", "0x1p3", '"\\ud800"', "+1", ".5", "5.", "1e-400", "9" * 25, "-0",
    '"logits"', "label", "\x00", "\t", ";", "\N{NO-BREAK SPACE}1", "\N{ARABIC-INDIC DIGIT ONE}", "\r", "\n", '"',
    "[" * 3000,
)
# fmt: on


def reword(content: bytes, random: Generator) -> bytes:
    """Words of a text replaced, doubled or dropped, and lines too."""
    ends = b"\n" if random.integers(2) else b","
    words = content.split(ends)
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        place = int(random.integers(len(words)))
        match random.integers(4):
            case 0:
                words[place] = words[int(random.integers(len(words)))]
            case 1:
                del words[place : place + 1]
            case 2:
                words.insert(place, random.choice(WORDS).encode())
            case _:
                words[place] = words[place].replace(words[place][:3], random.choice(WORDS).encode(), 1)
        words = words or [b""]
    return ends.join(words)


def damage_within(form: str, content: bytes, random: Generator) -> bytes:
    """Damage below the checksums: in a member of a zip, in a header whose length is mended, in the words of a text."""
    if form in ("csv", "jsonl"):
        return reword(content, random)
    if form == "safetensors":
        length = int.from_bytes(content[:8], "little")
        header = (reword if random.integers(2) else damage)(content[8 : 8 + length], random)
        return len(header).to_bytes(8, "little") + header + content[8 + length :]
    if form not in ("npz", "npz packed", "pt"):
        return damage(content, random)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        names = old.namelist()
        chosen = random.choice([name for name in names if name.endswith((".npy", "data.pkl"))])
        for name in names:
            member = damage(old.read(name), random) if name == chosen else old.read(name)
            new.writestr(name, member, old.getinfo(name).compress_type)
    return packed.getvalue()


def damaged(form: str, folder: Path, random: Generator) -> tuple[Path, dict[str, Any]]:
    """A file that was sound, and how it is declared."""
    draft = sound(form, random.choice(TASKS), random)
    path = write(draft, folder)
    hurt = draft.declared["labels"] if form == "npy" and random.integers(3) == 0 else path
    content = hurt.read_bytes()
    match random.integers(10):
        case 0:
            other = sound(FORMATS[random.integers(len(FORMATS))], random.choice(TASKS), random)
            content = write(other, Path(tempfile.mkdtemp(dir=folder))).read_bytes()
        case 1 | 2 | 3 | 4:
            content = damage(content, random)
        case _:
            content = damage_within(form, content, random)
    hurt.write_bytes(content)
    return path, draft.declared


def outcome(form: str, number: int, seed: int, folder: Path) -> str:
    """What became of one file: "refused", "legal", or the kind of a fault and a few words."""
    random = np.random.default_rng([seed, FORMATS.index(form), number])
    wrong = bool(random.integers(2))
    path, declared = (spoiled if wrong else damaged)(form, folder, random)
    try:
        saved = open_saved(path, **declared)
        found = sum(judge(logits, labels) for logits, labels in saved.blocks(rows=5))
        if saved.rows is not None and found + saved.ignored() != saved.rows:
            return f"number: {found} rows of {saved.rows}"
        if len(saved.predictions()) != found:
            return "number: predictions and blocks differ"
        return "number: a spoiled file was read" if wrong else "legal"
    except AssertionError as error:
        return f"number: {error!r}"
    except FileNotFoundError as error:
        return f"traceback: {error!r}"
    except ValueError as error:
        text = str(error)
        plain = text.startswith(str(folder)) and text.isprintable() and ". " in text and len(text) < 900
        return "refused" if plain else f"traceback: {text!r}"
    except BaseException as error:  # a panic of a Rust library is no Exception
        return f"traceback: {error!r}"


def judge(logits: np.ndarray, labels: np.ndarray) -> int:
    """The rows of a block, which must be what the other rooms trust."""
    assert logits.dtype in (np.float32, np.float64), f"logits of {logits.dtype}"
    assert labels.dtype == np.int64, f"labels of {labels.dtype}"
    assert logits.ndim == 2, f"logits of shape {logits.shape}"
    assert 0 < len(logits) == len(labels) <= 5, f"{len(logits)} rows and {len(labels)} labels"
    assert np.isfinite(logits.max(1)).all(), "a row without a highest logit"
    assert labels.min() >= 0, "a label below 0"
    assert labels.max() < logits.shape[1], "a label without its class"
    return len(labels)


_START = 60  # seconds that a process may take to begin


def _work(form: str, numbers: range, seed: int, pipe: Connection) -> None:
    # a header may promise exabytes, but must not get them
    resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            place = Path(folder) / str(number)
            place.mkdir()
            pipe.send((number, ""))
            pipe.send((number, outcome(form, number, seed, place)))
            shutil.rmtree(place)
        pipe.send((numbers.stop, ""))


def tally(
    form: str, numbers: range, *, seed: int, seconds: float, start: Literal["spawn", "fork"] = "spawn"
) -> tuple[Counter, list[str]]:
    """Outcomes of many files, tried in a process that may crash or hang and is then replaced."""
    context = cast(SpawnContext, multiprocessing.get_context(start))
    counts, faults = Counter(), []
    while numbers:
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(form, numbers, seed, theirs), daemon=True)
        process.start()
        theirs.close()
        number, result = numbers.start, ""
        patience = seconds + _START
        while number < numbers.stop:
            try:
                if not ours.poll(patience):
                    result = f"hang: no answer within {seconds} s"
                    break
                number, result = ours.recv()
                patience = seconds
            except EOFError:
                process.join()
                result = f"crash: the process died with {process.exitcode}"
                break
            if result:
                kind = result.partition(":")[0]
                counts[kind] += 1
                faults += [f"{form} {number}: {result}"] if kind in FAULTS else []
                result = ""
        process.kill()
        if result:
            counts[result.partition(":")[0]] += 1
            faults.append(f"{form} {number}: {result}")
        numbers = range(number + 1, numbers.stop)
    return counts, faults


def main() -> None:
    parser = argparse.ArgumentParser(description="Feed malformed files of every format to open_saved.")
    parser.add_argument("--files", type=int, default=22_000, help="files over all formats")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number to begin with")
    parser.add_argument("--seconds", type=float, default=20, help="how long one file may take")
    parser.add_argument(
        "--format", choices=FORMATS, action="append", help="this format alone; may be repeated"
    )
    options = parser.parse_args()
    forms = options.format or FORMATS
    each = -(-options.files // len(forms))
    begun = time.monotonic()
    total: Counter = Counter()
    print(" ".join(["python scripts/fuzz_saved.py", *sys.argv[1:]]))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()}; {', '.join(versions())}\n")
    print(
        TABLE.format("format", "files", "refused", "sound", *(f"{kind}s" for kind in FAULTS[:3]), "crashes")
    )
    for form in forms:
        numbers = range(options.first, options.first + each)
        counts, faults = tally(form, numbers, seed=options.seed, seconds=options.seconds)
        total += counts
        print(line(form, counts), flush=True)
        print(*faults[:20], sep="\n", end="\n" if faults else "")
    print(line("all", total))
    print(
        f"\nrefused: in one sentence that names the file; sound: damaged, yet read as legal rows; "
        f"{time.monotonic() - begun:.0f} seconds"
    )
    sys.exit(1 if any(total[kind] for kind in FAULTS) else 0)


def line(form: str, counts: Counter) -> str:
    """A row of the table."""
    return TABLE.format(
        form, counts.total(), counts["refused"], counts["legal"], *(counts[kind] for kind in FAULTS)
    )


def versions() -> list[str]:
    """What the files were read with."""
    readers = ("smoothlab", "numpy", "torch", "safetensors", "pyarrow")
    return [f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in readers)]


if __name__ == "__main__":
    main()
