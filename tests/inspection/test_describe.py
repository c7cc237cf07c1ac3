"""Describing a folder: the figures are those of the files, and what is odd is found."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from real_data import DATA
from scipy.ndimage import gaussian_filter

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.inspection.describe import FILE_COLUMNS, describe_pairs
from ctmri_detect.inspection.duplicates import find_duplicates
from ctmri_detect.inspection.file_stats import background
from ctmri_detect.inspection.findings import list_findings

SIZE = 128


def head(seed, contrast=1, size=SIZE):
    """An 8-bit head with its own tissue; another contrast shows the same head."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    r = np.hypot(y / 0.85, x / 0.7)
    rng = np.random.default_rng(seed)
    tissue = gaussian_filter(rng.normal(size=(size, size)), size / 24)
    brain = 120 + contrast * 45 * tissue / tissue.std()
    image = np.select([r < 0.85, r < 1], [brain, 240 if contrast > 0 else 40], 0)
    return np.clip(image, 0, 255).astype(np.uint8)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, image)
    else:
        cv2.imwrite(str(path), image)
    return path


def write_pairs(folder, n=12, per_patient=2, mri_of=lambda i: i):
    for i in range(n):
        name = f"p{i // per_patient}_{i % per_patient}.png"
        write(folder / "CT" / name, head(i))
        write(folder / "MRI" / name, head(mri_of(i), contrast=-1))
    return folder


def texts(found, severity):
    return [text for each, text in found.findings if each == severity]


def said(found, severity, *words):
    return any(all(word in text for word in words) for text in texts(found, severity))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = write_pairs(tmp_path_factory.mktemp("pairs"))
    return describe_pairs(folder), folder


def test_each_file_has_the_figures_of_its_pixels(found):
    found, folder = found
    assert list(found.files) == FILE_COLUMNS
    assert len(found.files) == 24
    for row in found.files.itertuples():
        image = cv2.imread(str(folder / row.file), cv2.IMREAD_UNCHANGED)
        assert (row.min, row.max, row.median) == (image.min(), image.max(), np.median(image))
        assert (row.mean, row.std) == pytest.approx((image.mean(), image.std()))
        assert (row.height, row.width, row.dtype, row.format) == (SIZE, SIZE, "uint8", "png")
        assert row.sha256 == hashlib.sha256((folder / row.file).read_bytes()).hexdigest()
        assert row.modality == row.file.split("/")[0]
        assert row.blank == pytest.approx((image == 0).mean(), abs=0.02)


def test_a_modality_has_the_figures_of_all_its_pixels(tmp_path):
    a, b = head(0, size=64), head(1, size=32) // 2
    write(tmp_path / "CT" / "a.png", a)
    write(tmp_path / "CT" / "b.png", b)
    write(tmp_path / "MRI" / "a.png", a)
    table = describe_pairs(tmp_path).modalities
    pixels = np.concatenate([a.ravel(), b.ravel()])
    assert table.loc["CT", ["mean", "std"]].tolist() == pytest.approx([pixels.mean(), pixels.std()])
    assert table.loc["CT", "shapes"] == {"64 x 64": 1, "32 x 32": 1}
    assert table.loc["CT", "bit_depth"] == 8


def test_a_sound_folder_has_no_errors(found):
    found, _ = found
    assert found.pairing.paired is True
    assert texts(found, "error") == []
    assert found.duplicates.empty
    assert found.damaged.empty
    assert found.pairs["same_size"].all()
    assert found.summary["pairs"] == 12
    assert found.summary["patients"] == 6
    assert said(found, "warning", "Only 6 patients")
    assert said(found, "note", "belong together")


def test_the_summary_is_plain_json(found):
    text = json.dumps(found[0].summary, allow_nan=False)
    assert json.loads(text) == found[0].summary


def test_the_result_is_the_same_for_any_number_of_jobs(found):
    found, folder = found
    again = describe_pairs(folder, n_jobs=2)
    pd.testing.assert_frame_equal(again.files, found.files)
    assert again.findings == found.findings


def test_strangers_are_no_pairs(tmp_path):
    write_pairs(tmp_path, mri_of=lambda i: 100 + i)
    found = describe_pairs(tmp_path)
    assert found.pairing.paired is False
    assert said(found, "error", "do not seem to show the same heads")
    # what presumes that they are pairs is not worth a word then
    write(tmp_path / "CT" / "p9_9.png", head(99))
    write(tmp_path / "MRI" / "p0_0.png", head(100, contrast=-1, size=64))
    again = describe_pairs(tmp_path)
    assert again.pairing.paired is False
    for words in ("are not used", "different size", "Only 12 pairs", "badly registered"):
        assert not said(again, "warning", words)
    assert "not pairs" in found.summary["headline"]


def test_a_shifted_mri_is_named_with_its_shift_in_pixels_of_the_file(tmp_path):
    write_pairs(tmp_path, n=10)
    write(tmp_path / "MRI" / "p1_1.png", np.roll(head(3, contrast=-1), (3, -4), axis=(0, 1)))
    found = describe_pairs(tmp_path)
    bad = found.pairing.pairs[found.pairing.pairs["bad"]]
    assert bad["ct"].tolist() == ["CT/p1_1.png"]
    assert bad[["shift_y", "shift_x"]].to_numpy()[0] == pytest.approx([3, -4], abs=0.5)
    assert found.pairing.shift_unit == "px"
    assert said(found, "warning", "badly registered", "CT/p1_1.png")


def copies(image):
    """The same slice as others might store it."""
    yield "same", image
    yield "half", cv2.resize(image, (SIZE // 2, SIZE // 2), interpolation=cv2.INTER_AREA)
    yield "window", np.clip(image * 1.2 - 10, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["same", "half", "window"])
def test_copies_in_training_and_test_are_an_error(kind, tmp_path):
    for i in range(4):
        write(tmp_path / "train" / "CT" / f"a{i}.png", head(i))
        write(tmp_path / "train" / "MRI" / f"a{i}.png", head(i, contrast=-1))
    write(tmp_path / "test" / "CT" / "b9.png", dict(copies(head(2)))[kind])
    write(tmp_path / "test" / "MRI" / "b9.png", head(50, contrast=-1))
    found = describe_pairs(tmp_path)
    assert len(found.duplicates) == 1
    row = found.duplicates.iloc[0]
    assert {row["file"], row["other"]} == {"train/CT/a2.png", "test/CT/b9.png"}
    assert row["kind"] == ("exact" if kind == "same" else "near")
    assert set(row["splits"].split(", ")) == {"train", "test"}
    assert said(found, "error", "twice in different splits")
    assert found.summary["duplicates"]["across_splits"] == 1


def test_copies_under_two_patients_are_an_error_and_within_one_a_note(tmp_path):
    write_pairs(tmp_path, n=6)
    write(tmp_path / "CT" / "p2_1.png", head(0))
    across = describe_pairs(tmp_path)
    assert across.duplicates["same_patient"].tolist() == [False]
    assert said(across, "error", "under different patients")
    write(tmp_path / "CT" / "p2_1.png", head(4))
    within = describe_pairs(tmp_path)
    assert within.duplicates["same_patient"].tolist() == [True]
    assert said(within, "note", "within one patient")
    assert not texts(within, "error")


def test_neighbours_ct_beside_mri_and_black_slices_are_no_duplicates(tmp_path):
    volume = gaussian_filter(np.random.default_rng(0).normal(size=(6, SIZE, SIZE)), (1, 4, 4))
    shape = head(0) > 0
    for i, plane in enumerate(volume):
        image = np.where(shape, 120 + 2000 * plane, 0).clip(0, 255).astype(np.uint8)
        write(tmp_path / "CT" / f"{i}.png", image)
        write(tmp_path / "MRI" / f"{i}.png", image)
    for i in (7, 8):
        black = np.zeros((SIZE, SIZE), np.uint8)
        black[40:44, 40 : 40 + i] = 200
        write(tmp_path / "CT" / f"{i}.png", black)
    found = describe_pairs(tmp_path)
    assert found.duplicates.empty
    assert said(found, "warning", "are nearly empty", "CT/7.png")


def test_the_number_of_pairs_that_the_verdict_rests_on_is_told(tmp_path):
    write_pairs(tmp_path, n=70)
    found = describe_pairs(tmp_path)
    assert (found.summary["pairing"]["checked"], found.summary["pairing"]["compared"]) == (70, 64)
    assert said(found, "note", "belong together", "64 pairs compared")


def test_one_dark_pixel_does_not_move_the_background():
    image = head(0).astype(np.float32)
    expected = background(image)
    assert 0.3 < expected.mean() < 0.6
    image[0, 0] = -120  # what interpolation leaves beside an edge
    np.testing.assert_array_equal(background(image), expected)


@pytest.mark.parametrize(("n", "told"), [(3, False), (12, True)])
def test_nobody_is_sent_to_a_check_that_was_done(n, told, tmp_path):
    for i in range(n):
        write(tmp_path / "trainA" / f"ct{i}.png", head(i))
        write(tmp_path / "trainB" / f"mri{i}.png", head(i, contrast=-1))
    found = describe_pairs(tmp_path)
    assert (found.pairing.paired is not None) is told
    assert said(found, "note", "check_pairing") is not told


def test_thousands_of_images_are_compared_in_blocks():
    rng = np.random.default_rng(0)
    n = 1500  # more than one block
    thumbs = list(rng.integers(0, 255, (n, 64, 64)).astype(np.uint8))
    thumbs[1400] = thumbs[3] // 2  # in the first block and in the second
    thumbs[1450] = thumbs[1200] // 2  # both in the second
    files = pd.DataFrame(
        {"file": [f"{i}.png" for i in range(n)], "modality": "CT", "patient": None, "split": "",
         "blank": 0.5}
    )  # fmt: skip
    found = find_duplicates(files, [str(i) for i in range(n)], thumbs)
    pairs = {tuple(row) for row in found[["file", "other"]].to_numpy()}
    assert pairs == {("3.png", "1400.png"), ("1200.png", "1450.png")}


def test_damaged_files_are_named_and_the_rest_is_described(tmp_path):
    write_pairs(tmp_path, n=4)
    (tmp_path / "CT" / "p0_0.png").write_bytes(b"no image")
    whole = (tmp_path / "MRI" / "p1_0.png").read_bytes()
    (tmp_path / "MRI" / "p1_0.png").write_bytes(whole[: len(whole) // 2])
    write(tmp_path / "CT" / "p1_1.png", np.full((SIZE, SIZE), 7, np.uint8))
    found = describe_pairs(tmp_path)
    assert set(found.damaged["file"]) == {"CT/p0_0.png", "MRI/p1_0.png", "CT/p1_1.png"}
    assert found.damaged["reason"].str.len().gt(5).all()
    assert found.modalities["readable"].to_dict() == {"CT": 2, "MRI": 3}
    assert said(found, "warning", "3 files", "can't be used")
    assert not any(str(tmp_path) in text for _, text in found.findings)


def test_mixed_sizes_types_and_colours_are_findings(tmp_path):
    write_pairs(tmp_path, n=6)
    write(tmp_path / "MRI" / "p0_0.png", head(0, contrast=-1, size=64))
    write(tmp_path / "MRI" / "p0_1.png", head(1, contrast=-1).astype(np.uint16) * 100)
    write(tmp_path / "MRI" / "p1_0.png", np.repeat(head(2, contrast=-1)[..., None], 3, axis=2))
    red = np.repeat(head(3, contrast=-1)[..., None], 3, axis=2)
    red[30:50, 30:50] = (0, 0, 255)
    write(tmp_path / "MRI" / "p1_1.png", red)
    found = describe_pairs(tmp_path)
    assert said(found, "warning", "1 of 6 pairs", "different size", "CT/p0_0.png")
    assert said(found, "warning", "MRI files have 2 sizes")
    assert said(found, "warning", "different number types", "uint16")
    assert said(found, "warning", "1 file (MRI/p1_1.png)", "colours")
    assert said(found, "note", "hold only grey")
    order = [severity for severity, _ in found.findings]
    assert order == sorted(order, key=["error", "warning", "note"].index)


def test_values_from_0_to_1_beside_others_are_a_finding(tmp_path):
    for i, top in enumerate((1.0, 1.0, 900.0)):
        write(tmp_path / "CT" / f"{i}.npy", head(i).astype(np.float32))
        write(tmp_path / "MRI" / f"{i}.npy", top * head(i, contrast=-1) / np.float32(255))
    found = describe_pairs(tmp_path)
    mixed = "MRI files mix scalings (2 values from 0 to 1, 1 more bits or floats)"
    assert said(found, "warning", mixed)
    assert not said(found, "warning", "CT files mix")


def test_one_modality_alone_is_no_error_and_nothing_is_paired(tmp_path):
    write(tmp_path / "CT" / "a.png", head(0))
    found = describe_pairs(tmp_path)
    assert said(found, "note", "Only CT", "modality='ct'")
    assert found.pairs["status"].tolist() == ["alone"]
    assert not any(severity == "error" for severity, _ in found.findings)
    assert found.pairing is None
    assert found.summary["pairing"] is None


def test_a_bad_folder_is_an_error(tmp_path):
    with pytest.raises(DataLoadingError):
        describe_pairs(tmp_path / "missing")


def hu_head(size=24):
    z, y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j, -1 : 1 : size * 1j]
    r = np.sqrt((z - 0.15) ** 2 + y**2 + x**2)  # off the middle: a flip moves it
    noise = gaussian_filter(np.random.default_rng(0).normal(size=r.shape), 1)
    return np.select([r < 0.7, r < 0.8], [35 + 60 * noise, 900], -1000).astype(np.float32)


def write_volumes(folder, ct, mri):
    nib = pytest.importorskip("nibabel")
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    (folder / "1BA001").mkdir(parents=True)
    nib.save(nib.Nifti1Image(ct, affine), folder / "1BA001" / "ct.nii.gz")
    # the MRI is stored from left to right and begins further in front: its affine says so
    turned = affine @ np.diag([-1.0, 1, 1, 1])
    turned[:2, 3] = 8.0 * (mri.shape[0] - 1), 16.0
    nib.save(nib.Nifti1Image(mri[::-1, 2:], turned), folder / "1BA001" / "mr.nii.gz")


def test_volumes_are_read_with_units_and_spacing(tmp_path):
    ct = hu_head()
    write_volumes(tmp_path, ct, 500 - 0.4 * np.clip(ct, -1000, 100))
    found = describe_pairs(tmp_path)
    row = found.files.set_index("modality").loc["CT"]
    assert (row["units"], row["spacing"], row["depth"]) == ("hu", "8 x 8 x 8", 24)
    assert found.summary["kind"] == "volumes"
    assert found.pairing.shift_unit == "mm"
    known = found.pairing.pairs["shift"].dropna()
    assert len(known)
    assert (known < 4).all()  # half a voxel: place and orientation come from the affines


@pytest.mark.parametrize("same", [True, False])
def test_heads_in_hu_are_told_apart_by_their_brains(same, tmp_path):
    shell = np.where(head(0) > 0, 1000.0, -1000.0)
    inside = cv2.erode((shell > 0).astype(np.uint8), np.ones((9, 9))) > 0
    for name, seed in (("p1_1", 1), ("p2_1", 1 if same else 2)):
        tissue = gaussian_filter(np.random.default_rng(seed).normal(size=shell.shape), 3)
        noise = np.random.default_rng(ord(name[1])).normal(size=shell.shape)
        brain = 35 + 15 * tissue / tissue.std() + noise
        write(tmp_path / "CT" / f"{name}.npy", np.where(inside, brain, shell))
        write(tmp_path / "MRI" / f"{name}.npy", np.where(inside, tissue + noise, 0))
    found = describe_pairs(tmp_path)
    ct = found.duplicates[found.duplicates["modality"] == "CT"]
    assert ct["kind"].tolist() == (["near"] if same else [])
    assert found.files.set_index("modality").loc["CT", "units"].tolist() == ["hu", "hu"]


def test_a_ct_that_is_not_in_hu_is_said(tmp_path):
    ct = hu_head()
    write_volumes(tmp_path, ct + 2400, ct)
    found = describe_pairs(tmp_path)
    assert said(found, "warning", "can't be in Hounsfield units")


def test_dicom_series_are_counted_without_naming_anybody(tmp_path):
    pytest.importorskip("pydicom")
    from dicom_files import write_dicom

    for who in ("Mueller", "Jensen"):
        for modality in ("CT", "MR"):
            write_dicom(tmp_path, who, modality)
    found = describe_pairs(tmp_path)
    assert found.files["modality"].value_counts().to_dict() == {"CT": 2, "MRI": 2}
    assert found.files["depth"].tolist() == [3] * 4
    assert found.summary["patients"] == 2
    everything = found.files.to_csv() + json.dumps(found.summary) + str(found.findings)
    for name in ("Mueller", "Jensen", str(tmp_path)):
        assert name not in everything


def test_notes_of_the_layout_are_passed_on(found):
    found, _ = found
    findings = list_findings(found, {"notes": ["a note"]}, [])
    assert ("note", "a note") in findings


@pytest.mark.skipif(not (DATA / "brain_pairs").is_dir(), reason="real images are not here")
def test_real_neighbours_are_no_duplicates():
    found = describe_pairs(DATA / "brain_pairs", patient=r"(case\d+)")
    assert found.duplicates.empty
    assert found.pairing.paired
    assert found.summary["patients"] == 5


@pytest.mark.skipif(not (DATA / "kaggle_layout").is_dir(), reason="real images are not here")
def test_real_copies_across_splits_are_found():
    found = describe_pairs(DATA / "kaggle_layout" / "Dataset")
    across = found.duplicates[found.duplicates["splits"] != ""]
    names = {tuple(sorted(Path(n).stem for n in p)) for p in across[["file", "other"]].to_numpy()}
    # looked at by eye: each is one slice in another window or compression
    assert {("mri2229", "mri78"), ("mri1850", "mri409"), ("mri2259", "mri868")} <= names
    assert found.pairing.paired is False
