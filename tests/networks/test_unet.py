"""Laws of the networks of pairs: units, masks, and what a prediction sees."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from ctmri_detect.networks.denoising import DenoisingUNet  # noqa: E402
from ctmri_detect.networks.unet import PairUNet  # noqa: E402

X = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 3, 16, 16)).astype(np.float32))


def network(views=("other",), n_planes=2):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PairUNet(views, channels=(4, 8), n_planes=n_planes).eval()


@pytest.mark.parametrize("n_planes", [2, 3])
@pytest.mark.parametrize("views", [("other",), ("mirror",), ("other", "mirror")])
def test_a_plane_is_predicted_from_what_the_views_name(views, n_planes):
    asked, x = network(views, n_planes), X[:, :n_planes].clone()
    x.requires_grad_(True)
    mean, log_variance = asked(x)
    assert mean.shape == log_variance.shape == x.shape
    for plane in range(n_planes):
        told = torch.autograd.grad(mean[0, plane].sum(), x, retain_graph=True)[0][0]
        used = [bool(told[p].any()) for p in range(n_planes)]
        assert used == [("mirror" if p == plane else "other") in views for p in range(n_planes)]


@pytest.mark.parametrize("n_planes", [2, 3])
def test_the_loss_compares_where_a_plane_and_one_of_the_others_were_observed(n_planes):
    asked, target = network(("other",), n_planes), X[:, :n_planes].clone()
    target[:, 0, :8] = np.nan
    out = asked(target)
    plain = asked.loss(out, target, 1.0)
    alone = target.clone()
    alone[:, 1, :8] = 100.0  # of two planes, one that no other confirms
    assert bool(asked.loss(out, alone, 1.0) == plain) == (n_planes == 2)
    mirrored = network(("mirror",), n_planes)
    assert mirrored.loss(out, alone, 1.0) != mirrored.loss(out, target, 1.0)


@pytest.mark.parametrize("kind", [PairUNet, DenoisingUNet])
def test_units_are_the_networks_own(kind):
    """Mean and log-variance are in standard deviations of the training intensities."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        asked = kind(**({"views": ("other",)} if kind is PairUNet else {}), channels=(4, 8)).eval()
    x = X[:, :2]
    expected = asked(x)
    asked.center += 7.0
    asked.scale *= 3.0
    for one, other in zip(asked(3 * x + 7), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_weights_keep_the_names_of_saved_models():
    names = set(network().state_dict())
    assert {"center", "scale", "nets.0.out.weight", "nets.1.down.0.0.weight"} <= names
    built = PairUNet(views=["other"], trim=0.02, channels=[4, 8])  # the config of version 0.1
    assert set(built.state_dict()) == names
    assert built.config["n_planes"] == 2
