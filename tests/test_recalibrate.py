"""Laws of thresholds of one's own scans, and of the slices that a threshold rests on."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from heads import make_heads
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ctmri_detect import AtlasDetector, MapScoring, Pairs, VolumeDetector, recalibrate
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.exceptions import InvalidPairsError, TrainingDataWarning
from ctmri_detect.preprocessing import Resize
from ctmri_detect.scoring import Threshold, conformal_offset, reference

RATE = 0.1
X, OWNERS = make_heads(40, seed=1), np.repeat(np.arange(10), 4)
NEW = make_heads(30, seed=2)
OWN = make_heads(25, seed=3) * np.float32(1.3)  # another scanner
OWN_OWNERS = np.repeat([f"own {i}" for i in range(5)], 5)


class Mean(BasePairedDetector):
    """The difference to the training mean, as if it were trained."""

    def __init__(self, map_scoring=None):
        self.map_scoring = map_scoring

    def _fit(self, X):
        self.mean_ = np.nanmean(X[:], axis=0)

    def _residual(self, X):
        return X - self.mean_


class Cheap(Mean):
    traits = Traits(cheap=True)


def fitted(kind=AtlasDetector, groups=OWNERS, **settings):
    return kind(map_scoring=MapScoring(false_positive_rate=RATE, **settings)).fit(X, groups=groups)


def agrees(detector, samples=NEW):
    rate = detector.map_scoring_.false_positive_rate
    return (detector.predict(samples) == -1) == (detector.p_values(samples) <= rate)


# Threshold ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [9, 19, 20, 57])
def test_a_threshold_flags_exactly_the_p_values_of_at_most_its_rate(n):
    rng = np.random.default_rng(n)
    known, new = (rng.integers(0, 30, size).astype(float) for size in (n, 200))  # with ties
    for rate in (0.1, 0.3, 0.9):
        threshold = Threshold(known, rate, np.arange(n) // 2)
        assert threshold.offset == conformal_offset(known, rate)
        assert threshold.n_patients == (n + 1) // 2
        assert_array_equal(new < threshold.offset, threshold.p_values(new) <= rate)


# recalibrate --------------------------------------------------------------------------------


def test_the_threshold_is_that_of_the_given_scans_and_nothing_else_changes():
    detector, before = fitted(), fitted()
    assert detector.recalibrate(OWN, groups=OWN_OWNERS) is detector
    assert detector.offset_ == conformal_offset(before.score_samples(OWN), RATE)
    assert detector.offset_ == detector.map_scoring_.offset_ != before.offset_
    assert_array_equal(detector.map_scoring_.calibration_scores_, before.score_samples(OWN))
    assert len(np.unique(detector.map_scoring_.calibration_groups_)) == 5
    assert_array_equal(detector.anomaly_map(NEW), before.anomaly_map(NEW))
    assert_array_equal(detector.score_samples(NEW), before.score_samples(NEW))
    assert (before.predict(OWN) == -1).mean() > 0.5 >= RATE >= (detector.predict(OWN) == -1).mean()


def test_pairs_bring_their_patients():
    by_name = fitted().recalibrate(OWN, groups=OWN_OWNERS)
    by_pairs = fitted().recalibrate(Pairs(OWN, groups=OWN_OWNERS))
    assert by_pairs.offset_ == by_name.offset_
    codes = [d.map_scoring_.calibration_groups_ for d in (by_name, by_pairs)]
    assert_array_equal(*codes)


@pytest.mark.parametrize("kind", [AtlasDetector, Cheap])
def test_flagged_is_a_p_value_of_at_most_the_rate_whatever_was_changed(kind):
    detector = fitted(kind)
    assert agrees(detector).all()
    detector.recalibrate(OWN)
    assert agrees(detector).all()
    assert agrees(detector.rescore(false_positive_rate=0.3)).all()
    assert agrees(detector.rescore(clip=4.0)).all()
    assert agrees(detector.recalibrate(OWN), OWN).all()


def test_another_rate_keeps_the_own_scans_and_another_setting_takes_the_bank():
    detector = fitted().recalibrate(OWN)
    scores = detector.map_scoring_.calibration_scores_
    detector.rescore(false_positive_rate=0.2)
    assert detector.offset_ == conformal_offset(scores, 0.2)
    detector.rescore(pool_fraction=0.1)
    fresh = fitted(pool_fraction=0.1).rescore(false_positive_rate=0.2)
    assert detector.offset_ == fresh.offset_
    assert len(detector.map_scoring_.calibration_scores_) == len(X)


def test_what_it_cannot_do_is_refused_and_changes_nothing():
    detector = fitted().recalibrate(OWN)
    offset = detector.offset_
    with pytest.raises(InvalidPairsError, match=r"X has 8 samples; .* at least 9\."):
        detector.recalibrate(OWN[:8])
    with pytest.raises(InvalidPairsError, match="groups has shape"):
        detector.recalibrate(OWN, groups=OWN_OWNERS[1:])
    with pytest.raises(InvalidPairsError, match="fitted on"):
        detector.recalibrate(OWN[:, :, 2:])
    assert detector.offset_ == offset
    assert np.isfinite(detector.recalibrate(OWN[:9]).offset_)


def test_scans_of_the_fit_are_warned_of():
    with pytest.warns(TrainingDataWarning, match="5 of the 30 samples") as caught:
        fitted().recalibrate(np.concatenate([OWN, X[:5]]))
    assert [w.filename for w in caught] == [__file__]


def test_a_pickle_and_a_file_keep_the_threshold(tmp_path):
    persistence = pytest.importorskip("ctmri_detect.persistence")
    pytest.importorskip("skops")
    detector = fitted().recalibrate(OWN, groups=OWN_OWNERS)
    persistence.save(detector, tmp_path / "own.ctmri")
    for copy in (pickle.loads(pickle.dumps(detector)), persistence.load(tmp_path / "own.ctmri")):
        assert copy.offset_ == detector.offset_
        assert_array_equal(copy.p_values(NEW), detector.p_values(NEW))
        assert_array_equal(copy.seen_in_fit(np.concatenate([X[:3], NEW])), np.arange(33) < 3)
        named = Pairs(X[::-1].copy(), groups=OWNERS[::-1])
        assert_array_equal(copy.score_samples(named), detector.score_samples(named))
        copy.rescore(false_positive_rate=0.3)
        assert copy.offset_ == conformal_offset(detector.score_samples(OWN), 0.3)


# every held-out slice -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "groups", "held"),
    [(AtlasDetector, OWNERS, 40), (Mean, OWNERS, 8), (Cheap, OWNERS, 40),
     (Mean, OWNERS // 4, 40)],
    ids=["untrained", "a quarter", "quarters", "in turn"],
)  # fmt: skip
def test_every_held_out_slice_sets_the_threshold(kind, groups, held, monkeypatch):
    all_in_the_bank = fitted(kind, groups, symmetry=False)
    monkeypatch.setattr(reference, "BANK_SLICES", 7)
    small = fitted(kind, groups, symmetry=False)
    for detector in (all_in_the_bank, small):
        scoring = detector.map_scoring_
        assert len(scoring.calibration_scores_) == len(scoring.calibration_groups_) == held
        assert scoring.offset_ == conformal_offset(scoring.calibration_scores_, RATE)
    assert len(small.map_scoring_.codes_) == 7
    patients = [d.map_scoring_.calibration_groups_ for d in (small, all_in_the_bank)]
    assert_array_equal(*(np.sort(codes) for codes in patients))


def test_each_is_compared_with_other_patients_only(monkeypatch):
    """An untrained detector scores a slice of the fit as it did for the threshold."""
    monkeypatch.setattr(reference, "BANK_SLICES", 13)
    detector = fitted(reference="position", symmetry=False)
    named = detector.score_samples(Pairs(X, groups=OWNERS))
    assert_array_equal(np.sort(detector.map_scoring_.calibration_scores_), np.sort(named))
    assert not np.array_equal(named, detector.score_samples(X))


@pytest.mark.parametrize("kind", [Mean, Cheap])
def test_scores_do_not_depend_on_how_few_references_the_model_is_judged_by(kind, monkeypatch):
    """Without a reference the bank only gives a unit: scores are those of the fold's own model."""
    settings = {"reference": None, "symmetry": False, "clip": np.inf}
    every = fitted(kind, OWNERS // 4, **settings)
    monkeypatch.setattr(reference, "BANK_SLICES", 20)
    few = fitted(kind, OWNERS // 4, **settings)
    unit = [d.map_scoring_.bank_.pooled_sd_[0] for d in (every, few)]
    assert_allclose(*unit, rtol=0.2)
    scores = [np.sort(d.map_scoring_.calibration_scores_) for d in (every, few)]
    assert_allclose(*scores, rtol=0.4)


# a Pipeline ---------------------------------------------------------------------------------


def test_a_pipeline_is_recalibrated_with_what_its_first_step_takes():
    fit, own = (Pairs(make_heads(40, seed=seed), groups=range(40)) for seed in (1, 2))
    own = own.replace(groups=[f"own {i}" for i in range(40)])
    model = make_pipeline(Resize(48), AtlasDetector()).fit(fit)
    before = model[-1].offset_
    assert recalibrate(model, own) is model
    assert model[-1].offset_ != before
    alone = make_pipeline(Resize(48), AtlasDetector()).fit(fit)
    alone[-1].recalibrate(alone[:-1].transform(own))
    assert model[-1].offset_ == alone[-1].offset_
    with pytest.raises(TypeError, match="FunctionTransformer"):
        recalibrate(make_pipeline(FunctionTransformer()), own)


@pytest.mark.parametrize("volumes", [False, True])
def test_images_that_were_not_preprocessed_set_no_threshold(volumes):
    detector = VolumeDetector(AtlasDetector()) if volumes else AtlasDetector()
    frame = pd.DataFrame({"volume": np.arange(40) // 4, "z_mm": np.arange(40) % 4 * 5.0})
    fit, own = (
        Pairs(
            make_heads(40, seed=seed), groups=[f"{seed} {i // 4}" for i in range(40)], frame=frame
        )
        for seed in (1, 2)
    )
    detector.fit(fit)
    before = detector.offset_
    raw = own.replace(array=np.asarray(own) * 1000 - 200)  # on the same grid, in other units
    with pytest.raises(InvalidPairsError, match=r"40 of 40 healthy .*recalibrate\(model, X"):
        detector.recalibrate(raw)
    assert detector.offset_ == before
    detector.recalibrate(own)
