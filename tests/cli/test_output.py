"""Where results go: never mixed with older ones, refused before any work."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from ctmri_detect.cli import main

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

PATIENT = ["--patient", r"^(p\d+)_"]
ATLAS = ["--detectors", "atlas", "--size", 48]


def run(*arguments):
    return main([str(a) for a in arguments])


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def model(healthy, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.ctmri"
    assert run("fit", healthy, *PATIENT, "--detector", "atlas", "--size", 48, "--out", path) == 0
    return path


def test_results_of_two_runs_never_mix(model, healthy, mixed, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("score", model, mixed, "--out", out, "--top", 5) == 0
    (out / "notes.txt").write_text("mine")
    (out / "overlays" / "mine.png").write_text("mine too")
    before = contents(out)
    capsys.readouterr()
    assert run("score", model, healthy, "--out", out, "--top", 3) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "--overwrite" in said.err
    assert "scores.csv" in said.err
    assert contents(out) == before
    assert run("score", model, healthy, "--out", out, "--top", 3, "--overwrite") == 0
    assert f"to {out}." in capsys.readouterr().out
    after = contents(out)
    drawn = sorted(name for name in after if name.startswith("overlays/0"))
    assert [name[9:12] for name in drawn] == ["001", "002", "003"]
    kept = {"notes.txt", "overlays/mine.png"}
    assert set(after) - set(drawn) - kept == {
        "patients.csv", "report.html", "scores.csv", "skipped.csv"}  # fmt: skip
    assert len(pd.read_csv(out / "scores.csv")) == 20
    assert run("score", model, healthy, "--out", out, "--top", 0, "--overwrite") == 0
    assert sorted(contents(out)) == [
        "notes.txt",
        "overlays/mine.png",
        "patients.csv",
        "report.html",
        "scores.csv",
        "skipped.csv",
    ]
    made = {path.name for path in out.iterdir()}
    tables = {"patients.csv", "scores.csv", "skipped.csv"}
    assert made == {"notes.txt", "overlays", "report.html"} | tables


def test_a_run_that_fails_leaves_the_earlier_results(mixed, healthy, tmp_path, capsys):
    resource = pytest.importorskip("resource")
    out = tmp_path / "out"
    assert run("inspect", mixed, "--out", out, "--quiet") == 0
    before = contents(out)
    assert run("inspect", tmp_path / "no", "--out", out, "--overwrite") == 2
    assert contents(out) == before
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))  # as a disk that is full
    capsys.readouterr()
    try:
        assert run("inspect", healthy, "--out", out, "--overwrite", "--quiet") == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"{out} can't be written: File too large" in capsys.readouterr().err
    assert contents(out) == before
    assert len(list(out.iterdir())) == 3


@contextmanager
def nobodys_folder():
    """A folder that this process can't write to, and that it can enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")
@pytest.mark.parametrize("command", ["fit", "score", "benchmark", "inspect", "demo"])
@pytest.mark.parametrize("below", [".", "new", "new/deep"])
def test_what_cannot_be_written_is_refused_before_any_work(command, below, capsys):
    arguments = {"fit": ["no"], "score": ["no", "no"], "benchmark": ["no"], "inspect": ["no"]}
    with nobodys_folder() as folder:
        out = folder / below / "m.ctmri" if command == "fit" else folder / below
        assert run(command, *arguments.get(command, []), "--out", out) == 2
        said = capsys.readouterr().err
        assert list(folder.iterdir()) == []
    assert "can't be written: Permission denied" in said
    assert str(folder) in said
    assert "tmp" not in said.replace(str(folder), "")  # no name of a temporary file


@pytest.mark.parametrize("command", ["fit", "score", "inspect"])
def test_a_file_is_no_folder(command, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    arguments = {"fit": ["no"], "score": ["no", "no"], "inspect": ["no"]}[command]
    out = tmp_path / "file" / "m.ctmri" if command == "fit" else tmp_path / "file"
    assert run(command, *arguments, "--out", out) == 2
    assert "is a file; expected a folder" in capsys.readouterr().err
    assert contents(tmp_path) == {"file": b"mine"}


def test_results_lie_in_the_very_folder_that_was_named(mixed, tmp_path, monkeypatch):
    real, here = tmp_path / "real", tmp_path / "here"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    assert run("inspect", mixed, "--out", tmp_path / "link", "--quiet") == 0
    assert (tmp_path / "link").is_symlink()
    assert len(contents(real)) == 3
    here.mkdir()
    monkeypatch.chdir(here)
    for more in ([], ["--overwrite"]):
        assert run("inspect", mixed, "--out", ".", "--quiet", *more) == 0
        assert len(contents(Path("."))) == 3
