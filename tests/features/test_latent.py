"""Latent features of an encoder."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from heads import make_heads, plant
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from ctmri_detect import ConvAutoencoderDetector, DeepFeatureDetector, MapScoring
from ctmri_detect.features import FeatureConditioning, LatentFeatures
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.validation import PairReader

HEADS = make_heads(16, size=32)
PATIENTS = np.arange(16) // 2


class Means(BaseEstimator):
    """Means of square cells of both planes, or of the whole image; `fit` counts the samples."""

    def __init__(self, side=None):
        self.side = side

    def fit(self, X, y=None, groups=None):
        self.n_, self.groups_ = len(X), groups
        return self

    def encode(self, X):
        X = np.nan_to_num(X)
        if self.side is None:
            return X.mean(axis=(2, 3))
        n, planes, h, w = X.shape
        cells = X.reshape(n, planes, h // self.side, self.side, w // self.side, self.side)
        return cells.mean(axis=(3, 5))


def test_a_code_of_the_sample_is_one_cell_that_covers_the_image():
    X = HEADS[:, :, :24]
    grid = LatentFeatures(Means()).fit(X).grids(X[:5])
    np.testing.assert_allclose(grid.values[:, 0, 0, 0], np.nan_to_num(X[:5]).mean(axis=(2, 3)))
    assert grid.stride == 32
    assert grid.seen.shape == (5, 1, 1, 1)
    assert grid.seen.all()
    assert grid.spread(np.ones((5, 1, 1, 1)), (24, 32)).shape == (5, 1, 24, 32)


def test_a_grid_of_codes_keeps_its_places_and_what_was_observed():
    X = HEADS[:3].copy()
    X[..., 21:] = np.nan
    X[:, 1, :9] = np.nan
    grid = LatentFeatures(Means(4)).fit(HEADS).grids(X)
    assert (grid.stride, grid.values.shape) == (4, (3, 1, 8, 8, 2))
    seen = (~np.isnan(X)).reshape(3, 2, 8, 4, 8, 4).any(axis=(1, 3, 5))
    np.testing.assert_array_equal(grid.seen[:, 0], seen)
    expected = np.nan_to_num(X)[:, :, 8:12, 16:20].mean(axis=(2, 3))
    np.testing.assert_allclose(grid.values[:, 0, 2, 4], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("image", "cells", "stride"),
    [
        ((32, 32), (4, 4), 8),
        ((30, 32), (4, 4), 8),  # padded to 32 inside
        ((32, 32), (5, 5), 7),
        ((64, 64), (14, 14), 64 / 14),
        ((20, 31), (1, 2), 20),
    ],
)
def test_square_cells_cover_the_image(image, cells, stride):
    class Fixed(Means):
        """A grid of this shape."""

        def encode(self, X):
            return np.ones((len(X), 3, *cells))

    grid = LatentFeatures(Fixed()).fit(np.ones((2, 2, *image))).grids(np.ones((2, 2, *image)))
    assert grid.stride == pytest.approx(stride)
    assert grid.seen.all()
    assert all(n * grid.stride >= side for n, side in zip(cells, image, strict=True))


def test_planes_apart_are_described_without_one_another():
    X = HEADS[:4].copy()
    X[2, 1] = np.nan
    grid = LatentFeatures(Means(4), apart=True).fit(HEADS).grids(X)
    assert (grid.values.shape, grid.stride) == ((4, 2, 8, 8, 2), 4)
    assert not grid.seen[2, 1].any()
    seen = (~np.isnan(X)).reshape(4, 2, 8, 4, 8, 4).any(axis=(3, 5))
    np.testing.assert_array_equal(grid.seen, seen)
    together = LatentFeatures(Means(4)).fit(HEADS).grids(X).values[:, 0]
    for plane in (0, 1):
        own = grid.values[:, plane][seen[:, plane]]
        np.testing.assert_allclose(own[:, plane], together[seen[:, plane], plane], rtol=1e-6)
        np.testing.assert_array_equal(own[:, 1 - plane], 0)  # of a plane that was not shown


def test_the_depth_is_asked_of_the_encoder():
    class Deep(Means):
        """Means of cells of any size."""

        def encode(self, X, depth=0):
            return Means(2**depth).encode(X)

    assert [LatentFeatures(Deep(), depth=k).fit(HEADS).grids(HEADS).stride for k in (1, 3)] == [
        2,
        8,
    ]
    for wrong in (0, 1.5, True):
        with pytest.raises(ValueError, match=r"LatentFeatures's depth is .*integer of at least 1"):
            LatentFeatures(Deep(), depth=wrong).fit(HEADS)


def test_an_encoder_is_cloned_and_fitted_unless_it_is_frozen():
    mine = Means().fit(HEADS[:3])
    features = LatentFeatures(mine).fit(HEADS)
    assert (mine.n_, features.estimator_.n_) == (3, 16)
    assert features.traits.trains
    frozen = LatentFeatures(FrozenEstimator(mine))
    fitted = clone(frozen).fit(HEADS)
    assert fitted.estimator_.estimator is mine
    assert mine.n_ == 3
    assert not frozen.traits.trains


def test_patients_go_to_an_encoder_that_asks_for_them():
    reader = PairReader(HEADS, groups=PATIENTS)
    fitted = LatentFeatures(Means()).fit(reader)
    np.testing.assert_array_equal(fitted.estimator_.groups_, PATIENTS)
    assert LatentFeatures(Means()).fit(HEADS).estimator_.groups_ is None


def gives(make):
    class Odd(Means):
        """Gives something else."""

        def encode(self, X):
            return make(len(X))

    return Odd()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda n: np.zeros((n, 3, 4)), r"Odd.encode gives float64 of shape \(1, 3, 4\); expected"),
        (lambda n: np.zeros((n + 1, 3)), r"shape \(2, 3\); expected .*n = 1 sample"),
        (lambda n: [["a"]] * n, r"gives <U1 of shape"),
        (lambda n: None, r"gives object of shape \(\); expected"),
        (lambda n: np.zeros((n, 0)), "expected one number or more a cell"),
        (lambda n: np.full((n, 3), np.nan), "gives NaN or infinity for 1 of 1 sample"),
        (lambda n: np.zeros((n, 3, 2, 9)), "gives 2 x 9 cells for images of 32 x 32 pixels"),
        (lambda n: np.zeros((n, 3, 64, 64)), "gives 64 x 64 cells for images of 32 x 32 pixels"),
    ],
)
def test_odd_codes_are_named_in_fit(make, said):
    with pytest.raises(ValueError, match=said):
        LatentFeatures(gives(make)).fit(HEADS)


@pytest.mark.parametrize("wrong", [PCA(), FrozenEstimator(PCA()), Means, None])
def test_what_cannot_encode_is_refused_before_any_work(wrong):
    with pytest.raises(ValueError, match=r"LatentFeatures's estimator is .*with encode, fit"):
        LatentFeatures(wrong).fit("no pairs")


def test_an_unfitted_extractor_or_encoder_says_so():
    pytest.importorskip("skorch")
    with pytest.raises(NotFittedError):
        LatentFeatures(Means()).grids(HEADS)
    with pytest.raises(NotFittedError):
        LatentFeatures(FrozenEstimator(ConvAutoencoderDetector())).fit(HEADS)


@pytest.fixture(scope="module")
def encoder():
    pytest.importorskip("skorch")
    training = Training(max_epochs=3, batch_size=8, lr=2e-3)
    model = ConvAutoencoderDetector(channels=(4, 8), training=training, random_state=0)
    return model.fit(make_heads(24, size=32, seed=5), groups=np.arange(24) // 3)


def test_a_detector_on_codes_of_a_frozen_autoencoder(encoder):
    features = LatentFeatures(FrozenEstimator(encoder))
    model = DeepFeatureDetector(
        features=features,
        n_components=4,
        map_scoring=MapScoring(false_positive_rate=0.3),
        random_state=0,
    )
    model.fit(HEADS, groups=PATIENTS)
    test = make_heads(6, size=32, seed=9)
    lesions = test.copy()
    lesions[:, :, 12:20, 12:20] += 5
    assert model.score_samples(lesions).max() < model.score_samples(test).min()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.score_samples(test), model.score_samples(test))
    assert features.traits.missing_modality
    one = test.copy()
    one[:, 1] = np.nan
    assert np.isfinite(model.score_samples(one)).all()


def test_it_is_saved_with_its_encoder(encoder, tmp_path):
    pytest.importorskip("skops")
    pytest.importorskip("safetensors")
    from ctmri_detect.persistence import load, save

    model = DeepFeatureDetector(
        features=LatentFeatures(FrozenEstimator(encoder)), n_components=4, random_state=0
    )
    model.set_params(map_scoring__false_positive_rate=0.3).fit(HEADS, groups=PATIENTS)
    save(model, tmp_path / "model.ctmri")
    again = load(tmp_path / "model.ctmri")
    np.testing.assert_array_equal(again.score_samples(HEADS), model.score_samples(HEADS))


@pytest.fixture(scope="module")
def variational():
    """An unfitted encoder that trains in a second."""
    pytest.importorskip("skorch")
    training = Training(max_epochs=5, batch_size=8, lr=2e-3)
    return ConvAutoencoderDetector(
        "variational", latent_dim=4, channels=(8, 8, 8), training=training, device="cpu"
    ).set_params(map_scoring__false_positive_rate=0.3)


def inconsistent(encoder):
    """A detector of latent features of one plane that don't fit those of the other."""
    training = Training(max_epochs=3, batch_size=500, lr=5e-3)
    return DeepFeatureDetector(
        features=LatentFeatures(encoder, depth=1, apart=True),
        conditioning=FeatureConditioning(n_cells=6000, training=training),
        map_scoring=MapScoring(scales=2.0, false_positive_rate=0.3),
        random_state=0,
    )


MANY = make_heads(48, size=32, seed=1)
PATIENTS_OF_MANY = np.arange(48) // 3


@pytest.mark.parametrize("frozen", [False, True])
def test_planes_that_do_not_agree_are_found(variational, frozen):
    encoder = variational
    if frozen:
        encoder = clone(variational).set_params(random_state=0)
        encoder = FrozenEstimator(encoder.fit(make_heads(24, seed=5), groups=np.arange(24) // 3))
        before = encoder.encode(HEADS)
    model = inconsistent(encoder).fit(MANY, groups=PATIENTS_OF_MANY)
    if frozen:
        assert model.features_.estimator_.estimator is encoder.estimator
        np.testing.assert_array_equal(encoder.encode(HEADS), before)
    new = make_heads(6, size=32, seed=9)
    odd, disc = zip(*(plant(pair, 0, amount=0.4, at=(22, 16)) for pair in new), strict=True)
    odd = np.stack(odd)
    assert model.score_samples(odd).max() < model.score_samples(new).min()
    maps = model.anomaly_map(odd)
    for one, where in zip(maps, disc, strict=True):
        assert np.nanmean(one[where]) > 2 * np.nanmean(one[~where])
    alone = odd.copy()
    alone[:, 1] = np.nan
    assert np.isfinite(model.score_samples(alone)).all()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.score_samples(odd), model.score_samples(odd))


def test_the_seed_of_a_detector_seeds_its_encoder(variational):
    brief = clone(variational).set_params(training__max_epochs=1)
    model = inconsistent(brief).set_params(conditioning=False)
    one, other = (clone(model).fit(HEADS, groups=PATIENTS) for _ in range(2))
    np.testing.assert_array_equal(one.score_samples(HEADS[:3]), other.score_samples(HEADS[:3]))
    assert brief.random_state is None
