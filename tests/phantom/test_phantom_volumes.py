"""Phantom volumes: what is written can be read, and is the head that the slices show."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

pytest.importorskip("nilearn")

from ctmri_detect.datasets import load_volume_pairs, make_phantom_volumes
from ctmri_detect.exceptions import MixedDataWarning
from ctmri_detect.synthesis import LESION_KINDS

ARGUMENTS = {"size": 96, "slice_spacing": 8.0, "random_state": 3}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom") / "volumes"
    return folder, make_phantom_volumes(folder, 4, kinds=["haematoma", "subdural"], **ARGUMENTS)


def test_frame_names_files_that_exist_and_lesions_that_are_in_them(made):
    folder, frame = made
    assert frame["kind"].tolist() == ["normal", "haematoma", "normal", "subdural"]
    for row in frame.itertuples():
        lesion = nibabel.load(folder / row.lesion)
        ml = float(np.asarray(lesion.dataobj).sum() * np.prod(lesion.header.get_zooms()) / 1000)
        assert ml == pytest.approx(row.volume_ml, rel=1e-3)
        assert (ml > 0) == (row.kind != "normal")
        for file in (row.ct, row.mri):
            assert nibabel.load(folder / file).shape == lesion.shape
    assert (frame["cnr_ct"].dropna() > 2).all()


def test_a_lesion_reaches_neighbouring_slices_and_shrinks_towards_its_ends(made):
    folder, frame = made
    for file in frame.loc[frame["kind"] != "normal", "lesion"]:
        area = np.asarray(nibabel.load(folder / file).dataobj).sum(axis=(0, 1))
        seen = np.flatnonzero(area)
        np.testing.assert_array_equal(seen, np.arange(seen[0], seen[-1] + 1))
        assert np.all(np.diff(np.sign(np.diff(area[seen].astype(int)))) <= 0)  # one hump


def test_load_volume_pairs_reads_pairs_masks_and_labels_back(made):
    folder, frame = made
    data = load_volume_pairs(folder)
    assert data.ct_units == "hu"
    assert data.skipped == []
    assert data.data.shape[0] == len(data.masks) == len(data.target) == 4 * 9
    np.testing.assert_array_equal(data.target == -1, data.masks.any(axis=(1, 2)))
    sick = set(frame.loc[frame["kind"] != "normal", "patient"])
    assert set(data.groups[data.target == -1]) == sick
    one = nibabel.load(folder / "sub-001" / "ct.nii.gz")
    stored = np.asarray(one.dataobj).transpose(2, 1, 0)  # slice, row, column
    np.testing.assert_allclose(data.data[data.groups == "sub-001"][:, 0], stored, atol=1e-3)
    lesion = np.asarray(nibabel.load(folder / "sub-001" / "lesion.nii.gz").dataobj)
    np.testing.assert_array_equal(
        data.masks[data.groups == "sub-001"], lesion.transpose(2, 1, 0) > 0
    )


def test_without_lesion_files_nothing_is_known_of_lesions(made, tmp_path):
    import shutil

    folder = shutil.copytree(made[0], tmp_path / "copy")
    (folder / "sub-000" / "lesion.nii.gz").unlink()
    with pytest.warns(MixedDataWarning, match="1 of 4 CT have no lesion file"):
        data = load_volume_pairs(folder)
    assert data.masks is None
    assert data.target is None


def test_same_seed_same_voxels_whatever_the_number_of_processes(made, tmp_path):
    folder, frame = made
    again = make_phantom_volumes(
        tmp_path / "again", 4, kinds=["haematoma", "subdural"], n_jobs=2, **ARGUMENTS
    )
    assert again.equals(frame)
    for file in (*frame["ct"], *frame["mri"], *frame["lesion"]):
        first, second = (
            np.asarray(nibabel.load(at / file).dataobj) for at in (folder, tmp_path / "again")
        )
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kind", LESION_KINDS)
def test_every_lesion_works_in_a_volume(kind, tmp_path):
    frame = make_phantom_volumes(
        tmp_path, 1, kinds=kind, anomalous_fraction=1, size=96, slice_spacing=12, random_state=1
    )
    assert frame["volume_ml"][0] > 0


def test_errors_come_before_anything_is_written(made, tmp_path):
    with pytest.raises(FileExistsError, match="sub-000"):
        make_phantom_volumes(made[0], 5, **ARGUMENTS)
    with pytest.raises(ValueError, match="single slices"):
        make_phantom_volumes(tmp_path / "new", 1, kinds="swapped_slice")
    with pytest.raises(ValueError, match="above 0"):
        make_phantom_volumes(tmp_path / "new", 1, slice_spacing=-1)
    assert not (tmp_path / "new").exists()
    assert not (made[0] / "sub-004").exists()
