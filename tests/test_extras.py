"""Late imports: the cure is named, and nothing heavy is loaded before it is needed."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import ctmri_detect
from ctmri_detect import exceptions
from ctmri_detect._extras import require


def test_an_installed_module_is_imported():
    assert require("xml.dom", extra="torch") is sys.modules["xml.dom"]


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.inner"])
def test_an_absent_package_names_the_command_that_brings_it(module):
    with pytest.raises(ImportError, match=r"'no_such_package'.*pip install \"ctmri_detect\[deep\]"):
        require(module, extra="deep")


def test_the_absence_of_something_else_is_not_covered_up(tmp_path, monkeypatch):
    (tmp_path / "half_installed_package.py").write_text("import another_absent_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="another_absent_package") as caught:
        require("half_installed_package", extra="torch")
    assert "pip install" not in str(caught.value)


def packages():
    """The library's public packages."""
    found = pkgutil.walk_packages(ctmri_detect.__path__, "ctmri_detect.")
    names = [module.name for module in found if module.ispkg]
    return ["ctmri_detect", *(name for name in names if "._" not in name)]


@pytest.mark.parametrize("name", packages())
def test_every_public_package_lists_names_that_exist(name):
    package = importlib.import_module(name)
    assert set(package.__all__) <= set(dir(package))
    assert len(package.__all__) == len(set(package.__all__))
    for public in package.__all__:
        getattr(package, public)
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        package.nothing_of_this_name  # noqa: B018


@pytest.mark.parametrize("name", packages())
def test_a_type_checker_sees_what_a_program_sees(name):
    package = importlib.import_module(name)
    stub = Path(package.__file__).with_suffix(".pyi")
    if not stub.exists():
        assert set(package.__all__) <= set(vars(package)), "no stub, so nothing may be lazy"
        return
    imports = [n for n in ast.parse(stub.read_text()).body if isinstance(n, ast.ImportFrom)]
    shown = [alias.asname for node in imports for alias in node.names]
    assert sorted(shown) == sorted(package.__all__)


def test_public_names_are_the_names_of_what_they_bring():
    for name in ctmri_detect.__all__:
        assert getattr(ctmri_detect, name).__name__ in (name, f"ctmri_detect.{name}")


REMOVED = {
    "datasets": {"describe_pairs": "inspection.describe_pairs"},
    "evaluation": {
        "image_average_precision_scorer": "evaluation.decision_average_precision_scorer",
        "image_roc_auc_scorer": "evaluation.decision_roc_auc_scorer",
        "pixel_average_precision_scorer": "evaluation.anomaly_map_average_precision_scorer",
        "write_figures": "reports.write_figures",
        "write_inspection": "inspection.write_inspection",
        "write_report": "reports.write_report",
    },
    "metrics": {
        "aupimo_score": "metrics.anomaly_map_aupimo_score",
        "aupro_score": "metrics.anomaly_map_aupro_score",
        "best_dice_score": "metrics.anomaly_map_best_dice_score",
        "dice_at_false_positive_rate_score": "metrics.anomaly_map_dice_at_fpr_score",
        "dice_score": "metrics.anomaly_map_dice_score",
        "f1_max_score": "metrics.decision_f1_max_score",
        "froc_curve": "metrics.anomaly_map_froc_curve",
        "image_average_precision_score": "metrics.decision_average_precision_score",
        "image_roc_auc_score": "metrics.decision_roc_auc_score",
        "lesion_sensitivity_score": "metrics.anomaly_map_lesion_sensitivity_score",
        "normal_threshold": "metrics.anomaly_map_threshold",
        "pixel_average_precision_score": "metrics.anomaly_map_average_precision_score",
        "pixel_roc_auc_score": "metrics.anomaly_map_roc_auc_score",
        "sensitivity_at_specificity_score": "metrics.decision_sensitivity_score",
    },
    "networks": {"Augmentation": "augmentation.Augmentation"},
    "plotting": {"RocCurvesDisplay": "plotting.RocDisplay"},
    "preprocessing": {"Augmentation": "augmentation.Augmentation"},
}


@pytest.mark.parametrize(
    ("room", "name", "successor"),
    [(room, *pair) for room, names in REMOVED.items() for pair in names.items()],
)
def test_a_removed_name_names_its_successor(room, name, successor):
    room = importlib.import_module(f"ctmri_detect.{room}")
    message = rf"{room.__name__}\.{name} was removed\. Use ctmri_detect\.{successor}\."
    with pytest.raises(ImportError, match=message):
        getattr(room, name)
    with pytest.raises(ImportError, match=message):
        exec(f"from {room.__name__} import {name}")
    assert name not in dir(room)
    new_room, new_name = successor.split(".")
    assert callable(getattr(importlib.import_module(f"ctmri_detect.{new_room}"), new_name))


def test_sub_packages_and_their_modules_are_attributes_and_load_nothing_heavy():
    code = (
        "import sys, ctmri_detect\n"
        "public = [name for name in dir(ctmri_detect) if not name.startswith('_')]\n"
        "for name in public: getattr(ctmri_detect, name)\n"
        "assert {'datasets', 'networks', 'preprocessing', 'detectors', 'metrics'} <= set(public)\n"
        "from ctmri_detect.networks import Training\n"
        "assert Training is ctmri_detect.Training\n"
        "from ctmri_detect.detectors import AtlasDetector\n"
        "assert ctmri_detect.imageops.filters and ctmri_detect.datasets.load_pairs\n"
        "assert not hasattr(ctmri_detect, 'nothing') and not hasattr(ctmri_detect.networks, 'x')\n"
        "heavy = {'torch', 'skorch', 'pyod', 'nilearn', 'matplotlib', 'skops', 'jinja2'}\n"
        "raise SystemExit(','.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_nothing_heavy_is_loaded_by_what_does_not_need_it():
    code = (
        "import sys, ctmri_detect, numpy as np\n"
        "X = np.random.default_rng(0).normal(size=(8, 2, 16, 16))\n"
        "ctmri_detect.AtlasDetector().fit(X).explain(X[:1])\n"
        "from ctmri_detect import CrossModalDetector, anomaly_map\n"
        "CrossModalDetector()\n"
        "heavy = {'torch', 'skorch', 'pyod', 'nilearn', 'matplotlib', 'skops'}\n"
        "raise SystemExit(','.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_error_is_a_value_error_and_every_warning_has_one_root():
    own = [e for e in vars(exceptions).values() if isinstance(e, type)]
    errors = [e for e in own if e.__name__.endswith("Error")]
    warnings = [e for e in own if e.__name__.endswith("Warning")]
    assert len(errors) + len(warnings) == len(own)
    assert all(issubclass(e, ValueError) for e in errors)
    assert all(issubclass(w, exceptions.CtmriDetectWarning) for w in warnings)
    assert issubclass(exceptions.CtmriDetectWarning, UserWarning)
