"""Laws of `MapScoring(cross_fit=...)`: which patients each fit leaves out."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads
from numpy.testing import assert_array_equal

from ctmri_detect import AtlasDetector, ConvAutoencoderDetector, MapScoring
from ctmri_detect.base import BasePairedDetector, Traits

X, OWNERS = make_heads(40, seed=1), np.repeat(np.arange(10), 4)
NEW = make_heads(10, seed=2)


class Dear(BasePairedDetector):
    """The difference to the training mean, as if it were trained for long; counts its fits."""

    def __init__(self, map_scoring=None, fits=None):
        self.map_scoring = map_scoring
        self.fits = fits

    def _fit(self, X):
        if self.fits is not None:
            self.fits.append(sorted(set(X.groups.tolist())))
        self.mean_ = np.nanmean(X[:], axis=0)

    def _residual(self, X):
        return X - self.mean_


class Cheap(Dear):
    traits = Traits(cheap=True)


def fitted(kind, n=40, **settings):
    fits = []
    detector = kind(MapScoring(**settings), fits=fits)
    return detector.fit(X[:n], groups=OWNERS[:n]), fits


@pytest.mark.parametrize("kind", [Dear, Cheap])
@pytest.mark.parametrize("cross_fit", [True, False, "auto"])
def test_it_decides_and_auto_goes_by_what_a_fit_costs(kind, cross_fit):
    detector, fits = fitted(kind, cross_fit=cross_fit)
    crossed = kind is Cheap if cross_fit == "auto" else cross_fit
    assert len(fits) == (5 if crossed else 1)
    assert len(fits[-1]) == (10 if crossed else 8)
    assert len(detector.map_scoring_.calibration_scores_) == (40 if crossed else 8)
    same = fitted(Cheap if crossed else Dear)[0]
    assert_array_equal(detector.anomaly_map(NEW), same.anomaly_map(NEW))
    assert detector.offset_ == same.offset_


@pytest.mark.parametrize("cross_fit", [True, False])
def test_few_patients_are_left_out_one_by_one_in_any_case(cross_fit):
    detector, fits = fitted(Dear, n=20, cross_fit=cross_fit)
    assert [len(fit) for fit in fits] == [4] * 5 + [5]
    assert len(detector.map_scoring_.calibration_scores_) == 20


def test_it_has_no_effect_where_nothing_is_trained():
    scores = [
        AtlasDetector(map_scoring=MapScoring(cross_fit=value))
        .fit(X, groups=OWNERS)
        .score_samples(NEW)
        for value in (True, False, "auto")
    ]
    assert_array_equal(scores[0], scores[1])
    assert_array_equal(scores[0], scores[2])


@pytest.mark.parametrize("value", [None, 1, "yes", "True"])
def test_other_values_are_refused(value):
    with pytest.raises(ValueError, match=r"MapScoring's cross_fit is .*; expected 'auto'"):
        AtlasDetector(map_scoring=MapScoring(cross_fit=value)).fit(X, groups=OWNERS)


def test_it_can_not_change_without_a_new_fit():
    detector, fits = fitted(Dear)
    before = detector.score_samples(NEW)
    with pytest.raises(ValueError, match="cross_fit can't change without a new fit"):
        detector.rescore(cross_fit=True, clip=3.0)
    assert_array_equal(detector.score_samples(NEW), before)
    assert len(fits) == 1
    detector.set_params(map_scoring__cross_fit=True).fit(X, groups=OWNERS)
    assert len(fits) == 6


# a network ------------------------------------------------------------------------------------


class Whole(ConvAutoencoderDetector):
    """Holds nothing out: one fit on all patients."""

    traits = Traits(trains=False, missing_modality=True)


def network(kind=ConvAutoencoderDetector, cross_fit=True, **settings):
    detector = kind("plain", channels=(4, 4), latent_dim=4, random_state=0, device="cpu")
    common = {"training__max_epochs": 2, "map_scoring__cross_fit": cross_fit}
    return detector.set_params(**common, **settings)


def test_the_network_that_stays_learned_from_all_patients_and_from_no_other_fit():
    kinds = ConvAutoencoderDetector, Whole
    crossed, whole = (network(kind).fit(X, groups=OWNERS) for kind in kinds)
    assert_array_equal(crossed.residual_map(NEW), whole.residual_map(NEW))
    assert crossed.history_["train_loss"].tolist() == whole.history_["train_loss"].tolist()
    held = crossed.map_scoring_.residual_  # of networks that did not see these slices
    assert len(held) == len(X)
    assert not np.array_equal(held, crossed.residual_map(X), equal_nan=True)


def test_each_fit_has_its_checkpoint_and_goes_on_from_it(tmp_path):
    settings = {
        "training__checkpoint_dir": tmp_path,
        "training__resume": True,
        "training__validation_fraction": 0.3,
    }
    first = network(**settings).fit(X, groups=OWNERS)
    folders = set(tmp_path.iterdir())
    assert len(folders) == 5
    assert np.isfinite(first.history_["valid_loss"]).all()
    again = network(**settings).fit(X, groups=OWNERS)
    assert set(tmp_path.iterdir()) == folders
    assert again.history_.equals(first.history_)  # also the seconds: no epoch was trained again
    assert again.offset_ == first.offset_
    assert_array_equal(again.score_samples(NEW), first.score_samples(NEW))


@pytest.mark.parametrize(("before", "after"), [(True, True), (True, False), (False, True)])
def test_a_warm_start_can_not_cross_fit(before, after):
    detector = network(cross_fit=before, warm_start=True).fit(X, groups=OWNERS)
    scores = detector.score_samples(NEW)
    detector.set_params(map_scoring__cross_fit=after)
    with pytest.raises(ValueError, match=r"warm_start=True with MapScoring\(cross_fit=True\)"):
        detector.fit(X, groups=OWNERS)
    assert_array_equal(detector.score_samples(NEW), scores)
