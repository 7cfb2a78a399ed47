"""Small sound files of every format, from the script that also spoils them."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import jaxtyping
import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz_saved.py"


@pytest.fixture(scope="session")
def fuzz() -> ModuleType:
    """The script's functions, without running it."""
    spec = importlib.util.spec_from_file_location("fuzz_saved", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def plain():
    """What a user meets: without the type hook of the tests, the sentences are all there is."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def npz(tmp_path: Path) -> Callable[..., Path]:
    """Writes an archive of arrays."""

    def write(**arrays: object) -> Path:
        np.savez(tmp_path / "test.npz", **arrays)  # type: ignore[arg-type]
        return tmp_path / "test.npz"

    return write
