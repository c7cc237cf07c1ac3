"""Laws of the small network: what numpy computes, and training in threads."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

torch = pytest.importorskip("torch")

from ctmri_detect.networks import isolated_generators  # noqa: E402
from ctmri_detect.networks.pixel import PixelNetwork, folded_layers, new_network, predict_pixels  # noqa: E402
from ctmri_detect.networks.regression import NetworkRegressor, fit_regressors  # noqa: E402
from ctmri_detect.networks.training.fit import fit_network  # noqa: E402
from ctmri_detect.networks.training.settings import Training  # noqa: E402

RNG = np.random.default_rng(0)


def test_initial_weights_are_torchs_and_leave_the_generator_alone():
    with isolated_generators(7):
        expected = PixelNetwork(5)
    before = torch.get_rng_state()
    network = new_network(5, 7)
    assert_array_equal(torch.get_rng_state(), before)
    for one, other in zip(network.parameters(), expected.parameters(), strict=True):
        assert_array_equal(one.detach(), other.detach())


@pytest.mark.parametrize("n", [1, 1000, 5000])
def test_numpy_says_what_torch_says(n):
    network = new_network(14, 0, n_values=3)
    features = RNG.normal(3, 2, size=(n, 14)).astype(np.float32)
    center, scale = features.mean(axis=0), np.full(14, 2.0)
    with torch.no_grad():
        expected = network(torch.from_numpy(((features - center) / scale).astype(np.float32)))
    layers = folded_layers(network, center, scale)
    for one, other in zip(predict_pixels(layers, features), expected, strict=True):
        assert_allclose(one.T, other, atol=1e-5)


@pytest.mark.parametrize("patience", [None, 2])
def test_a_generator_of_its_own_changes_no_weight(patience):
    data = RNG.normal(size=(300, 4)).astype(np.float32), RNG.normal(size=300).astype(np.float32)
    networks = [new_network(4, 1) for _ in range(2)]
    for network, own in zip(networks, (False, True), strict=True):
        fit_network(
            network,
            data,
            lambda out, target, _: ((out[0][:, 0] - target) ** 2).mean(),
            Training(max_epochs=3, batch_size=64, lr=1e-2, patience=patience),
            random_state=3,
            device="cpu",
            own_generator=own,
        )
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        assert_array_equal(one.detach(), other.detach())


def test_any_number_of_threads_trains_the_same_networks():
    features = RNG.normal(size=(500, 4)).astype(np.float32)
    training, states = Training(max_epochs=2, batch_size=64, lr=1e-2), []
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    for n in (1, 3):
        made = [NetworkRegressor(training, 0.02, "cpu", seed) for seed in range(4)]
        with threadpool_limits(n, user_api="blas"):
            fitted = fit_regressors([(one, features, features[:, 0] ** 2) for one in made])
        states.append([one.predict(features) for one in fitted])
    assert_array_equal(states[1], states[0])
    assert_array_equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_several_values_are_predicted_each_in_its_units():
    x = RNG.normal(size=(2000, 2)).astype(np.float32)
    training = Training(max_epochs=15, batch_size=100, lr=1e-2)
    sizes = np.array([1000, 0.01])
    values = sizes * (x + 0.5 * RNG.normal(size=x.shape)) + [5000, 0]
    mean, variance = NetworkRegressor(training, 0.0, "cpu", 0).fit(x, values).predict(x)
    assert mean.shape == variance.shape == values.shape
    error = (mean - values) / sizes
    assert_allclose(np.sqrt(np.square(error).mean(axis=0)), 0.5, rtol=0.15)
    assert_allclose(np.sqrt(variance).mean(axis=0) / sizes, 0.5, rtol=0.15)
    alone, _ = NetworkRegressor(training, 0.0, "cpu", 0).fit(x, values[:, 0]).predict(x)
    assert alone.shape == (2000,)
