"""The page of scored patients in a real browser: what a reader does with it."""

from __future__ import annotations

import numpy as np
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


def test_the_switch_lists_all_planes_by_name(opened):
    more = ("FLAIR", "PET <b>", "T2", "SWI", "DWI", "ADC")
    page = opened(scored(2, 2, more=more), context={"viewport": PHONE})
    page.get_by_label("Map opacity").fill("0")
    switch = page.get_by_role("group", name="Image")
    assert switch.locator("label").all_inner_texts() == ["CT", "MRI", *more]
    before = pixel(page, HEAD, opacity=0)
    page.get_by_label("PET <b>").check()
    assert pixel(page, HEAD, plane=3, opacity=0) != before
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_planes_without_a_ct(opened):
    found, pairs = scored(more=("FLAIR",))
    page = opened((found, pairs.select(("FLAIR", "MRI"))))
    assert pixel(page, HEAD, window="")
    assert page.get_by_role("group", name="Image").locator("label").all_inner_texts() == [
        "FLAIR",
        "MRI",
    ]
    assert page.get_by_text("stroke").count() == 0


def cuts(page, name, place):
    """Red, green and blue in the coronal or the sagittal view, at shares of height and width."""
    page.wait_for_function(
        """(name) => {
      const values = ["opacity", "least", "row", "column"].map((each) => control(each).value);
      const wanted = [current, control("slice").value, chosen("plane") ?? 0, chosen("window") ?? "",
        ...values, control("cross").checked].join("/");
      return document.querySelector("canvas." + name).dataset.drawn === wanted;
    }""",
        arg=name,
    )
    return page.evaluate(PIXEL.replace('"canvas"', f'"canvas.{name}"', 1), list(place))


def is_map(colour):
    return colour[0] > colour[2] + 50


def test_a_volume_is_cut_in_two_more_directions(opened):
    """The lesion lies in the last, highest slice, on the patient's left, in front."""
    page = opened(scored(1, 10), orientation="radiological")
    page.get_by_label("Crosshair").uncheck()
    assert is_map(pixel(page, LESION, slice=9))
    row, column = LESION
    for name, across in (("coronal", column), ("sagittal", row)):
        assert is_map(cuts(page, name, (0.02, across)))
        assert not is_map(cuts(page, name, (0.02, 1 - across)))
        assert not is_map(cuts(page, name, (0.9, across)))  # nothing lies below
    letters = page.locator(".views .side").all_inner_texts()
    assert letters == ["R", "L", "A", "P"]
    # 42 and 38 pixels of 2 mm across, 9 steps of 5 mm up
    sizes = [page.locator(f"canvas.{name}").bounding_box() for name in ("coronal", "sagittal")]
    for box, mm in zip(sizes, (84, 76), strict=True):
        assert abs(box["width"] / box["height"] - mm / 45) < 0.05 * mm / 45
    assert abs(sizes[0]["height"] - sizes[1]["height"]) < 3  # one scale


def test_a_click_moves_all_views(opened):
    page = opened(scored(1, 10))
    page.get_by_label("Crosshair").uncheck()
    assert is_map(cuts(page, "coronal", (0.02, LESION[1])))
    box = page.locator("canvas").first.bounding_box()
    page.locator("canvas").first.click(position={"x": 0.3 * box["width"], "y": 0.8 * box["height"]})
    assert not is_map(cuts(page, "coronal", (0.02, LESION[1])))
    assert not is_map(cuts(page, "sagittal", (0.02, LESION[0])))
    box = page.locator("canvas.coronal").bounding_box()
    low = {"x": LESION[1] * box["width"], "y": 0.98 * box["height"]}
    page.locator("canvas.coronal").click(position=low)
    assert pixel(page, HEAD, slice=0)
    assert is_map(cuts(page, "sagittal", (0.02, LESION[0])))  # its column went to the lesion
    page.locator(".regions button").press("Enter")
    assert is_map(pixel(page, LESION, slice=9))
    assert is_map(cuts(page, "coronal", (0.02, LESION[1])))


def test_the_crosshair_marks_the_place_and_can_go(opened):
    page = opened(scored(1, 10))
    page.get_by_label("Map opacity").fill("0")
    marked = cuts(page, "coronal", (0.01, 0.1))
    assert marked[2] > marked[0] + 30  # the line of the slice
    page.get_by_label("Crosshair").uncheck()
    bare = cuts(page, "coronal", (0.01, 0.1))
    assert max(bare) - min(bare) <= 3


@pytest.mark.parametrize("why", ["few slices", "no heights", "two scans"])
def test_without_a_volume_there_are_axial_slices_only(opened, why):
    found, pairs = scored(1, 5 if why == "few slices" else 10)
    if why == "no heights":
        pairs = pairs.replace(frame=None)
    if why == "two scans":
        frame = pairs.frame.assign(volume=np.repeat(["a", "b"], 5))
        pairs = pairs.replace(frame=frame)
    page = opened((found, pairs))
    assert pixel(page, LESION, slice=4 if why == "few slices" else 9)
    assert page.locator("canvas").count() == 1
    assert page.get_by_label("Crosshair").count() == 0


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
