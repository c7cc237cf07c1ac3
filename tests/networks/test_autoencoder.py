"""The autoencoder network by itself."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from ctmri_detect.networks.autoencoder import PairAutoencoder  # noqa: E402
from ctmri_detect.networks.denoising import DenoisingUNet  # noqa: E402


@pytest.fixture(autouse=True)
def _forked():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("shape", [(8, 8), (9, 13), (16, 40), (33, 64)])
@pytest.mark.parametrize("channels", [(4,), (4, 8), (4, 4, 8, 8)])
def test_any_shape_comes_back(shape, channels):
    network = PairAutoencoder(shape, latent_dim=3, channels=channels)
    mean, log_variance = network(torch.randn(1, 2, *shape))  # one sample, in training mode
    assert mean.shape == log_variance.shape == (1, 2, *shape)
    assert log_variance.abs().max() <= 5


def test_what_was_not_observed_does_not_count():
    network = PairAutoencoder((16, 16), 3, (4, 8)).eval()
    x = torch.randn(4, 2, 16, 16)
    x[:, 1, :5] = torch.nan
    mean, log_variance = network(x)
    assert torch.isfinite(mean).all()
    for progress in (0.0, 1.0):
        loss = network.loss((mean, log_variance), x, progress)
        changed = mean.clone()
        changed[:, 1, :5] += 9
        assert loss.isfinite()
        assert network.loss((changed, log_variance), x, progress) == loss


def test_the_loss_is_10_mse_and_then_the_likelihood():
    network = PairAutoencoder((8, 8), 3, (4,)).eval()
    x = torch.randn(2, 2, 8, 8)
    mean, log_variance = torch.randn(2, 2, 8, 8), torch.randn(2, 2, 8, 8)
    squared = (x - mean) ** 2
    early, late = (network.loss((mean, log_variance), x, p) for p in (0.29, 0.31))
    torch.testing.assert_close(early, 10 * squared.mean())
    normal = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
    constant = 0.5 * torch.log(torch.tensor(2 * torch.pi))
    torch.testing.assert_close(late, (-normal.log_prob(x) - constant).mean())


def test_units_of_the_input_do_not_matter():
    network = PairAutoencoder((16, 16), 3, (4, 8)).eval()
    x = torch.randn(3, 2, 16, 16)
    expected = network(x)[0]
    network.center.copy_(torch.tensor([40.0, -3.0]).view(1, 2, 1, 1))
    network.scale.copy_(torch.tensor([80.0, 0.5]).view(1, 2, 1, 1))
    torch.testing.assert_close(network(x * network.scale + network.center)[0], expected)


def test_planes_are_withheld_in_training_only():
    network = PairAutoencoder((8, 8), 3, (4,))
    pairs = torch.randn(2000, 2, 8, 8)
    pairs[:1000, 0] = torch.nan  # already alone: never left with nothing
    shown = network.inputs(pairs)[1].flatten(2)
    assert torch.equal(shown.amin(dim=2), shown.amax(dim=2))  # a plane is withheld as a whole
    kept = shown.amin(dim=2).bool()
    assert kept[:1000, 1].all()
    assert kept.any(dim=1).all()
    assert 0.05 < (~kept[1000:].all(dim=1)).float().mean() < 0.15
    x = torch.randn(2, 2, 8, 8)
    network.eval()
    assert torch.equal(network(x)[0], network(x)[0])


@pytest.mark.parametrize("kind", [PairAutoencoder, DenoisingUNet])
def test_features_of_a_depth_begin_at_the_first_pixel(kind):
    size = {"image_shape": (43, 46)} if kind is PairAutoencoder else {}
    network = kind(channels=(4, 4, 4), **size).eval()
    x = torch.randn(2, 2, 43, 46)
    larger = torch.full((2, 2, 64, 64), torch.nan)
    larger[..., :43, :46] = x
    for depth, cells in ((1, (22, 23)), (2, (11, 12))):
        found = network.encode_pairs(x, depth)
        assert found.shape[2:] == cells
        # far from the lower and the right edge, which differ
        torch.testing.assert_close(
            found[..., :6, :6], network.encode_pairs(larger, depth)[..., :6, :6]
        )
        moved = network.encode_pairs(x.roll(2**depth, dims=-1), depth)
        torch.testing.assert_close(moved[..., :6, 5:8], found[..., :6, 4:7])
