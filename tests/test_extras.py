"""Late imports: the cure is named, and nothing heavy is loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ctmri_detect
from ctmri_detect import exceptions
from ctmri_detect._extras import lazy_names, require


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


def test_names_are_found_on_first_use(tmp_path, monkeypatch):
    (tmp_path / "used_late.py").write_text("Thing = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = {"Thing": "used_late", "Absent": "no_such_module"}
    getter, listing, everything = lazy_names("package", names)
    assert "used_late" not in sys.modules
    assert listing() == everything == ["Absent", "Thing"]
    assert getter("Thing") == 3
    with pytest.raises(AttributeError, match="'package' has no attribute 'Nothing'"):
        getter("Nothing")


def test_public_names_are_the_names_of_what_they_bring():
    assert set(ctmri_detect.__all__) <= set(dir(ctmri_detect))
    for name in ctmri_detect.__all__:
        assert getattr(ctmri_detect, name).__name__ == name


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
