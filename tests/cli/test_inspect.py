"""Inspecting a folder from the command line."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from ctmri_detect.cli import main

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
    assert (summary["pairs"], summary["patients"]) == (16, 8)
    files = pd.read_csv(out / "files.csv")
    assert len(files) == 32
    lines = said.out.splitlines()
    assert lines[0] == summary["headline"]
    assert len(lines) <= 10
    for written in (files.to_csv(), json.dumps(summary), (out / "inspection.html").read_text()):
        assert str(healthy) not in written


def test_errors_in_the_data_are_no_failure_of_the_command(healthy, tmp_path, capsys):
    image = np.zeros((40, 40), np.uint8)
    image[10:30, 12:28] = np.arange(320).reshape(20, 16) % 251
    (tmp_path / "CT").mkdir()
    cv2.imwrite(str(tmp_path / "CT" / "a.png"), image)
    assert run("inspect", tmp_path, "--out", tmp_path / "out", "--quiet") == 0
    assert "error: Only CT was found" in capsys.readouterr().out


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
