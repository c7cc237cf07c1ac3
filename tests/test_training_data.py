"""Laws of what a fitted detector knows of its training patients and slices."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, MapScoring, Pairs
from ctmri_detect.base import BasePairedDetector
from ctmri_detect.exceptions import TrainingDataWarning
from ctmri_detect.model_selection import NormalOnlyGroupKFold

SCORING = MapScoring(reference="position", symmetry=False, false_positive_rate=0.2)
HEADS = make_heads(44, seed=1)
OWNERS = np.repeat([f"Ms {name}" for name in "ABCDEFGHIJK"], 4)
for slice_of_c in range(8, 12):
    HEADS[slice_of_c] = plant(HEADS[slice_of_c], 1, at=(16, 9))[0]
LATER = np.arange(44) % 4 == 3  # the last slice of each patient is not trained on
X, NAMES = HEADS[~LATER], OWNERS[~LATER]
NEW = make_heads(6, seed=2)


class Mean(BasePairedDetector):
    """The difference to the training mean, as if it were trained."""

    def __init__(self, map_scoring=SCORING):
        self.map_scoring = map_scoring

    def _fit(self, X):
        self.mean_ = np.nanmean(X[:], axis=0)

    def _residual(self, X):
        return X - self.mean_


ATLAS = AtlasDetector(map_scoring=SCORING).fit(X, groups=NAMES)


# patients -----------------------------------------------------------------------------------


def test_no_slice_of_the_own_patient_is_a_reference():
    """The lesion that patient C has in every slice is odd, unless it is compared with C."""
    later, names = HEADS[LATER], OWNERS[LATER]
    c = int(np.flatnonzero(names == "Ms C")[0])
    known = ATLAS.score_samples(Pairs(later, groups=names))
    unknown = ATLAS.score_samples(later)
    others = np.arange(len(later)) != c
    without = np.array(NAMES) != "Ms C"
    fresh = AtlasDetector(map_scoring=SCORING).fit(X[without], groups=NAMES[without])
    assert known[c] < unknown[c] < 0
    assert known[c] < 1.2 * unknown[c]
    assert known[c] < known[others].min()
    assert abs(known[c] / fresh.score_samples(later)[c] - 1) < 0.25


def test_patients_that_were_not_trained_on_are_compared_with_all():
    strangers = Pairs(NEW, groups=[f"Mr {i}" for i in range(6)])
    assert_array_equal(ATLAS.score_samples(strangers), ATLAS.score_samples(NEW))
    nobody = AtlasDetector(map_scoring=SCORING).fit(X)
    named = Pairs(NEW, groups=["Ms C"] * 6)
    assert_array_equal(nobody.score_samples(named), nobody.score_samples(NEW))


def test_all_verbs_know_the_patients():
    later = Pairs(HEADS[LATER], groups=OWNERS[LATER])
    found = ATLAS.detect(later)
    assert_array_equal(found.anomaly_score, -ATLAS.score_samples(later))
    assert_array_equal(found.anomaly_map, ATLAS.anomaly_map(later))
    assert_array_equal(found.z_maps, ATLAS.z_maps(later))
    assert_array_equal(found.p_value, ATLAS.p_values(later))
    order = np.array([5, 2, 2, 0])
    assert_array_equal(ATLAS.score_samples(later[order]), ATLAS.score_samples(later)[order])


def test_names_are_compared_as_text():
    codes = np.repeat(np.arange(11), 3)
    model = AtlasDetector(map_scoring=SCORING).fit(X, groups=codes)
    as_text = Pairs(HEADS[LATER], groups=np.arange(11).astype(str))
    as_numbers = Pairs(HEADS[LATER], groups=np.arange(11))
    assert_array_equal(model.score_samples(as_text), model.score_samples(as_numbers))
    assert_array_equal(
        model.score_samples(as_text),
        ATLAS.score_samples(Pairs(HEADS[LATER], groups=OWNERS[LATER])),
    )


def test_names_are_kept_nowhere():
    for name in ("Ms A", "Ms K"):
        assert name.encode() not in pickle.dumps(ATLAS)


def test_a_second_fit_has_other_hashes_and_the_same_scores():
    again = clone(ATLAS).fit(X, groups=NAMES)
    assert again.fingerprints_.salt != ATLAS.fingerprints_.salt
    assert not set(again.fingerprints_.slices) & set(ATLAS.fingerprints_.slices)
    later = Pairs(HEADS[LATER], groups=OWNERS[LATER])
    assert_array_equal(again.score_samples(later), ATLAS.score_samples(later))
    assert again.offset_ == ATLAS.offset_


# slices -------------------------------------------------------------------------------------


def test_exactly_the_slices_of_the_fit_are_known_again():
    y = np.where(np.arange(len(X)) % 5 == 0, -1, 1)
    model = AtlasDetector(map_scoring=SCORING).fit(X, y, groups=NAMES)
    assert_array_equal(model.seen_in_fit(X), y == 1)  # what was left out was not learned from
    nearly = X.copy()
    nearly[:, 0, 16, 16] += np.float32(1e-4)
    assert not model.seen_in_fit(nearly).any()
    mixed = np.concatenate([NEW, X[::-1].astype(np.float64)])
    assert_array_equal(model.seen_in_fit(mixed), [*[False] * 6, *(y == 1)[::-1]])


@pytest.mark.parametrize(
    "verb", ["score_samples", "decision_function", "predict", "p_values", "detect"]
)
def test_scoring_what_was_trained_on_is_warned_of_at_the_users_line(verb):
    model = Mean().fit(X, groups=NAMES)
    with pytest.warns(TrainingDataWarning, match="4 of the 10 samples are slices that") as caught:
        getattr(model, verb)(np.concatenate([NEW, X[:4]]))
    assert [w.filename for w in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(model, verb)(NEW)
        model.anomaly_map(X)  # maps are looked at, and judge nothing


def test_blocks_are_warned_of_once_after_the_last():
    model = Mean().fit(X, groups=NAMES)
    with pytest.warns(TrainingDataWarning, match="33 of the 33 samples") as caught:
        list(model.iter_detect(X))
    assert len(caught) == 1


def test_where_nothing_flatters_nothing_is_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingDataWarning)
        ATLAS.predict(X)  # trains nothing, and own slices are no references
        Mean().fit_predict(X, groups=NAMES)
        GridSearchCV(
            make_pipeline(Mean()),
            {"mean__map_scoring__clip": [3.0, 5.0]},
            cv=NormalOnlyGroupKFold(3),
            scoring=lambda model, X, y: float(model.score_samples(X).mean()),
            return_train_score=True,
            error_score="raise",
        ).fit(Pairs(X, groups=NAMES), np.ones(len(X), int))


def test_fit_predict_is_fit_and_predict_of_the_same_patients():
    with pytest.warns(TrainingDataWarning):
        apart = Mean().fit(X, groups=NAMES).predict(Pairs(X, groups=NAMES))
    assert_array_equal(Mean().fit_predict(X, groups=NAMES), apart)
