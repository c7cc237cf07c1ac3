"""Inspecting a folder from the command line."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from ctmri_detect.cli import main
from ctmri_detect.datasets import load_pairs
from ctmri_detect.exceptions import CtmriDetectWarning

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")


def run(*arguments):
    return main([str(a) for a in arguments])


def test_a_folder_is_described_in_three_files_and_a_few_lines(healthy, tmp_path, capsys):
    out = tmp_path / "deep" / "out"
    assert run("inspect", healthy, "--patient", r"^(p\d+)_", "--out", out) == 0
    said = capsys.readouterr()
    assert sorted(p.name for p in out.iterdir()) == [
        "dataset_summary.json", "files.csv", "inspection.html"]  # fmt: skip
    summary = json.loads((out / "dataset_summary.json").read_text(encoding="utf-8"))
    assert (summary["pairs"], summary["patients"]) == (20, 10)
    files = pd.read_csv(out / "files.csv")
    assert len(files) == 40
    lines = said.out.splitlines()
    assert lines[0] == summary["headline"]
    assert len(lines) <= 10
    for written in (files.to_csv(), json.dumps(summary), (out / "inspection.html").read_text()):
        assert str(healthy) not in written


def test_one_modality_is_no_failure_of_the_command(healthy, tmp_path, capsys):
    image = np.zeros((40, 40), np.uint8)
    image[10:30, 12:28] = np.arange(320).reshape(20, 16) % 251
    (tmp_path / "CT").mkdir()
    cv2.imwrite(str(tmp_path / "CT" / "a.png"), image)
    assert run("inspect", tmp_path, "--out", tmp_path / "out", "--quiet") == 0
    assert "note: Only CT was found: nothing can be paired" in capsys.readouterr().out


def test_an_inverted_ct_is_recognised(healthy, inverted, tmp_path, capsys):
    assert run("inspect", inverted, "--out", tmp_path / "out", "--quiet") == 0
    said = capsys.readouterr().out
    assert "error: 20 of 20 CT files are inverted" in said
    assert "Not ready for training" in said
    files = pd.read_csv(tmp_path / "out" / "files.csv")
    assert files.groupby("modality")["inverted"].mean().to_dict() == {"CT": 1.0, "MRI": 0.0}
    assert run("inspect", healthy, "--out", tmp_path / "right", "--quiet") == 0
    assert "are inverted" not in capsys.readouterr().out


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_a_bad_folder_is_bad_input(folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert run("inspect", tmp_path / folder, "--out", tmp_path / "out") == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_command_runs_in_a_process_of_its_own(healthy, tmp_path, command):
    done = command("inspect", healthy, "--out", tmp_path / "out", "--seed", 3)
    assert done.returncode == 0, done.stderr
    assert "inspection.html" in done.stdout
    assert "Traceback" not in done.stderr


def test_no_person_of_a_dicom_folder_is_named_anywhere(tmp_path, command):
    pytest.importorskip("pydicom")
    from dicom_files import write_dicom

    folder = tmp_path / "Doe_Jane"
    for who, burned in (("Mueller", "YES"), ("Jensen", "NO")):
        for modality in ("CT", "MR"):
            write_dicom(
                folder, who, modality, PatientBirthDate="19560401", BurnedInAnnotation=burned,
                SeriesDescription=f"t2 of {who}",
            )  # fmt: skip
    (folder / "Doe.dcm").write_text("Doe^Jane, no DICOM")
    done = command("inspect", ".", "--out", tmp_path / "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()}
    assert len(written) == 3
    said = done.stdout.replace(str(tmp_path / "out"), "")  # where the page is, as it was asked
    for name, text in (written | {"stdout": said, "stderr": done.stderr}).items():
        for secret in ("mueller", "jensen", "doe", "jane", "19560401", str(tmp_path)):
            assert secret not in text.lower(), (name, secret)
    summary = json.loads(written["dataset_summary.json"])
    assert summary["patients"] == 2
    warned = [f["text"] for f in summary["findings"] if f["severity"] == "warning"]
    assert any("2 DICOM series of 4 say that text is burned into their" in text for text in warned)


def _png(path, image):
    cv2.imwrite(str(path), image)


def _bomb(path, image):
    """A PNG of a few bytes whose header asks for 2.5 GB."""
    _png(path, image)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 50000, 50000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)


HOSTILE = {
    "cut.png": (
        lambda p, image: (_png(p, image), p.write_bytes(p.read_bytes()[:300])),
        "unreadabl",
    ),
    "pixel.png": (lambda p, image: _png(p, image[:1, :1]), "constant"),
    "bomb.png": (_bomb, "50000x50000"),
    "pickle.npy": (
        lambda p, image: np.save(p, np.array([{}, image], dtype=object), allow_pickle=True),
        "pickled Python objects",
    ),
    "deep.png": (lambda p, image: _png(p, image.astype(np.uint16) * 200), ""),
    "rgba.png": (lambda p, image: _png(p, np.dstack([image] * 4)), ""),
}


def test_hostile_files_do_not_bring_the_run_down(healthy, tmp_path, capsys):
    shutil.copytree(healthy, tmp_path / "set")
    image = cv2.imread(str(healthy / "CT" / "p0_0.png"), cv2.IMREAD_UNCHANGED)
    for name, (write, _) in HOSTILE.items():
        write(tmp_path / "set" / "CT" / name, image)
        _png(tmp_path / "set" / "MRI" / f"{name[:-4]}.png", image)
    assert run("inspect", tmp_path / "set", "--out", tmp_path / "out", "--quiet") == 0
    files = pd.read_csv(tmp_path / "out" / "files.csv", keep_default_na=False).set_index("file")
    for name, (_, reason) in HOSTILE.items():
        found = files.loc[f"CT/{name}", "reason"]
        assert reason in found if reason else found == "", (name, found)
    assert (files["reason"] != "").sum() == 4
    assert files.loc["CT/deep.png", "max"] == str(200.0 * image.max())
    with pytest.warns(CtmriDetectWarning):
        pairs = load_pairs(tmp_path / "set")
    assert len(pairs.data) == 20 + 2
    assert [Path(name).name for name, _ in pairs.skipped] == [
        "bomb.png", "cut.png", "pickle.npy", "pixel.png"]  # fmt: skip
