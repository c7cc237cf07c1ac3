"""Several sequences, or one modality, from files to `Pairs`."""

from __future__ import annotations

import warnings

import nibabel as nib
import numpy as np
import pytest

from ctmri_detect.datasets import load_pairs, load_volume_pairs, make_phantom_pairs
from ctmri_detect.exceptions import (
    DataLoadingError,
    SkippedFilesWarning,
    UnpairedDataWarning,
)

pytestmark = pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.CtmriDetectWarning")


def _ct(seed, shape=(12, 10)):
    """A CT in HU: air, a skull, brain."""
    ct = np.full(shape, -1000)
    ct[1:-1, 1:-1] = 1000
    ct[2:-2, 2:-2] = np.random.default_rng(seed).integers(20, 45, (shape[0] - 4, shape[1] - 4))
    return ct


def _mri(seed, shape=(12, 10)):
    return np.random.default_rng(seed).integers(1, 255, shape).astype(np.uint8)


def _save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, image)


@pytest.fixture
def folder(tmp_path):
    """Three slices of two patients; the last one has no FLAIR, and one more has a T1 alone."""
    for i, name in enumerate(("p1_1", "p1_2", "p2_1")):
        _save(tmp_path / "CT" / f"{name}.npy", _ct(i))
        _save(tmp_path / "T1" / f"{name}.npy", _mri(10 + i))
        if name != "p2_1":
            _save(tmp_path / "FLAIR" / f"{name}.npy", _mri(20 + i))
    _save(tmp_path / "T1" / "p2_2.npy", _mri(30))
    return tmp_path


PATIENT = r"(p\d)_"


def test_a_plane_for_each_sequence_and_nan_where_it_is_missing(folder):
    found = load_pairs(folder, sequence=("t1", "flair"), patient=PATIENT)
    assert found.data.modalities == ("CT", "T1", "FLAIR")
    assert found.data.roles == ("ct", "mri", "mri")
    there = np.isfinite(np.asarray(found.data)).all(axis=(2, 3))
    assert there.tolist() == [[True] * 3, [True] * 3, [True, True, False], [False, True, False]]
    assert found.frame[["ct", "t1", "flair"]].notna().to_numpy().tolist() == there.tolist()
    assert np.array_equal(found.data[1][2], _mri(21))
    assert found.groups.tolist() == ["p1", "p1", "p2", "p2"]
    assert found.ct_units == "hu"
    assert found.skipped == []


def test_one_sequence_is_the_pair_that_it_always_was(folder):
    one = load_pairs(folder, sequence="t1")
    several = load_pairs(folder, sequence=("t1", "flair"))
    assert one.data.modalities == ("CT", "MRI")
    assert list(one.frame)[:3] == ["ct", "mri", "patient"]
    assert np.array_equal(np.asarray(one.data), np.asarray(several.data)[:3, :2])
    assert one.skipped == [("T1/p2_2.npy", "no CT of this name")]


def test_a_file_that_cannot_be_read_is_a_missing_plane(folder):
    (folder / "FLAIR" / "p1_1.npy").write_bytes(b"no image")
    with pytest.warns(SkippedFilesWarning):
        found = load_pairs(folder, sequence=("t1", "flair"))
    assert len(found.data) == 4
    assert np.isnan(found.data[0][2]).all()
    assert found.frame.loc[0, "flair"] is None
    assert [file for file, _ in found.skipped] == ["FLAIR/p1_1.npy"]


def test_labels_name_any_image_of_a_sample(folder):
    rows = ["file,lesion", "FLAIR/p1_1.npy,1", "CT/p1_2.npy,0", "T1/p2_1.npy,0", "T1/p2_2.npy,1"]
    (folder / "labels.csv").write_text("\n".join(rows))
    found = load_pairs(folder, sequence=("t1", "flair"), labels="labels.csv")
    assert found.target.tolist() == [-1, 1, 1, -1]


@pytest.mark.parametrize("modality", ["ct", "mri"])
def test_one_modality_of_an_unpaired_folder(modality, tmp_path):
    for i in (1, 2):
        _save(tmp_path / "trainA" / f"ct{i}.npy", _ct(i))
        _save(tmp_path / "trainB" / f"mri{i + 1}.npy", _mri(i, (20, 20)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnpairedDataWarning)  # nothing is paired
        found = load_pairs(tmp_path, modality=modality)
    assert found.data.modalities == (modality.upper(),)
    assert found.data.shape == ((2, 1, 12, 10) if modality == "ct" else (2, 1, 20, 20))
    assert found.ct_units == ("hu" if modality == "ct" else None)
    assert list(found.frame)[:2] == [modality, "patient"]
    assert not found.skipped


def test_samples_that_never_meet_are_told(tmp_path):
    _save(tmp_path / "CT" / "anna.npy", _ct(1))
    _save(tmp_path / "T1" / "bob.npy", _mri(1))
    _save(tmp_path / "FLAIR" / "carl.npy", _mri(2))
    with pytest.warns(UnpairedDataWarning, match="No sample has more than one of CT, T1, FLAIR"):
        load_pairs(tmp_path, sequence=("t1", "flair"))


def test_a_folder_of_one_modality_says_how_to_read_it(tmp_path):
    _save(tmp_path / "CT" / "a.npy", _ct(1))
    with pytest.raises(DataLoadingError, match="modality='ct'"):
        load_pairs(tmp_path)


def _volume(path, values, step=4.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values.astype(np.float32), np.diag([step, step, 5.0, 1.0])), path)


def _head(value, n=4, side=24):
    values = np.zeros((side, side, n))
    values[4:-4, 4:-4] = value + np.random.default_rng(int(value)).normal(
        size=(side - 8, side - 8, n)
    )
    return values


def _head_ct(seed):
    values = np.full((24, 24, 4), -1000.0)
    values[4:-4, 4:-4] = 35 + np.random.default_rng(seed).normal(size=(16, 16, 4))
    return values


def test_volumes_of_several_sequences_on_the_grid_of_the_ct(tmp_path):
    _volume(tmp_path / "p1/ct.nii.gz", _head_ct(1))
    _volume(tmp_path / "p1/t1.nii.gz", np.repeat(np.repeat(_head(100), 2, 0), 2, 1), step=2.0)
    _volume(tmp_path / "p1/flair.nii.gz", _head(300))
    _volume(tmp_path / "p2/ct.nii.gz", _head_ct(2))
    _volume(tmp_path / "p2/flair.nii.gz", _head(500))
    found = load_volume_pairs(tmp_path, sequence=("t1", "flair"))
    assert found.data.modalities == ("CT", "T1", "FLAIR")
    assert found.data.shape == (8, 3, 24, 24)
    middle = np.asarray(found.data)[:, :, 12, 12]
    assert np.isnan(middle[4:, 1]).all()  # p2 has no T1
    assert np.allclose(middle[:4], [35, 100, 300], atol=5)
    assert np.allclose(middle[4:, [0, 2]], [35, 500], atol=5)
    assert found.frame["t1"].isna().tolist() == [False] * 4 + [True] * 4
    assert found.groups.tolist() == ["p1"] * 4 + ["p2"] * 4
    assert found.ct_units == "hu"
    assert found.pairing is not None


def test_a_sequence_that_few_patients_have_leaves_open_whether_all_are_paired(tmp_path):
    pytest.importorskip("nilearn")
    phantom = make_phantom_pairs(
        10, 4, size=64, anomalous_fraction=0, sequence=("t1", "flair"), random_state=104
    )
    values, first = np.asarray(phantom.data), phantom.groups[0]
    for name in np.unique(phantom.groups):
        for plane, kind in enumerate(("ct", "t1", "flair") if name == first else ("ct", "t1")):
            volume = np.moveaxis(values[phantom.groups == name][:, plane], 0, 2)
            _volume(tmp_path / name / f"{kind}.nii.gz", volume)
    assert load_volume_pairs(tmp_path, sequence="t1").paired is True
    both = load_volume_pairs(tmp_path, sequence=("t1", "flair"))
    assert both.paired is both.pairing.paired is None  # one patient tells nothing of FLAIR


def test_volumes_without_ct_lie_on_the_first_sequence(tmp_path):
    names = [f"BraTS20_Training_00{i}" for i in (1, 2)]
    for i, name in enumerate(names):
        for sequence, value in (("t1", 100), ("flair", 200)):
            _volume(tmp_path / name / f"{name}_{sequence}.nii.gz", _head(value + i))
        lesion = np.zeros((24, 24, 4))
        lesion[10:14, 10:14, 1] = i
        _volume(tmp_path / name / f"{name}_seg.nii.gz", lesion)
    found = load_volume_pairs(tmp_path, sequence=("t1", "flair"), modality="mri")
    assert found.data.modalities == ("T1", "FLAIR")
    assert found.data.shape == (8, 2, 24, 24)
    assert found.ct_units is None
    assert (found.paired, found.pairing) == (None, None)
    assert found.groups.tolist() == [names[0]] * 4 + [names[1]] * 4
    assert found.target.tolist() == [1] * 5 + [-1] + [1] * 2  # of the files ..._seg
    assert found.data.frame["volume"].str.contains("_t1").all()


def test_a_volume_alone(tmp_path):
    _volume(tmp_path / "CT/p1.nii.gz", _head_ct(1))
    _volume(tmp_path / "MRI/p9.nii.gz", _head(100))
    ct = load_volume_pairs(tmp_path, modality="ct")
    mri = load_volume_pairs(tmp_path, modality="mri")
    assert (ct.data.modalities, ct.data.shape) == (("CT",), (4, 1, 24, 24))
    assert (mri.data.modalities, mri.data.shape) == (("MRI",), (4, 1, 24, 24))
    with pytest.raises(DataLoadingError, match="No pair of volumes"):
        load_volume_pairs(tmp_path)


def test_a_volume_that_cannot_be_read_is_a_missing_plane(tmp_path):
    _volume(tmp_path / "p1/ct.nii.gz", _head_ct(1))
    _volume(tmp_path / "p1/flair.nii.gz", _head(300))
    (tmp_path / "p1/t1.nii.gz").write_bytes(b"no volume")
    found = load_volume_pairs(tmp_path, sequence=("t1", "flair"))
    assert np.isnan(np.asarray(found.data)[:, 1]).all()
    assert found.frame["t1"].isna().all()
    assert found.skipped[0][0] == "p1/t1.nii.gz"
