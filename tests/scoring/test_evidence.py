"""Laws of evidence and pooling."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ctmri_detect.scoring.evidence import fused_evidence, pool_top

RNG = np.random.default_rng(0)
Z = (3 * RNG.normal(size=(3, 2, 2, 6, 7))).astype(np.float32)
HOLES = Z.copy()
HOLES[0, :, 0, :3] = np.nan  # CT alone is missing there
HOLES[0, :, 1, 2:5] = np.nan  # MRI there; row 2 is seen by neither
HOLES[1, :, 1] = np.nan


@pytest.mark.parametrize("fusion", ["mean", "max"])
def test_one_kind_of_evidence_is_the_square(fusion):
    planes = Z[:, 0] ** 2
    expected = planes.mean(axis=1) if fusion == "mean" else planes.max(axis=1)
    assert_allclose(fused_evidence(Z[:, :1], fusion), expected, rtol=1e-6)


@pytest.mark.parametrize("fusion", ["mean", "max"])
def test_the_contrast_confirms_where_it_has_the_same_sign(fusion):
    z, s = Z[:, 0], Z[:, 1]
    planes = np.where(z * s > 0, (z**2 + z * s) / 2, z**2 / 2)
    expected = planes.mean(axis=1) if fusion == "mean" else planes.max(axis=1)
    assert_allclose(fused_evidence(Z, fusion), expected, rtol=1e-5)
    assert_allclose(fused_evidence(-Z, fusion), expected, rtol=1e-5)
    same = np.stack([z, z], axis=1)
    assert_allclose(fused_evidence(same, fusion), fused_evidence(Z[:, :1], fusion), rtol=1e-6)
    against = np.stack([z, -z], axis=1)
    assert_allclose(fused_evidence(against, fusion), fused_evidence(same, fusion) / 2, rtol=1e-6)
    silent = np.stack([0 * z, 6 * s], axis=1)
    assert (fused_evidence(silent, fusion) == 0).all()


@pytest.mark.parametrize("fusion", ["mean", "max"])
@pytest.mark.parametrize("kinds", [1, 2])
def test_the_plane_that_was_seen_decides(fusion, kinds):
    out = fused_evidence(HOLES[:, :kinds], fusion)
    seen = ~np.isnan(HOLES[:, 0])
    assert_array_equal(np.isnan(out), ~seen.any(axis=1))
    for plane in range(2):
        alone = HOLES[:, :kinds].copy()
        alone[:, :, 1 - plane] = np.nan
        only = seen[:, plane] & ~seen[:, 1 - plane]
        assert_array_equal(out[only], fused_evidence(alone, fusion)[only])


@pytest.mark.parametrize("fraction", [1e-6, 0.01, 0.1, 0.37, 1.0])
def test_pooling_is_the_mean_of_the_top_of_what_was_seen(fraction):
    evidence = RNG.random((4, 11, 13)).astype(np.float32)
    evidence[1, :7] = np.nan
    evidence[2][RNG.random((11, 13)) < 0.5] = np.nan
    for plane, pooled in zip(evidence, pool_top(evidence, fraction), strict=True):
        ranked = np.sort(plane[~np.isnan(plane)])[::-1]
        k = max(1, round(fraction * len(ranked)))
        assert pooled == pytest.approx(ranked[:k].mean(dtype=np.float64))


def test_the_place_of_a_pixel_does_not_matter_to_the_pool():
    evidence = RNG.random((2, 8, 8)).astype(np.float32)
    shuffled = RNG.permuted(evidence.reshape(2, -1), axis=1).reshape(2, 8, 8)
    assert_allclose(pool_top(shuffled, 0.1), pool_top(evidence, 0.1))
    assert pool_top(evidence, 0.1).dtype == np.float64
