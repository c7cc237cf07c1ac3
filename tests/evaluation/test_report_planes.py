"""The report of a benchmark with planes other than CT and MRI: each by its name."""

import numpy as np
import pytest
from sklearn.utils import Bunch

from ctmri_detect import Pairs, ThresholdDetector
from ctmri_detect.evaluation import benchmark, open_benchmark
from ctmri_detect.reports import write_figures, write_report

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

NAMES = ("T1", "FLAIR <b>", "FDG")


def test_the_report_of_a_stored_benchmark_names_all_planes(tmp_path):
    rng, patients = np.random.default_rng(0), np.arange(64) // 8
    X = rng.normal(size=(64, 3, 16, 16)).astype(np.float32)
    X[:, 0][::2] = np.nan
    pairs = Pairs(X, groups=patients, modalities=NAMES, roles={"FDG": "pet"})
    data = Bunch(data=pairs, target=np.where(np.arange(64) % 4, 1, -1), groups=patients)
    store = tmp_path / "store"
    benchmark({"threshold": ThresholdDetector()}, data, store=store, progress=False)
    result, shown = open_benchmark(str(store))
    assert shown.data.modalities == NAMES
    assert shown.data.roles == ("mri", "mri", "pet")
    text = write_report(result, shown, tmp_path / "report.html").read_text("utf-8")
    captions = text.count("<figcaption><b>T1</b>")
    assert captions
    assert text.count("<figcaption><b>FLAIR &lt;b&gt;</b>") == captions
    assert text.count("<figcaption><b>FDG</b>") == captions
    assert "over the T1" in text
    assert "over the FLAIR" in text  # where T1 was not observed
    assert "map over the CT" not in text
    names = [path.name for path in write_figures(result, shown, tmp_path)]
    assert "gallery.png" in names
