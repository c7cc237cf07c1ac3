"""Neighbouring slices as context: laws of `VolumeDetector`."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from ctmri_detect import (
    AtlasDetector,
    CrossModalDetector,
    EnsembleDetector,
    Pairs,
    ThresholdDetector,
    VolumeDetector,
    detect,
)
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.persistence import load, save
from ctmri_detect.preprocessing import CropOrPad
from ctmri_detect.scoring_runs import score_to
from ctmri_detect.testing import detector_checks, make_heads

N_SLICES, STEP = 6, 3.0
NUMBERS = ["anomaly_score", "p_value", "anomaly_map", "z_maps"]


def scans(n, seed, *, name="scan", step=STEP, n_slices=N_SLICES):
    """Whole scans, each of another patient."""
    volume = np.repeat([f"{name}{seed}-{i}" for i in range(n)], n_slices)
    frame = pd.DataFrame({"volume": volume, "z_mm": np.tile(step * np.arange(n_slices), n)})
    X = make_heads(n * n_slices, size=24, seed=seed)
    return Pairs(X, groups=[f"patient of {v}" for v in volume], frame=frame)


TRAIN, NEW = scans(16, 1), scans(3, 2)
SCAN = NEW[:N_SLICES]


@pytest.fixture(scope="module")
def fitted():
    return VolumeDetector(AtlasDetector()).fit(TRAIN)


def found(detector, X):
    return detector.detect(X, include=NUMBERS)


def same(a, b):
    for name in NUMBERS:
        assert_array_equal(a[name], b[name], err_msg=name)


def moved(X, **columns):
    return X.replace(frame=X.frame.assign(**columns))


def test_other_scans_and_their_number_change_nothing(fitted):
    whole = found(fitted, NEW)
    for start in range(0, len(NEW), N_SLICES):
        rows = np.arange(start, start + N_SLICES)
        same(found(fitted, NEW[rows]), {name: whole[name][rows] for name in NUMBERS})


def test_the_order_of_samples_changes_nothing(fitted):
    order = np.random.default_rng(0).permutation(len(NEW))
    whole = found(fitted, NEW)
    same(found(fitted, NEW[order]), {name: whole[name][order] for name in NUMBERS})
    blocks = list(fitted.iter_detect(NEW[order], include=["decision"]))
    assert_array_equal(np.concatenate([b.samples for b in blocks]), np.arange(len(NEW)))


def test_a_forgetful_neighbourhood_changes_nothing(fitted, monkeypatch):
    whole = found(fitted, NEW)
    monkeypatch.setattr("ctmri_detect.detectors.volume.neighbourhood._KEPT_BYTES", 0)
    same(found(fitted, NEW), whole)


def test_a_lone_slice_is_scored_as_without_neighbours(fitted):
    far = moved(NEW, z_mm=1e3 * np.arange(len(NEW)))
    alone = fitted.detector_
    assert_allclose(fitted.score_samples(far), alone.score_samples(NEW), rtol=1e-5)
    assert_allclose(fitted.anomaly_map(far), alone.anomaly_map(NEW), rtol=1e-4, atol=1e-5)
    assert_allclose(fitted.z_maps(far), alone.z_maps(NEW), rtol=1e-4, atol=1e-5)
    assert (fitted.score_samples(NEW) != alone.score_samples(NEW)).all()


def test_neighbours_are_of_the_scan_and_not_of_the_patient(fitted):
    one = moved(NEW.replace(groups=["same"] * len(NEW)))
    same(found(fitted, one), found(fitted, NEW))
    two = moved(SCAN, volume=["a", "b"] * 3)  # one patient, two scans, slice beside slice
    part = found(fitted, two)
    same(found(fitted, two[::2]), {name: part[name][::2] for name in NUMBERS})


def test_scans_of_two_patients_may_have_one_name(fitted):
    X = moved(NEW, volume=["ct.nii.gz"] * len(NEW))
    same(found(fitted, X), found(fitted, NEW))


def test_beyond_a_gap_nothing_counts(fitted):
    gap = moved(SCAN, z_mm=[0.0, 3, 6, 100, 103, 106])
    part = found(fitted, gap)
    same(found(fitted, gap[:3]), {name: part[name][:3] for name in NUMBERS})


def test_nearer_neighbours_count_more(fitted):
    """What two slices show shows the more in each, the nearer they are."""
    X = np.asarray(SCAN)[:2].copy()
    X[:, :, 8:13, 5:10] += 0.06
    odd = Pairs(X, groups=SCAN.groups[:2], frame=SCAN.frame[:2])
    heat = [
        fitted.anomaly_map(moved(odd, z_mm=[0.0, away]))[0, 8:13, 5:10].mean()
        for away in (1.0, 8.0, 12.0, 50.0)
    ]
    assert (np.diff(heat) < 0).all()


def test_only_millimetres_count():
    narrow = VolumeDetector(AtlasDetector(), smoothing_mm=3.0).fit(TRAIN)
    wide = VolumeDetector(AtlasDetector(), smoothing_mm=6.0)
    wide.fit(moved(TRAIN, z_mm=2 * TRAIN.frame["z_mm"]))
    twice = moved(NEW, z_mm=2 * NEW.frame["z_mm"])
    assert_allclose(wide.score_samples(twice), narrow.score_samples(NEW), rtol=0.02)


def test_what_goes_through_several_slices_is_found_better(fitted):
    X = np.asarray(NEW).copy()
    y = np.ones(len(NEW), dtype=int)
    X[N_SLICES : 2 * N_SLICES, 1, 8:13, 5:10] += 0.06  # twice the noise
    y[N_SLICES : 2 * N_SLICES] = -1
    odd = Pairs(X, groups=NEW.groups, frame=NEW.frame)

    def apart(detector):
        scores = detector.score_samples(odd)
        return (scores[y == 1].mean() - scores[y == -1].mean()) / scores[y == 1].std()

    assert apart(fitted) > 1.5 * apart(fitted.detector_)


def test_z_keeps_its_unit(fitted):
    """Healthy z spreads alike with and without neighbours, inside the scan and at its ends."""
    healthy = scans(20, 3)
    near, alone = (np.nanstd(d.z_maps(healthy), axis=(1, 2, 3)) for d in (fitted, fitted.detector_))
    ratio = (near / alone).reshape(-1, N_SLICES)
    assert_allclose(ratio.mean(), 1, atol=0.1)
    assert_allclose(ratio[:, [0, -1]].mean(), ratio[:, 2:4].mean(), atol=0.1)


def test_healthy_slices_are_flagged_as_often_as_promised():
    detector = VolumeDetector(AtlasDetector(), false_positive_rate=0.2).fit(TRAIN)
    healthy = scans(40, 4)
    assert 0.08 < (detector.predict(healthy) == -1).mean() < 0.35
    assert_array_equal(detector.predict(healthy) == -1, detector.p_values(healthy) <= 0.2)
    alone = moved(healthy, z_mm=1e3 * np.arange(len(healthy)))
    assert 0.05 < (detector.predict(alone) == -1).mean() < 0.4


def test_slices_that_train_are_judged_without_those_left_out():
    """Slices labelled -1 are nobody's neighbours in the fit."""
    X = np.asarray(TRAIN).copy()
    y = np.ones(len(X), dtype=int)
    y[::N_SLICES] = -1
    X[::N_SLICES] += 50
    odd = Pairs(X, groups=TRAIN.groups, frame=TRAIN.frame)
    fit = VolumeDetector(AtlasDetector()).fit(odd, y)
    other = VolumeDetector(AtlasDetector()).fit(odd[y == 1])
    assert_array_equal(fit.map_scoring_.calibration_scores_, other.map_scoring_.calibration_scores_)


def test_a_missing_plane_is_scored(fitted):
    X = np.asarray(scans(40, 5)).copy()
    X[:, 1] = np.nan
    of_ct = Pairs(X, groups=scans(40, 5).groups, frame=scans(40, 5).frame)
    assert (fitted.predict(of_ct) == -1).mean() < 0.2
    assert np.isnan(fitted.z_maps(of_ct)[:, 1]).all()


@pytest.mark.parametrize(
    "frame",
    [
        None,
        NEW.frame[["volume"]],
        NEW.frame[["z_mm"]],
        NEW.frame.assign(z_mm=np.nan),
        NEW.frame.assign(volume=[None, *NEW.frame["volume"][1:]]),
    ],
)
def test_scans_and_heights_have_to_be_known(fitted, frame):
    X = NEW.replace(frame=frame)
    for asked in (clone(fitted).fit, fitted.predict, fitted.residual_map):
        with pytest.raises(InvalidPairsError, match="load_volume_pairs"):
            asked(X)
    with pytest.raises(InvalidPairsError, match="volume"):
        fitted.predict(np.asarray(NEW))


def test_a_fitted_detector_is_taken_as_it_is(fitted):
    model = AtlasDetector().fit(TRAIN)
    own = VolumeDetector(FrozenEstimator(model)).fit(scans(10, 6))
    assert own.detector_ is model
    part = moved(NEW, z_mm=1e3 * np.arange(len(NEW)))
    assert_allclose(own.score_samples(part), model.score_samples(NEW), rtol=1e-5)
    own.predict(TRAIN[:N_SLICES])  # patients that the frozen detector knows


def test_other_settings_without_a_new_fit(fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    assert copy.rescore(false_positive_rate=0.3).offset_ > fitted.offset_
    assert_array_equal(copy.score_samples(NEW), fitted.score_samples(NEW))
    fresh = clone(fitted).set_params(pool_fraction=0.1).fit(TRAIN)
    copy = pickle.loads(pickle.dumps(fitted)).rescore(pool_fraction=0.1)
    assert_allclose(copy.offset_, fresh.offset_)
    assert_allclose(copy.score_samples(NEW), fresh.score_samples(NEW))
    with pytest.raises(ValueError, match="smoothing_mm can't change without a new fit"):
        copy.rescore(smoothing_mm=2.0)
    before = copy.offset_
    assert copy.recalibrate(scans(6, 7)).offset_ != before


def test_it_is_saved_and_loaded(fitted, tmp_path):
    save(fitted, tmp_path / "model.ctmri")
    same(found(load(tmp_path / "model.ctmri"), NEW), found(fitted, NEW))


def test_it_stands_at_the_end_of_a_pipeline(fitted):
    model = make_pipeline(CropOrPad(24), clone(fitted)).fit(TRAIN)
    same(detect(model, NEW, include=NUMBERS), found(fitted, NEW))


def test_residuals_are_those_of_the_detector(fitted):
    assert_array_equal(fitted.residual_map(NEW), fitted.detector_.residual_map(NEW))


def test_an_ensemble_sees_the_neighbours_too(fitted, tmp_path):
    one = VolumeDetector(EnsembleDetector([AtlasDetector()])).fit(TRAIN)
    assert_allclose(one.score_samples(NEW), fitted.score_samples(NEW), rtol=1e-4)
    assert_allclose(one.offset_, fitted.offset_, rtol=1e-2)
    both = VolumeDetector(EnsembleDetector([AtlasDetector(), ThresholdDetector()])).fit(TRAIN)
    far = moved(NEW, z_mm=1e3 * np.arange(len(NEW)))
    alone = both.detector_.anomaly_map(NEW)
    assert_allclose(both.anomaly_map(far), alone, rtol=1e-4, atol=1e-5)
    save(both, tmp_path / "both.ctmri")
    same(found(load(tmp_path / "both.ctmri"), NEW), found(both, NEW))


def test_members_of_other_fits_are_asked_by_those_that_did_not_see_a_slice():
    """A cheap member leaves out each quarter in turn, another one quarter alone."""
    members = [CrossModalDetector(pixels_per_slice=32, random_state=0), AtlasDetector()]
    fit = VolumeDetector(EnsembleDetector(members)).fit(TRAIN)
    assert fit.map_scoring_.threshold_.n_patients == 16
    assert np.isfinite(fit.score_samples(NEW)).all()


def test_what_can_not_be_nested_is_refused(fitted):
    member = FrozenEstimator(fitted.detector_)
    for wrong in (EnsembleDetector([member]), VolumeDetector(AtlasDetector())):
        with pytest.raises(ValueError, match="single slices"):
            VolumeDetector(wrong).fit(TRAIN)
    with pytest.raises(ValueError, match="detectors is"):
        EnsembleDetector([fitted]).fit(TRAIN)


def test_blocks_would_cut_scans(fitted, tmp_path):
    with pytest.raises(ValueError, match="whole scans"):
        score_to(fitted, NEW, tmp_path / "scores")


class EachAScan(VolumeDetector):
    """Every sample without a frame is a scan by itself, so that the checks can be asked."""

    def _scans(self, X):
        if getattr(X, "frame", None) is not None:
            return super()._scans(X)
        frame = pd.DataFrame({"volume": np.arange(len(X)), "z_mm": np.zeros(len(X))})
        return super()._scans(Pairs(np.zeros((len(X), 1, 1, 1)), frame=frame))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", [pytest.param(c, id=name) for name, c in detector_checks()])
def test_the_laws_of_all_detectors_hold(check):
    check(EachAScan(AtlasDetector()))
