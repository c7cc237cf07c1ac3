"""The report in a real browser: what a reader does with it."""

import re

import numpy as np
import pytest
from sklearn.utils import Bunch

from ctmri_detect import AtlasDetector, MapScoring, Pairs, ThresholdDetector
from ctmri_detect.evaluation import benchmark
from ctmri_detect.preprocessing import CT_WINDOWS
from ctmri_detect.reports import write_report

OFTEN = MapScoring(false_positive_rate=0.2)
PHONE = {"width": 390, "height": 844}
KINDS = ["calcification", "contradiction", "infarct_subacute", "subdural_isodense"]
PIECES = """table => {
  const found = [];
  const nodes = document.createTreeWalker(table.tHead, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (nodes.nextNode()) {
    for (const word of nodes.currentNode.data.matchAll(/\\S+/g)) {
      range.setStart(nodes.currentNode, word.index);
      range.setEnd(nodes.currentNode, word.index + word[0].length);
      if (range.getClientRects().length > 1) found.push(word[0]);
    }
  }
  return found;
}"""  # words of the headings that stand on more than one line


@pytest.fixture(scope="module")
def address(same_data, tmp_path_factory):
    """A page of two detectors and four kinds, in HU."""
    data = Bunch(**same_data)
    kinds = [KINDS[i // 4 % 4] for i in range(len(data.target))]
    data.frame = data.frame.assign(kind=np.where(data.target == 1, "normal", kinds))
    data.data = Pairs(40 + 10 * data.data, groups=data.groups, ct_units="hu")
    detectors = {
        "atlas": AtlasDetector(map_scoring=OFTEN),
        "a_threshold_with_a_long_name": ThresholdDetector(map_scoring=OFTEN),
    }
    result = benchmark(detectors, data, progress=False, n_examples=3)
    return write_report(result, data, tmp_path_factory.mktemp("page") / "report.html").as_uri()


@pytest.fixture
def opened(browser, address):
    """Opens the page; the test fails where it asks for anything but itself, or complains."""
    contexts, trouble = [], []

    def asked(request):
        if request.url != address and not request.url.startswith("data:"):
            trouble.append(request.url)

    def open_page(**options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", asked)
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def column(page, number):
    """The texts of a column of the leaderboard."""
    return page.locator(f"table >> nth=0 >> tbody tr > :nth-child({number})").all_inner_texts()


def test_the_slider_fades_the_heat_map(opened):
    page = opened()
    heat = page.locator(".heat").first
    opacity = "image => getComputedStyle(image).opacity"
    assert heat.evaluate(opacity) == "0.8"
    slider = page.get_by_label("Heat map")
    slider.focus()
    page.keyboard.press("Home")
    assert heat.evaluate(opacity) == "0"
    page.keyboard.press("ArrowRight")
    assert heat.evaluate(opacity) == "0.05"
    assert slider.get_attribute("aria-valuetext") == "5 percent"


def test_the_window_of_the_ct_changes_also_under_the_map(opened):
    page = opened()
    example = page.locator(".example").first
    images = example.locator("img.ct")
    assert images.count() == 2
    before = [images.nth(i).get_attribute("src") for i in range(2)]
    page.get_by_label("bone").check()
    after = [images.nth(i).get_attribute("src") for i in range(2)]
    assert before[0] == before[1] != after[0] == after[1]
    page.get_by_label("brain").check()
    assert images.nth(1).get_attribute("src") == before[1]


@pytest.mark.parametrize("name", ["brain", "subdural", "bone"])
def test_windows_are_those_of_the_preprocessing(opened, name):
    level, width = CT_WINDOWS[name]
    label = opened().locator(f"label:has([name=window][value={name}])")
    ends = f"{level - width / 2:g} to {level + width / 2:g}"
    assert label.inner_text().split() == [name, *ends.split()]


def test_the_outline_of_the_lesion_can_be_hidden(opened):
    page = opened()
    outline = page.locator(".truth").first
    assert outline.is_visible()
    page.get_by_label("True lesion outlined").uncheck()
    assert not outline.is_visible()


@pytest.mark.parametrize("press", ["click", "keyboard"])
def test_tables_sort_by_any_column(opened, press):
    page = opened()
    head = page.locator("table").first.locator("thead th")
    assert head.nth(1).get_attribute("aria-sort") == "descending"

    def sort_by(number):
        button = head.nth(number).locator("button")
        if press == "click":
            button.click()
        else:
            button.focus()
            page.keyboard.press("Enter")

    sort_by(0)
    names = column(page, 1)
    assert names == sorted(names)
    assert head.nth(0).get_attribute("aria-sort") == "ascending"
    assert head.nth(1).get_attribute("aria-sort") is None
    sort_by(0)
    assert column(page, 1) == names[::-1]
    for number in range(1, head.count()):
        sort_by(number)
        order = head.nth(number).get_attribute("aria-sort")
        cells = page.locator(f"table >> nth=0 >> tbody td:nth-child({number + 1})")
        values = cells.evaluate_all("cells => cells.map((cell) => +cell.dataset.number)")
        assert values == sorted(values, reverse=order == "descending")


def test_a_phone_shows_all_columns_and_no_word_in_pieces(opened):
    page = opened(viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = page.locator(".scroll", has=page.locator(".grid"))
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    assert "ended" not in box.get_attribute("class")
    box.hover()
    page.mouse.wheel(5000, 0)
    pytest.importorskip("playwright.sync_api").expect(box).to_have_class(re.compile("ended"))
    last = box.locator("thead th").last
    right, edge = last.bounding_box(), box.bounding_box()
    assert right["x"] + right["width"] <= edge["x"] + edge["width"] + 1
    assert page.locator(".grid").evaluate(PIECES) == []


def test_without_javascript_all_is_there_but_the_controls(opened):
    page = opened(java_script_enabled=False)
    assert page.locator(".heat").first.is_visible()
    assert page.locator(".truth").first.is_visible()
    assert not page.locator(".controls").is_visible()
    assert page.locator("th button").count() == 0


def test_dark_readers_get_dark_charts(opened):
    page = opened(color_scheme="dark")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(21, 25, 30)"
    dark = page.locator("picture source").first.get_attribute("srcset")
    assert page.locator("picture img").first.evaluate("image => image.currentSrc") == dark
