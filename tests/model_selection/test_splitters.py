"""Laws of the splitters: no patient on both sides, normals only on the training side."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from ctmri_detect.base import BasePairedDetector, BasePairedTransformer
from ctmri_detect.evaluation import decision_roc_auc_scorer
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.model_selection import LeaveOnePatientOut, NormalOnlyGroupKFold
from ctmri_detect.scoring import MapScoring

RNG = np.random.default_rng(0)
N = 48
PATIENT = RNG.permutation(np.repeat([f"p{i}" for i in range(12)], 4))
Y = np.where(RNG.random(N) < 0.3, -1, 1)
X = RNG.normal(size=(N, 2, 8, 8)).astype(np.float32)
X[Y == -1, 0, 2:5, 2:5] += 4


class Mean(BasePairedDetector):
    """The difference to the training mean; remembers how many it learned from."""

    def __init__(self, scale=1.0, map_scoring=None):
        self.scale = scale
        self.map_scoring = map_scoring

    def _default_map_scoring(self):
        return MapScoring(reference=None, symmetry=False, false_positive_rate=0.2)

    def _fit(self, X):
        self.mean_ = X[:].mean(axis=0)

    def _residual(self, X):
        return (X - self.mean_) * self.scale


class Double(BasePairedTransformer):
    def _transform(self, X):
        return 2 * X


class GroupSpy(BaseEstimator):
    """Remembers the labels it was fitted with."""

    seen = []  # noqa: RUF012 (clones share it on purpose)

    def fit(self, X, y=None):
        self.seen.append(np.asarray(y))
        return self

    def score(self, X, y=None):
        return 0.0


@pytest.mark.parametrize("k", [2, 3, 5, 12])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    "y", [Y, Y.astype(float), list(Y), None], ids=["int", "float", "list", "None"]
)
def test_the_laws_of_a_split(k, shuffle, y):
    splitter = NormalOnlyGroupKFold(k, shuffle=shuffle, random_state=0 if shuffle else None)
    splits = list(splitter.split(X, y, PATIENT))
    assert len(splits) == k == splitter.get_n_splits(X, y, PATIENT)
    normal = np.ones(N, bool) if y is None else Y == 1
    for train, test in splits:
        assert not set(PATIENT[train]) & set(PATIENT[test])
        assert normal[train].all()
        rest = np.setdiff1d(np.arange(N), test)
        assert_array_equal(np.sort(train), rest[normal[rest]])  # and no normal is wasted
    assert_array_equal(np.sort(np.concatenate([test for _, test in splits])), np.arange(N))


def test_shuffling_is_repeatable_and_changes_the_folds():
    def folds(seed):
        cv = NormalOnlyGroupKFold(4, shuffle=True, random_state=seed)
        return [tuple(test) for _, test in cv.split(X, Y, PATIENT)]

    assert folds(0) == folds(0)
    assert set(folds(0)) != set(folds(1))


def test_only_who_is_who_matters_not_the_names():
    renamed = [chr(97 + code) for code in np.unique(PATIENT, return_inverse=True)[1]]
    for (a, b), (c, d) in zip(
        NormalOnlyGroupKFold(4).split(X, Y, PATIENT),
        NormalOnlyGroupKFold(4).split(X, Y, renamed),
        strict=True,
    ):
        assert_array_equal(a, c)
        assert_array_equal(b, d)


def test_what_would_leak_or_mislead_is_refused():
    cv = NormalOnlyGroupKFold(3)
    with pytest.raises(InvalidPairsError, match="groups is None"):
        next(cv.split(X, Y))
    with pytest.raises(InvalidPairsError, match=r"0, 1; expected \+1"):
        next(cv.split(X, (Y == -1).astype(int), PATIENT))
    with pytest.raises(InvalidPairsError, match="no patient for samples 0"):
        next(cv.split(X, Y, [None, *PATIENT[1:]]))
    with pytest.raises(InvalidPairsError, match=r"expected \(48,\)"):
        next(cv.split(X, Y, PATIENT[1:]))
    with pytest.raises(InvalidPairsError, match=r"expected \(48,\)"):
        next(cv.split(X, Y[1:], PATIENT))
    with pytest.raises(InvalidPairsError, match=r"12 patient.s., and there are 13 folds"):
        next(NormalOnlyGroupKFold(13).split(X, Y, PATIENT))


@pytest.mark.parametrize("cv", [NormalOnlyGroupKFold(3), LeaveOnePatientOut()], ids=str)
def test_a_fold_without_normals_to_learn_from_is_refused(cv):
    few = np.where(PATIENT == "p0", 1, -1)
    with pytest.raises(InvalidPairsError, match=r"leaves 0 normal.*more folds"):
        list(cv.split(X, few, PATIENT))


@pytest.mark.parametrize("y", [Y, None], ids=["labels", "None"])
@pytest.mark.parametrize("normal_only", [True, False])
def test_each_patient_is_left_out_once(normal_only, y):
    cv = LeaveOnePatientOut(normal_only=normal_only)
    splits = list(cv.split(X, y, PATIENT))
    assert cv.get_n_splits(X, y, PATIENT) == len(splits) == 12
    kept = np.ones(N, bool) if y is None or not normal_only else Y == 1
    for name, (train, test) in zip(sorted(set(PATIENT)), splits, strict=True):
        assert_array_equal(test, np.flatnonzero(name == PATIENT))
        assert_array_equal(train, np.flatnonzero((name != PATIENT) & kept))


def test_leaving_one_out_refuses_what_folds_refuse_and_a_single_patient():
    cv = LeaveOnePatientOut(normal_only=False)
    with pytest.raises(InvalidPairsError, match="groups is None"):
        next(cv.split(X, Y))
    with pytest.raises(InvalidPairsError, match=r"0, 1; expected \+1"):
        next(cv.split(X, (Y == -1).astype(int), PATIENT))
    with pytest.raises(InvalidPairsError, match=r"has 1 patient\(s\); expected at least 2"):
        next(cv.split(X, Y, ["a"] * N))


def test_a_search_leaves_patients_out():
    both = np.tile([1, -1, 1, 1], 12)  # every patient has both kinds: each split has an AUROC
    patients, pairs = np.repeat(np.arange(12), 4), RNG.normal(size=(N, 2, 8, 8))
    pairs[both == -1, 0, 2:5, 2:5] += 4
    search = GridSearchCV(
        Mean(), {"scale": [1.0, -1.0]}, scoring=decision_roc_auc_scorer, cv=LeaveOnePatientOut()
    ).fit(pairs, both, groups=patients)
    assert search.best_score_ > 0.9
    assert search.n_splits_ == 12


def test_a_cross_validation_trains_on_normals_and_tests_on_all():
    GroupSpy.seen.clear()
    cross_val_score(GroupSpy(), X, Y, groups=PATIENT, cv=NormalOnlyGroupKFold(4))
    assert len(GroupSpy.seen) == 4
    assert all((y == 1).all() for y in GroupSpy.seen)


@pytest.mark.parametrize("routing", [False, True], ids=["plain", "metadata routing"])
def test_a_grid_search_over_a_pipeline(routing):
    pipe = make_pipeline(Double(), Mean())
    grid = {"mean__map_scoring__pool_fraction": [0.05, 0.5], "mean__scale": [1.0, -1.0]}
    with sklearn.config_context(enable_metadata_routing=routing):
        search = GridSearchCV(
            pipe,
            grid,
            scoring=decision_roc_auc_scorer,
            cv=NormalOnlyGroupKFold(4),
            error_score="raise",
        ).fit(X, Y, groups=PATIENT)
    assert search.best_score_ > 0.9
    assert search.best_estimator_[-1].n_samples_fit_ == (Y == 1).sum()
    # the refit sees patients exactly where routing carries them
    fresh = make_pipeline(Double(), Mean()).set_params(**search.best_params_)[-1]
    fresh.fit(2 * X, Y, groups=PATIENT if routing else None)
    assert_array_equal(search.decision_function(X), fresh.decision_function(2 * X))
    other = (
        Mean().set_params(**fresh.get_params()).fit(2 * X, Y, groups=None if routing else PATIENT)
    )
    assert not np.array_equal(other.decision_function(2 * X), fresh.decision_function(2 * X))


def test_a_grid_search_without_groups_says_what_to_do():
    search = GridSearchCV(
        Mean(), {"scale": [1.0]}, scoring=decision_roc_auc_scorer, cv=NormalOnlyGroupKFold(4)
    )
    with pytest.raises(InvalidPairsError, match=r"search\.fit\(X, y, groups=patients\)"):
        search.fit(X, Y)
