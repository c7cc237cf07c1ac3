"""Any number of planes: each predicted from all others."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from ctmri_detect import CrossModalDetector
from ctmri_detect.detectors.cross_modal import UNetPredictor
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.validation import PairReader

torch = pytest.importorskip("torch")

BRIEF = Training(max_epochs=6, batch_size=512, lr=5e-3)
PATIENTS = np.arange(30) // 10


def three(n, seed):
    """Heads in three modalities: no two of them are alike, each follows from each."""
    pairs = make_heads(n, seed=seed)
    rng = np.random.default_rng(seed)
    third = 2 * pairs.mean(axis=1, keepdims=True) + 0.03 * rng.normal(size=(n, 1, 32, 32))
    return np.concatenate([pairs, third.astype(np.float32)], axis=1)


def with_lesion(X, plane):
    odd, at = X.copy(), (slice(None), plane, slice(12, 17), slice(17, 23))
    odd[at] += 0.5
    return odd


TRAIN, TEST = three(30, 0), three(8, 1)
PREDICTORS = {
    "pixel": {"training": BRIEF},
    "regressor": {"predictor": Ridge()},
    "unet": {"predictor": "unet", "training": Training(max_epochs=30, batch_size=8, lr=5e-3)},
}


def fitted(evidence, name, pairs=TRAIN):
    settings = {"pixels_per_slice": 200, "device": "cpu", "random_state": 0, "tolerance": 0}
    model = CrossModalDetector(evidence, **{**settings, **PREDICTORS[name]})
    return model.fit(pairs, groups=PATIENTS)


@pytest.mark.parametrize("name", PREDICTORS)
def test_a_lesion_of_one_of_three_planes_is_found_there(name):
    model = fitted(("mismatch", "within"), name)
    plain = model.residual_map(TEST)
    assert plain.shape == TEST.shape
    assert model.mean_.shape == TEST.shape[1:]
    for plane in range(3):
        odd = with_lesion(TEST, plane)
        y = np.repeat([1, -1], len(TEST))
        assert roc_auc_score(y, model.score_samples(np.concatenate([TEST, odd]))) > 0.9
        where = (slice(None), slice(None), slice(12, 17), slice(17, 23))
        gained = (model.residual_map(odd) - plain)[where].mean(axis=(0, 2, 3))
        assert gained.argmax() == plane
        assert gained[plane] > 2
        z = np.abs(model.explain(odd).z_maps[where]).mean(axis=(0, 2, 3))
        assert z.argmax() == plane


@pytest.mark.parametrize("name", PREDICTORS)
def test_a_missing_plane_leaves_the_others_judged_by_what_is_there(name):
    model = fitted(("mismatch", "symmetry", "within"), name)
    half = TEST.copy()
    half[:, 0] = np.nan
    residual = model.residual_map(half)
    assert_array_equal(np.isnan(residual), np.isnan(half))
    odd = with_lesion(half, 2)
    y = np.repeat([1, -1], len(TEST))
    assert roc_auc_score(y, model.score_samples(np.concatenate([half, odd]))) > 0.9
    one_more = TEST.copy()
    one_more[0, 0] = np.nan  # the other samples keep their residual
    alone, all_of_them = model.residual_map(one_more)[1:], model.residual_map(TEST)[1:]
    assert_allclose(alone, all_of_them, atol=1e-4)


def test_planes_that_never_meet_take_no_part_in_each_others_prediction():
    """The prediction of a plane sees the others and never itself."""
    model = fitted(("mismatch",), "pixel")
    predictor = model.predictor_
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
    model = CrossModalDetector(("within",)).fit(one, groups=PATIENTS)
    odd = with_lesion(TEST[:, :1], 0)
    y = np.repeat([1, -1], len(odd))
    assert roc_auc_score(y, model.score_samples(np.concatenate([TEST[:, :1], odd]))) > 0.8
    with pytest.raises(ValueError, match=r"one plane.*evidence=\('within',\)"):
        CrossModalDetector().fit(one, groups=PATIENTS)
