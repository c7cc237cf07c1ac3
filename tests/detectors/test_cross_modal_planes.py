"""Any number of planes: each predicted from all others."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from heads import make_heads
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from ctmri_detect import CrossModalDetector
from ctmri_detect.detectors.cross_modal.unet_predictor import UNetPredictor
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.validation import PairReader

torch = pytest.importorskip("torch")

PATIENTS = np.arange(30) // 3


def three(n, seed):
    """Heads in three modalities, each of the same tissue with noise of its own."""
    pairs, rng = make_heads(n, seed=seed), np.random.default_rng(seed)
    tissue = (pairs[:, 0] + (1.2 - pairs[:, 1]) / 1.6) / 2
    levels = np.array([0.1, 0.35, 0.5])
    nearest = np.abs(np.nan_to_num(tissue)[..., None] - levels).argmin(axis=-1)
    third = np.array([0.2, 0.8, 1.0])[nearest] + 0.03 * rng.normal(size=tissue.shape)
    third[np.isnan(tissue)] = np.nan
    return np.concatenate([pairs, third[:, None].astype(np.float32)], axis=1)


WHERE = (slice(22, 27), slice(13, 19))  # white and grey matter


def with_lesion(X, plane):
    """One modality shows fluid there, and the others show healthy tissue."""
    odd, fluid = X.copy(), (0.1, 1.04, 0.2)[plane]
    noise = 0.03 * np.random.default_rng(plane).normal(size=(len(X), 5, 6))
    odd[:, plane, *WHERE] = fluid + noise
    return odd


TRAIN, TEST = three(30, 0), three(8, 1)
PREDICTORS = {
    "pixel": {"training": Training(max_epochs=6, batch_size=512, lr=5e-3)},
    "regressor": {"predictor": make_pipeline(PolynomialFeatures(), Ridge())},
    "unet": {"predictor": "unet", "training": Training(max_epochs=20, batch_size=8, lr=5e-3)},
}


@lru_cache
def fitted(name):
    settings = {"pixels_per_slice": 100, "device": "cpu", "random_state": 0, "tolerance": 0}
    model = CrossModalDetector(**{**settings, **PREDICTORS[name]}).fit(TRAIN, groups=PATIENTS)
    return model.rescore(clip=np.inf, false_positive_rate=0.2)  # so that planes can be compared


def auroc(model, normal, odd):
    y = np.repeat([1, -1], [len(normal), len(odd)])
    return roc_auc_score(y, model.score_samples(np.concatenate([normal, odd])))


@pytest.mark.parametrize("name", PREDICTORS)
def test_a_lesion_of_one_of_three_planes_is_found_there(name):
    model = fitted(name)
    plain = model.residual_map(TEST)
    assert plain.shape == TEST.shape
    assert model.mean_.shape == TEST.shape[1:]
    for plane in range(3):
        odd = with_lesion(TEST, plane)
        assert auroc(model, TEST, odd) > 0.9
        gained = np.abs((model.residual_map(odd) - plain)[..., *WHERE]).mean(axis=(0, 2, 3))
        assert gained.argmax() == plane
        z = np.abs(model.explain(odd).z_maps[..., *WHERE]).mean(axis=(0, 2, 3))
        assert z.argmax() == plane


@pytest.mark.parametrize("name", PREDICTORS)
def test_where_a_plane_is_missing_the_others_judge_each_other(name):
    model = fitted(name)
    half = TEST.copy()
    half[:, 0] = np.nan
    residual = model.residual_map(half)
    assert_array_equal(np.isnan(residual), np.isnan(half))
    assert auroc(model, half, with_lesion(half, 2)) > 0.9
    one_less = TEST.copy()
    one_less[0, 0] = np.nan  # the other samples keep their residual
    assert_allclose(model.residual_map(one_less)[1:], model.residual_map(TEST)[1:], atol=1e-4)


def test_the_prediction_of_a_plane_sees_the_others_and_never_itself():
    predictor = fitted("pixel").predictor_
    for plane in range(3):
        changed = TEST.copy()
        changed[:, plane, 10:20, 10:20] += 1.0
        before, after = (predictor.predict(predictor.describe(x))[0][0] for x in (TEST, changed))
        assert_array_equal(before[:, plane], after[:, plane])
        rest = [p for p in range(3) if p != plane]
        assert not np.allclose(before[:, rest], after[:, rest], equal_nan=True)


def test_a_unet_withholds_planes_of_three_and_not_of_two():
    """Of two, training stays what it was: nothing is drawn but the order of the batches."""
    brief = Training(max_epochs=1, batch_size=8, lr=1e-3)
    for n_planes in (2, 3):
        predictor = UNetPredictor(brief, device="cpu")
        predictor.fit(PairReader(TRAIN[:, :n_planes]), [("other",)], np.random.RandomState(0))
        network = predictor.nets_[0].network_.train()
        x = torch.zeros(400, n_planes, 8, 8)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            shown = network.inputs(x)[1].flatten(2).amax(dim=2)
        assert shown.sum(dim=1).min() == 2
        assert bool((shown == 0).any()) == (n_planes == 3)
        assert (network.eval().inputs(x)[1] == 1).all()


def test_one_plane_alone_is_judged_within_and_not_by_others():
    one = TRAIN[:, :1]
    model = CrossModalDetector(evidence=("within",)).fit(one, groups=PATIENTS)
    assert auroc(model, TEST[:, :1], with_lesion(TEST, 0)[:, :1]) > 0.9
    with pytest.raises(ValueError, match=r"one plane.*evidence=\('within',\)"):
        CrossModalDetector().fit(one, groups=PATIENTS)
