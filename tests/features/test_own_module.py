"""Features of a network of the user's own."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from heads import make_heads
from sklearn.base import clone

torch = pytest.importorskip("torch")

from ctmri_detect import DeepFeatureDetector  # noqa: E402
from ctmri_detect.features import BackboneFeatures  # noqa: E402

HEADS = make_heads(6, size=64)


class Deepest(torch.nn.Module):
    """A layer that must not run."""

    def forward(self, x):
        """Fail."""
        raise AssertionError("ran further than the deepest layer asked for")


def own_network():
    """Two convolutions of stride 2, one idle layer, and what must not run."""
    torch.manual_seed(0)
    fine, coarse = (torch.nn.Conv2d(*c, 3, 2, padding=1) for c in ((3, 5), (5, 7)))
    network = torch.nn.Sequential()
    for name, layer in {"fine": fine, "drop": torch.nn.Dropout(), "coarse": coarse}.items():
        network.add_module(name, layer)
    network.add_module("end", Deepest())
    return network.train()


def features(*layers, module=None, enlargement=1):
    return BackboneFeatures(
        module or own_network(), layers=layers, enlargement=enlargement, device="cpu"
    )


@pytest.mark.parametrize("enlargement", [1, 2])
def test_it_runs_as_far_as_the_deepest_layer_and_the_coarsest_sets_the_cells(enlargement):
    for layers, stride, channels in [
        (("fine",), 2, 5),
        (("coarse",), 4, 7),
        (("coarse", "fine"), 4, 12),
    ]:
        grid = features(*layers, enlargement=enlargement).fit(HEADS).grids(HEADS[:2])
        stride //= enlargement
        cells = 64 // stride
        assert (grid.stride, grid.values.shape) == (stride, (2, 2, cells, cells, channels))


def test_the_features_are_the_layers_outputs_in_evaluation_mode():
    network = own_network()
    X = np.random.default_rng(0).uniform(size=(2, 2, 64, 64)).astype(np.float32)
    fitted = features("coarse", module=network).fit(X)
    low, high = (v[:, None, None] for v in (fitted.low_, fitted.high_))
    grey = (2 * np.clip((X - low) / (high - low), -0.5, 1.5) - 1).astype(np.float32)
    with torch.no_grad():
        images = torch.from_numpy(grey.reshape(-1, 1, 64, 64)).expand(-1, 3, -1, -1)
        expected = network.coarse(network.fine(images)).permute(0, 2, 3, 1).numpy()
    found = fitted.grids(X).values.reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_network_is_given_the_enlarged_planes():
    X = np.random.default_rng(0).uniform(size=(1, 1, 64, 64)).astype(np.float32)
    plain, wide = (features("fine", enlargement=k).fit(X) for k in (1, 2))
    twice = torch.nn.functional.interpolate(torch.from_numpy(X), scale_factor=2, mode="bilinear")
    plain.low_, plain.high_ = wide.low_, wide.high_
    np.testing.assert_allclose(
        wide.grids(X).values, plain.grids(twice.numpy()).values, rtol=1e-3, atol=1e-3
    )


class Counting(torch.nn.Module):
    """Counts the images that it is given."""

    def __init__(self):
        super().__init__()
        self.conv, self.n = torch.nn.Conv2d(3, 4, 3, padding=1), 0

    def forward(self, x):
        """Convolve."""
        self.n += len(x)
        return self.conv(x)


def test_missing_planes_cost_nothing_and_are_0():
    X = HEADS.copy()
    X[1, 0] = X[3] = np.nan
    fitted = features("conv", module=Counting()).fit(HEADS)
    grid = fitted.grids(X)
    assert fitted.network_.n == 12 - 3
    assert not grid.values[[1, 3, 3], [0, 0, 1]].any()
    np.testing.assert_array_equal(grid.values[2], fitted.grids(HEADS).values[2])
    none = fitted.grids(np.full_like(X, np.nan))
    assert none.values.shape == grid.values.shape
    assert not none.seen.any()


def test_the_users_module_is_left_as_it_is():
    network = own_network()
    before = {name: p.clone() for name, p in network.named_parameters()}
    state = torch.get_rng_state()
    fitted = features("fine", module=network).fit(HEADS)
    first = fitted.grids(HEADS[:1]).values
    assert network.training
    assert all(p.requires_grad for p in network.parameters())
    assert all(torch.equal(p, before[name]) for name, p in network.named_parameters())
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(AssertionError, match="ran further"):
        network(torch.zeros(1, 3, 8, 8))  # no hook of ours stops it
    with torch.no_grad():
        network.fine.weight += 1  # a later change of the module changes nothing that was fitted
    np.testing.assert_array_equal(fitted.grids(HEADS[:1]).values, first)


def test_clones_and_pickles_give_the_same_features():
    fitted = features("fine", "coarse").fit(HEADS)
    expected = fitted.grids(HEADS).values
    for other in (pickle.loads(pickle.dumps(fitted)), clone(fitted).fit(HEADS)):
        np.testing.assert_array_equal(other.grids(HEADS).values, expected)


def test_several_threads_ask_one_network():
    fitted = features("fine", "coarse").fit(HEADS)
    blocks = [HEADS[i % 6 : i % 6 + 1] for i in range(60)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda block: fitted.grids(block).values, blocks))
    for block, values in zip(blocks, found, strict=True):
        np.testing.assert_allclose(values, fitted.grids(block).values, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("fin", r"no layer 'fin'; expected a name of module.named_modules\(\), such as 'fine'"),
        ("blocks.99", "no layer 'blocks.99'"),
    ],
)
def test_a_wrong_name_is_refused_with_the_nearest(layer, said):
    with pytest.raises(ValueError, match=said):
        features(layer).fit(HEADS)


class Flat(torch.nn.Module):
    """Gives no grid, and has a layer that it does not call."""

    def __init__(self):
        super().__init__()
        self.idle, self.flat = torch.nn.ReLU(), torch.nn.Flatten()

    def forward(self, x):
        """``(n, 3 h w)``."""
        return self.flat(x)


@pytest.mark.parametrize(
    ("layer", "said"),
    [("idle", "'idle' did not run; expected"), ("flat", r"'flat' gives \(1, 12288\); expected")],
)
def test_a_layer_without_a_grid_is_refused(layer, said):
    fitted = features(layer, module=Flat()).fit(HEADS)
    with pytest.raises(ValueError, match=said):
        fitted.grids(HEADS[:1])


def test_a_module_needs_names_and_has_to_be_one():
    with pytest.raises(ValueError, match="has a module and no layers"):
        BackboneFeatures(own_network()).fit(HEADS)
    with pytest.raises(ValueError, match=r"module is .*; expected a torch\.nn\.Module"):
        BackboneFeatures(torch.nn.Conv2d, layers=["fine"]).fit(HEADS)


@pytest.mark.parametrize("size", [20, 50, 64])
def test_a_detector_finds_a_spot_with_it(size):
    heads = make_heads(24, size=size, seed=1)
    model = DeepFeatureDetector(features=features("fine", "coarse"), random_state=0)
    model.fit(heads, groups=np.arange(24) // 3)
    spotted = make_heads(1, size=size, seed=5)
    middle = slice(size // 2 - 2, size // 2 + 3)
    spotted[..., middle, middle] += 2
    residual = np.nanmax(model.residual_map(spotted)[0], axis=0)
    row, column = np.unravel_index(np.nanargmax(residual), (size, size))
    assert abs(row - size // 2) <= 5
    assert abs(column - size // 2) <= 5


def test_saving_a_network_of_ones_own_says_what_to_do(tmp_path):
    pytest.importorskip("skops")
    pytest.importorskip("safetensors")
    from ctmri_detect.persistence import save

    heads = make_heads(24, seed=1)
    model = DeepFeatureDetector(features=features("fine"), random_state=0)
    model.fit(heads, groups=np.arange(24) // 3)
    with pytest.raises(TypeError, match=r"expected a network of ctmri_detect\.networks"):
        save(model, tmp_path / "model.ctmri")
