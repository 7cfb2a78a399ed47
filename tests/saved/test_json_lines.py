import json
import re

import numpy as np
import pytest

from smoothlab.saved import json_lines, open_saved, text

ROWS = [f'{{"logits": [{k}.5, 1.0, -2], "label": {k % 3}}}' for k in range(40)]


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch):
    """Files of many stretches need not be long."""
    monkeypatch.setattr(json_lines, "_AT_ONCE", 7)


@pytest.fixture
def file(tmp_path):
    def write(content):
        (tmp_path / "a.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / "a.jsonl"

    return write


def refusal(path, **declared):
    with pytest.raises(ValueError, match=re.escape(f"{path}: ")) as caught:
        open_saved(path, **declared).predictions()
    return str(caught.value)


def with_line(row, new):
    return "\n".join([*ROWS[:row], new, *ROWS[row + 1 :]])


@pytest.mark.parametrize(
    ("ends", "mark"), [("\n", b""), ("\r\n", b""), ("\n", b"\xef\xbb\xbf"), ("\n\n \n", b"")]
)
def test_lines_may_end_as_they_do_anywhere(file, ends, mark):
    said = open_saved(file(mark + ends.join(ROWS).encode())).predictions()
    assert said.logits.tolist() == [[k + 0.5, 1, -2] for k in range(40)]
    assert said.labels.tolist() == [k % 3 for k in range(40)]


def test_numbers_are_read_as_pythons_json_writes_them(file):
    values = [-1e-310, 0.1, 2**53, -np.inf, 123456789.123456789]
    said = open_saved(file(json.dumps({"logits": values, "label": 1, "note": {"true": None}}))).predictions()
    assert said.logits.tolist() == [values]


def test_truth_may_be_true_or_false(file):
    said = open_saved(
        file('{"logit": 0.5, "label": true}\n{"logit": 1, "label": false}'), task="binary"
    ).predictions()
    assert said.labels.tolist() == [1, 0]


LISTS = "Every cell of 'logits' must be a list of numbers, but row 30 has"
OBJECT = "Every line must be one JSON object, but row 30 is"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            '{"logits": [1, 2, 3], "label": "1"}',
            "Every cell of 'label' must be a number, but row 30 has '1'. Drop",
        ),
        (
            '{"logits": [1, 2, 3], "label": true}',
            "Every cell of 'label' must be a number, but row 30 has 'true'.",
        ),
        (
            '{"logits": [1, 2, 3], "label": null}',
            "Every cell of 'label' must be a number, but row 30 has 'null'.",
        ),
        ('{"logits": [1, 2, "3"], "label": 1}', f"{LISTS} '[1.0, 2.0, \"3\"]'."),
        ('{"logits": [1, 2, true], "label": 1}', f"{LISTS} '[1.0, 2.0, true]'."),
        ('{"logits": [1, 2, null], "label": 1}', f"{LISTS} '[1.0, 2.0, null]'."),
        ('{"logits": [[1, 2, 3]], "label": 1}', f"{LISTS} '[[1.0, 2.0, 3.0]]'."),
        ('{"logits": "", "label": 1}', f"{LISTS} ''."),
        ('{"logits": {}, "label": 1}', f"{LISTS} '{{}}'."),
        ('{"logits": null, "label": 1}', f"{LISTS} 'null'."),
        ('{"logits": 1.5, "label": 1}', f"{LISTS} '1.5'."),
        (
            '{"logits": [1, 2, 3]}',
            "Every row must have 'label', as row 0, but row 30 has 'logits'. Fill it in.",
        ),
        (
            '{"logits": [1, 2, 3], "label": 1, "label": 2}',
            f"{OBJECT} not ('label' stands twice in it). Write it again",
        ),
        ('{"logits": [1, 2, NaN], "label": 1}', "but row 30 has nan. Leave such rows out"),
        ('{"logits": [1, 2, 1e999], "label": 1}', "but row 30 has inf. Leave such rows out"),
        ('{"logits": [1, 2, 3], "label": 1' + "0" * 5000 + "}", "but row 30 has inf. "),
        ('{"logits": [1, 2, 3], "label": 1', f"{OBJECT} not (Expecting ',' delimiter"),
        ('{"logits": [1, 2, 3],\n"label": 1}', f"{OBJECT} not ("),
        (f"{ROWS[0]}{ROWS[1]}", f"{OBJECT} not (Extra data"),
        (
            "null",
            f'{OBJECT} a NoneType. Write {{"logits": [...], "label": ...}}.',
        ),  # Arrow's parser dies of it
        ("[1, 2, 3]", f"{OBJECT} a list."),
        ("[" * 100_000, f"{OBJECT} not ("),
        (
            '{"logits": [1, 2, 3, 4], "label": 1}',
            "Every row must have 3 outputs, as the first, but row 30 has 4.",
        ),
        ('{"logits": [], "label": 1}', "Every row must have 3 outputs, as the first, but row 30 has 0."),
    ],
)
def test_the_line_that_is_wrong_is_named(file, line, sentence):
    assert sentence in refusal(file(with_line(30, line)))


def test_a_name_may_stand_twice_where_it_is_not_asked_for(file):
    line = '{"logits": [1, 2, 3], "label": 1, "text": "a", "text": "b"}'
    assert len(open_saved(file(with_line(30, line))).predictions()) == 40


def test_what_is_not_utf_8_is_named_with_its_row(file):
    said = refusal(file(with_line(30, '{"logits": "\xff"}').encode("latin-1")))
    assert (
        "must be a whole JSON Lines file in UTF-8, but it cannot be read from row 30 on ('utf-8' codec can't"
        in said
    )


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_without_an_object_is_empty(file, content):
    assert "It must hold at least one row, but it is empty." in refusal(file(content))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            '{"logits": "1 2", "label": 1}',
            "must be a number or a list of numbers, but row 0 has '1 2'. Write them so",
        ),
        ('{"logits": [], "label": 1}', "must be a number or a list of numbers, but row 0 has '[]'."),
        (
            '{"logits": [1, 2], "label": null}',
            "'label' must be a number or a list of numbers, but row 0 has 'null'.",
        ),
        (
            '{"logits": ' + "[" * 900 + "]" * 900 + ', "label": 1}',
            "must be a number or a list of numbers, but row 0",
        ),
        ('{"logits": [1, {}], "label": 1}', "must be a list of numbers, but row 0 has '[1.0, {}]'."),
        ('"logits"', "Every line must be one JSON object, but row 0 is a str."),
        ('{"logits": [1, 2]}', "must have a column 'label', 'labels' or 'label_0', but it has 'logits'."),
    ],
)
def test_a_file_that_begins_wrong_gets_one_sentence(file, content, sentence):
    assert sentence in refusal(file(content))


def test_a_line_without_an_end_is_refused(file, monkeypatch):
    monkeypatch.setattr(text, "LONGEST", 1000)
    path = file("\n".join([*ROWS[:9], " " * 2000 + "{}"]))
    assert "cannot be read from row 9 on (a line is longer than 1,000 bytes). Write it again" in refusal(path)
