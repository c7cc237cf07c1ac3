"""What the report says of its own figures, and the parts that depend on what is known."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from page_reader import read
from PIL import Image
from sklearn.utils import Bunch

from ctmri_detect import AtlasDetector, MapScoring, ThresholdDetector
from ctmri_detect.evaluation import Noise, Store, benchmark, evaluate, open_benchmark, standings
from ctmri_detect.plotting.heat import heat_rgb
from ctmri_detect.plotting.panels import heat_layer
from ctmri_detect.reports import write_report
from ctmri_detect.reports.cautions import cautions, leading_group, summary

OFTEN = MapScoring(false_positive_rate=0.2)  # for which twelve healthy slices suffice
PARTS = {"robustness", "lesions", "figures"}


def made_scores(n_patients, noise, seed=0):
    """Decisions of some detectors about four slices of each patient, two folds."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), 4)
    y = np.where(np.arange(len(patient)) % 4, 1, -1)
    common = {"seed": 0, "fold": patient % 2, "sample": np.arange(len(y)), "patient": patient}
    common |= {"target": y, "has_threshold": True}
    parts = [
        pd.DataFrame(common | {"detector": n, "decision": y + s * rng.normal(size=len(y))})
        for n, s in noise.items()
    ]
    return pd.concat(parts, ignore_index=True)


class Result:
    """As much of a result as sentences need."""

    def __init__(self, scores):
        self.scores = scores
        counts = {"kind": "all", "seed": 0, "n_normal": 120, "n_anomalous": 40, "error": ""}
        nothing = dict.fromkeys(
            ["image_ap", "pixel_ap", "fit_seconds", "score_seconds", "peak_memory_mb"], 0.5
        )
        areas = standings(scores)[["detector", "image_auroc"]]
        self.table = areas.assign(**counts, **nothing)


def test_the_summary_gives_interval_patients_and_who_is_no_worse():
    scores = made_scores(40, {"good": 0.7, "as good": 0.7, "bad": 5.0})
    sure = standings(scores).set_index("detector")
    said = summary(Result(scores), sure)
    first = sure.iloc[0]
    assert f"{first['image_auroc']:.3f} (95 % interval over patients {first['low']:.3f} to" in said
    assert "of 40 patients" in said
    assert leading_group(sure) == list(sure.index[:2])
    assert f"No significant difference from it: {sure.index[1]}." in said
    assert cautions(Result(scores), sure) == []


@pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.FewPatientsWarning")
def test_few_patients_and_few_training_slices_are_said():
    scores = made_scores(9, {"good": 0.7, "bad": 5.0})
    tested, thresholds = cautions(Result(scores), standings(scores).set_index("detector"))
    assert "Only 9 patients were tested" in tested
    assert "12 healthy slices of 4 patients" in thresholds  # of nine, four are not in fold 0
    scores = made_scores(18, {"good": 0.7})
    (thresholds,) = cautions(Result(scores), standings(scores).set_index("detector"))
    assert "27 healthy slices of 9 patients" in thresholds


@pytest.fixture(scope="module")
def everything(same_data, tmp_path_factory):
    """A benchmark of which all is known, its data, its store."""
    data = Bunch(**same_data)
    rng = np.random.default_rng(1)
    odd = data.target == -1
    sized = dict.fromkeys(["diameter_mm", "cnr_ct", "cnr_mri"], np.nan)
    data.frame = data.frame.assign(patient=data.groups, **sized)
    data.orientation = "radiological"
    data.frame.loc[odd, list(sized)] = rng.uniform(5, 20, size=(odd.sum(), 3))
    store = tmp_path_factory.mktemp("kept") / "store"
    detectors = {
        "atlas": AtlasDetector(map_scoring=OFTEN),
        "threshold": ThresholdDetector(map_scoring=OFTEN),
    }
    options = {"store": store, "conditions": [Noise(0.2)], "progress": False, "n_examples": 3}
    return benchmark(detectors, data, **options), data, store


@pytest.fixture(scope="module")
def page(everything, tmp_path_factory):
    result, data, _ = everything
    figures = evaluate(result, metrics=["auroc", "lesion_sensitivity_at_1"])
    path = tmp_path_factory.mktemp("page") / "report.html"
    return write_report(result, data, path, figures=figures).read_text(encoding="utf-8")


def ids(page):
    return {value for _, name, value in read(page).attributes if name == "id"}


def test_parts_are_there_where_they_are_known(page):
    assert ids(page) >= PARTS
    assert "Share of the slices with" in page
    links = {v[1:] for tag, name, v in read(page).attributes if (tag, name) == ("a", "href")}
    assert links <= ids(page)
    assert "lesion sensitivity at 1" in page
    assert "patient auroc" not in page  # the figures that were given, no others


def test_a_page_from_the_store_has_the_same_parts(everything, page, tmp_path):
    again = write_report(*open_benchmark(Store(everything[2])), tmp_path / "b.html")
    text = again.read_text(encoding="utf-8")
    assert ids(text) == ids(page)
    assert text.count('class="side"') == page.count('class="side"') > 0
    assert "patient auroc" in text


def test_parts_are_left_out_where_they_are_not_known(everything, tmp_path):
    data = Bunch(**everything[1])
    data.frame = data.frame[["kind", "slice"]]
    result = benchmark({"atlas": AtlasDetector(map_scoring=OFTEN)}, data, progress=False)
    page = write_report(result, data, tmp_path / "c.html").read_text(encoding="utf-8")
    assert not ids(page) & (PARTS | {"costs"})


def test_the_leaderboard_qualifies_each_area(page):
    board = page[page.index('id="leaderboard"') : page.index('id="kinds"')]
    assert len(re.findall(r"\d\.\d{3} \(\d\.\d{3} to \d\.\d{3}\)", board)) == 2
    for heading in ("Inside patients", "Patient identity (control)", "Normal slices flagged"):
        assert heading in board
    rows = re.findall(r'data-number="8"', board)
    assert len(rows) == 2  # of eight patients
    assert "Only 8 patients were tested" in page


def test_the_foot_names_the_files_that_hold_names(page):
    text = read(page).text
    for name in ("report.html", "scores.csv", "table.csv", "metrics.csv", "gallery.png", "store"):
        assert name in text[text.rindex("Names of patients") :]


def test_a_map_hides_nothing_where_nothing_is_anomalous():
    plane = np.tile([0.0, 3.0, 9.0, np.nan], (4, 1))
    data = base64.b64decode(heat_layer(plane).split(",")[1])
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    assert pixels.shape == (4, 4, 4)
    alpha = pixels[0, :, 3].astype(int)
    assert alpha[0] == alpha[3] == 0
    assert abs(alpha[1] - 128) < 4
    assert alpha[2] == 255
    assert np.array_equal(pixels[0, 2, :3], heat_rgb(np.full((1, 1), 9.0))[0, 0])
