import re
import sys

import pytest
import torch
from torch import nn

from smoothlab.torch.models import load_model

MODULE = """
from torch import nn

ready = nn.Linear(4, 3)
number = 3


def build(input_shape, classes, width=2):
    return nn.Sequential(nn.Linear(*input_shape, width), nn.Linear(width, classes))


def three(input_shape, classes, width):
    return ready


class Network(nn.Linear):
    def __init__(self, input_shape, classes):
        super().__init__(*input_shape, classes)
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A package of modules on the path, some of them broken."""
    package = tmp_path / "written_models"
    package.mkdir()
    for name, text in {
        "__init__": "",
        "good": MODULE,
        "needs": "import a_package_that_is_not_there",
        "syntax": "def build(:",
        "raises": "raise RuntimeError('no licence')",
        "leaves": "import sys; sys.exit(2)",
    }.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("written_models")]:
        del sys.modules[name]


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("name", ["build", "Network"])
def test_a_users_function_or_class_is_found_by_its_import_string(name):
    model = load_model(f"written_models.good:{name}")((4,), 3)
    assert isinstance(model, nn.Module)
    assert model(torch.rand(2, 4)).shape == (2, 3)


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("written_models.good", '`model` must read "package.module:function", but got'),
        ("written_models.good:", '`model` must read "package.module:function", but got'),
        (":build", '`model` must read "package.module:function", but got'),
        ("written_models/good.py:build", '`model` must read "package.module:function", but got'),
        ("a:b:c", '`model` must read "package.module:function", but got'),
        ("", '`model` must read "package.module:function", but got'),
        (
            "absent_models:build",
            "there is no module 'absent_models'. Install it, or put its folder on PYTHONPATH.",
        ),
        ("written_models.absent:build", "there is no module 'written_models.absent'"),
        ("written_models.good.deeper:build", "there is no module 'written_models.good.deeper'"),
        ("written_models.needs:build", "needs the package 'a_package_that_is_not_there'. Install it."),
        ("written_models.syntax:build", "written_models.syntax raised SyntaxError (invalid syntax"),
        (
            "written_models.raises:build",
            "written_models.raises raised RuntimeError (no licence). Mend the file",
        ),
        ("written_models.leaves:build", "written_models.leaves raised SystemExit (2)"),
        ("written_models.good:biuld", "written_models.good has no 'biuld'. Did you mean 'build'?"),
        ("written_models.good:zzz", "has no 'zzz'. Define it there, at the top level."),
        ("written_models.good:number", "must be a function, but it is of type int"),
        ("written_models.good:ready", "it is a model already. Wrap it in a function"),
        (
            "written_models.good:three",
            "must take (input_shape, classes), but it does not: missing a required argument",
        ),
    ],
)
def test_every_way_to_fail_has_its_sentence(reference, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        load_model(reference)
    assert repr(reference) in str(caught.value)
    assert "\n" not in str(caught.value)
