import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser

import pytest

from smoothlab.lab.claims import Outcome, Verdict
from smoothlab.measures.estimate import Estimate
from smoothlab.report import Card, Claims, Figure, Number, Page, Section, Table, page, render, write


class Document(HTMLParser):
    """What a browser makes of the page: its tags with their attributes, its scripts, its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.scripts, self.words, self.in_script = [], [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
            self.in_script = True

    def handle_endtag(self, tag):
        self.in_script = self.in_script and tag != "script"

    def handle_data(self, data):
        if self.in_script:
            self.scripts[-1] += data
        else:
            self.words.append(data)

    def attributes(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def html(make_page):
    return render(make_page())


@pytest.fixture(scope="module")
def document(html):
    return Document(html)


def test_the_verdict_comes_first_then_the_claims_then_the_figures(html):
    card, claims, figure = (html.index(mark) for mark in ('class="card"', 'class="claims"', "<figure"))
    assert card < claims < figure


def test_every_outcome_is_said_in_words_and_drawn_as_a_sign(html):
    chips = re.findall(r'<span class="chip ([\w-]+)"><svg.*?<path d="([^"]+)"/></svg>([A-Z ]+)</span>', html)
    assert {word for _, _, word in chips} == {str(outcome) for outcome in Outcome}
    assert len({sign for _, sign, _ in chips}) == len(Outcome)
    assert len({kind for kind, _, _ in chips}) == len(Outcome)


def test_a_claim_shows_its_effect_with_interval_level_n_p_rule_and_note(document):
    text = document.text
    for part in (
        "S7",
        "Smoothing calibrates as well as temperature scaling.",
        "Müller et al. 2019, table 3",
        "0.0192 [0.0171, 0.0213]",
        "ECE(smoothed) − ECE(hard, T), test; 90 % interval, n = 10",
        "< 0.001",
        "Two one-sided tests: within ±0.01.",
        "The hard networks are overconfident by 0.079, so the claim does not speak of them.",
    ):
        assert part in text


def test_a_claim_without_evidence_yet_is_shown_with_dashes():
    nothing = Estimate(math.nan, -math.inf, math.inf, 0)
    verdict = Verdict("S1", "It holds.", "here", Outcome.UNDECIDED, "effect", nothing, None, "rule", "")
    text = Document(render(Page("", "", Card(""), (Section("", (), (Claims((verdict,)),)),)))).text
    assert "– [−∞, ∞]" in text
    assert "n = 0" in text


def test_the_tally_counts_every_claim_once(make_page):
    (claims,) = make_page().sections[0].contents
    assert claims.tally == dict.fromkeys(Outcome, 1)


def test_no_string_of_a_user_becomes_a_tag(make_page, hostile):
    plain, harmful = Document(render(make_page())), Document(render(make_page(hostile)))
    assert [tag for tag, _ in harmful.tags] == [tag for tag, _ in plain.tags]
    for attributes in (attributes for _, attributes in harmful.tags):
        assert not any(name.startswith("on") for name in attributes)


def test_every_part_escapes_what_it_is_given():
    x = "<i>x</i>"
    verdict = Verdict(x, x, x, Outcome.PASS, x, Estimate(0.0, -1.0, 1.0, 3), 0.5, x, x)
    parts = (Claims((verdict,)), Table((x,), ((x,),), x), Figure(x, (x,), (), {}))
    sections = tuple(Section(x, (x,), (part,)) for part in parts)
    html = render(Page(x, x, Card(x, (x,), (Number(x, x, x),)), sections, ((x, x),)))
    assert "<i>" not in html


def test_the_page_refers_to_nothing_outside_of_itself(document):
    for _, attributes in document.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
    assert "@import" not in (style := page._text("page.css"))
    assert "url(" not in style


def test_the_policy_lets_run_the_two_scripts_of_the_page_and_no_other(document):
    (policy,) = [tag["content"] for tag in document.attributes("meta") if "http-equiv" in tag]
    programs = [
        script
        for script, attributes in zip(document.scripts, document.attributes("script"), strict=True)
        if attributes.get("type") != "application/json"
    ]
    digests = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in programs}
    assert len(digests) == 2
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == digests
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_a_page_without_figures_carries_no_script():
    document = Document(render(Page("Plain", "", Card("No figure."))))
    assert document.scripts == []
    assert len(render(Page("Plain", "", Card("No figure.")))) < 30_000


def test_figures_are_strict_json_that_gives_back_the_data(make_page, hostile, document):
    def refuse(word):
        raise AssertionError(word)  # NaN and Infinity are no JSON

    scripts = Document(render(make_page(hostile))).scripts
    figures = [part for section in make_page(hostile).sections for part in section.contents]
    figures = [part for part in figures if isinstance(part, Figure)]
    read = [json.loads(script, parse_constant=refuse) for script in scripts[: len(figures)]]
    for figure, data in zip(figures, read, strict=True):
        assert data["traces"] == json.loads(json.dumps(figure.traces))
        assert data["title"] == figure.title


def test_the_data_adds_little_to_the_program_that_draws_it(html):
    assert len(html) - len(page._plotly()) < 200_000


def test_columns_are_chosen_so_that_no_figure_stands_alone():
    figure = Figure("", (), (), {})

    def pairs(number):
        return page._in_pairs(Section("", (), (figure,) * number))

    assert [number for number in range(1, 10) if pairs(number)] == [1, 2, 4, 7]


def test_a_table_row_has_a_cell_for_every_column():
    with pytest.raises(ValueError, match="`columns` has 2, `row` has 1"):
        Table(("a", "b"), (("1",),), "A caption.")


def test_a_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = write(Page("Old", "", Card("Old.")), tmp_path / "new folder" / "report.html")
    old = path.read_text("utf-8")
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write(Page("New", "", Card("New.")), path)
    assert path.read_text("utf-8") == old
    assert list(path.parent.iterdir()) == [path]


def test_a_part_lists_its_sections_and_the_page_its_parts():
    sections = (
        Section("Claims"),
        Section("One", opens=True),
        Section("A"),
        Section("B"),
        Section("Two", opens=True),
    )
    whole = Page("A page", "", Card(""), sections)
    first, one, two = page.outline(sections)
    assert [(each.number, each.section.title) for each in (first, one, two)] == [
        (1, "Claims"),
        (2, "One"),
        (5, "Two"),
    ]
    assert [(each.number, each.section.title) for each in one.under] == [(3, "A"), (4, "B")]
    text = render(whole)
    for number, section in enumerate(sections, 1):
        assert text.count(f'id="section-{number}"') == 1
        assert text.count(f'<a href="#section-{number}">{section.title}</a>') == 1


def test_a_folded_table_is_closed_behind_its_caption():
    def html(folded):
        table = Table(("a",), (("1",),), "The caption.", folded=folded)
        return render(Page("A page", "", Card(""), (Section("Numbers", contents=(table,)),)))

    assert "<summary>The caption.</summary>" in html(True)
    assert "<caption>" not in html(True)
    assert "<caption>The caption.</caption>" in html(False)
    assert "<details" not in html(False)
