"""DICOM series whose slices are unevenly spaced, or some of them missing."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("nibabel")
pytest.importorskip("pydicom")
import pydicom
from dicom_heads import BALL, load, pair, reasons

from ctmri_detect.datasets import load_volume_pairs, pseudonym
from ctmri_detect.exceptions import GeometryWarning

FOSSA = np.concatenate([np.arange(-40, -10, 2.5), np.arange(-10, 41, 5.0)])  # 2.5 and 5 mm
RNG = np.random.default_rng(7)
UNEVEN = {
    "two spacings": FOSSA,
    "two spacings, upwards": -FOSSA[::-1],
    "jitter": np.arange(-40, 41, 4.0) + RNG.uniform(-0.6, 0.6, 21),
    "drift": np.cumsum(np.linspace(3.0, 5.0, 20)) - 40,
    "step between": np.concatenate([np.arange(-40, -9, 2.5), np.arange(-6.25, 40, 5.0)]),
}


def _middle(pairs, first):
    """The height of the ball's middle in the CT, mm."""
    amount = np.clip(np.asarray(pairs.data[:, 0]) - 35, 0, None).sum(axis=(1, 2))
    return float((amount * pairs.frame["z_mm"]).sum() / amount.sum()) + first


@pytest.mark.parametrize("plane", ["ct", "mri", "both"])
@pytest.mark.parametrize("kind", UNEVEN)
def test_each_slice_keeps_its_own_height(tmp_path, kind, plane):
    heights = UNEVEN[kind]
    uneven = {"heights": heights}
    even = {"heights": np.arange(-44, 45, 4.0)}
    pair(tmp_path, ct=even if plane == "mri" else uneven, mri=even if plane == "ct" else uneven)
    pairs = load_volume_pairs(tmp_path, skip_empty=False)
    expected = even["heights"] if plane == "mri" else heights
    z = pairs.frame["z_mm"].to_numpy() + expected[0]
    np.testing.assert_allclose(z, expected, atol=0.06)
    assert pairs.frame["instance"].tolist() == list(range(1, len(expected) + 1))
    # the ball's cross-section at that height: a circle of known area, in both planes
    inside = np.maximum(9.0**2 - (expected - BALL[2]) ** 2, 0) * np.pi / 4  # pixels of 4 mm2
    ct = (pairs.data[:, 0] > 62).sum(axis=(1, 2))
    np.testing.assert_allclose(ct, inside, atol=8)
    mri = np.nansum(np.clip(pairs.data[:, 1] - 300, 0, 600), axis=(1, 2)) / 600
    held = np.isfinite(pairs.data[:, 1]).all(axis=(1, 2))
    between = 2.6 if plane != "both" else 0  # mm of the MRI's linear interpolation
    rim = np.pi / 4 * 2 * 9 * between
    assert np.abs(mri - inside)[held].max() <= 8 + rim
    top = (mri[held] * z[held]).sum() / mri[held].sum()
    assert top == pytest.approx((inside[held] * z[held]).sum() / inside[held].sum(), abs=0.6)


def test_an_uneven_ct_resampled_evenly(tmp_path):
    pair(tmp_path / "a", ct={"heights": FOSSA})
    pair(tmp_path / "b", ct={"heights": np.arange(-40, 41, 2.5)})
    uneven, even = (load(tmp_path / name, slice_spacing=5, skip_empty=False) for name in "ab")
    np.testing.assert_allclose(np.diff(uneven.frame["z_mm"]), 5)
    assert abs(len(even.data) - len(uneven.data)) <= 1
    assert _middle(even, -40) == pytest.approx(BALL[2], abs=0.3)
    assert _middle(uneven, -40) == pytest.approx(BALL[2], abs=0.3)


def test_a_series_that_runs_downwards(tmp_path):
    feet = {"axes": ([-1, 0, 0], [0, 1, 0]), "heights": -FOSSA}  # its normal points to the feet
    pair(tmp_path / "a", ct={"heights": FOSSA}, mri={"heights": FOSSA})
    pair(tmp_path / "b", ct=feet, mri=feet)
    up, down = (load(tmp_path / name, skip_empty=False) for name in "ab")
    np.testing.assert_array_equal(up.data, down.data)
    np.testing.assert_allclose(up.frame["z_mm"], down.frame["z_mm"], atol=1e-3)
    assert down.frame["instance"].tolist() == list(range(1, len(FOSSA) + 1))


LOST = {
    "ct": ({"change": lambda data, k: None if k in (5, 9, 10) else data}, {}),
    "mri": ({}, {"change": lambda data, k: None if k in (5, 9, 10) else data}),
}


@pytest.mark.parametrize("plane", LOST)
def test_a_missing_slice_is_refused_and_named(tmp_path, plane):
    ct, mri = LOST[plane]
    pair(tmp_path, ct={"n": 16} | ct, mri={"n": 16} | mri)
    text = reasons(tmp_path)
    missing = "slices are missing: they are 5.00 mm apart, but 10.00 mm between"
    assert f"{plane.upper()}: {missing}" in text
    assert "slices 4 and 5 (images 5 and 7)" in text
    assert "and 1 gaps more" in text
    assert "gaps='keep'" in text


def test_a_kept_gap_of_the_ct_stays_empty(tmp_path):
    ct, mri = LOST["ct"]
    pair(tmp_path / "gap", ct={"n": 16} | ct, mri={"n": 16} | mri)
    pair(tmp_path / "all", ct={"n": 16}, mri={"n": 16})
    whole = load(tmp_path / "all", skip_empty=False)
    with pytest.warns(GeometryWarning, match=r"15\.00 mm between slices 7 and 8 \(images 9 and 12"):
        kept = load_volume_pairs(tmp_path / "gap", gaps="keep", skip_empty=False)
    there = [k for k in range(16) if k not in (5, 9, 10)]
    np.testing.assert_array_equal(kept.data, whole.data[there])
    assert kept.frame["z_mm"].tolist() == whole.frame["z_mm"][there].tolist()
    assert kept.frame["instance"].tolist() == [k + 1 for k in there]
    # finer slices: none of them lies in the gap, those beside it are those of the whole scan
    fine = load(tmp_path / "gap", gaps="keep", slice_spacing=2.5, skip_empty=False)
    z = fine.frame["z_mm"].to_numpy()
    assert not ((z > 22.6) & (z < 27.4)).any()
    assert not ((z > 42.6) & (z < 52.4)).any()
    complete = load(tmp_path / "all", slice_spacing=2.5, skip_empty=False)
    row = {round(height, 2): i for i, height in enumerate(complete.frame["z_mm"])}
    for i, height in enumerate(z):
        if min(abs(height - edge) for edge in (25, 45, 50)) > 5:
            np.testing.assert_allclose(fine.data[i], complete.data[row[round(height, 2)]])


def test_a_kept_gap_of_the_mri_is_not_observed(tmp_path):
    ct, mri = LOST["mri"]
    pair(tmp_path / "gap", ct={"n": 16} | ct, mri={"n": 16} | mri)
    pair(tmp_path / "all", ct={"n": 16}, mri={"n": 16})
    kept = load(tmp_path / "gap", gaps="keep", skip_empty=False)
    whole = load(tmp_path / "all", skip_empty=False)
    seen = np.isfinite(kept.data[:, 1]).all(axis=(1, 2))
    assert np.flatnonzero(~seen).tolist() == [5, 9, 10]
    np.testing.assert_array_equal(kept.data[:, 0], whole.data[:, 0])
    np.testing.assert_array_equal(kept.data[seen, 1], whole.data[seen, 1])
    assert not np.isfinite(kept.data[~seen, 1]).any()
    left = load(tmp_path / "gap", gaps="keep")
    assert len(left.data) == 13
    reason = "3 of 16 slices are left out: nothing in the MRI (3)"
    assert (f"{pseudonym('MRN12345')}/ct", reason) in left.skipped


def test_a_smoothed_mri_is_not_smoothed_across_a_gap(tmp_path):
    """A CT coarser than the MRI: the MRI is smoothed along z, on either side of the gap alone."""
    for name, top in (("a", 300), ("b", 3000)):

        def change(data, k, top=top):
            if k in (10, 11, 12):
                return None
            if k > 12:
                data.RescaleSlope = top / 300
            return data

        pair(tmp_path / name, mri={"n": 24, "step": 2.5, "change": change})
    low, high = (load(tmp_path / name, gaps="keep", skip_empty=False) for name in "ab")
    below = low.frame["z_mm"].to_numpy() - 27.5 < -3
    np.testing.assert_array_equal(low.data[below], high.data[below])
    assert not np.allclose(np.nan_to_num(low.data[~below]), np.nan_to_num(high.data[~below]))


def test_a_sagittal_series_with_a_gap_is_refused(tmp_path):
    drop = {"change": lambda data, k: None if k == 12 else data}
    pair(tmp_path, mri={"axes": ([0, 1, 0], [0, 0, -1]), "n": 24} | drop)
    assert "unevenly spaced, and not axial" in reasons(tmp_path, gaps="keep")


@pytest.mark.parametrize("number", [None, "abc"], ids=["no", "damaged"])
def test_images_without_a_number_are_read(tmp_path, number):
    def change(data, k):
        del data.InstanceNumber
        if number:
            element = pydicom.DataElement("InstanceNumber", "LO", number)
            element.VR = "IS"
            data.add(element)
        return None if k == 5 else data

    pair(tmp_path, ct={"n": 16, "change": change})
    assert "between slices 4 and 5 of the CT" in reasons(tmp_path)
    assert load(tmp_path, gaps="keep", skip_empty=False).frame["instance"].isna().all()


def test_the_parameter_is_checked(tmp_path):
    with pytest.raises(ValueError, match=r"gaps is 'fill'.*'skip'.*'keep'"):
        load_volume_pairs(tmp_path, gaps="fill")
