"""Intensities of the training pairs, given to a network."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from ctmri_detect.validation import PairReader


def standardise(network: Any, X: PairReader) -> None:
    """Give the network mean and standard deviation of each plane's observed pixels."""
    import torch

    scaler = StandardScaler()  # ignores NaN, and takes a constant plane as it is
    with np.errstate(invalid="ignore"):  # 0 / 0 in a plane that no sample has
        for block in X.blocks():
            scaler.partial_fit(np.moveaxis(block, 1, -1).reshape(-1, X.shape[1]).astype(np.float64))
    for buffer, values in ((network.center, scaler.mean_), (network.scale, scaler.scale_)):
        values = np.where(np.isfinite(values), values, 1.0)
        buffer.copy_(torch.from_numpy(values).view(1, -1, 1, 1))
