"""The architecture: data flows one way, so a room imports only from the rooms that stand before it in this list.

targets -> losses, training -> predictions (a file) -> scaling, measures -> lab -> studies, report -> cli
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import smoothlab

SOURCE = Path(smoothlab.__file__).parent
FOUNDATION = {"_checks", "_files", "_numerics", "_rows", "_statistics"}
MAY_IMPORT = {
    "_checks": set(),
    "_files": set(),
    "_numerics": set(),
    "_progress": set(),
    "_rows": set(),
    "_statistics": {"_checks", "_numerics", "_rows"},
    "targets": FOUNDATION,
    "reference": FOUNDATION | {"targets"},
    "data": FOUNDATION,
    "predictions": FOUNDATION,
    "torch": FOUNDATION | {"targets", "data", "predictions"},
    "scaling": FOUNDATION | {"predictions"},
    "measures": FOUNDATION | {"predictions", "scaling"},
    "saved": FOUNDATION | {"predictions", "torch"},  # torch for its own files, and entered for them alone
    "accumulators": FOUNDATION | {"measures"},
    "torchmetrics": {"accumulators"},  # training may measure as it goes, but its own room does not
    "audit": FOUNDATION | {"predictions", "scaling", "measures", "accumulators"},
    "lab": FOUNDATION | {"predictions", "scaling", "measures"},
    "studies": FOUNDATION | {"targets", "data", "torch", "predictions", "lab"},
    "report": FOUNDATION | {"targets", "predictions", "scaling", "measures", "audit", "lab"},
    "__main__": {"cli"},
    "cli": FOUNDATION | {"_progress", "predictions", "saved", "torch", "audit", "lab", "report", ""},
    "__init__": FOUNDATION | {"targets", "predictions", "scaling", "measures"},
}
FRAMEWORKS = {
    "torch": {"torch", "torchmetrics", "studies"},
    "torchmetrics": {"torchmetrics"},
    "keras": {"keras"},
    "jax": {"jax"},
}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[str]:
    """Rooms of this package that a file imports from, wherever in the file; "" is the package's own face."""
    package = path.relative_to(SOURCE).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        origin = package[: len(package) - node.level + 1]
        target = (*origin, *(node.module or "").split(".")) if node.module else origin
        if target:
            yield target[0]
        else:
            yield from (alias.name if _is_room(alias.name) else "" for alias in node.names)


def _is_room(name: str) -> bool:
    return (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").is_file()


def imported_packages(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path):
    assert set(imported_rooms(path)) - {room(path)} <= MAY_IMPORT[room(path)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_framework_is_imported_only_in_its_own_room(path):
    for framework, rooms in FRAMEWORKS.items():
        if room(path) not in rooms:
            assert framework not in set(imported_packages(path))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_of_the_package_imports_itself_relatively(path):
    assert "smoothlab" not in set(imported_packages(path))


def test_no_file_grows_beyond_one_idea():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert not [f"{path}: {length} lines" for path, length in lengths.items() if length > 400]


def test_this_test_sees_an_arrow_that_points_up(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "SOURCE", tmp_path)
    for upper, lower in (("report", "measures"), ("lab", "data")):
        (tmp_path / upper).mkdir()
        (tmp_path / lower).mkdir()
        (tmp_path / lower / "room.py").write_text(f"def late():\n    from ..{upper}.page import write\n")
        assert set(imported_rooms(tmp_path / lower / "room.py")) - MAY_IMPORT[lower] == {upper}
    (tmp_path / "data" / "faces.py").write_text("from .. import lab\n")
    assert set(imported_rooms(tmp_path / "data" / "faces.py")) == {"lab"}
