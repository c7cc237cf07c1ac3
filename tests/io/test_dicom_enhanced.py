"""Enhanced multi-frame CT and MR: one file, read through its functional groups."""

from __future__ import annotations

import re

import numpy as np
import pytest

pytest.importorskip("nibabel")
pytest.importorskip("pydicom")
import pydicom
from dicom_heads import enhanced, load, pair, reasons, series
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from ctmri_detect.datasets import load_volume_pairs
from ctmri_detect.inspection import describe_pairs

SHARED = {
    "nothing": (),
    "orientation and pixels": ("PlaneOrientationSequence", "PixelMeasuresSequence"),
    "all but the position": (
        "PlaneOrientationSequence",
        "PixelMeasuresSequence",
        "PixelValueTransformationSequence",
    ),
}
SERIES = {
    "plain": {},
    "feet first": {"axes": ([-1, 0, 0], [0, 1, 0])},
    "sagittal": {"axes": ([0, 1, 0], [0, 0, -1]), "n": 24},
    "two spacings": {"heights": [*np.arange(-40, -10, 2.5), *np.arange(-10.0, 41, 5)]},
}


@pytest.mark.parametrize("shared", SHARED)
@pytest.mark.parametrize("kind", SERIES)
def test_one_file_reads_as_the_files_of_its_frames(tmp_path, kind, shared):
    mri = SERIES[kind]
    ct = {} if kind == "sagittal" else mri
    pair(tmp_path / "single", ct=ct, mri=mri)
    enhanced(tmp_path / "one" / "ct", "CT", shared=SHARED[shared], **ct)
    enhanced(tmp_path / "one" / "mr", "MR", number=5, shared=SHARED[shared], **mri)
    expected = load(tmp_path / "single", skip_empty=False)
    pairs = load(tmp_path / "one", skip_empty=False)
    np.testing.assert_array_equal(pairs.data, expected.data)
    assert pairs.frame.equals(expected.frame)
    assert (pairs.ct_units, pairs.skipped) == ("hu", [])


def test_each_frame_has_its_own_scale(tmp_path):
    def change(frame, k):
        if k % 2:
            frame.PixelValueTransformationSequence[0].RescaleSlope = 2.0
            frame.PixelValueTransformationSequence[0].RescaleIntercept = -2048.0

    enhanced(tmp_path / "ct", change=change)
    series(tmp_path / "mr", "MR")
    values = load(tmp_path, skip_empty=False).data[:, 0]
    assert set(np.unique(values[::2])) == {-1000, 35, 90}
    assert set(np.unique(values[1::2])) == {-2000, 70, 180}


def test_compressed_frames(tmp_path):
    path = enhanced(tmp_path / "ct")
    series(tmp_path / "mr", "MR")
    expected = load(tmp_path, skip_empty=False)
    image = pydicom.dcmread(path)
    image.compress(RLELossless)
    image.save_as(path)
    np.testing.assert_array_equal(load(tmp_path, skip_empty=False).data, expected.data)


def test_an_enhanced_ct_goes_with_a_single_frame_mri(tmp_path):
    enhanced(tmp_path / "ct")
    series(tmp_path / "mr", "MR", number=5)
    pairs = load_volume_pairs(tmp_path, skip_empty=False)
    assert pairs.frame["instance"].tolist() == list(range(1, 13))
    depths = describe_pairs(tmp_path).files["depth"]
    assert depths.tolist() == [12, 12]


def _put(sequence, tag, *values):
    """A change that gives frames these values in turn."""

    def change(frame, k):
        item = getattr(frame, sequence, [Dataset()])[0]
        setattr(item, tag, values[k % len(values)])
        setattr(frame, sequence, [item])

    return change


APART = {
    "stacks": (_put("FrameContentSequence", "StackID", "Doe", "Jane"), "2 stacks in one file"),
    "times": (
        _put("FrameContentSequence", "TemporalPositionIndex", 1, 2, 3),
        "3 temporal positions in one file",
    ),
    "echoes": (
        _put("MREchoSequence", "EffectiveEchoTime", 20.0, 80.0),
        r"2 echoes \(20, 80 ms\) in one file",
    ),
    "diffusion": (
        _put("MRDiffusionSequence", "DiffusionBValue", 0.0, 1000.0),
        r"2 b-values \(0, 1000 s/mm²\)",
    ),
    "phase": (
        _put("MRImageFrameTypeSequence", "ComplexImageComponent", "MAGNITUDE", "PHASE"),
        r"2 parts \(magnitude, phase, ...\)",
    ),
}


@pytest.mark.parametrize("kind", APART)
def test_several_images_of_one_place_are_named(tmp_path, kind):
    change, expected = APART[kind]
    series(tmp_path / "ct", "CT")
    enhanced(tmp_path / "mr", "MR", number=5, change=change)
    text = reasons(tmp_path)
    assert "Doe" not in text
    assert re.search(expected, text), text
    assert "split it, for example with dcm2niix, and load one part" in text


def test_frames_without_a_place(tmp_path):
    series(tmp_path / "ct", "CT")

    def change(frame, k):
        if k == 4:
            del frame.PlanePositionSequence

    enhanced(tmp_path / "mr", "MR", change=change)
    assert "position, orientation or pixel spacing is missing" in reasons(tmp_path)


def test_frames_all_at_one_place(tmp_path):
    series(tmp_path / "ct", "CT")
    enhanced(tmp_path / "mr", "MR", shared=("PlanePositionSequence",))
    assert "several images at one place" in reasons(tmp_path)


def test_the_sequence_by_the_timing_of_the_frames(tmp_path):
    series(tmp_path / "ct", "CT")
    path = enhanced(tmp_path / "mr", "MR", change=_put("MREchoSequence", "EffectiveEchoTime", 95.0))
    image = pydicom.dcmread(path)
    image.EchoPulseSequence = "SPIN"
    image.save_as(path)
    assert set(load(tmp_path).frame["sequence"]) == {"t2"}
    for frame in image.PerFrameFunctionalGroupsSequence:
        item = Dataset()
        item.InversionRecovery, item.InversionTimes = "YES", [2300.0]
        frame.MRModifierSequence = [item]
    image.save_as(path)
    assert set(load(tmp_path).frame["sequence"]) == {"flair"}
