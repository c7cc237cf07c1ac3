"""The examples run as they are, each in a process of its own, and say what their text promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("nilearn")
pytest.importorskip("matplotlib")
pytest.importorskip("skops")

STRICT = """
import runpy, sys, warnings
from ctmri_detect.exceptions import CtmriDetectWarning
warnings.simplefilter("error", CtmriDetectWarning)
runpy.run_path(sys.argv[1], run_name="__main__")
"""  # an example that warns is a bad example
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
SAID = {
    "01_first_detector": "flagged",
    "02_folder_to_heat_maps": "pictures in flagged",
    "03_patient_safe_grid_search": "mean_test_score",
    "04_detector_of_your_own": "all checks passed",
    "05_what_explain_says": "CT brighter",
}


def test_each_example_is_named_here():
    assert [path.stem for path in EXAMPLES] == sorted(SAID)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path, tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", STRICT, str(path)],
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert SAID[path.stem] in " ".join(run.stdout.split())
