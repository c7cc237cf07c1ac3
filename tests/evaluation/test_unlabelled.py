"""A figure without labels: what it is, what it ranks, and when it says that it can't."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, Pairs
from ctmri_detect.evaluation import decision_roc_auc_scorer, unlabelled_roc_auc
from ctmri_detect.exceptions import InvalidPairsError, UnlabelledWarning
from ctmri_detect.metrics import decision_roc_auc_score, patient_bootstrap
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.preprocessing import Resize

N, EACH = 60, 4  # slices of each kind, and of each patient


def heads(n, seed, strange=0.0, first=0):
    """Noise, with a block of this contrast in every second slice."""
    X = np.random.default_rng(seed).normal(size=(n, 2, 24, 24)).astype(np.float32)
    X[::2, :, 8:14, 8:14] += strange
    return Pairs(X, groups=[f"p{first + i // EACH}" for i in range(n)])


TRAIN, FEW, SOME = heads(2 * N, 0), heads(N, 1, first=100), heads(N, 2, strange=1.0, first=200)
DETECTOR = AtlasDetector().fit(TRAIN)
Y = np.where(np.arange(N) % 2, 1, -1)
SETTINGS = [
    {"map_scoring__smoothing": 0.0, "map_scoring__scales": 0},
    {"map_scoring__smoothing": 2.0, "map_scoring__scales": 0},
    {"map_scoring__smoothing": 8.0, "map_scoring__scales": 0},
]


def trained(setting):
    """A detector with this setting."""
    return AtlasDetector().set_params(**setting).fit(TRAIN)


def true_area(setting):
    """What the labels say of it."""
    return decision_roc_auc_score(Y, trained(setting).score_samples(SOME))


def figure(detector, X, **more):
    """The figure, with few draws."""
    return unlabelled_roc_auc(detector, X, n_resamples=100, random_state=0, **more)


def test_it_is_the_area_of_held_out_scores_against_all_scores():
    found, healthy = figure(DETECTOR, SOME), DETECTOR.map_scoring_.calibration_scores_
    scores = np.concatenate([healthy, DETECTOR.score_samples(SOME)])
    target = np.repeat([1, -1], [len(healthy), len(SOME)])
    assert found.estimate == decision_roc_auc_score(target, scores)
    owners = DETECTOR.map_scoring_.calibration_groups_
    others = len(np.unique(owners)) + np.unique(SOME.groups, return_inverse=True)[1]
    patients = np.concatenate([owners, others])  # a patient of one side is none of the other
    interval = patient_bootstrap(
        target, scores, patients, decision_roc_auc_score, n_resamples=100, random_state=0
    )
    assert (found.low, found.high) == (interval.low, interval.high)
    assert 0.5 < found.low < found.estimate < found.high
    assert (found.n_healthy, found.n_unlabelled) == (len(healthy), len(SOME))


def test_it_follows_the_share_of_anomalies_and_the_true_area():
    found = figure(DETECTOR, SOME)
    true = decision_roc_auc_score(Y, DETECTOR.score_samples(SOME))
    assert found.estimate == pytest.approx(0.5 * true + 0.25, abs=0.06)
    assert found.healthy_share == pytest.approx(0.5, abs=0.2)


@pytest.mark.filterwarnings("ignore:The 60 unlabelled slices are not surely")
def test_it_ranks_detectors_as_the_labels_do():
    found = [figure(trained(setting), SOME).estimate for setting in SETTINGS]
    true = [true_area(setting) for setting in SETTINGS]
    assert np.diff(np.sort(true)).min() > 0.05
    assert np.argsort(found).tolist() == np.argsort(true).tolist()


def test_a_set_that_looks_more_normal_than_the_fit_says_nothing():
    calm = Pairs(0.7 * np.asarray(SOME), groups=SOME.groups)
    with pytest.warns(UnlabelledWarning, match="not above 0.5"):
        assert figure(DETECTOR, calm).high < 0.5


def test_without_anomalies_it_says_that_it_can_not_tell():
    with pytest.warns(UnlabelledWarning, match="not above 0.5"):
        found = figure(DETECTOR, FEW)
    assert found.low <= 0.5 <= found.high


def test_a_foreign_set_is_noticed_and_recalibration_helps():
    foreign, own = (Pairs(1.5 * np.asarray(X), groups=X.groups) for X in (FEW, heads(N, 3)))
    own = Pairs(own, groups=[f"own {name}" for name in own.groups])
    with pytest.warns(UnlabelledWarning, match="look like healthy ones"):
        assert figure(DETECTOR, foreign).estimate > 0.9  # and not one anomaly
    detector = AtlasDetector().fit(TRAIN).recalibrate(own)
    with pytest.warns(UnlabelledWarning, match="not above 0.5"):
        assert figure(detector, foreign).estimate < 0.7


@pytest.mark.parametrize("how", ["slices", "patients"])
def test_slices_of_the_fit_are_refused(how):
    X = TRAIN[:20] if how == "slices" else Pairs(np.asarray(SOME), groups=TRAIN.groups[:N])
    with pytest.raises(InvalidPairsError, match="was fitted on"):
        figure(DETECTOR, X)


def test_pipelines_and_arrays_are_taken():
    pipe = make_pipeline(Resize(16), AtlasDetector()).fit(TRAIN)
    found = figure(pipe, SOME)
    assert found == figure(pipe, np.asarray(SOME), groups=SOME.groups)
    assert found == figure(pipe[-1], pipe[0].transform(SOME))
    with pytest.raises(TypeError, match="expected a detector"):
        figure(make_pipeline(Resize(16)).fit(TRAIN), SOME)


def test_a_search_without_labels_takes_the_unlabelled_set_as_anomalous():
    both = Pairs.concatenate([TRAIN, SOME])
    y = np.repeat([1, -1], [len(TRAIN), len(SOME)])
    grid = [{name: [value] for name, value in setting.items()} for setting in SETTINGS]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = GridSearchCV(
            AtlasDetector(),
            grid,
            scoring=decision_roc_auc_scorer,
            cv=NormalOnlyGroupKFold(2),
            error_score="raise",
        ).fit(both, y)
    assert search.best_params_ == max(SETTINGS, key=true_area)
