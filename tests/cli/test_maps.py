"""``ctmri-detect score --maps`` and ``--report``."""

from __future__ import annotations

import json
import re

import nibabel as nib
import numpy as np
import pytest
import tifffile

from ctmri_detect import anomaly_map
from ctmri_detect._extras import require
from ctmri_detect.cli import main
from ctmri_detect.datasets import load_pairs, load_volume_pairs, make_phantom_volumes
from ctmri_detect.persistence import load

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

GRID = {"size": 64, "slice_spacing": 15.0}
PATIENT = ["--patient", r"^(p\d+)_"]


def run(*arguments):
    return main([str(a) for a in arguments])


@pytest.fixture(scope="module")
def model(healthy, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.ctmri"
    assert run("fit", healthy, *PATIENT, "--detector", "atlas", "--size", 48, "--out", path) == 0
    return path


def test_maps_of_slices_and_a_page(model, mixed, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--out", out, "--top", 1, *PATIENT]
    assert run("score", model, mixed, *options, "--maps", "tiff") == 0
    assert "12 files in maps, report.html and 1 overlays to" in capsys.readouterr().out
    pairs = load_pairs(mixed, patient=PATIENT[1])
    true = anomaly_map(load(model), pairs.data)
    for name, plane in zip(pairs.frame["ct"], true, strict=True):
        numbers = tifffile.imread(out / "maps" / f"{name[3:-4]}_anomaly.tif")
        np.testing.assert_allclose(numbers / 1000, np.nan_to_num(plane), atol=0.0011)
    page = (out / "report.html").read_text("utf-8")
    stored = re.findall(r'class="patient">(.*?)</script>', page)
    assert {json.loads(each)["name"] for each in stored} == {f"p{i}" for i in range(6)}
    # the next run replaces all of it, and leaves what is not its own
    (out / "maps" / "mine.txt").write_text("mine")
    assert run("score", model, mixed, *options, "--overwrite", "--no-report") == 0
    assert [path.name for path in (out / "maps").iterdir()] == ["mine.txt"]
    assert not (out / "report.html").exists()


def test_a_page_that_nobody_asked_for_is_left_out_without_jinja2(
    model, mixed, tmp_path, monkeypatch, capsys
):
    def absent(module, *, extra):
        if module == "jinja2":
            raise ImportError(f"pip install ctmri_detect[{extra}]")
        return require(module, extra=extra)

    monkeypatch.setattr("ctmri_detect.cli._maps.require", absent)
    out = tmp_path / "out"
    assert run("score", model, mixed, "--out", out, "--top", 0, "--report") != 0
    assert not out.exists()
    capsys.readouterr()
    assert run("score", model, mixed, "--out", out, "--top", 0) == 0
    assert "note: no report.html: pip install ctmri_detect[report]" in capsys.readouterr().err
    assert not (out / "report.html").exists()
    assert (out / "scores.csv").exists()


def test_maps_of_slices_are_no_volumes(model, mixed, tmp_path, capsys):
    assert run("score", model, mixed, "--out", tmp_path / "out", "--maps", "nifti") == 2
    assert "--maps npy or --maps tiff" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_maps_of_volumes(tmp_path):
    pytest.importorskip("nilearn")
    healthy, new = tmp_path / "healthy", tmp_path / "new"
    make_phantom_volumes(healthy, 3, anomalous_fraction=0.0, random_state=0, **GRID)
    make_phantom_volumes(new, 1, anomalous_fraction=1.0, random_state=1, **GRID)
    out, model = tmp_path / "out", tmp_path / "m.ctmri"
    assert run("fit", healthy, "--detector", "atlas", "--size", 48, "--out", model) == 0
    assert run("score", model, new, "--out", out, "--top", 0, "--maps", "nifti") == 0
    (path,) = (out / "maps").iterdir()
    pairs = load_volume_pairs(new)
    ct = nib.load(new / pairs.frame["ct"][0])
    found = nib.load(path)
    assert found.shape == ct.shape
    np.testing.assert_allclose(found.affine, ct.affine, atol=1e-4)
    true = np.nanmax(anomaly_map(load(model), pairs.data))
    assert np.nanmax(found.get_fdata()) == pytest.approx(true, rel=0.1)
