"""Maps of single slices: what is written can be read with the scale that the file states."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from ctmri_detect.io import write_map_slice, write_maps

RNG = np.random.default_rng(0)


def map_of(signed):
    """A map with pixels that were not observed, at both ends of what detectors give."""
    plane = RNG.uniform(-9 if signed else 0, 9, (20, 30)).astype(np.float32)
    plane[3:5, 7:11] = np.nan
    plane[10, 10] = 0
    return plane


@pytest.mark.parametrize("signed", [False, True], ids=["map", "signed"])
def test_a_tiff_says_its_own_scale(tmp_path, signed):
    plane = map_of(signed)
    path = write_map_slice(plane, tmp_path / "a.tif", signed=signed)
    with tifffile.TiffFile(path) as file:
        numbers, said = file.asarray(), json.loads(file.pages[0].description)
    assert numbers.dtype == np.uint16
    np.testing.assert_array_equal(numbers, np.asarray(Image.open(path)))  # another reader
    found = (numbers.astype(float) - said["zero"]) * said["scale"]
    found[numbers == said["not_observed"]] = np.nan
    np.testing.assert_allclose(found, plane, atol=0.00101)  # a plain 0 is written as 0.001
    assert (said["unit"], said["zero"]) == ("standard deviations", 32768 if signed else 0)


def test_what_is_too_large_for_a_tiff_is_cut(tmp_path):
    path = write_map_slice(np.array([[70.0, -70.0]]), tmp_path / "a.tiff", signed=True)
    assert tifffile.imread(path).tolist() == [[65535, 1]]


def test_an_array_is_the_map_itself(tmp_path):
    plane = map_of(True)
    np.testing.assert_array_equal(np.load(write_map_slice(plane, tmp_path / "a.npy")), plane)
    found = np.load(write_map_slice(plane, tmp_path / "b.npy", outside=0))
    np.testing.assert_array_equal(found, np.nan_to_num(plane))


@pytest.mark.parametrize("form", ["npy", "tiff"])
def test_a_file_for_each_slice_and_kind(tmp_path, form):
    X = np.zeros((2, 2, 20, 30))
    maps, z_maps = np.stack([map_of(False)] * 2), np.stack([[map_of(True)] * 2] * 2)
    names = ["b/1", "b 1"]  # alike once they are names of files
    files = write_maps(maps, X, tmp_path, form=form, z_maps=z_maps, names=names)
    ending = {"npy": "npy", "tiff": "tif"}[form]
    expected = [f"{n}_{k}.{ending}" for n in ("b_1", "b_1_2") for k in ("anomaly", "z_ct", "z_mri")]
    assert [file.path.name for file in files] == expected
    assert [file.samples for file in files] == [(0,)] * 3 + [(1,)] * 3
    if form == "npy":
        np.testing.assert_array_equal(np.load(files[1].path), z_maps[0, 0])


def test_bad_parameters(tmp_path):
    with pytest.raises(ValueError, match=r"ends in '.png'; expected"):
        write_map_slice(np.eye(3), tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"shape \(3,\); expected \(height, width\)"):
        write_map_slice(np.ones(3), tmp_path / "a.npy")
    X = np.zeros((2, 2, 8, 8))
    with pytest.raises(ValueError, match="form is 'nii'; expected one of 'nifti'"):
        write_maps(X[:, 0], X, tmp_path, form="nii")
    with pytest.raises(ValueError, match="There are 1 names; expected 2"):
        write_maps(X[:, 0], X, tmp_path, form="npy", names=["a"])
    assert list(tmp_path.iterdir()) == []
