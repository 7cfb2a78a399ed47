"""A walk through the pages of a suite and of a study, at three widths, in light and in dark."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from smoothlab.report.figures import Figure
from smoothlab.report.study import study_page, suite_page

pytestmark = pytest.mark.browser

WIDTHS = (390, 820, 1280)
SUITE = ("penultimate", "calibration", "distillation", "costs")

# Everything that a reader looks at must lie within the page, and text within its own box
CUT_OFF = """
const edge = document.documentElement.clientWidth + 0.5;
const hidden = e => getComputedStyle(e.closest("thead") || e).clipPath !== "none";  // for a screen reader alone
const read = e => !e.closest("svg") && e.checkVisibility() && !hidden(e);
const seen = [...document.querySelectorAll("main *")].filter(read);
const scrolls = e => e.closest(".scroll") && !e.matches(".scroll");
const beyond = box => box.right > edge || box.left < -0.5;
const over = seen.filter(e => !scrolls(e) && beyond(e.getBoundingClientRect()));
const words = "h1,h2,h3,p,summary,label,button,dt,dd,b,figcaption,nav a,td,th,.chip";
const narrow = seen.filter(e => e.matches(words) && !scrolls(e) && getComputedStyle(e).display !== "inline"
  && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 2));
return over.concat(narrow).map(e => e.outerHTML.slice(0, 90))
  .concat(document.documentElement.scrollWidth > edge ? ["the page itself"] : []);
"""
# Words of a figure: inside its picture, and no two on each other
COLLIDING = """
const found = [];
for (const figure of document.querySelectorAll("figure")) {
  const box = figure.querySelector(".plot svg").getBoundingClientRect();
  const texts = [...figure.querySelectorAll(".plot text")]
    .map(t => [t.textContent.trim(), t.getBoundingClientRect()]).filter(([text, r]) => text && r.width && r.height);
  const title = figure.querySelector("h3").textContent;
  for (const [text, r] of texts)
    if (r.left < box.left - 2 || r.right > box.right + 2 || r.top < box.top - 2 || r.bottom > box.bottom + 2)
      found.push(`${title}: ${text} is cut off`);
  texts.forEach(([one, a], i) => texts.slice(i + 1).forEach(([other, b]) => {
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 2 && high > 3) found.push(`${title}: ${one} lies on ${other}`);
  }));
}
return found;
"""
# The parts of a figure, the headings, the entries of a list of contents and the cells of a table: none on another
STACKED = """
const found = [];
const apart = (parts) => parts.forEach((one, i) => parts.slice(i + 1).forEach((other) => {
  const a = one.getBoundingClientRect(), b = other.getBoundingClientRect();
  const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (wide > 1 && high > 1)
    found.push(`${one.outerHTML.slice(0, 60)} lies on ${other.outerHTML.slice(0, 60)}`);
}));
const shown = (root, parts) => [...root.querySelectorAll(parts)].filter(e => e.checkVisibility());
for (const figure of document.querySelectorAll("figure"))
  apart(shown(figure, "h3, .slider, .switch, .plot, figcaption p"));
for (const nav of document.querySelectorAll("nav")) apart(shown(nav, "a"));
for (const row of document.querySelectorAll(".scroll tr")) apart(shown(row, "td, th"));
apart(shown(document, "h1, h2, .lead, .prose, nav, .contents > *"));
return found;
"""
# Keeps what the buttons hand out, and presses all of them: a browser saves only ten files at once
KEEP = """
window.kept = [];
const make = URL.createObjectURL;
let last = null;
URL.createObjectURL = (blob) => { last = blob; return make.call(URL, blob); };
HTMLAnchorElement.prototype.click = function () { window.kept.push([this.download, last]); };
document.querySelectorAll("[data-take]").forEach(button => button.click());
"""
READ = """
const done = arguments[arguments.length - 1];
Promise.all(window.kept.map(async ([name, blob]) => [name, await blob.text()])).then(done);
"""
SLIDERS = """
return [...document.querySelectorAll(".slider")].map(s => [s.querySelector("span").firstChild.textContent.trim(),
  s.querySelector("output").value, s.closest("figure").querySelector("h3").textContent]);
"""


@pytest.fixture(scope="module")
def suite(invented):
    return suite_page("When does label smoothing help, and what does it cost?", invented.answers(*SUITE))


@pytest.fixture(scope="module")
def study(invented):
    return study_page(invented.answers("smoothing")[0])


def settled(browser):
    """Once the figures fit their boxes and no transition runs."""
    fits = """return [...document.querySelectorAll(".plot")].every(
        p => p.querySelector("svg").clientWidth === Math.floor(p.clientWidth))"""
    WebDriverWait(browser, 20).until(lambda b: b.execute_script(fits))


def wrong_with(browser, screen, widths=WIDTHS):
    """What is cut off or lies on something else, by the width at which it does."""
    found = {}
    for width in widths:
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen(width))
        settled(browser)
        found[width] = sorted(
            {each for script in (CUT_OFF, COLLIDING, STACKED) for each in browser.execute_script(script)}
        )
    return {width: each for width, each in found.items() if each}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_of_a_suite_is_cut_off_or_lies_on_anything_else_at_any_width(opened, suite, screen, theme):
    browser = opened(suite, width=WIDTHS[0], theme=theme)
    browser.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert wrong_with(browser, screen) == {}
    assert browser.get_log("browser") == []


def test_nothing_of_a_study_is_cut_off_or_lies_on_anything_else_at_any_width(opened, study, screen):
    browser = opened(study, width=WIDTHS[0])
    assert wrong_with(browser, screen) == {}
    assert browser.get_log("browser") == []


@pytest.mark.parametrize(
    ("style", "seen"),
    [
        ("figcaption p { white-space: nowrap; overflow: hidden }", "<p>"),
        ("nav a { white-space: nowrap; margin-right: -4rem }", "lies on"),
        (".picture { margin-bottom: -3rem }", "lies on"),
        (".plot text { font-size: 30px !important }", "lies on"),
        ("h1 { min-width: 500px }", "<h1"),
    ],
)
def test_this_walk_sees_what_is_cut_off_and_what_lies_on_something_else(opened, study, screen, style, seen):
    browser = opened(study, width=390, edit=lambda html: html.replace("</style>", f"{style}</style>"))
    assert any(seen in each for each in wrong_with(browser, screen, widths=(390,))[390])


def test_sliders_of_one_name_move_together_and_those_of_another_stay(opened, suite):
    browser = opened(suite)
    before = browser.execute_script(SLIDERS)
    assert {name for name, _, _ in before} == {"α =", "T =", "α of a target ="}
    first = browser.find_element("css selector", "figure input[type=range]")
    first.send_keys(Keys.ARROW_RIGHT)  # the plane's alpha, from 0.1 to 0.2
    after = browser.execute_script(SLIDERS)
    moved = {title for (_, was, title), (_, now, _) in zip(before, after, strict=True) if was != now}
    assert {now for name, now, title in after if name == "α =" and title in moved} == {"0.2"}
    assert {"Three classes, dense", "Hard against smoothed, dense"} <= moved  # clusters and reliability
    assert all(name == "α =" for name, _, title in after if title in moved)
    # a slider without that stop, as the teachers', which go from 0.1 to 0.3, stays where it is
    assert ["α =", "0.1", "Students over the effective smoothing of what they learn from"] in after
    assert browser.get_log("browser") == []


def test_a_temperature_moves_reliability_softmax_and_students(opened, suite):
    browser = opened(suite)
    slider = next(
        figure.find_element("css selector", "input[type=range]")
        for figure in browser.find_elements("css selector", "figure")
        if figure.find_element("css selector", "h3").text == "Does a smoothed teacher need T = 1?"
    )
    slider.send_keys(Keys.ARROW_RIGHT)  # from 1 to 2
    at = {title: now for name, now, title in browser.execute_script(SLIDERS) if name == "T ="}
    assert len(at) > 5
    assert set(at.values()) == {"2"}
    legend = """return [...document.querySelectorAll("figure")].find(f => f.querySelector("h3").textContent ===
        "Hard, divided by T, dense").querySelector(".legend").textContent"""
    WebDriverWait(browser, 10).until(lambda b: "hard, T = 2, ECE" in b.execute_script(legend))


def test_every_figure_hands_out_its_data_and_its_picture(opened, study):
    browser = opened(study, theme="dark")
    browser.execute_script(KEEP)
    figures = len(browser.find_elements("css selector", "figure"))
    assert figures == sum(isinstance(part, Figure) for section in study.sections for part in section.contents)
    WebDriverWait(browser, 60).until(lambda b: b.execute_script("return window.kept.length") == 2 * figures)
    kept = browser.execute_async_script(READ)
    data, pictures = ([text for name, text in kept if name.endswith(ending)] for ending in (".json", ".svg"))
    assert len(data) == len(pictures) == figures
    assert len({name for name, _ in kept}) == 2 * figures  # none is saved over another
    assert all(json.loads(text)["traces"] for text in data)
    for text in pictures:
        root = ElementTree.fromstring(text)  # noqa: S314 - our own browser wrote it
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(--" not in text
        assert "rgb(233, 231, 226)" not in text  # the dark ink: a picture is for white paper


def test_the_korean_text_opens_and_is_marked_as_korean(opened, suite):
    browser = opened(suite)
    opening = browser.find_element("css selector", "details[lang=ko] summary")
    visible = "return document.querySelector('details[lang=ko] p').checkVisibility()"
    assert not browser.execute_script(visible)
    browser.execute_script("arguments[0].click()", opening)
    assert browser.execute_script(visible)
    text = browser.find_element("css selector", "details[lang=ko] p").text
    assert sum("가" <= letter <= "힣" for letter in text) > 50


def test_every_link_of_the_contents_leads_to_its_section_and_a_part_lists_its_own(opened, suite):
    browser = opened(suite)
    links = """return [...document.querySelectorAll("nav a")].map(
        a => [a.textContent, document.querySelector(a.getAttribute("href"))?.querySelector("h2").textContent])"""
    found = browser.execute_script(links)
    assert len(suite.sections) >= 20
    assert [title for title, _ in found] == [title for _, title in found]
    assert {section.title for section in suite.sections} == {title for title, _ in found}
    top = "return document.querySelectorAll('main > nav a').length"
    assert browser.execute_script(top) == 2 + len(SUITE)  # the claims, each study, the ideas
