"""The examples run as they are, without a warning, and say what their text promises."""

from __future__ import annotations

import ast
import re
import runpy
import tempfile
import warnings
from pathlib import Path

import pytest

from ctmri_detect.exceptions import CtmriDetectWarning

pytest.importorskip("torch")
pytest.importorskip("nilearn")
plt = pytest.importorskip("matplotlib.pyplot")
pytest.importorskip("skops")

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
SAID = {
    "01_first_detector": "truth score p_value flagged",
    "02_folder_to_heat_maps": "pictures in flagged",
    "03_course_project": "warning: The scores are of 4 patients",
    "04_patient_safe_grid_search": "at the end 0.",
    "05_detector_of_your_own": "atlas 42 18 0.",
    "06_backbone_of_your_own": "pretrained 0.",
    "07_predictor_of_your_own": "network (default) 0.",
    "08_one_modality": "cross-modal without CT 0.",
    "09_volumes_from_files": "patient decision n_slices lesion",
    "10_threshold_of_your_own": "recalibrated: flags",
    "11_what_explain_says": "CT brighter",
    "12_when_it_fails": "tolerance 0 20.0 0.",
    "13_one_or_several": "all three AUROC 0.",
    "14_cluster": "6 cells so far; of the last call: ['cross-modal', 'cross-modal']",
    "15_brats_like": "report.html: ",
}


def test_each_example_is_named_here_and_in_the_gallerys_first_page():
    assert [path.stem for path in EXAMPLES] == sorted(SAID)
    page = (EXAMPLES[0].parent / "README.rst").read_text()
    assert re.findall(r"``(\d\d_\w+)``", page) == sorted(SAID)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_page_of_the_gallery(path):
    text = path.read_text()
    title, line, *_ = ast.get_docstring(ast.parse(text)).splitlines()
    assert line == "=" * len(title)
    for title, line in re.findall(r"^# %%\n# (.+)\n# (-+)$", text, re.MULTILINE):
        assert len(line) == len(title)
    assert "learn" in ast.get_docstring(ast.parse(text))
    assert "\n# Where to go on\n# --------------\n" in text
    for script in re.findall(r"``(\d\d_\w+)\.py``", text):
        assert script in SAID
    for page in re.findall(r"``(docs/\w+\.md)``", text):
        assert (path.parents[1] / page).exists()


BRIEF = ("01_first_detector", "05_detector_of_your_own")  # the others are run by hand


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=[pytest.mark.slow] * (p.stem not in BRIEF)) for p in EXAMPLES],
    ids=lambda path: path.stem,
)
def test_an_example_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    plt.switch_backend("agg")  # no windows, even where there is a screen
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", CtmriDetectWarning)  # an example that warns is a bad one
        runpy.run_path(str(path), run_name="__main__")
    assert not plt.get_fignums()  # each figure is shown
    assert SAID[path.stem] in " ".join(capsys.readouterr().out.split())
