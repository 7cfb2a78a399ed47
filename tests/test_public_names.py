"""What a user finds: few names, each documented with an example, and an import that drags nothing along."""

import ast
import doctest
import inspect
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import smoothlab

ROOMS = ("data", "lab", "measures", "report", "scaling", "targets", "torch")
FACES = ("smoothlab", *(f"smoothlab.{room}" for room in ROOMS))
HEAVY = ("torch", "scipy", "sklearn", "rich", "plotly", "joblib", "jinja2", "click")


def loaded_by(statement: str) -> set[str]:
    """The heavy packages that a fresh interpreter has loaded after a statement."""
    code = f"{statement}; import sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_smoothlab_loads_no_framework():
    assert loaded_by("import smoothlab") == set()


def test_help_loads_nothing_but_click():
    assert loaded_by("import smoothlab.cli") == {"click"}


def test_the_face_has_at_most_25_names():
    assert len(smoothlab.__all__) <= 25


@pytest.mark.parametrize("face", FACES)
def test_every_name_that_a_face_hands_on_exists_and_is_sorted(face):
    names = import_module(face).__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
    assert all(hasattr(import_module(face), name) for name in names)


def has_example(thing: object) -> bool:
    """In its own docstring, or for a class in a method's."""
    texts = [thing, *(vars(thing).values() if inspect.isclass(thing) else ())]
    return any(">>>" in (getattr(text, "__doc__", None) or "") for text in texts)


def examples(face: str) -> str:
    """Every line of every example in the files behind a face."""
    package = import_module(face)
    names = [face, *(found.name for found in pkgutil.walk_packages(package.__path__, f"{face}."))]
    finder = doctest.DocTestFinder(exclude_empty=True)
    tests = [test for name in names for test in finder.find(import_module(name))]
    return "\n".join(f"{example.source}{example.want}" for test in tests for example in test.examples)


@pytest.mark.parametrize("face", FACES)
def test_every_public_name_is_explained_and_shown_in_an_example_that_the_doctests_run(face):
    package, shown = import_module(face), examples(face)
    for name in package.__all__:
        thing = getattr(package, name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert thing.__doc__, name
            shown_here = has_example(thing) or re.search(rf"\b{name}\b", shown)
            assert shown_here, f"{face}.{name} stands in no example"


def test_no_init_file_does_anything_but_hand_names_on():
    for module in pkgutil.walk_packages(smoothlab.__path__, "smoothlab."):
        if not module.ispkg:
            continue
        path = Path(import_module(module.name).__path__[0]) / "__init__.py"
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            names = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in (
                "__all__",
                "__version__",
            )
            assert docstring or names or isinstance(node, ast.ImportFrom), f"{path} does more"
