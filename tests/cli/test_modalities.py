"""One modality, or several sequences, from the command line; what a model file remembers."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pandas as pd
import pytest

from ctmri_detect import Pairs, ThresholdDetector, VolumeDetector
from ctmri_detect.cli import main
from ctmri_detect.persistence import load, read_about, save

PATIENT = r"(p\d+)_"


def run(*arguments):
    return main([str(one) for one in arguments])


def fit(folder, out, *more, detector="atlas"):
    return run("fit", folder, "--detector", detector, "--size", 48, "--out", out, *more)


@pytest.fixture(scope="module")
def several(healthy, tmp_path_factory):
    """CT, T1 and FLAIR of ten patients; the last one has no FLAIR."""
    folder = tmp_path_factory.mktemp("several") / "set"
    shutil.copytree(healthy / "CT", folder / "CT")
    shutil.copytree(healthy / "MRI", folder / "T1")
    (folder / "FLAIR").mkdir()
    for path in (folder / "T1").iterdir():
        if not path.name.startswith("p9"):
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            cv2.imwrite(str(folder / "FLAIR" / path.name), 255 - image)
    return folder


@pytest.fixture(scope="module")
def unpaired(healthy, mixed, tmp_path_factory):
    """As Kaggle's set: CT and MRI of other people."""
    folder = tmp_path_factory.mktemp("unpaired") / "images"
    for source, plane, place in (
        (healthy, "CT", "trainA"), (mixed, "CT", "testA"), (mixed, "MRI", "trainB")
    ):  # fmt: skip
        (folder / place).mkdir(parents=True)
        for path in (source / plane).iterdir():
            shutil.copy(path, folder / place / f"{plane.lower()}_{path.name}")
    return folder


@pytest.fixture(scope="module")
def stripped(healthy, tmp_path_factory):
    """T1 and FLAIR with the brain cut out, without a CT."""
    folder = tmp_path_factory.mktemp("stripped") / "set"
    for name in ("T1", "FLAIR"):
        (folder / name).mkdir(parents=True)
    for path in (healthy / "MRI").iterdir():
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        inside = image > 90
        cv2.imwrite(str(folder / "T1" / path.name), np.where(inside, image, 0))
        cv2.imwrite(str(folder / "FLAIR" / path.name), np.where(inside, 255 - image, 0))
    return folder


def test_the_ct_alone_of_an_unpaired_folder(unpaired, tmp_path, capsys):
    model, out = tmp_path / "m.ctmri", tmp_path / "out"
    assert fit(unpaired / "trainA", model, "--modality", "ct", "--patient", PATIENT) == 0
    assert "20 samples (CT) of 10 patients (uint8)" in capsys.readouterr().out
    assert run("score", model, unpaired, "--out", out, "--top", 2, "--maps", "npy") == 0
    table = pd.read_csv(out / "scores.csv")
    assert list(table)[:3] == ["rank", "ct", "patient"]
    assert len(table) == 32
    assert len(pd.read_csv(out / "patients.csv")) == table["patient"].nunique() == 10
    assert len(list((out / "maps").iterdir())) == 32
    assert set(table["modality"].dropna()) <= {"CT"}


def test_what_compares_planes_looks_within_one(unpaired, tmp_path, capsys):
    model = tmp_path / "m.ctmri"
    arguments = [unpaired / "trainA", model, "--modality", "ct", "--patient", PATIENT]
    assert fit(*arguments, detector="cross-modal") == 0
    assert load(model)[-1].evidence == ("within",)
    assert "CT alone can't be compared with another modality" in capsys.readouterr().err


def test_the_model_remembers_its_planes_and_patients(several, tmp_path, capsys):
    model, out = tmp_path / "m.ctmri", tmp_path / "out"
    assert fit(several, model, "--sequence", "t1,flair", "--patient", PATIENT) == 0
    assert "(CT, T1, FLAIR)" in capsys.readouterr().out
    assert read_about(model)["sequence"] == ["t1", "flair"]
    assert load(model)[-1].modalities_ == ("CT", "T1", "FLAIR")
    assert run("score", model, several, "--out", out, "--top", 1) == 0
    table = pd.read_csv(out / "scores.csv")
    assert list(table)[:5] == ["rank", "ct", "t1", "flair", "patient"]
    assert table["flair"].isna().sum() == 2
    assert table["patient"].nunique() == 10
    assert run("score", model, several, "--out", tmp_path / "ct", "--modality", "ct") == 2
    assert "fitted on CT, T1, FLAIR, and --modality ct means CT" in capsys.readouterr().err


def test_a_folder_without_the_planes_of_the_model_is_named(several, tmp_path, capsys):
    model, out = tmp_path / "m.ctmri", tmp_path / "out"
    assert fit(several, model, "--sequence", "t1,flair", "--patient", PATIENT) == 0
    poor = tmp_path / "poor"
    for name in ("CT", "T1"):
        shutil.copytree(several / name, poor / name)
    assert run("score", model, poor, "--out", out) == 2
    said = capsys.readouterr().err
    assert "sequence='flair'" in said
    assert "fitted on CT, T1, FLAIR" in said


def test_names_that_the_remembered_rule_does_not_fit(several, mixed, tmp_path, capsys):
    model, out, other = tmp_path / "m.ctmri", tmp_path / "out", tmp_path / "other"
    assert fit(several, model, "--sequence", "t1", "--patient", PATIENT) == 0
    for plane, name in (("CT", "CT"), ("MRI", "T1")):
        (other / name).mkdir(parents=True)
        for path in (mixed / plane).iterdir():
            shutil.copy(path, other / name / f"x{path.name[1:]}")
    assert run("score", model, other, "--out", out, "--top", 0) == 0
    assert "file names don't match" in capsys.readouterr().err
    assert pd.read_csv(out / "scores.csv")["patient"].isna().all()
    assert not (out / "patients.csv").exists()


def test_stripped_mri_without_a_ct(stripped, tmp_path, capsys):
    model, out = tmp_path / "m.ctmri", tmp_path / "out"
    common = [stripped, model, "--modality", "mri", "--sequence", "t1,flair", "--patient", PATIENT]
    assert fit(*common) == 2
    assert "--mask observed" in capsys.readouterr().err
    assert fit(*common, "--mask", "observed") == 0
    assert run("score", model, stripped, "--out", out, "--top", 1, "--report") == 0
    table = pd.read_csv(out / "scores.csv")
    assert list(table)[:4] == ["rank", "t1", "flair", "patient"]
    assert np.isfinite(table["anomaly_score"]).all()
    assert "strongest_file" in pd.read_csv(out / "patients.csv")
    assert len(list((out / "overlays").iterdir())) == 1


def test_a_folder_of_which_hardly_any_images_are_pairs_names_the_option(tmp_path, capsys):
    image = np.full((8, 8), 9, np.uint8)
    for name in ("CT", "MRI"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(24):
            same = f"both{i}" if i < 2 else f"{'abcdefghijklmnopqrstuvwxyz'[i]}_{name.lower()}x"
            cv2.imwrite(str(tmp_path / "set" / name / f"{same}.png"), image)
    assert fit(tmp_path / "set", tmp_path / "m.ctmri") == 2
    said = capsys.readouterr().err
    assert "24 CT and 24 MRI" in said
    assert "only 2" in said
    assert "--modality ct" in said


def test_a_model_of_whole_scans_is_for_python(tmp_path, capsys):
    volume = np.repeat(list("abcdefghij"), 3)
    frame = pd.DataFrame({"volume": volume, "z_mm": np.tile([0.0, 3.0, 6.0], 10)})
    X = np.random.default_rng(0).normal(size=(30, 2, 16, 16))
    scans = Pairs(X, groups=volume, frame=frame)
    save(VolumeDetector(ThresholdDetector()).fit(scans), tmp_path / "m.ctmri")
    assert run("score", tmp_path / "m.ctmri", tmp_path, "--out", tmp_path / "out") == 2
    assert "whole scans" in capsys.readouterr().err


def test_one_modality_alone_names_the_option(healthy, tmp_path, capsys):
    shutil.copytree(healthy / "CT", tmp_path / "set" / "CT")
    assert fit(tmp_path / "set", tmp_path / "m.ctmri") == 2
    assert "--modality ct" in capsys.readouterr().err


@pytest.mark.parametrize("sequence", ["abc", "t1,abc", ","])
def test_an_unknown_sequence_is_refused_at_once(sequence, tmp_path, capsys):
    with pytest.raises(SystemExit):
        fit(tmp_path, tmp_path / "m.ctmri", "--sequence", sequence)
    assert "choose from" in capsys.readouterr().err


def test_models_without_notes_know_their_planes(healthy, tmp_path):
    model, out = tmp_path / "m.ctmri", tmp_path / "out"
    assert fit(healthy, model, "--modality", "ct", "--patient", PATIENT) == 0
    save(load(model), model)
    assert read_about(model) == {}
    assert run("score", model, healthy, "--out", out, "--top", 0) == 0
    assert list(pd.read_csv(out / "scores.csv"))[:3] == ["rank", "ct", "patient"]
