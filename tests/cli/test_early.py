"""What can be refused early is refused before the images are read."""

from __future__ import annotations

import shutil
import sys
from contextlib import contextmanager

import nibabel as nib
import numpy as np
import pytest

from ctmri_detect.cli import main

REGEX = ["--patient", r"^(p\d+)_"]
COLUMN = ["--patient", "patient", "--labels", "labels.csv"]
_opened: list[str] = []
sys.addaudithook(lambda event, args: event == "open" and _opened.append(str(args[0])))


@contextmanager
def images_read():
    """The images that are opened meanwhile."""
    found: set[str] = set()
    _opened.clear()
    yield found
    found.update(name for name in _opened if name.endswith((".png", ".nii.gz")))


@pytest.fixture
def folder(mixed, tmp_path):
    """A copy of `mixed`: twelve pairs of six patients with labels."""
    return shutil.copytree(mixed, tmp_path / "set")


def run(*arguments):
    return main([str(a) for a in arguments])


@pytest.fixture
def model(folder, tmp_path):
    path = tmp_path / "m.ctmri"
    assert run("fit", folder, *REGEX, "--detector", "atlas", "--size", 48, "--out", path) == 0
    return path


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("file,lesion,patient\np0_0,maybe,p0", "'lesion' holds maybe"),
        ("file,target,patient\np0_0,0,p0", "'target' holds 0"),
        ("file,lesion,patient\np0_0,1,", "no patient for p0_0"),
        ("name,lesion\np0_0,1", "expected one named 'file'"),
    ],
)
def test_labels_that_say_nothing(labels, said, folder, tmp_path, capsys):
    (folder / "labels.csv").write_text(labels)
    with images_read() as read:
        assert run("fit", folder, *COLUMN, "--ct-units", "uint8", "--out", tmp_path / "m") == 2
    assert said in capsys.readouterr().err
    assert len(read) <= 1  # the header of one, for the size


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["benchmark"], "--labels"),
        (["benchmark", "--labels", "labels.csv"], "--patient"),
        (["benchmark", "--folds", 7, *REGEX, "--labels", "labels.csv"], "6 patient(s)"),
        (["benchmark", "--folds", 7, *COLUMN], "6 patient(s)"),
        (["fit", *REGEX, "--image-size", 10**6], "need 268220.9 GiB of memory, and"),
    ],
)
def test_what_the_arguments_alone_rule_out(arguments, said, folder, tmp_path, capsys):
    command, *more = arguments
    with images_read() as read:
        assert run(command, folder, *more, "--out", tmp_path / "out") == 2
    text = capsys.readouterr().err
    assert said in text
    assert text.count("\n") == 1
    assert len(read) <= 1


def test_one_patient_is_too_few_for_two_folds(folder, tmp_path, capsys):
    for path in folder.glob("*/p[1-5]_*.png"):
        path.unlink()
    arguments = ["benchmark", folder, "--detectors", "atlas", "--out", tmp_path / "out"]
    assert run(*arguments, *COLUMN) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "1 patient(s), and there are 2 folds" in said
    assert not (tmp_path / "out").exists()


def test_too_many_phantoms_are_refused_before_they_are_made(tmp_path, capsys):
    pytest.importorskip("jinja2")
    arguments = ["benchmark", "--phantom", "--subjects", 10**7, "--out", tmp_path / "out"]
    assert run(*arguments) == 2
    assert "GiB of memory" in capsys.readouterr().err


def test_units_that_the_model_does_not_take(model, folder, tmp_path, capsys):
    with images_read() as read:
        assert run("score", model, folder, "--ct-units", "hu", "--out", tmp_path / "out") == 2
    assert "fitted on 'uint8'" in capsys.readouterr().err
    assert len(read) <= 1


def test_units_that_cannot_be_told_need_a_few_images_only(deep, tmp_path, capsys):
    with images_read() as read:
        assert run("fit", deep, *REGEX, "--out", tmp_path / "m") == 2
    said = capsys.readouterr().err
    assert "neither Hounsfield units nor 8-bit" in said
    assert "from 300 to 65325" in said  # what came
    assert 0 < len(read) < 10
    assert not any("/MRI/" in name for name in read)


def test_units_of_volumes_are_told_by_the_first(tmp_path, capsys):
    head = np.full((24, 24, 6), 1024.0)
    head[6:18, 6:18] = 1060
    for i in range(4):
        (tmp_path / "set" / f"head{i}").mkdir(parents=True)
        for name in ("ct", "mr"):
            image = nib.Nifti1Image(head.astype(np.int16), np.diag([8, 8, 5, 1]))
            nib.save(image, tmp_path / "set" / f"head{i}" / f"{name}.nii.gz")
    with images_read() as read:
        assert run("fit", tmp_path / "set", "--out", tmp_path / "m") == 2
    assert "HU + 1024" in capsys.readouterr().err
    assert {name.split("/")[-2] for name in read} == {"head0"}
