"""``ctmri-detect fetch``, in a process of its own."""

from __future__ import annotations

import pytest
from kaggle_stand_in import KEYS, kaggle_stand_in, write_archive


@pytest.fixture
def archive(tmp_path, monkeypatch):
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    path = tmp_path / "download.zip"
    write_archive(path)
    return path


def test_from_an_archive_and_once_more(command, archive, tmp_path):
    first = command("fetch", "kaggle", "--out", tmp_path / "data", "--from-archive", archive)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("Fetched 6 CT and 6 MRI (0 MiB) in ")
    assert "NOT pairs" in first.stdout
    assert first.stderr.count("\n") == 1  # that it is not the whole set
    assert "the published set holds 1742 CT" in first.stderr
    again = command("fetch", "kaggle", "--out", tmp_path / "data")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith("Found 6 CT")


def test_without_credentials(command, archive, tmp_path):
    result = command("fetch", "kaggle", "--out", tmp_path / "data")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "~/.kaggle/kaggle.json" in result.stderr
    assert "--from-archive FILE" in result.stderr
    assert not (tmp_path / "data").exists()


def test_download(command, archive, tmp_path, monkeypatch):
    pytest.importorskip("kagglesdk")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "t0ken")
    with kaggle_stand_in(archive) as server:
        for key, value in server.environment(tmp_path / "home").items():
            monkeypatch.setenv(key, value)
        server.status = 403
        refused = command("fetch", "kaggle")
        assert refused.returncode == 2
        assert "terms may not be accepted" in refused.stderr
        assert "t0ken" not in refused.stderr
        server.status = 200
        result = command("fetch", "kaggle")
    assert result.returncode == 0, result.stderr
    assert "Fetched 6 CT and 6 MRI" in result.stdout
    assert (tmp_path / "home/ctmri_detect_data/ct-to-mri-cgan/manifest.json").is_file()


def test_a_bad_archive(command, archive, tmp_path):
    archive.write_bytes(b"no zip")
    result = command("fetch", "kaggle", "--out", tmp_path / "data", "--from-archive", archive)
    assert result.returncode == 2
    assert "no zip file" in result.stderr
    assert list((tmp_path / "data").iterdir()) == []
