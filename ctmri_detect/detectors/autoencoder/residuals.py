"""How far a pair deviates from its reconstruction."""

from __future__ import annotations

from typing import Any

import numpy as np
from skimage.metrics import structural_similarity

from ctmri_detect.detectors.autoencoder.rebuilding import Block

LEAST_SSIM = 7  # pixels of a side: the window of Wang et al. (2004), as scikit-image has it


def residual(kind: str, X: Block, rebuilt: tuple[Block, Block], network: Any) -> Block:
    """The residual of a block.

    Parameters
    ----------
    kind : {"standardised", "difference", "ssim"}
        As in `ConvAutoencoderDetector`.
    X : float32 array (n, n_planes, height, width)
    rebuilt : pair of arrays like X
        Mean and log-variance, from `rebuild`.
    network : PairNetwork
        Holds mean and SD of the training intensities.

    Returns
    -------
    float32 array like X
        Positive = brighter than expected; NaN where nothing was observed.
    """
    mean, log_variance = rebuilt
    center, scale = (part.cpu().numpy() for part in (network.center, network.scale))
    z = (X - center) / scale
    if kind == "standardised":
        return np.asarray((z - mean) * np.exp(-log_variance / 2), dtype=np.float32)
    if kind == "difference":
        return np.asarray((z - mean) * scale, dtype=np.float32)
    return _dissimilarity(z, mean)


def _dissimilarity(z: Block, mean: Block) -> Block:
    """1 - SSIM, with the sign of the difference; both are 0 where nothing was observed."""
    window = min(LEAST_SSIM, *z.shape[2:])
    window -= 1 - window % 2
    out = np.zeros_like(z)
    for n, p in np.ndindex(z.shape[:2]):
        seen = ~np.isnan(z[n, p])
        if not seen.any():
            continue
        image, rebuilt = (np.where(seen, plane, 0) for plane in (z[n, p], mean[n, p]))
        spread = max(float(np.ptp(image[seen])), 1e-6)
        _, similarity = structural_similarity(
            image, rebuilt, data_range=spread, win_size=window, full=True
        )
        out[n, p] = (1 - similarity) * np.sign(image - rebuilt)
    return np.asarray(np.where(np.isnan(z), np.nan, out), dtype=np.float32)
