"""Mirror or augment training batches."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ctmri_detect._particulars import checked_modalities
from ctmri_detect.augmentation.augmentation import Augmentation
from ctmri_detect.modalities import Roles, roles_of


def mirrored(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Each image and its target mirrored left to right with probability 1/2."""
    if x.ndim < 3:
        raise ValueError(
            f'augmentation is "flip", but the data have shape {tuple(x.shape)} and are no images; '
            "expected (n, channels, height, width). Set augmentation=None."
        )
    chosen = (torch.rand(len(x), dtype=torch.float32) < 0.5).to(x.device)
    shape = (-1,) + (1,) * (x.ndim - 1)
    flipped = torch.where(chosen.view(shape), x.flip(-1), x)
    if y is x:
        return flipped, flipped
    return flipped, torch.where(chosen.view(shape), y.flip(-1), y) if y.ndim == x.ndim else y


def augmented(
    x: Tensor,
    y: Tensor,
    augmentation: Augmentation,
    rng: np.random.Generator,
    roles: Roles | None = None,
) -> tuple[Tensor, Tensor]:
    """Random variants of a batch; a separate target of the same planes follows the geometry.

    `roles` has the role of each plane; None means the roles of planes without names.
    """
    if x.ndim != 4 or (y.ndim == 4 and y.shape != x.shape):
        raise ValueError(
            f"The data have shape {tuple(x.shape)}, the targets {tuple(y.shape)}; expected samples "
            "(n, n_planes, height, width) to augment, and targets of the same shape or without "
            "images. Set augmentation=None."
        )
    roles = roles_of(checked_modalities(None, x.shape[1])) if roles is None else roles
    draws = augmentation.draw(rng, len(x), (x.shape[2], x.shape[3]), roles)
    varied = torch.from_numpy(augmentation.apply(x.cpu().numpy(), draws)).to(x.device)
    if y is x:
        return varied, varied
    if y.ndim == x.ndim:
        y = torch.from_numpy(augmentation.apply(y.cpu().numpy(), draws.geometry())).to(y.device)
    return varied, y
