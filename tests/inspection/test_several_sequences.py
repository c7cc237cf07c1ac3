"""Inspection of folders with several MRI sequences, or with one modality."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ctmri_detect.inspection import describe_pairs, write_inspection


def _write(path, seed, size=48):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    r = np.hypot(y / 0.75, x / (0.6 + 0.05 * rng.random()))
    image = np.select([r < 1, r < 1.25], [110 + 40 * rng.normal(size=r.shape), 250], 0)
    cv2.imwrite(str(path), np.clip(image, 0, 255).astype("u1"))


def _texts(found, severity):
    return [text for each, text in found.findings if each == severity]


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Ten slices with CT and T1; six of them with FLAIR, too."""
    folder = tmp_path_factory.mktemp("several")
    for i in range(10):
        for plane in ("CT", "T1", *(["FLAIR"] if i < 6 else [])):
            _write(folder / plane / f"p{i // 2}_{i}.png", 100 * len(plane) + i)
    return folder


def test_each_sequence_is_counted_and_paired(several, tmp_path):
    found = describe_pairs(several, patient=r"^(p\d)_")
    assert found.planes == ("CT", "FLAIR", "T1")
    assert found.sequences["files"].to_dict() == {"t1": 10, "flair": 6}
    assert found.sequences["patients"].to_dict() == {"t1": 5, "flair": 3}
    assert found.pairs["status"].value_counts().to_dict() == {"paired": 6, "lacks FLAIR": 4}
    assert len(found.couples) == 10  # the T1, which most CT have
    assert (found.couples["mri"] == found.couples["t1"]).all()
    assert found.pairing is not None
    assert found.summary["headline"].startswith("10 samples of CT, FLAIR, T1 of 5 patients")
    assert any("each is a plane of its own" in text for text in _texts(found, "note"))
    page = write_inspection(found, several, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "T1 (10), FLAIR (6)" in page


def test_the_chosen_sequences_are_those_that_are_paired(several):
    found = describe_pairs(several, sequence="flair")
    assert found.planes == ("CT", "MRI")
    assert int((found.pairs["status"] == "paired").sum()) == 6


def test_sequences_without_a_ct(tmp_path):
    for i in range(4):
        for plane in ("T1", "FLAIR"):
            _write(tmp_path / plane / f"p{i}_{i}.png", 10 * len(plane) + i)
    found = describe_pairs(tmp_path)
    assert found.planes == ("FLAIR", "T1")
    assert found.pairs["status"].tolist() == ["paired"] * 4
    assert _texts(found, "error") == []
    assert any("no CT to pair it with" in text for text in _texts(found, "note"))
    assert found.pairing is None
    page = write_inspection(found, tmp_path, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "MRI T1" in page


@pytest.mark.parametrize("modality", ["ct", "mri"])
def test_one_modality_of_a_folder_with_both(modality, several):
    sequence = "t1" if modality == "mri" else None
    found = describe_pairs(several, modality=modality, sequence=sequence)
    assert found.modalities.index.tolist() == [modality.upper()]
    assert int((found.pairs["status"] == "alone").sum()) == 10
    assert found.planes == (("CT",) if modality == "ct" else ("T1",))
