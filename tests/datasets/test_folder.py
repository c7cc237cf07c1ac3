"""Loading pairs from a folder: what is paired, what is skipped, what is refused."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skimage import io

from ctmri_detect.datasets.folder import load_pairs
from ctmri_detect.exceptions import DataLoadingError, SkippedFilesWarning

DATA = Path(
    os.environ.get("CTMRI_DETECT_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data")
)


def _slice(seed, shape=(12, 10), dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, 255, shape).astype(dtype)


def _write(path, image):
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, image)
    else:
        io.imsave(path, image, check_contrast=False)


@pytest.fixture
def folder(tmp_path):
    """Three pairs of two patients, 8-bit."""
    for i, name in enumerate(["p1_s2", "p1_s10", "p2_s1"]):
        _write(tmp_path / "CT" / f"{name}.png", _slice(i))
        _write(tmp_path / "MRI" / f"{name}.png", _slice(10 + i))
    return tmp_path


def _labels(folder, **columns):
    files = ["p2_s1.png", "p1_s10.png", "p1_s2.png"]
    pd.DataFrame({"file": files, **columns}).to_csv(folder / "labels.csv", index=False)
    return folder / "labels.csv"


def test_plain_folder(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = load_pairs(folder)
    assert pairs.data.shape == (3, 2, 12, 10)
    assert pairs.data.dtype == np.float32
    assert (pairs.target, pairs.masks, pairs.groups, pairs.skipped) == (None, None, None, [])
    assert pairs.paired
    assert pairs.ct_units == "uint8"
    assert list(pairs.frame) == ["ct", "mri", "patient", "slice", "spacing", "sequence", "kind"]
    assert pairs.frame["slice"].tolist() == [2, 10, 1]  # natural order of the names
    np.testing.assert_array_equal(pairs.data[1], [_slice(1), _slice(11)])
    assert pairs.frame["mri"][2] == "MRI/p2_s1.png"
    assert str(folder.parent) not in str(dict(pairs))


def test_folder_names_in_any_case_and_other_endings(folder):
    (folder / "CT").rename(folder / "ct")
    (folder / "MRI").rename(folder / "Mri")
    image = np.full((12, 10), 60, dtype=np.uint8)
    image[:6] = 200
    (folder / "Mri" / "p2_s1.png").unlink()
    io.imsave(folder / "Mri" / "p2_s1.jpg", image, check_contrast=False)
    pairs = load_pairs(folder)
    assert len(pairs.data) == 3
    assert np.abs(pairs.data[2, 1] - image).max() < 15


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(r"(p\d)_", ["p1", "p1", "p2"]), (r"p\d", ["p1", "p1", "p2"])],
)
def test_patient_from_the_name(folder, pattern, expected):
    pairs = load_pairs(folder, patient=pattern)
    assert pairs.groups.tolist() == expected
    assert pairs.frame["patient"].tolist() == expected


def test_patient_and_lesion_from_the_labels(folder):
    labels = _labels(folder, who=["b", "a", "a"], lesion=[0, 1, 0], sequence="t2", slice=[7, 8, 9])
    pairs = load_pairs(folder, patient="who", labels=labels)
    assert pairs.groups.tolist() == ["a", "a", "b"]
    assert pairs.target.tolist() == [1, -1, 1]
    assert pairs.frame["sequence"].tolist() == ["t2"] * 3
    assert pairs.frame["slice"].tolist() == [9, 8, 7]
    assert load_pairs(folder, labels="labels.csv").groups is None


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("lesion", [0, 1, 0]),
        ("lesion", [False, True, False]),
        ("target", [1, -1, 1]),
        ("label", ["+1", "-1", "1"]),
    ],
)
def test_label_codings(folder, column, values):
    pairs = load_pairs(folder, labels=_labels(folder, **{column: values}))
    assert pairs.target.tolist() == [1, -1, 1]
    assert pairs.target.dtype == np.int64


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("target", [0, 1, 0], "mirrors an AUROC.*name the column 'lesion'"),
        ("label", [0, 0, 0], r"expected \+1"),
        ("label", ["sick", "well", "well"], r"well, sick.*expected \+1"),
        ("lesion", [1, -1, 1], "'lesion' holds 1, -1; expected"),
        ("lesion", [1, None, 0], "expected 1 or True"),
    ],
)
def test_other_codings_are_refused(folder, column, values, message):
    with pytest.raises(DataLoadingError, match=message):
        load_pairs(folder, labels=_labels(folder, **{column: values}))


def test_labels_file_must_fit(folder):
    labels = _labels(folder, lesion=0)
    pd.read_csv(labels).iloc[:2].to_csv(labels, index=False)
    with pytest.warns(SkippedFilesWarning):
        pairs = load_pairs(folder, labels=labels)
    assert pairs.skipped == [("CT/p1_s2.png", "no row in the labels file")]
    assert pairs.target.tolist() == [1, 1]
    with pytest.raises(DataLoadingError, match="can't be read"):
        load_pairs(folder, labels=folder / "none.csv")
    labels.write_text("name,lesion\na,1\n")
    with pytest.raises(DataLoadingError, match=r"\['name', 'lesion'\].*'file'"):
        load_pairs(folder, labels=labels)
    labels.write_text("file,lesion\nCT/p1_s2.png,1\np1_s2,0\n")
    with pytest.raises(DataLoadingError, match="more than once"):
        load_pairs(folder, labels=labels)


def test_bad_files_are_skipped_with_a_reason_and_the_rest_loaded(folder):
    good = _slice(3)
    bad = {
        "text": b"not an image",
        "cut": (folder / "CT" / "p1_s2.png").read_bytes()[:60],
        "empty": b"",
    }
    for name, content in bad.items():
        (folder / "CT" / f"{name}.png").write_bytes(content)
        _write(folder / "MRI" / f"{name}.png", good)
    _write(folder / "CT" / "alone.png", good)
    _write(folder / "CT" / "wide.png", _slice(4, (12, 11)))
    _write(folder / "MRI" / "wide.png", good)
    _write(folder / "CT" / "flat.png", np.full((12, 10), 3, np.uint8))
    _write(folder / "MRI" / "flat.png", good)
    for name, image in {
        "nan": np.full((12, 10), np.nan),
        "inf": np.where(good > 100, np.inf, 1.0),
        "volume": np.random.default_rng(0).normal(size=(12, 10, 5)),
        "objects": np.array([{}, 1], dtype=object),
    }.items():
        _write(folder / "CT" / f"{name}.npy", image)
        _write(folder / "MRI" / f"{name}.png", good)
    (folder / "CT" / "notes.txt").write_text("x")
    (folder / "CT" / ".hidden").write_text("x")
    with pytest.warns(SkippedFilesWarning, match="11 files"):
        pairs = load_pairs(folder)
    reasons = dict(pairs.skipped)
    assert len(pairs.data) == 3
    for file, reason in {
        "CT/text.png": "unreadable",
        "CT/cut.png": "unreadable",
        "CT/empty.png": "unreadable",
        "CT/alone.png": "no MRI of this name",
        "CT/wide.png": "CT is 12x11, MRI is 12x10",
        "CT/flat.png": "constant",
        "CT/nan.npy": "nothing observed",
        "CT/inf.npy": "infinite",
        "CT/volume.npy": "expected one slice",
        "CT/objects.npy": "unreadable",
        "CT/notes.txt": "not an image type",
    }.items():
        assert reason in reasons.pop(file)
    assert not reasons


def test_colour_becomes_grey_and_alpha_is_dropped(folder):
    grey = _slice(0)
    alpha = _slice(5)
    _write(folder / "CT" / "p1_s2.png", np.dstack([grey] * 3))
    _write(folder / "MRI" / "p1_s2.png", np.dstack([_slice(10)] * 3 + [alpha]))
    pairs = load_pairs(folder)
    np.testing.assert_array_equal(pairs.data[0], [grey, _slice(10)])


@pytest.mark.parametrize(
    ("suffix", "dtype"), [(".tif", np.int16), (".npy", np.float32), (".png", np.uint16)]
)
def test_deeper_ct_counts_as_hu_and_keeps_its_values(folder, suffix, dtype):
    low = 0 if dtype is np.uint16 else -1000
    ct = np.random.default_rng(0).integers(low, 3000, (12, 10)).astype(dtype)
    for file in (folder / "CT").iterdir():
        file.unlink()
    for name in ("p1_s2", "p1_s10", "p2_s1"):
        _write(folder / "CT" / f"{name}{suffix}", ct)
    pairs = load_pairs(folder)
    assert pairs.ct_units == "hu"
    np.testing.assert_array_equal(pairs.data[1, 0], ct.astype(np.float32))


def test_gaps_stay_gaps(folder):
    ct = _slice(0, dtype=np.float32)
    ct[0, 0] = np.nan
    (folder / "CT" / "p1_s2.png").unlink()
    _write(folder / "CT" / "p1_s2.npy", ct)
    pairs = load_pairs(folder)
    assert np.isnan(pairs.data[0, 0]).sum() == 1
    assert np.isnan(load_pairs(folder, size=(24, 20)).data[0, 0]).sum() < 10


def test_sizes_that_differ_need_size(folder):
    for plane in ("CT", "MRI"):
        _write(folder / plane / "p2_s1.png", _slice(1, (30, 20)))
    with pytest.raises(ValueError, match=r"12x10 \(2 pairs, such as CT/p1_s2.png\).*30x20.*size="):
        load_pairs(folder)
    assert load_pairs(folder, size=16).data.shape == (3, 2, 16, 16)
    resized = load_pairs(folder, size=(6, 5)).data
    assert resized.shape == (3, 2, 6, 5)
    assert resized[0, 0].mean() == pytest.approx(_slice(0).mean(), abs=0.01)  # area average


@pytest.mark.parametrize("size", [0, -4, 2.5, (8,), "big"])
def test_bad_size(folder, size):
    with pytest.raises(ValueError, match=r"size is .*expected"):
        load_pairs(folder, size=size)


def test_folders_that_cannot_be_used(folder, tmp_path):
    with pytest.raises(DataLoadingError, match="is no folder; expected a folder with CT/"):
        load_pairs(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataLoadingError, match="nothing"):
        load_pairs(empty)
    (empty / "CT").mkdir()
    with pytest.raises(DataLoadingError, match=r"empty holds no images \(it has CT\)"):
        load_pairs(empty)
    (empty / "MRI").mkdir()
    (empty / "CT" / "a.png").write_text("x")
    with pytest.raises(DataLoadingError, match=r"No pair is left.*a\.png: no MRI"):
        load_pairs(empty)


def test_patient_that_cannot_be_found(folder):
    with pytest.raises(DataLoadingError, match="matches nothing in 3 of 3"):
        load_pairs(folder, patient="case")
    with pytest.raises(ValueError, match="regular expression"):
        load_pairs(folder, patient="(")
    labels = _labels(folder, who=["a", None, "a"])
    with pytest.raises(DataLoadingError, match=r"no patient for p1_s10\.png"):
        load_pairs(folder, patient="who", labels=labels)


def test_real_pairs():
    folder = DATA / "brain_pairs"
    if not folder.exists():
        pytest.skip("no real images at hand")
    pairs = load_pairs(folder, patient="patient", labels="labels.csv")
    assert pairs.data.shape == (95, 2, 256, 256)
    assert len(np.unique(pairs.groups)) == 5
    assert (pairs.target == -1).sum() == 27
    assert pairs.ct_units == "uint8"
