import csv
import json
import re

import numpy as np
import pytest

from smoothlab.saved import comma_separated, open_saved

WIDE = "logit_0,logit_1,label\n" + "".join(f"{k}.5,1.0,{k % 2}\n" for k in range(800))
LISTS = 'text,logits,label\n"a ""b"",\nc","[0.5, -1e3]",1\nd,"[1, -Infinity]",0\n'


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch):
    """Files of many stretches need not be long."""
    monkeypatch.setattr(comma_separated, "_AT_ONCE", 1000)


@pytest.fixture
def file(tmp_path):
    def write(content):
        (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / "a.csv"

    return write


def refusal(path, **declared):
    with pytest.raises(ValueError, match=re.escape(f"{path}: ")) as caught:
        open_saved(path, **declared).predictions()
    return str(caught.value)


@pytest.mark.parametrize(
    ("ends", "mark"), [("\n", b""), ("\r\n", b""), ("\n", b"\xef\xbb\xbf"), ("\n\n", b"")]
)
def test_lines_may_end_as_they_do_anywhere(file, ends, mark):
    for content in (LISTS, WIDE):
        want = open_saved(file(content)).predictions()
        got = open_saved(file(mark + content.replace("\n", ends).encode())).predictions()
        assert np.array_equal(got.logits, want.logits)
        assert np.array_equal(got.labels, want.labels)


def test_the_end_of_the_last_line_may_be_missing(file):
    assert len(open_saved(file(LISTS.rstrip())).predictions()) == 2


def test_a_list_in_a_cell_is_json(file):
    said = open_saved(file(LISTS)).predictions()
    assert said.logits.tolist() == [[0.5, -1000], [1, -np.inf]]
    assert said.labels.tolist() == [1, 0]


def test_a_line_may_be_longer_than_what_is_parsed_together(file):
    logits = np.random.default_rng(0).normal(size=(5, 500)).tolist()
    path = file("logits,label\n" + "".join(f'"{json.dumps(row)}",7\n' for row in logits))
    assert open_saved(path).predictions().logits.tolist() == logits


def test_a_cell_may_go_over_lines_wherever_a_stretch_ends(file):
    path = file("text,logit,label\n" + "".join(f'"a\n\nb,""{k}""\n",{k}.5,1\n' for k in range(500)))
    assert open_saved(path, task="binary").predictions().logits[:, 1].tolist() == [
        k + 0.5 for k in range(500)
    ]


def test_a_list_may_be_longer_than_a_cell_of_pythons_csv(file):
    before = csv.field_size_limit(5000)
    row = np.random.default_rng(0).normal(size=20_000).tolist()
    assert open_saved(file(f'logits,label\n"{json.dumps(row)}",0\n')).classes == 20_000
    assert csv.field_size_limit(before) == 5000


def with_line(row, new):
    lines = WIDE.split("\n")
    return "\n".join([*lines[: row + 1], new, *lines[row + 2 :]])


NUMBER = "Every cell of 'logit_0' must be a number, but row 700 has"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("cat,1.0,0", f"{NUMBER} 'cat'. Drop such rows, or write them like the others."),
        ("1_000,1.0,0", "(In CSV column #0"),  # Python would read it, so only Arrow's words are left
        ("'0.5',1.0,0", f"{NUMBER} \"'0.5'\"."),
        (f"{'9' * 60}x,1.0,0", f"{NUMBER} '{'9' * 39}...."),
        (",1.0,0", "No cell of 'logit_0' may be null, but row 700 is."),
        ("nan,1.0,0", "but row 700 has nan. Leave such rows out"),
        (
            "0.5,1.0",
            "A row must have 3 cells, as the header, but row 700 has 2. A list in a cell needs quotes",
        ),
        ("0.5,1.0,0,7", "A row must have 3 cells, as the header, but row 700 has 4."),
        ("0.5,1.0,0.5", "A label must be a whole number, but row 700 has 0.5."),
        ("0.5,1.0,2", "A label must lie in 0 to 1, the classes there are, but row 700 has 2."),
        ("0.5,1.0,True", "Every cell of 'label' must be a number, but row 700 has 'True'."),
    ],
)
def test_the_row_that_is_wrong_is_named(file, line, sentence):
    assert sentence in refusal(file(with_line(700, line)))


def test_a_quote_without_an_end_is_found_where_it_begins(file):
    said = refusal(file(with_line(700, '0.5,1.0,"0')))
    assert "Every cell of 'label' must be a number, but row 700 has '0\\n701.5,1.0,1" in said


@pytest.mark.parametrize(
    "cell", ["", "[1, 2", "[1 2]", "[1, null]", "[1, true]", '[1, ""2""]', "{}", "[[1, 2]]", "1.5"]
)
def test_a_cell_that_is_no_list_is_named(file, cell):
    said = refusal(file(LISTS + f'e,"{cell}",0\n'))
    shown = repr(cell.replace('""', '"'))
    assert f"Every cell of 'logits' must be a list of numbers, but row 2 has {shown}. Drop such rows" in said


def test_what_is_not_utf_8_is_named_with_its_row(file):
    said = refusal(file(with_line(700, "1\xff,1,0").encode("latin-1")))
    assert (
        "It must be CSV in UTF-8, but row 700 is not ('utf-8' codec can't decode byte 0xff in position 1"
        in said
    )


@pytest.mark.parametrize("content", ["", "\n\n", "logits,label\n", "logits,label"])
def test_a_file_without_rows_is_empty(file, content):
    assert "It must hold a header and at least one row, but it is empty." in refusal(file(content))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"\x93NUMPY\x01\x00v\x00\xff\xff",
            "It must be a whole CSV file in UTF-8, but it cannot be read ('utf-8' codec",
        ),
        (
            "logits,label\n[0.5 1.5],1\n",
            "A list in 'logits' must be JSON, but row 0 has none (Expecting ',' delimiter",
        ),
        (
            'logits,label\n"[[[[1]]]]",1\n',
            "Every cell of 'logits' must be a number or a list of numbers, but row 0 has",
        ),
        (
            'logits,label\n"' + "[" * 100_000 + '",1\n',
            "A list in 'logits' must be JSON, but row 0 has none (",
        ),
        ('logits,label\n"[1, 2]\n', "A row must have 2 cells, as the header, but row 0 has 1."),
        ("logits,label\n" + "1" * 2**14, "A row must have 2 cells, as the header, but row 0 has 1."),
        ("logits,label\n" + "1" * 2**14 + ",1\n", "row 0 has outputs that are numbers"),
        ("logits;label\n1;1\n", "but it has 'logits;label'. Name yours with `logits`."),
    ],
)
def test_a_file_that_begins_wrong_gets_one_sentence(file, content, sentence):
    assert sentence in refusal(file(content))
