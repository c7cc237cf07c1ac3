"""Maps taken back through the brain mask reach the inner table of the skull."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, Pairs
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.localization import anomaly_map
from ctmri_detect.preprocessing import BrainMask, make_preprocessor

Y, X_ = np.mgrid[-1:1:160j, -1:1:160j]
BRAIN = np.hypot(Y / 0.62, X_ / 0.5) < 1
RIM = BRAIN & ~cv2.erode(BRAIN.astype(np.uint8), np.ones((3, 3))).astype(bool)


def pairs(n=1, seed=0):
    """Heads whose skull blurs into the rim of the brain, which stays below 300 HU."""
    rng = np.random.default_rng(seed)
    skull = (np.hypot(Y / 0.74, X_ / 0.62) < 1) & ~BRAIN
    ct = cv2.GaussianBlur(np.select([BRAIN, skull], [32.0, 900.0], -1000.0), (0, 0), 0.6)
    mri = np.where(BRAIN, 100.0, 2.0)
    return np.stack([ct, mri]) + rng.normal(0, 2, (n, 2, 160, 160))


def test_a_map_keeps_its_values_and_is_extended_by_the_nearest():
    X = pairs()
    seen = np.isfinite(BrainMask().fit_transform(X)[0, 0])
    heat = np.where(seen, Y, np.nan).astype(np.float32)
    back = BrainMask().inverse_transform_map(heat[None], X)[0]
    np.testing.assert_array_equal(back[seen], heat[seen])
    filled = np.isfinite(back) & ~seen
    assert filled.sum() > 50
    assert np.abs(back[filled] - Y[filled]).max() < 3 * (Y[1, 0] - Y[0, 0])
    assert not (filled & ~cv2.dilate(BRAIN.astype(np.uint8), np.ones((3, 3))).astype(bool)).any()


def test_what_no_map_knows_stays_unknown():
    X = np.concatenate([pairs(), pairs(seed=1)])
    X[1, 0] = np.nan  # no CT: the head of the MRI is kept, and there is no rim
    z = np.full((2, 3, 160, 160), np.nan, np.float32)
    seen = np.isfinite(BrainMask().fit_transform(X)[:, 1])
    z[:, 0] = np.where(seen, 1.0, np.nan)
    back = BrainMask().inverse_transform_map(z, X)
    assert np.isnan(back[:, 1:]).all()
    assert np.isfinite(back[0, 0]).sum() > seen[0].sum()
    np.testing.assert_array_equal(back[1], z[1])
    for step in (BrainMask(source="observed"), BrainMask(source="mri"), BrainMask(dilation=2)):
        np.testing.assert_array_equal(step.inverse_transform_map(z, X), z)


def test_maps_of_another_grid_are_refused():
    with pytest.raises(InvalidPairsError, match=r"expected \(1, 160, 160\)"):
        BrainMask().inverse_transform_map(np.zeros((1, 128, 128)), pairs())


def test_the_map_of_a_pipeline_covers_the_rim():
    model = make_pipeline(make_preprocessor("hu", size=96), AtlasDetector())
    model.fit(Pairs(pairs(24), groups=np.arange(24)))
    heat = anomaly_map(model, pairs(2, seed=3))
    seen = np.isfinite(model[0]["brainmask"].transform(pairs(2, seed=3))[:, 0])
    assert (np.isfinite(heat[:, RIM]).mean(axis=1) > 0.95).all()
    assert np.isfinite(heat).sum() > seen.sum()


def test_what_is_filled_has_the_value_of_a_nearest_pixel_within_4():
    X = pairs(seed=4)
    rng = np.random.default_rng(0)
    inside = np.isfinite(BrainMask().fit_transform(X)[0, 0])
    heat = np.where(inside & (rng.random(inside.shape) < 0.05), rng.random(inside.shape), np.nan)
    back = BrainMask().inverse_transform_map(heat[None].astype(np.float32), X)[0]
    known = np.argwhere(np.isfinite(heat))
    filled = np.argwhere(np.isfinite(back) & ~np.isfinite(heat))
    assert len(filled) > 1000
    far = np.linalg.norm(filled[:, None] - known, axis=2)
    assert far.min(axis=1).max() <= 4
    nearest = far == far.min(axis=1, keepdims=True)
    values = heat[tuple(known.T)].astype(np.float32)
    found = back[tuple(filled.T)]
    assert (nearest & (values == found[:, None])).any(axis=1).all()
    left = np.argwhere(inside & np.isnan(back))
    assert np.linalg.norm(left[:, None] - known, axis=2).min(axis=1).min() > 4
