"""CT slices that hold a brain window in more than 8 bits are scaled by what they hold."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest
import tifffile

from ctmri_detect.datasets import load_pairs
from ctmri_detect.exceptions import MixedDataWarning, UnitsWarning
from ctmri_detect.inspection import describe_pairs

Y, X = np.mgrid[-1:1:64j, -1:1:64j]
R = np.hypot(Y / 0.8, X / 0.65)


def _hu(seed=0, bone=True):
    rng = np.random.default_rng(seed)
    hu = np.select(
        [R < 0.85, R < 1], [35 + 5 * rng.normal(size=R.shape), 1000 if bone else 60], -1000
    )
    hu[30:34, 30:34] = 65
    return hu


def _window(hu):
    return np.clip(hu / 80, 0, 1)


def _folder(folder, images, ending="png"):
    for plane in ("CT", "MRI"):
        (folder / plane).mkdir(parents=True)
    mri = np.select([R < 0.85, R < 1], [3000 + 100 * Y, 600], 50).astype(np.uint16)
    for k, image in enumerate(images):
        for plane, pixels in (("CT", image), ("MRI", mri + k)):
            path = folder / plane / f"p{k}_1.{ending}"
            if ending == "npy":
                np.save(path, pixels)
            elif ending == "tif":
                tifffile.imwrite(path, pixels)
            else:
                cv2.imwrite(str(path), pixels)
    return folder


def _load(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_pairs(folder)


STORED = {
    "10 bits": lambda w: (w * 1023).round(),
    "12 bits": lambda w: (w * 4095).round(),
    "16 bits": lambda w: (w * 65535).round(),
    "256 levels, times 257": lambda w: (w * 255).round() * 257,
    "256 levels, times 256": lambda w: (w * 255).round() * 256,
    "256 levels, times 16": lambda w: (w * 255).round() * 16,
}


@pytest.mark.parametrize("ending", ["png", "tif", "npy"])
@pytest.mark.parametrize("kind", STORED)
def test_a_window_reads_as_its_8_bit_export(tmp_path, kind, ending):
    windows = [_window(_hu(seed, bone=seed != 2)) for seed in range(5)]
    deep = [STORED[kind](window).astype(np.uint16) for window in windows]
    plain = [(window * 255).round().astype(np.uint8) for window in windows]
    found = _load(_folder(tmp_path / "deep", deep, ending))
    expected = load_pairs(_folder(tmp_path / "plain", plain, ending))
    assert (found.ct_units, expected.ct_units) == ("uint8", "uint8")
    # also the slice without bone, which alone would not say what it is
    np.testing.assert_allclose(found.data[:, 0], expected.data[:, 0], atol=0.65)
    np.testing.assert_array_equal(found.data[:, 1], expected.data[:, 1])
    assert "it was scaled to 0 to 255" in found.DESCR
    assert "scaled" not in expected.DESCR


OTHERS = {
    "HU": (lambda hu: hu.astype(np.int16), "hu"),
    "HU + 1024": (lambda hu: np.clip(hu + 1024, 0, 4095).astype(np.uint16), None),
    "HU + 1024 with metal": (
        lambda hu: np.where(hu > 900, 4095, np.clip(hu + 1024, 0, 4095)).astype(np.uint16),
        None,
    ),
    "HU + 32768": (lambda hu: (hu + 32768).astype(np.uint16), None),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_scales_stay_as_they_are(tmp_path, kind):
    store, units = OTHERS[kind]
    images = [store(_hu(seed)) for seed in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnitsWarning)
        found = load_pairs(_folder(tmp_path, images, "npy"))
    assert found.ct_units == units
    np.testing.assert_array_equal(found.data[:, 0], np.stack(images))


def test_one_other_slice_among_windows_is_noticed(tmp_path):
    images = [(_window(_hu(seed)) * 1023).round().astype(np.uint16) for seed in range(4)]
    images.append((_window(_hu(9)) * 4095).round().astype(np.uint16))
    with pytest.warns(MixedDataWarning, match="CT files mix scalings"):
        assert load_pairs(_folder(tmp_path, images)).ct_units is None


def test_inspection_names_the_units(tmp_path):
    images = [(_window(_hu(seed)) * 4095).round().astype(np.uint16) for seed in range(3)]
    files = describe_pairs(_folder(tmp_path, images)).files
    assert set(files.loc[files["modality"] == "CT", "units"]) == {"uint8"}
