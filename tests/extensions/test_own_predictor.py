"""A predictor of the user's own, written with public names only, as docs/architecture.md has it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from heads import make_heads, plant
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from ctmri_detect import CrossModalDetector, Pairs
from ctmri_detect.base import Traits
from ctmri_detect.detectors.cross_modal import Predictor
from ctmri_detect.evaluation import decision_roc_auc_scorer
from ctmri_detect.exceptions import MissingModalityError
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.preprocessing import MRIScaler


class RidgePredictor(Predictor):
    """Each plane by ridge regression on what the view set shows of the same pixel."""

    traits = Traits(cheap=True, threadsafe=True, missing_modality=True)

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, view_sets, rng):
        X = np.asarray(X)
        self.view_sets_ = list(view_sets)
        self.models_ = [[self._model(X, views, p) for p in range(2)] for views in view_sets]
        return self

    def _model(self, X, views, plane):
        shown, seen = shown_to(X, views, plane)
        used = seen & ~np.isnan(X[:, plane])
        model = Ridge(self.alpha).fit(shown[used], X[:, plane][used])
        return model, float(np.var(X[:, plane][used] - model.predict(shown[used])))

    def predict(self, block):
        answers = []
        for views, models in zip(self.view_sets_, self.models_, strict=True):
            answer = np.full((2, *block.shape), np.nan, np.float32)
            for plane, (model, variance) in enumerate(models):
                shown, seen = shown_to(block, views, plane)
                if seen.any():
                    answer[0, :, plane][seen] = model.predict(shown[seen])
                    answer[1, :, plane][seen] = variance
            answers.append(tuple(answer))
        return answers


def shown_to(X, views, plane):
    """Features (n, height, width, k), and where all of them are known."""
    parts = [X[:, 1 - plane]] if "other" in views else []
    parts += [X[:, plane, :, ::-1]] if "mirror" in views else []
    shown = np.stack(parts + [part**2 for part in parts], axis=-1)
    return shown, ~np.isnan(shown).any(axis=-1)


TRAIN, TEST = make_heads(32, seed=1), make_heads(8, seed=2)
PATIENTS = np.repeat([f"p{i}" for i in range(8)], 4)
ODD = np.stack([plant(pair, 1, amount=0.5, at=(16, 9))[0] for pair in TEST])  # MRI only
BOTH, LABELS = np.concatenate([TEST, ODD]), np.repeat([1, -1], len(TEST))
EVIDENCE = [("mismatch",), ("symmetry",), ("mismatch", "symmetry", "within")]


def detector(**settings):
    return CrossModalDetector(predictor=RidgePredictor(), tolerance=0, **settings)


@pytest.fixture(scope="module")
def fitted():
    return detector().fit(TRAIN, groups=PATIENTS)


@pytest.mark.parametrize("evidence", EVIDENCE)
def test_it_finds_what_one_modality_shows_and_says_where(evidence):
    found = detector(evidence=evidence).fit(TRAIN, groups=PATIENTS)
    assert roc_auc_score(LABELS, found.score_samples(BOTH)) > 0.95
    z = found.z_maps(ODD)
    y, x = np.mgrid[:32, :32]
    disc = (y - 16) ** 2 + (x - 9) ** 2 <= 4
    assert z[:, 1, disc].mean() > 2  # brighter, in the MRI
    assert z[:, 1, disc].mean() > 2 * np.nanmean(np.abs(z))


def test_it_is_used_as_it_was_given_and_left_as_it_was():
    given = RidgePredictor(alpha=3.0)
    model = CrossModalDetector(predictor=given, tolerance=0).fit(TRAIN, groups=PATIENTS)
    assert vars(given) == {"alpha": 3.0}
    assert model.predictor is given
    assert isinstance(model.predictor_, RidgePredictor)
    assert model.predictor_.alpha == 3.0


def test_it_survives_clone_and_pickle(fitted):
    again = clone(fitted).fit(TRAIN, groups=PATIENTS)
    np.testing.assert_array_equal(again.anomaly_map(BOTH), fitted.anomaly_map(BOTH))
    back = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(back.anomaly_map(BOTH), fitted.anomaly_map(BOTH))


def test_its_parameters_are_searched_in_a_pipeline():
    """Tissue without anatomy: only the other modality tells, and a huge alpha ignores it."""
    rng = np.random.default_rng(0)
    tissue = np.kron(rng.normal(size=(56, 1, 8, 8)), np.ones((4, 4)))
    X = np.concatenate([tissue, -tissue], axis=1) + 0.1 * rng.normal(size=(56, 2, 32, 32))
    y = np.repeat([1, -1], [48, 8])
    X[y == -1, 1, 8:16, 8:16] *= -1
    data = Pairs(X, groups=[f"p{i // 4}" for i in range(56)])
    model = make_pipeline(MRIScaler(), detector(evidence=("mismatch",)))
    grid = {"crossmodaldetector__predictor__alpha": [1e9, 1e-3]}
    search = GridSearchCV(
        model,
        grid,
        scoring=decision_roc_auc_scorer,
        cv=NormalOnlyGroupKFold(2),
        error_score="raise",
    ).fit(data, y)
    assert search.best_params_ == {"crossmodaldetector__predictor__alpha": 1e-3}
    assert search.best_estimator_[-1].predictor_.alpha == 1e-3
    assert roc_auc_score(y, search.decision_function(X)) > 0.9


def test_its_traits_are_the_detectors():
    class Shy(RidgePredictor):
        traits = Traits()

    assert get_tags(detector()).missing_modality
    shy = CrossModalDetector(predictor=Shy(), tolerance=0)
    assert not get_tags(shy).missing_modality
    assert (shy.traits.cheap, detector().traits.cheap) == (False, True)
    half = TRAIN.copy()
    half[3, 1] = np.nan
    with pytest.raises(MissingModalityError, match=r"3 \(MRI\)"):
        shy.fit(half, groups=PATIENTS)


def test_a_missing_plane_is_judged_by_the_other(fitted):
    half = ODD.copy()
    half[:, 0] = np.nan
    residual = fitted.residual_map(half)
    assert np.isnan(residual[:, 0]).all()
    expected = (half[:, 1] - fitted.mean_[1]) / fitted.sd_[1]
    np.testing.assert_allclose(residual[:, 1], expected, rtol=1e-4, atol=1e-4)


def test_a_misplaced_mri_is_laid_over_its_prediction():
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    tissue = 8 * gaussian_filter(rng.normal(size=(24, 1, 64, 64)), (0, 0, 2.5, 2.5))
    X = np.concatenate([tissue, -tissue], axis=1) + 0.1 * rng.normal(size=(24, 2, 64, 64))
    shifted = X[20:].copy()
    shifted[:, 1] = np.roll(shifted[:, 1], (2, -3), axis=(1, 2))
    inner, spread = (..., slice(8, -8), slice(8, -8)), {}
    for tolerance in (0, 4):
        model = CrossModalDetector(
            evidence=("mismatch",), predictor=RidgePredictor(), tolerance=tolerance
        )
        model.fit(X[:20], groups=np.arange(20) // 2)
        spread[tolerance] = np.std(model.residual_map(shifted)[inner])
    assert spread[0] > 3 * spread[4]


@pytest.mark.parametrize("wrong", [0, 2])
def test_an_answer_of_another_form_is_named(wrong):
    class Wrong(RidgePredictor):
        def predict(self, block):
            return super().predict(block) * wrong

    model = CrossModalDetector(evidence=("mismatch",), predictor=Wrong(), tolerance=0)
    with pytest.raises(ValueError, match=r"Wrong\.predict gave .*expected mean and variance"):
        model.fit(TRAIN, groups=PATIENTS)
