"""Set the intensity scale of a network from its training pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from ctmri_detect.validation import PairReader


def standardise(network: Any, X: PairReader) -> None:
    """Store mean and standard deviation of each plane's observed pixels in the network."""
    import torch

    scaler = StandardScaler()  # ignores NaN; a constant plane gets the scale 1
    with np.errstate(invalid="ignore"):  # 0 / 0 in a plane that no sample has
        for block in X.blocks():
            scaler.partial_fit(np.moveaxis(block, 1, -1).reshape(-1, X.shape[1]).astype(np.float64))
    for buffer, values in ((network.center, scaler.mean_), (network.scale, scaler.scale_)):
        values = np.where(np.isfinite(values), values, 1.0)
        buffer.copy_(torch.from_numpy(values).view(1, -1, 1, 1))
