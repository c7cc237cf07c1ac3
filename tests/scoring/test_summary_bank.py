"""Laws of a bank that keeps statistics of groups instead of slices."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal

from ctmri_detect import AtlasDetector, MapScoring
from ctmri_detect.exceptions import InvalidPairsError, TrainingDataWarning
from ctmri_detect.imageops.similar import squared_distances
from ctmri_detect.persistence import load, save
from ctmri_detect.scoring.reference import ReferenceBank
from ctmri_detect.scoring.summary_bank import GROUP_SLICES, LEAST_PATIENTS, GroupedBank

RNG = np.random.default_rng(0)
M, H, W = 60, 9, 8
EVIDENCE = RNG.normal(size=(M, 3, 2, H, W)).astype(np.float32) * 3 + 1
EVIDENCE[:, :, 0, :2] = np.nan  # seen by none
DESCRIPTORS = RNG.normal(size=(M, 2, 2, 24, 24)) + np.linspace(0, 3, M)[:, None, None, None, None]
DESCRIPTORS[:, :, 1] = 0.5
GROUPS = np.arange(M) % 12
NEW = RNG.normal(size=(7, 3, 2, H, W)).astype(np.float32)
UNKNOWN = DESCRIPTORS[::9] + RNG.normal(size=(7, 2, 2, 24, 24))
UNKNOWN[:, :, 1] = 0.5
REFERENCES = ["similar", "position", None]


def grouped(reference="similar", n_neighbors=12, evidence=EVIDENCE, groups=GROUPS):
    return GroupedBank(reference, n_neighbors).fit(evidence, DESCRIPTORS, groups)


@pytest.mark.parametrize("reference", REFERENCES)
def test_the_statistics_give_the_scores_that_the_slices_gave(reference):
    bank = grouped(reference)
    expected = bank.standardise(NEW, UNKNOWN)
    assert_allclose(bank.summary().standardise(NEW, UNKNOWN), expected, atol=2e-5)


@pytest.mark.parametrize("reference", ["position", None])
def test_with_one_group_it_is_the_bank_of_slices(reference):
    whole = ReferenceBank(reference, 12).fit(EVIDENCE, DESCRIPTORS, GROUPS)
    expected = whole.standardise(NEW, UNKNOWN)
    found = grouped(reference).summary().standardise(NEW, UNKNOWN)
    assert_allclose(found, expected, atol=2e-5)


def test_groups_share_out_the_slices_and_have_enough_slices_and_patients():
    members = grouped().members_
    assert len(members) > 2
    assert_array_equal(members.sum(axis=0), 1)
    for chosen in members:
        assert chosen.sum() >= GROUP_SLICES
        assert len(np.unique(GROUPS[chosen])) >= LEAST_PATIENTS
    middle = [np.flatnonzero(chosen).mean() for chosen in members]
    spread = [np.flatnonzero(chosen).std() for chosen in members]
    assert max(spread) < np.std(middle)  # rows were ordered by likeness


@pytest.mark.parametrize("n_neighbors", [1, 12, 30, 1000])
def test_a_sample_is_compared_with_whole_near_groups_of_enough_slices(n_neighbors):
    bank = grouped(n_neighbors=n_neighbors)
    for weights in bank.weights(UNKNOWN) > 0:
        share = (bank.members_ @ weights.astype(int)) / bank.members_.sum(axis=1)
        assert set(share) <= {0, 1}
        assert weights.sum() >= min(n_neighbors, M)
    assert grouped(n_neighbors=1).weights(UNKNOWN).sum() < M * len(UNKNOWN)


@pytest.mark.parametrize("reference", ["similar", "position"])
def test_no_slice_of_its_own_patient_is_a_reference_while_slices_are_there(reference):
    weights = grouped(reference).weights(DESCRIPTORS, GROUPS)
    assert (weights.sum(axis=1) > 0).all()
    assert not weights[GROUPS[:, None] == GROUPS].any()


def test_the_nearest_group_is_found_without_the_own_patient():
    bank = grouped(n_neighbors=1)
    chosen = bank.weights(DESCRIPTORS, GROUPS) > 0
    with_own = 0
    for i, patient in enumerate(GROUPS):
        others = bank.members_ & (patient != GROUPS)
        near = [nearest(DESCRIPTORS[i], members, bank) for members in (others, bank.members_)]
        assert_array_equal(chosen[i], others[near[0]])
        with_own += near[0] != near[1]
    assert with_own > 0  # it makes a difference


def nearest(descriptor, members, bank):
    """The group whose mean descriptor is nearest."""
    means = np.stack([DESCRIPTORS[rows].mean(axis=0) for rows in members])
    return squared_distances(descriptor[None], means, bank.descriptor_scale_)[0].argmin()


@pytest.mark.parametrize("reference", ["similar", "position"])
def test_places_that_few_patients_show_leave_nothing(reference):
    few = EVIDENCE.copy()
    few[GROUPS >= LEAST_PATIENTS - 1, :, 1, 4, 4] = np.nan
    other = few.copy()
    seen = GROUPS < LEAST_PATIENTS - 1
    other[seen, :, 1, 4, 4] *= -1  # keeps the sums of squares over all places
    a, b = (grouped(reference, evidence=e).summary() for e in (few, other))
    for name in ("count_", "first_", "second_"):
        assert not getattr(a, name)[..., 1, 4 - a.box_[0], 4 - a.box_[2]].any()
    assert_array_equal(a.center_[:, 1, 4, 4], 0)
    one_more = few.copy()
    one_more[GROUPS == LEAST_PATIENTS, :, 1, 4, 4] = 1
    c = grouped("position", evidence=one_more).summary()
    assert c.count_[0, 1, 4 - c.box_[0], 4 - c.box_[2]] == 5 * LEAST_PATIENTS
    assert_allclose(a.pooled_sd_, b.pooled_sd_, rtol=0.02)


def test_slices_of_too_few_patients_are_refused():
    with pytest.raises(InvalidPairsError, match="4 patient"):
        grouped(groups=np.arange(M) % 4)
    assert len(grouped(groups=np.arange(M) % 5).members_) >= 1


# in MapScoring and detectors ------------------------------------------------------------------

X, OWNERS = make_heads(80, seed=1), np.repeat(np.arange(20), 4)
SAMPLES = make_heads(30, seed=2)
SUMMARY = MapScoring(bank="summary", false_positive_rate=0.1)


def atlas(**settings):
    return AtlasDetector(map_scoring=MapScoring(**settings)).fit(X, groups=OWNERS)


def test_only_statistics_are_kept():
    kept = vars(atlas(bank="summary").map_scoring_)
    assert not kept.keys() & {"residual_", "descriptors_", "codes_"}
    arrays = [v for v in vars(kept["bank_"]).values() if isinstance(v, np.ndarray)]
    assert max(len(v) for v in arrays) <= len(X) // GROUP_SLICES


def test_slices_can_become_a_summary_later():
    fresh, later = atlas(bank="summary"), atlas().rescore(bank="summary")
    assert_array_equal(later.anomaly_map(SAMPLES), fresh.anomaly_map(SAMPLES))
    assert later.offset_ == fresh.offset_
    assert not hasattr(later.map_scoring_, "residual_")


def test_only_the_rate_can_change_without_a_new_fit():
    detector, slices = atlas(bank="summary"), atlas(bank="summary")
    scores = detector.score_samples(SAMPLES)
    detector.rescore(false_positive_rate=0.2)
    assert_array_equal(detector.score_samples(SAMPLES), scores)
    assert detector.offset_ == atlas(bank="summary", false_positive_rate=0.2).offset_
    assert detector.offset_ > slices.offset_
    for change in ({"pool_fraction": 0.1}, {"bank": "slices"}, {"reference": None, "clip": 2.0}):
        with pytest.raises(ValueError, match=rf"{min(change)}.*bank='slices'"):
            detector.rescore(**change)
    assert_array_equal(detector.score_samples(SAMPLES), scores)
    detector.recalibrate(make_heads(30, seed=3))


def test_calibration_leaves_the_own_patient_out_and_later_scoring_can_not():
    odd = X.copy()
    for row in np.flatnonzero(OWNERS == 5):
        odd[row] = plant(odd[row], 0, at=(16, 9))[0]
    detector = AtlasDetector(map_scoring=SUMMARY).fit(odd, groups=OWNERS)
    calibrated = detector.map_scoring_.calibration_scores_[OWNERS == 5]
    with pytest.warns(TrainingDataWarning, match="4 of the 4"):
        again = detector.score_samples(odd[OWNERS == 5])
    assert (calibrated < again - 1).all()


def test_healthy_heads_are_flagged_at_the_rate_and_lesions_are_found():
    detector = AtlasDetector(map_scoring=SUMMARY).fit(X, groups=OWNERS)
    assert (detector.predict(make_heads(200, seed=4)) == -1).mean() < 0.2
    lesions = np.stack([plant(head, 0, at=(16, 9))[0] for head in SAMPLES])
    assert (detector.predict(lesions) == -1).mean() > 0.8


def test_it_is_saved_and_smaller(tmp_path):
    for bank in ("slices", "summary"):
        save(atlas(bank=bank), tmp_path / bank)
    loaded = load(tmp_path / "summary")
    expected = atlas(bank="summary")
    assert_array_equal(loaded.score_samples(SAMPLES), expected.score_samples(SAMPLES))
    assert_array_equal(loaded.anomaly_map(SAMPLES), expected.anomaly_map(SAMPLES))
    assert (tmp_path / "summary").stat().st_size < (tmp_path / "slices").stat().st_size / 2


def test_a_refused_fit_leaves_the_detector_as_it_was():
    detector = AtlasDetector(map_scoring=SUMMARY)
    with pytest.raises(InvalidPairsError, match="bank='slices'"):
        detector.fit(X[:16], groups=OWNERS[:16])
    assert not hasattr(detector, "map_scoring_")
