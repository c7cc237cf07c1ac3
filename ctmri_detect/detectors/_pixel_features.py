"""What the pixel form of a prediction sees of each pixel: filters of the planes, and the place."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.filters import (
    N_FILTERS,
    N_GEOMETRY,
    filter_bank,
    geometry,
    mask_shares,
)
from ctmri_detect.validation import CT, MRI

Block = npt.NDArray[np.float32]  # (n, 2, height, width)
Places = npt.NDArray[np.int64]  # flat indices of pixels


class PairFeatures:
    """Filter banks of both planes of a block of pairs, and the geometry of their brains.

    Parameters
    ----------
    X : float32 array (n, 2, height, width)

    Attributes
    ----------
    bank : float32 array (n, 2, filters, height, width)
    place : float32 array (n, channels, height, width)
    """

    def __init__(self, X: Block) -> None:
        seen = ~np.isnan(X)
        alike = bool((seen[:, CT] == seen[:, MRI]).all())  # the rule after BrainMask
        shares = mask_shares(seen[:, :1] if alike else seen)
        self.bank = filter_bank(X, seen, shares)
        self.place = geometry(np.asarray(seen.any(axis=1)))

    def replace_mri(self, X: Block, rows: Places) -> None:
        """Take the MRI of some samples of `X` in place of those that were described."""
        if len(rows):
            seen = ~np.isnan(X[rows])
            self.bank[rows, MRI] = filter_bank(X[rows, MRI], seen[:, MRI])
            self.place[rows] = geometry(np.asarray(seen.any(axis=1)))

    def columns(self, n: int, target: int, views: tuple[str, ...], places: Places) -> Block:
        """Features ``(len(places), n_features)`` of some pixels of one plane."""
        width = self.bank.shape[-1]
        parts = [(self.place[n], places)]
        if "other" in views:
            parts.append((self.bank[n, 1 - target], places))
        if "mirror" in views:
            parts.append((self.bank[n, target], places + width - 1 - 2 * (places % width)))
        out = np.empty((n_features(views), len(places)), np.float32)
        first = 0
        for planes, where in parts:
            rows = out[first : first + len(planes)]
            np.take(planes.reshape(len(planes), -1), where, axis=1, out=rows, mode="clip")
            first += len(planes)
        return out.T

    def block_means(
        self, n: int, target: int, able: npt.NDArray[np.bool_], side: int
    ) -> tuple[Block, Places]:
        """Features as of ``views=("other",)``, meaned over the pixels `able` of square blocks.

        Returns
        -------
        features : float32 array (n_blocks, n_features)
            Of the blocks of which at least half is able.
        places : int array (n_blocks,)
            Flat indices of these blocks.
        """
        height, width = (size // side for size in able.shape)
        planes = np.concatenate(
            [self.place[n], self.bank[n, 1 - target], np.ones((1, *able.shape), np.float32)]
        )
        planes = (planes * able)[:, : height * side, : width * side]
        small = np.stack(
            [cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in planes]
        ).reshape(len(planes), -1)
        places = np.flatnonzero(small[-1] >= 0.5)
        return (small[:-1, places] / small[-1, places]).T, places


def n_features(views: tuple[str, ...]) -> int:
    """How many features a pixel has."""
    return N_GEOMETRY + len(views) * N_FILTERS
