"""Outputs of layers of a network on one grid of cells."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, lcm

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctmri_detect.features.layers import layer_outputs
from ctmri_detect.features.planes import grey_images

LEAST_SIDE = 32  # smaller images are enlarged; otherwise they have too few cells
_SIDES = 32  # of the images that a network is given, multiples of it


def describe_cells(
    network: nn.Module,
    layers: Sequence[str],
    planes: npt.NDArray[np.float32],
    *,
    grey_range: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    channels: int,
    enlargement: int,
    cell: int | None,
    device: str,
) -> tuple[npt.NDArray[np.float32], int]:
    """Outputs of the layers for each cell of some planes.

    Parameters
    ----------
    network : Module
        On `device`.
    layers : sequence of str
    planes : float32 array (n, height, width)
    grey_range : two float arrays (n,)
        What becomes black and white in each plane.
    channels : int
        Equal channels of each image that the network is given.
    enlargement : int
        How many times planes are enlarged (bilinear), at least; no side is below 32 then.
    cell : int or None
        Side of a cell in pixels of `planes`; None means an output of the coarsest layer.
    device : str

    Returns
    -------
    values : float32 array (n, rows, columns, all channels)
        At least as many rows and columns of cells as cover the planes.
    cell : int
    """
    enlargement = max(enlargement, -(-LEAST_SIDE // min(planes.shape[1:])))
    multiple = lcm(_SIDES // gcd(_SIDES, enlargement), cell or 1)
    images = torch.from_numpy(grey_images(planes, *grey_range, multiple))[:, None]
    at_once = 1 if device == "cpu" else len(images)  # one image stays in the processor's cache
    parts = []
    with torch.inference_mode():
        for some in images.split(at_once):
            given = some.to(device)
            if enlargement > 1:
                given = F.interpolate(given, scale_factor=enlargement, mode="bilinear")
            given = given.expand(-1, channels, -1, -1)
            given = given.contiguous(memory_format=torch.channels_last)
            outputs = layer_outputs(network, layers, given)
            if cell is None:
                stride = given.shape[2] / min(out.shape[2] for out in outputs)
                cell = max(1, round(stride / enlargement))
            rows, columns = (-(-side // cell) for side in images.shape[2:])
            parts.append(on_cells(outputs, (rows, columns)))
    assert cell is not None
    return torch.cat(parts).cpu().numpy(), cell


def on_cells(outputs: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Outputs of layers on one grid of cells, channels last.

    Parameters
    ----------
    outputs : sequence of Tensor (n, channels, height, width)
        Each of its own height and width, over the same image.
    size : (int, int)
        Rows and columns of cells.

    Returns
    -------
    float32 Tensor (n, rows, columns, all channels)
        An output on a finer grid is averaged over each cell, one on a coarser grid interpolated
        linearly.

    Examples
    --------
    >>> fine, coarse = torch.arange(16.0).reshape(1, 1, 4, 4), torch.ones(1, 2, 1, 1)
    >>> on_cells([fine, coarse], (2, 2))[0, 1].tolist()
    [[10.5, 1.0, 1.0], [12.5, 1.0, 1.0]]
    """
    cells = [_resized(out.float(), size) for out in outputs]
    return torch.cat(cells, dim=1).permute(0, 2, 3, 1)


def _resized(out: Tensor, size: tuple[int, int]) -> Tensor:
    if out.shape[2:] == size:
        return out
    if out.shape[2] >= size[0]:
        return F.adaptive_avg_pool2d(out, size)
    return F.interpolate(out, size, mode="bilinear")
