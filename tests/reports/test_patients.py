"""The page of scored patients, as text: what it says, leaves out and escapes."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from page_reader import read
from patients_page import scored
from PIL import Image

from ctmri_detect import Pairs
from ctmri_detect.reports import write_patients

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

STORED = re.compile(r'<script type="application/json" class="patient">(.*?)</script>', re.DOTALL)


@pytest.fixture
def page(tmp_path):
    """Writes a page; its text."""

    def write(*given, **options):
        found, pairs = given or scored()
        path = write_patients(found, pairs, tmp_path / "new" / "report.html", **options)
        return path.read_text("utf-8")

    return write


def patients(text):
    return [json.loads(each) for each in STORED.findall(text)]


def test_patients_stand_by_their_score(page):
    found, pairs = scored()
    found.anomaly_score = np.array([1.0, 2.0, 7.0, 0.5, 3.0, 3.0])
    shown = patients(page(found, pairs))
    assert [each["name"] for each in shown] == ["p1", "p2", "p0"]
    assert [each["first"] for each in shown] == [0, 0, 1]  # the slice with the highest score


def test_regions_in_words(page):
    (region,) = patients(page(orientation="radiological"))[0]["regions"]
    assert region["slice"] == 1
    assert region["words"] == (
        "CT brighter than expected, patient's left, 192 mm² (6.0 SD); z = 5 mm"
    )
    (region,) = patients(page(orientation="neurological"))[0]["regions"]
    assert "patient's right" in region["words"]
    (region,) = patients(page())[0]["regions"]
    assert "patient's" not in region["words"]


def test_a_table_of_scores_has_the_strongest_regions(page):
    found, pairs = scored()
    strongest = found.regions.set_index("sample")
    table = pd.DataFrame({"anomaly_score": found.anomaly_score, "p_value": found.p_value})
    text = page(table.join(strongest), pairs, maps=found.anomaly_map)
    assert patients(text) == patients(page())


def test_a_page_says_what_it_leaves_out(page):
    text = page(*scored(25))
    assert len(patients(text)) == 20
    assert "shows 20 of 25 patients" in text
    assert read(text).tags.count("button") == 20
    assert all(f">p{i}<" in text for i in range(25))  # the table has all
    assert "left-out" not in page(*scored(3))


def test_a_page_has_a_largest_size(page):
    full = page(*scored(6))
    size = max(len(each) for each in STORED.findall(full))
    text = page(*scored(6), most_mb=3.5 * size / 1e6)
    assert 2 <= len(patients(text)) <= 3
    assert f"shows {len(patients(text))} of 6 patients" in text
    assert len(patients(page(*scored(6), most_mb=1e-6))) == 1  # never an empty page


def test_a_patient_with_many_slices(page):
    found, pairs = scored(1, 150)
    found.anomaly_score = np.random.default_rng(0).permutation(150.0 * np.ones(1) * np.arange(150))
    (shown,) = patients(page(found, pairs))
    assert len(shown["slices"]) <= 60
    assert shown["left_out"] == 150 - len(shown["slices"])
    scores = [each["score"] for each in shown["slices"]]
    assert {f"score {150.0 * n:.1f}" for n in range(145, 150)} <= {s.split(",")[0] for s in scores}


def test_maps_are_asked_for_one_patient_at_a_time(page):
    found, pairs = scored(25)
    maps, asked = found.pop("anomaly_map"), []

    def some(rows):
        asked.append(rows.tolist())
        return maps[rows]

    text = page(found, pairs, maps=some, n_patients=4)
    assert asked == [[0, 1], [2, 3], [4, 5], [6, 7]]
    found.anomaly_map = maps
    assert patients(text) == patients(page(found, pairs, n_patients=4))
    del found["anomaly_map"]
    with pytest.raises(ValueError, match="no maps to show"):
        page(found, pairs)


EVIL = "</script><img src=x onerror=alert(1)>'\"&"


def test_names_are_untrusted(page):
    found, pairs = scored(names=[EVIL, "b", "c"])
    text = page(found, pairs, names=[EVIL] * 6, title=EVIL)
    assert "<img" not in text
    assert read(text).tags.count("script") == read(page()).tags.count("script")
    assert patients(text)[0]["name"] == EVIL
    assert EVIL in patients(text)[0]["slices"][0]["label"]


def test_nothing_is_loaded_from_elsewhere(page):
    text = page()
    assert not re.search(r"https?://|src=|href=|@import", text)


def test_without_a_threshold_there_are_ranks_only(page):
    text = page(threshold=False)
    assert "no threshold" in text
    assert "flagged" not in text
    assert patients(text)[0]["slices"][0]["score"] == "score 30.0"
    assert patients(page())[0]["slices"][0]["score"] == "score 30.0, p = 0.032"
    assert "slices flagged" in page()


def test_samples_without_patients_stand_for_themselves(page):
    found, pairs = scored()
    text = page(found, pairs.replace(groups=None), names=list("abcdef"))
    assert [each["name"] for each in patients(text)] == list("badcfe")
    assert "6 slices (their patients are not known)" in text


def test_a_table_of_patients_ranks_them(page):
    found, pairs = scored()
    given = {"patient": ["p2", "p0", "p1"], "anomaly_score": [9.0, 1.0, 5.0], "q_value": [0.01] * 3}
    table = pd.DataFrame({**given, "prediction": [-1, 1, 1]})
    text = page(found, pairs, patients=table)
    assert [each["name"] for each in patients(text)] == ["p2", "p1", "p0"]
    assert re.findall(r"<td>(anomalous|normal)</td>", text) == ["anomalous", "normal", "normal"]
    assert "q-value" in text
    with pytest.raises(ValueError, match="no row for p1"):
        page(found, pairs, patients=table.head(2))
    with pytest.raises(ValueError, match="no column anomaly_score"):
        page(found, pairs, patients=table[["patient"]])


def test_regions_name_the_modality_and_planes_that_nobody_named_have_numbers(page):
    found, pairs = scored()
    found.regions["modality"] = "FLAIR"
    bare = pairs.replace(modalities=("T1", "FLAIR"))
    words = patients(page(found, bare))[0]["regions"][0]["words"]
    assert words.startswith("FLAIR brighter than expected")
    X = np.asarray(scored(more=("T2",))[1])
    text = page(found, X)
    assert all(f">plane {i}</label>" in text for i in range(3))


def test_brightness_is_one_in_all_slices_of_a_patient(page):
    """A slice that is dark stays dark, so that cuts across the slices have no steps."""
    found, pairs = scored(1, 2)
    X = np.asarray(pairs).copy()
    X[0, 1] *= 0.1
    slices = patients(page(found, Pairs(X, groups=pairs.groups)))[0]["slices"]
    sources = [each["planes"][1][""].partition(",")[2] for each in slices]
    dark, bright = (np.asarray(Image.open(io.BytesIO(base64.b64decode(s)))) for s in sources)
    assert dark.max() < 40
    assert bright.max() > 240


def test_lengths_that_differ(page):
    found, pairs = scored()
    with pytest.raises(ValueError, match="found has 6 samples and X 4"):
        page(found, pairs[:4])
    with pytest.raises(ValueError, match="maps has 2 maps for 6 samples"):
        page(found, pairs, maps=found.anomaly_map[:2])
