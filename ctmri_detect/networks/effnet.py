"""EfficientNet-Lite0 as far as stride 16, with batch normalisation folded into its convolutions."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# blocks, kernel, stride, expansion, channels out: EfficientNet-Lite0 up to stride 16
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
)
STEM = 32
BATCH_NORM_EPSILON = 1e-3  # TensorFlow's; the weights come from there


class SamePaddingConv(nn.Conv2d):
    """Convolution that pads as TensorFlow's "SAME": the odd pixel goes right and below."""

    def forward(self, x: Tensor) -> Tensor:
        """``(n, c, h, w)`` to ``(n, c', ceil(h / stride), ceil(w / stride))``."""
        return self.convolved(x, self.weight)

    def convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        """The convolution with these weights."""
        totals = [
            max((-(-size // stride) - 1) * stride + kernel - size, 0)
            for size, kernel, stride in zip(x.shape[2:], self.kernel_size, self.stride, strict=True)
        ]
        padding = [total // 2 for total in totals]
        if any(total % 2 for total in totals):  # a copy of the input
            (top, left), (rows, columns) = padding, totals
            x = F.pad(x, (left, columns - left, top, rows - top))
            padding = [0, 0]
        return F.conv2d(x, weight, self.bias, self.stride, padding, groups=self.groups)


class ActivatedConv(SamePaddingConv):
    """`SamePaddingConv`, then ReLU6."""

    def convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        """The convolution with these weights, cut off below 0 and above 6."""
        return F.relu6(super().convolved(x, weight), inplace=True)


class Stem(ActivatedConv):
    """The first convolution. A grey image ``(n, 1, h, w)`` counts as three equal channels."""

    def forward(self, x: Tensor) -> Tensor:
        """``(n, 1 or 3, h, w)`` to 32 channels at stride 2, from 0 to 6."""
        grey = x.shape[1] == 1
        return self.convolved(x, self.weight.sum(1, keepdim=True) if grey else self.weight)


class InvertedBottleneck(nn.Module):
    """Widen, filter each channel, narrow; with a shortcut if the shapes allow one."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = c_in * expansion
        self.expand = ActivatedConv(c_in, wide, 1) if expansion > 1 else None
        self.depthwise = ActivatedConv(wide, wide, kernel, stride, groups=wide)
        self.project = SamePaddingConv(wide, c_out, 1)
        self.shortcut = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        wide = x if self.expand is None else self.expand(x)
        out: Tensor = self.project(self.depthwise(wide))
        return out.add_(x) if self.shortcut else out


class EfficientNetLite0(nn.Module):
    """The first eleven blocks of EfficientNet-Lite0, for inference.

    Batch normalisation has no layers here: `folded` multiplies it into the convolutions. ReLU6 has
    none either: ``stem`` gives what comes after it.

    References
    ----------
    Tan and Le (2019), EfficientNet: rethinking model scaling for convolutional neural networks,
    ICML, for the architecture; its "Lite" form has ReLU6, no squeeze-and-excitation and a fixed
    stem (tensorflow/tpu, models/official/efficientnet/lite).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem(3, STEM, 3, stride=2)
        blocks, channels = [], STEM
        for repeats, kernel, stride, expansion, c_out in STAGES:
            for i in range(repeats):
                block_stride = stride if i == 0 else 1
                blocks.append(InvertedBottleneck(channels, c_out, kernel, block_stride, expansion))
                channels = c_out
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(n, 1 or 3, h, w)`` in -1..1 to 112 channels at stride 16."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return x


def folded(weights: dict[str, Tensor]) -> EfficientNetLite0:
    """The network with published weights, ready for inference.

    Parameters
    ----------
    weights : dict of str to Tensor
        State dict of the published PyTorch conversion: ``_conv_stem.weight``, ``_bn0.*``,
        ``_blocks.0._depthwise_conv.weight``, ...; what comes after stride 16 is not read.

    Returns
    -------
    EfficientNetLite0
        In evaluation mode, channels last, without gradients.
    """
    with torch.device("meta"):  # no initial weights are drawn
        network = EfficientNetLite0()
    _fold(network.stem, weights, "_conv_stem", "_bn0")
    for i, module in enumerate(network.blocks):
        block = cast(InvertedBottleneck, module)
        prefix = f"_blocks.{i}."
        if block.expand is not None:
            _fold(block.expand, weights, f"{prefix}_expand_conv", f"{prefix}_bn0")
        _fold(block.depthwise, weights, f"{prefix}_depthwise_conv", f"{prefix}_bn1")
        _fold(block.project, weights, f"{prefix}_project_conv", f"{prefix}_bn2")
    network = network.eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _fold(conv: nn.Conv2d, weights: dict[str, Tensor], name: str, norm: str) -> None:
    mean, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
    scale = weights[f"{norm}.weight"] / torch.sqrt(variance + BATCH_NORM_EPSILON)
    kernel = weights[f"{name}.weight"] * scale[:, None, None, None]
    bias = weights[f"{norm}.bias"] - mean * scale
    conv.load_state_dict({"weight": kernel, "bias": bias}, assign=True)
