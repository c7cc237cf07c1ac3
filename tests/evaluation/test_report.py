import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from page_reader import read
from sklearn.base import BaseEstimator

from ctmri_detect import AtlasDetector, MapScoring, Pairs, ThresholdDetector
from ctmri_detect.evaluation import benchmark
from ctmri_detect.reports import write_figures, write_report
from ctmri_detect.reports.examples import typical_examples, worst_examples

NASTY = "<script>alert(1)</script> & $x_1$"


class Failing(BaseEstimator):
    def fit(self, X, y=None):
        raise RuntimeError("no <b>luck</b>")

    def decision_function(self, X):
        return None


@pytest.fixture(scope="module")
def result(same_data):
    often = MapScoring(false_positive_rate=0.2)  # for which twelve healthy slices suffice
    detectors = {
        "threshold": ThresholdDetector(map_scoring=often),
        NASTY: AtlasDetector(map_scoring=often),
        "bad": Failing(),
    }
    return benchmark(detectors, same_data, seeds=(0, 1), progress=False, n_examples=6)


@pytest.fixture(scope="module")
def page(result, same_data, tmp_path_factory):
    path = write_report(result, same_data, tmp_path_factory.mktemp("a") / "new" / "report.html")
    assert path.stat().st_size < 6e6
    return path.read_text(encoding="utf-8")


def test_the_page_is_whole_and_holds_every_detector(page, result):
    reader = read(page)
    for name in ("threshold", NASTY, "bad", "no <b>luck</b>", "in farct"):
        assert name in reader.text
    assert reader.tags.count("script") == 1
    assert reader.tags.count("h1") == 1
    assert reader.text.count("not a medical device") == 1
    for value in result.settings.values():
        assert value in reader.text


def test_nothing_is_loaded_from_the_network(page):
    for tag, name, value in read(page).attributes:
        if name in ("src", "srcset", "href", "data", "action", "formaction"):
            inside = value.startswith("#") if tag == "a" else value.startswith("data:image/")
            assert inside, (tag, name, value[:40])
        assert not name.startswith("on")
    assert "@import" not in page
    assert not re.search(r"url\(", page)


def test_images_have_alternative_text_and_tables_captions(page):
    reader = read(page)
    alts = [value for tag, name, value in reader.attributes if (tag, name) == ("img", "alt")]
    assert len(alts) == reader.tags.count("img")
    labels = [v for tag, name, v in reader.attributes if (tag, name) == ("div", "aria-label")]
    maps = [label for label in labels if label.startswith("Anomaly map of")]
    assert len(maps) * 2 == alts.count("")  # the CT and the map over it are told as one
    assert len(set(maps)) > 6
    assert reader.tags.count("caption") == reader.tags.count("table") == 2
    levels = [int(tag[1]) for tag in reader.tags if re.fullmatch(r"h\d", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_only_synthetic_data_are_called_so(result, data, tmp_path, page):
    assert "data are synthetic" not in page
    data.DESCR = "Synthetic pairs (phantom)"
    told = write_report(result, data, tmp_path / "a.html").read_text(encoding="utf-8")
    assert "data are synthetic" in told
    kept = write_report(result, data, tmp_path / "b.html", synthetic=False)
    assert "data are synthetic" not in kept.read_text(encoding="utf-8")


def test_fewer_examples_make_a_smaller_page(result, data, tmp_path, page):
    path = write_report(result, data, tmp_path / "c.html", n_examples=2, title="A & B")
    assert path.stat().st_size < len(page)
    assert "<title>A &amp; B</title>" in path.read_text(encoding="utf-8")
    assert len(typical_examples(result, data, 2)) == 2


def test_a_height_in_millimetres_stands_for_the_number_of_a_slice(result, data):
    (one,) = typical_examples(result, data, 1)
    number = data.frame["slice"][one.sample]
    assert one.heading.endswith(f", slice {number}")
    frame = pd.DataFrame({"z_mm": 2.5 * np.arange(len(data.data))})
    data.data = Pairs(data.data, groups=data.groups, frame=frame)
    (one,) = typical_examples(result, data, 1)
    assert one.heading.endswith(f", z = {2.5 * one.sample:g} mm")


def letters(page):
    """What stands on the left and on the right of each picture."""
    found = re.findall(r'<span class="side" aria-hidden="true">(.)</span>', page)
    return list(zip(found[::2], found[1::2], strict=True))


@pytest.mark.parametrize(
    ("orientation", "sides"), [("radiological", ("R", "L")), ("neurological", ("L", "R"))]
)
def test_pictures_have_letters_where_the_sides_are_known(
    result, data, tmp_path, orientation, sides
):
    data.orientation = orientation
    data.data[:, 1] = np.nan  # nothing is written where nothing is shown
    page = write_report(result, data, tmp_path / "r.html").read_text(encoding="utf-8")
    n_pictures = read(page).tags.count("article") + page.count('class="heat"')
    assert letters(page) == [sides] * n_pictures
    assert "L and R are the left and the right of the patient" in page


def test_nothing_is_said_of_sides_that_are_not_known(page, result, data, tmp_path):
    data.orientation = None
    without = write_report(result, data, tmp_path / "r.html").read_text(encoding="utf-8")
    for each in (page, without):
        assert letters(each) == []
        assert "L and R are" not in each
    data.orientation = "left"
    for write in (write_report, write_figures):
        with pytest.raises(ValueError, match="expected 'radiological'"):
            write(result, data, tmp_path / "other")


def test_the_gallery_has_letters_where_the_sides_are_known(result, data, tmp_path):
    pictures = {}
    for orientation in (None, "radiological", "neurological"):
        data.orientation = orientation
        folder = tmp_path / str(orientation)
        write_figures(result, data, folder)
        pictures[orientation] = (folder / "gallery.png").read_bytes()
    assert len(set(pictures.values())) == 3


def test_when_every_detector_failed_the_report_says_so(data, tmp_path):
    result = benchmark({"bad": Failing()}, data, progress=False)
    page = write_report(result, data, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "No detector could be measured" in read(page).text
    assert write_figures(result, data, tmp_path) == []


def test_without_masks_and_with_a_missing_modality(data, tmp_path):
    data.masks = None
    data.data[3::4, 0] = np.nan
    result = benchmark({"atlas": AtlasDetector()}, data, progress=False, n_examples=30)
    text = read(write_report(result, data, tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "not observed" in text
    assert "True lesion" not in text


def test_the_worst_examples_are_on_the_wrong_side(result, data):
    for name in ("threshold", NASTY):
        missed, alarms = worst_examples(result, data, name)
        assert all(data.target[c.sample] == -1 and c.decisions[name] >= 0 for c in missed)
        assert all(data.target[c.sample] == 1 and c.decisions[name] < 0 for c in alarms)


def test_without_a_threshold_ranks_are_shown_and_nothing_is_called(page, data, tmp_path):
    """Twelve healthy slices are too few for a false-positive rate of 5 %."""
    result = benchmark({"atlas": AtlasDetector()}, data, progress=False, n_examples=6)
    assert not result.scores["has_threshold"].any()
    few = write_report(result, data, tmp_path / "r.html").read_text(encoding="utf-8")
    assert few.count("no threshold: too few healthy slices") > 6
    assert re.search(r"rank \d+ of 32, 1 = most anomalous", few)
    for said in (": called anomalous", ": called normal", " slices anomalous."):
        assert said not in few
        assert said in page
    assert "no threshold: too few" not in page
    assert "Misses and false alarms" not in few


def test_figures_are_written(result, data, tmp_path):
    paths = write_figures(result, data, tmp_path / "figures")
    assert [p.name for p in paths] == ["roc.png", "score_distributions.png", "gallery.png"]
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in paths)


def test_the_pairs_tell_the_units_of_the_ct(result, data, tmp_path):
    said = {}
    for units in ("uint8", "hu"):
        data.data = Pairs(np.asarray(data.data), ct_units=units)
        page = write_report(result, data, tmp_path / "r.html").read_text(encoding="utf-8")
        said[units] = "CT in the brain window" in page
    assert said == {"uint8": False, "hu": True}
