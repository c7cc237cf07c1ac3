"""The page of scored patients in a real browser: what a reader does with it."""

from __future__ import annotations

import pytest
from patients_page import scored

from ctmri_detect.reports import write_patients

pytest.importorskip("jinja2")
PHONE = {"width": 390, "height": 844}
HEAD = (3 / 4, 1 / 4)  # down and across in the picture: head, and no lesion
LESION = (9.5 / 38, 31 / 42)  # the head lies in rows 1 to 38 and columns 3 to 44
PIXEL = """([down, across]) => {
  const canvas = document.querySelector("canvas");
  const x = Math.floor(across * canvas.width), y = Math.floor(down * canvas.height);
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return [...context.getImageData(x, y, 1, 1).data].slice(0, 3);
}"""


@pytest.fixture
def opened(browser, tmp_path):
    """Writes a page and opens it; the test fails where it asks for anything else, or complains."""
    contexts, trouble = [], []

    def open_page(given=None, context=None, **options):
        found, pairs = given or scored()
        address = write_patients(found, pairs, tmp_path / "report.html", **options).as_uri()
        contexts.append(browser.new_context(**(context or {})))
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                trouble.append(asked.url)
                if asked.url != address and not asked.url.startswith("data:")
                else None
            ),
        )
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def pixel(page, place, **state):
    """Red, green and blue in the picture, once it shows what is asked for."""
    wanted = {"patient": 0, "slice": 1, "plane": 0, "window": "brain", "opacity": 80, "least": 0}
    drawn = "/".join(str(value) for value in (wanted | state).values())
    page.wait_for_selector(f'canvas[data-drawn="{drawn}"]')
    return page.evaluate(PIXEL, list(place))


def test_the_slider_shows_other_slices(opened):
    page = opened()
    before = pixel(page, LESION)
    assert before[0] > before[2] + 50  # the map, over white
    slider = page.get_by_role("slider", name="Slice")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    after = pixel(page, LESION, slice=0)
    assert max(after) - min(after) <= 3  # grey: no lesion, and no map
    assert slider.get_attribute("aria-valuetext") == "1 of 2"
    assert "z = 0 mm, score 30.0" in page.locator(".place").inner_text()


def test_the_map_fades_and_hides_small_values(opened):
    page = opened()
    opacity, least = page.get_by_label("Map opacity"), page.get_by_label("Hide below")
    over = pixel(page, LESION)
    opacity.fill("0")
    bare = pixel(page, LESION, opacity=0)
    assert max(bare) - min(bare) <= 3
    opacity.fill("80")
    least.fill("5.5")  # the lesion has 6
    assert pixel(page, LESION, least=5.5) == over
    least.fill("6.5")
    assert pixel(page, LESION, least=6.5) == bare


def test_windows_show_other_values_of_the_ct(opened):
    page = opened()
    page.get_by_label("Map opacity").fill("0")
    shades = {}
    for window in ("brain", "stroke", "bone"):
        page.get_by_label(window).check()
        shades[window] = pixel(page, HEAD, window=window, opacity=0)[0]
    for window, (low, high) in {"brain": (0, 80), "stroke": (20, 60), "bone": (-800, 2000)}.items():
        assert abs(shades[window] - 255 * (31 - low) / (high - low)) <= 3  # the head has 31 HU


def test_the_mri_takes_the_place_of_the_ct(opened):
    page = opened()
    page.get_by_label("Map opacity").fill("0")
    before = pixel(page, HEAD, opacity=0)
    page.get_by_label("MRI").check()
    assert pixel(page, HEAD, plane=1, opacity=0) != before


@pytest.mark.parametrize(
    ("orientation", "right"), [("radiological", "L"), ("neurological", "R"), (None, None)]
)
def test_letters_stand_on_the_sides_of_the_patient(opened, orientation, right):
    page = opened(orientation=orientation)
    letters = page.locator(".side")
    if right is None:
        assert letters.count() == 0
        return
    places = {one.inner_text(): one.bounding_box()["x"] for one in letters.all()}
    assert max(places, key=places.get) == right
    red = [pixel(page, (LESION[0], across))[0] for across in (1 - LESION[1], LESION[1])]
    assert red[1] > red[0] + 50  # the lesion lies on the right of the picture
    side = {"L": "left", "R": "right"}[right]
    assert f"patient's {side}" in page.locator(".regions").inner_text()


def test_a_page_without_an_mri(opened):
    page = opened(scored(mri=False))
    assert pixel(page, LESION)
    assert not page.get_by_label("MRI").is_visible()


def test_a_ct_in_other_units_has_one_window(opened):
    page = opened(scored(hu=False))
    assert pixel(page, LESION, window="")
    assert page.get_by_text("stroke").count() == 0


def test_patients_and_regions_by_keyboard(opened):
    page = opened()
    page.locator("canvas").focus()
    page.keyboard.press("PageDown")
    assert pixel(page, HEAD, patient=1)
    assert page.locator("#patient").inner_text() == "2. p1"
    page.keyboard.press("ArrowLeft")
    assert pixel(page, HEAD, patient=1, slice=0)
    page.locator(".regions button").focus()
    page.keyboard.press("Enter")
    assert pixel(page, HEAD, patient=1)
    page.get_by_role("button", name="p2").press("Enter")
    assert page.locator("#patient").inner_text() == "3. p2"
    assert page.get_by_role("button", name="p2").get_attribute("aria-pressed") == "true"


def test_a_phone_shows_all_of_it(opened):
    page = opened(context={"viewport": PHONE}, orientation="radiological")
    assert pixel(page, LESION)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("canvas").bounding_box()["width"] > 300


def test_names_are_shown_and_not_run(opened):
    name = "</script><b>bold</b><img src=x onerror=console.log(1)>"
    page = opened(scored(names=[name, "b", "c"]), title=name, names=[name] * 6)
    assert page.locator("#patient").inner_text() == f"1. {name}"
    assert page.title() == name
    assert page.locator("main b, main img").count() == 0


def test_without_javascript_the_table_is_there(opened):
    page = opened(context={"java_script_enabled": False})
    assert not page.locator("canvas").is_visible()
    assert page.locator("tbody tr").count() == 3
