"""The page as a reader meets it, in headless Chromium, opened from a file with the network in reach."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from smoothlab import measures
from smoothlab.report import Card, Page, ReliabilitySeries, Section, draw_reliability

pytestmark = pytest.mark.browser

# Where the examples of the smoothed column stand on the screen (the second pair of axes), and of the hard one
POINTS = """
return [...document.querySelectorAll("figure.wide .subplot.%s .point")].map(p => p.getAttribute("transform"))
"""
OVERFLOWING = """
const box = document.documentElement;
const inScroll = element => element.closest(".scroll") && !element.matches(".scroll");
return [...document.querySelectorAll("main *")]
  .filter(e => !inScroll(e) && !e.closest("svg") && e.getBoundingClientRect().right > box.clientWidth + 0.5)
  .map(e => e.outerHTML.slice(0, 80)).concat(box.scrollWidth > box.clientWidth ? ["the page itself"] : []);
"""


UNFITTING = """
return [...document.querySelectorAll(".plot")]
  .filter(p => p.querySelector("svg").clientWidth !== Math.floor(p.clientWidth)).length
"""


def until(browser, script, accept):
    """The script's answer, as soon as it is accepted."""
    WebDriverWait(browser, 10).until(lambda b: accept(b.execute_script(script)))
    return browser.execute_script(script)


def press(browser, selector, key):
    browser.find_element("css selector", selector).send_keys(key)


def test_the_page_draws_its_figures_in_silence_and_asks_nothing_of_the_network(opened, make_page, requested):
    browser = opened(make_page())
    empty = "return [...document.querySelectorAll('.plot')].filter(p => !p.querySelector('.trace')).length"
    assert browser.execute_script(empty) == 0
    assert browser.get_log("browser") == []
    addresses = requested(browser)
    assert addresses[0].startswith("file://")
    assert [address for address in addresses[1:] if not address.startswith(("data:", "blob:"))] == []


def test_a_figure_that_cannot_be_drawn_says_so_and_leaves_the_others_alone(opened, make_page):
    browser = opened(make_page(), edit=lambda html: html.replace('"traces":[', '"traces":[broken', 1))
    plots = [plot.text for plot in browser.find_elements("css selector", ".plot")]
    assert plots[0] == "This figure could not be drawn."
    assert all("confidence" in plot or "α" in plot for plot in plots[1:])
    assert "SyntaxError" in browser.get_log("browser")[0]["message"]


def test_the_slider_moves_the_smoothed_column_and_leaves_the_hard_one(opened, make_page):
    browser = opened(make_page())
    smoothed, hard = (browser.execute_script(POINTS % axes) for axes in ("x2y2", "xy"))
    assert len(smoothed) == 240 + 4  # the examples, and the triangle's corners
    press(browser, "figure.wide input[type=range]", Keys.ARROW_RIGHT)
    examples = slice(0, 240)  # two of the corners are the origin, which stays where it is
    until(
        browser,
        POINTS % "x2y2",
        lambda now: all(a != b for a, b in zip(now[examples], smoothed[examples], strict=True)),
    )
    assert browser.execute_script(POINTS % "xy") == hard
    heading = "return document.querySelector('figure.wide .plot').textContent"
    until(browser, heading, lambda text: "smoothed, α = 0.2" in text)
    said = "return document.querySelector('figure.wide input[type=range]').getAttribute('aria-valuetext')"
    assert browser.execute_script(said) == "α = 0.2"
    assert browser.find_element("css selector", "figure.wide output").text == "0.2"
    press(browser, "figure.wide input[type=range]", Keys.ARROW_LEFT)
    until(browser, POINTS % "x2y2", lambda now: now == smoothed)  # back where it was, without a trace
    assert browser.get_log("browser") == []


def test_the_switch_draws_both_columns_at_one_scale(opened, make_page):
    browser = opened(make_page())
    spans = """const l = document.querySelector("figure.wide .plot")._fullLayout;
               return [l.xaxis, l.yaxis, l.xaxis2, l.yaxis2].map(a => (a.range[1] - a.range[0]) / a._length)"""
    hard_x, hard_y, smoothed_x, smoothed_y = browser.execute_script(spans)
    # the ends of the axes are rounded to four digits
    assert (hard_x, smoothed_x) == pytest.approx((hard_y, smoothed_y), rel=5e-3)
    assert hard_x > 2 * smoothed_x
    press(browser, "figure.wide input[type=checkbox]", Keys.SPACE)
    until(browser, spans, lambda now: now == pytest.approx([hard_x] * 4, rel=5e-3))


def test_names_with_html_in_them_are_shown_letter_by_letter(opened, make_page, hostile, requested):
    browser = opened(make_page(hostile))
    legend = "return [...document.querySelectorAll('figure.wide .legendtext')].map(t => t.textContent)"
    assert browser.execute_script(legend)[:3] == list(hostile)
    assert "owned" not in browser.title
    assert browser.execute_script("return document.querySelectorAll('main img, main b b, svg a').length") == 0
    assert browser.get_log("browser") == []
    assert not [address for address in requested(browser) if address.startswith("http")]


def test_a_script_that_the_page_did_not_come_with_does_not_run(opened, make_page):
    browser = opened(make_page())
    browser.execute_script("""
        const script = document.createElement("script");
        script.textContent = "document.title = 'owned'";
        document.body.append(script);
        document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=\\"document.title='owned'\\">");
    """)
    until(browser, "return document.images.length", lambda number: number == 1)
    assert "owned" not in browser.title
    assert "Content Security Policy" in " ".join(entry["message"] for entry in browser.get_log("browser"))


def test_dark_and_light_restyle_the_page_and_every_figure(opened, make_page):
    browser = opened(make_page(), theme="light")
    colours = """
        const ink = [...document.querySelectorAll(".plot")].map(p => getComputedStyle(p.querySelector("text")).fill);
        const line = [...document.querySelectorAll(".plot")].map(p => p._fullData.find(t => t.line || t.marker))
                     .map(t => (t.line || t.marker).color);
        return [getComputedStyle(document.body).backgroundColor, ...ink, ...line];"""
    light = browser.execute_script(colours)
    assert not [colour for colour in light if "var(" in str(colour)]
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    until(browser, colours, lambda now: all(a != b for a, b in zip(now, light, strict=True)))


def test_nothing_reaches_over_the_edge_of_the_screen_however_wide_it_is_or_becomes(
    opened, make_page, hostile, screen
):
    browser = opened(make_page(hostile), width=320)
    assert browser.execute_script(OVERFLOWING) == []
    for width in (1280, 768, 390):
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen(width))
        until(browser, "return document.documentElement.clientWidth", lambda now, width=width: now == width)
        until(browser, OVERFLOWING, lambda over: over == [])
        until(browser, UNFITTING, lambda number: number == 0)


def test_on_a_phone_a_claim_is_a_card_with_named_parts_and_a_wide_table_scrolls_in_its_box(opened, make_page):
    browser = opened(make_page(), width=390)
    named = "return getComputedStyle(document.querySelector('.claims td'), '::before').content"
    assert browser.execute_script(named) == '"Outcome"'
    scrolls = "const s = document.querySelector('.scroll'); return s.scrollWidth > s.clientWidth"
    assert browser.execute_script(scrolls)


def test_a_figure_hands_out_its_data_and_a_picture_in_light_colours(opened, make_page, tmp_path):
    page = make_page()
    browser = opened(page, theme="dark")
    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path / "downloads")}
    )
    for what in ("data", "svg"):
        browser.execute_script(f"document.querySelector('figure.wide [data-take={what}]').click()")
    name = "smoothed-classes-gather-in-tight-clusters-around-a-regular-t"
    data, picture = (tmp_path / "downloads" / f"{name}.{kind}" for kind in ("json", "svg"))
    WebDriverWait(browser, 10).until(lambda _: data.exists() and picture.exists())
    (figure,) = page.sections[2].contents
    assert json.loads(data.read_text("utf-8"))["traces"] == json.loads(json.dumps(figure.traces))
    root = ElementTree.fromstring(picture.read_text("utf-8"))  # noqa: S314 - our own browser wrote it
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    text = picture.read_text("utf-8")
    assert "Smoothed classes gather" in text
    assert "rgb(29, 33, 38)" in text  # the ink of the light theme
    assert browser.get_log("browser") == []


def test_the_switch_spreads_a_reliability_diagram_over_log_odds_and_takes_it_back(opened):
    random = np.random.default_rng(0)
    claimed = 1 / (1 + np.exp(-random.uniform(0, 15, 3000)))
    right = random.random(3000) < claimed
    logits = np.log(np.stack([claimed, 1 - claimed], 1))
    series = ReliabilitySeries(
        "sure",
        measures.reliability(logits, np.where(right, 0, 1), resamples=10),
        log_odds=measures.log_odds_reliability(claimed, right, resamples=10),
    )
    figure = draw_reliability([series], title="A sure net.")
    browser = opened(Page("A page", "", Card(""), (Section("A section", contents=(figure,)),)))
    ticks = "return [...document.querySelectorAll('.xtick text')].map(t => t.textContent)"
    usual = browser.execute_script(ticks)
    assert usual == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    press(browser, "input[type=checkbox]", Keys.SPACE)
    until(browser, ticks, lambda now: "0.9999" in now)
    signs = "return document.querySelectorAll('.trace.scatter .point').length"
    assert browser.execute_script(signs) == int((series.log_odds.count > 0).sum())
    press(browser, "input[type=checkbox]", Keys.SPACE)
    until(browser, ticks, lambda now: now == usual)
    assert browser.get_log("browser") == []
