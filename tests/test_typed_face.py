"""`py.typed` is true: a type checker in a user's project sees the installed library's types."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("mypy"), reason="needs mypy")

ROOT = Path(__file__).parents[1]
SCRIPT = """
import ctmri_detect
import numpy as np
from ctmri_detect import AtlasDetector, MapScoring, Pairs, Training, detect, make_preprocessor
from ctmri_detect.datasets import check_pairing, find_pairs, load_pairs, make_phantom_pairs
from ctmri_detect.evaluation import benchmark
from ctmri_detect.metrics import anomaly_map_average_precision_score, decision_roc_auc_score
from ctmri_detect.preprocessing import open_pairs
from ctmri_detect.testing import check_detector
from sklearn.pipeline import make_pipeline

data = load_pairs("pairs", patient=r"^(p[0-9]+)_")
pairs = Pairs(np.zeros((8, 2, 32, 32), np.float32), groups=np.arange(8))
detector = AtlasDetector(map_scoring=MapScoring(pool_fraction=0.05))
detector.fit(pairs)
decision = detector.decision_function(pairs)
reveal_type(decision)
auroc: float = decision_roc_auc_score(data.target, decision)
pixel_ap: float = anomaly_map_average_precision_score(data.masks, detector.anomaly_map(pairs))
model = make_pipeline(make_preprocessor("hu"), detector)
found = detect(model, pairs, include=["decision"])
check_detector(detector)
reveal_type(ctmri_detect.metrics.anomaly_map_aupro_score)
epochs: int = Training(max_epochs=3).max_epochs
"""
# A wrong method of a detector is not seen: scikit-learn, whose classes it extends, has no types.
WRONG = {
    "pairs.grups": '"Pairs" has no attribute "grups"',
    "from ctmri_detect.metrics import image_roc_auc_score": 'no attribute "image_roc_auc_score"',
    "from ctmri_detect import AtlasDetektor": 'has no attribute "AtlasDetektor"',
    "AtlasDetector(smoothing=1.0)": 'Unexpected keyword argument "smoothing"',
    "text: str = detector.decision_function(pairs)": "Incompatible types in assignment",
    "from ctmri_detect.datasets import load_pears": 'has no attribute "load_pears"',
}


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A user's project, with the library installed from its wheel and not from the checkout."""
    folder = tmp_path_factory.mktemp("project")
    offline = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    pip = ("-m", "pip", "-q", "--disable-pip-version-check")
    built = run(*pip, "wheel", "--no-deps", *offline, "-w", folder / "wheel", ROOT, cwd=folder)
    assert built.returncode == 0, built.stderr
    (wheel,) = (folder / "wheel").glob("*.whl")
    installed = run(*pip, "install", "--no-deps", "--target", folder / "site", wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    (folder / "mypy.ini").write_text(
        "[mypy]\nmypy_path = $MYPY_CONFIG_FILE_DIR/site\nignore_missing_imports = true\n"
    )
    return folder


def checked(project: Path, script: str) -> str:
    (project / "script.py").write_text(script)
    options = ("--strict", "--allow-untyped-calls", "--follow-imports=silent")
    return run("-m", "mypy", "--config-file", "mypy.ini", *options, "script.py", cwd=project).stdout


def test_a_type_checker_sees_a_users_mistakes_and_nothing_else(project):
    package = project / "site" / "ctmri_detect"
    assert (package / "__init__.pyi").exists()
    assert (package / "py.typed").exists()
    out = checked(project, SCRIPT + "\n".join(WRONG))
    first = SCRIPT.count("\n") + 1
    for row, (line, error) in enumerate(WRONG.items(), start=first):
        found = [text for text in out.splitlines() if text.startswith(f"script.py:{row}: error")]
        assert len(found) == 1, f"{line}\n{out}"
        assert error in found[0]
    assert f"Found {len(WRONG)} errors" in out, out
    revealed = [text for text in out.splitlines() if "Revealed type" in text]
    assert "float64" in revealed[0]
    assert revealed[1].endswith('-> float"')
    assert len(revealed) == 2
