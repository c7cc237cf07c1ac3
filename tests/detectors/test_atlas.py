"""Laws of the comparison with healthy slices at the same place."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score
from sklearn.utils import get_tags

from ctmri_detect import AtlasDetector, MapScoring, ThresholdDetector

X = make_heads(40)
TEST = make_heads(10, seed=3)
DETECTOR = AtlasDetector().fit(X)


def test_the_residual_is_the_difference_to_the_mean_at_that_place():
    count = (~np.isnan(X)).sum(axis=0)
    mean = np.nansum(X, axis=0, dtype=np.float64) / np.maximum(count, 1)
    assert_allclose(DETECTOR.mean_, mean, atol=1e-5)
    assert_allclose(DETECTOR.residual_map(TEST), TEST - mean, atol=1e-5)
    total = np.nansum(DETECTOR.residual_map(X), axis=0)
    assert_allclose(total, 0, atol=1e-3)


def test_all_slices_are_learned_from_and_calibrate():
    assert len(DETECTOR.map_scoring_.calibration_scores_) == len(X)
    by_patient = AtlasDetector().fit(X, groups=np.arange(40) // 4)
    assert_array_equal(by_patient.mean_, DETECTOR.mean_)
    assert len(by_patient.map_scoring_.calibration_scores_) == len(X)


@pytest.mark.parametrize("modality", [0, 1])
@pytest.mark.parametrize("amount", [0.5, -0.5])
def test_a_lesion_is_named_by_modality_sign_and_place(modality, amount):
    pair, disc = plant(TEST[2], modality, amount=amount, at=(20, 10))
    first = DETECTOR.explain(pair[None]).regions.iloc[0]
    assert first.modality == ["CT", "MRI"][modality]
    assert first.sign == ("brighter" if amount > 0 else "darker")
    assert disc[round(first.y), round(first.x)]


def test_a_lesion_that_is_only_odd_at_its_place_is_found_here_and_missed_by_a_threshold():
    """The centre's white matter, as dark as the ventricles beside it."""
    odd = np.stack([plant(x, 0, amount=-0.25, at=(24, 16))[0] for x in TEST])
    y = np.repeat([1, -1], len(TEST))
    both = np.concatenate([TEST, odd])
    assert roc_auc_score(y, DETECTOR.score_samples(both)) > 0.95
    assert roc_auc_score(y, ThresholdDetector().fit(X).score_samples(both)) < 0.8


def test_units_of_either_plane_do_not_matter():
    unit = np.array([40, 0.02], np.float32)[:, None, None]
    other = AtlasDetector().fit(X * unit)
    assert_allclose(other.anomaly_map(TEST * unit), DETECTOR.anomaly_map(TEST), atol=1e-3)
    assert other.offset_ == pytest.approx(DETECTOR.offset_, rel=1e-3)


def test_training_on_one_modality_alone_and_scoring_it():
    assert get_tags(DETECTOR).missing_modality
    half, test = X.copy(), TEST.copy()
    half[::2, 1] = np.nan
    half[1::2, 0] = np.nan  # unpaired: no sample has both
    test[:, 1] = np.nan
    scoring = MapScoring(reference="position", symmetry=False, smoothing=1, scales=1, clip=50)
    detector = AtlasDetector(map_scoring=scoring).fit(half)
    assert_allclose(detector.mean_[0], AtlasDetector().fit(X[::2]).mean_[0], atol=1e-6)
    assert np.isfinite(detector.score_samples(test)).all()
    odd, disc = plant(test[0], 0, amount=0.8, at=(18, 10))
    assert disc[np.unravel_index(np.nanargmax(detector.anomaly_map(odd[None])[0]), disc.shape)]


def test_the_classical_atlas_is_a_setting():
    classical = AtlasDetector(
        map_scoring=MapScoring(reference="position", symmetry=False, smoothing=0, scales=0, clip=9)
    )
    whole, test = make_heads(40, mask=False), make_heads(4, seed=3, mask=False)
    z = classical.fit(whole).explain(test).z_maps
    plain = (test - whole.mean(axis=0)) / whole.std(axis=0)
    assert np.corrcoef(z.ravel(), plain.ravel())[0, 1] > 0.9
