"""What the pixel form of a prediction sees of each pixel: filters of the planes, and the place."""

from __future__ import annotations

from typing import Any

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
    place : float32 array (n, channels, height, width)
    """

    def __init__(self, X: Block) -> None:
        self._X, self._seen = X, ~np.isnan(X)
        self._banks: list[Block | None] = [None, None]
        self._shares: list[Block | None] = [None, None]
        self._last: Any = None  # what was asked for last: sample, plane, views, pixels, features
        self.place = geometry(np.asarray(self._seen.any(axis=1)))

    def bank(self, plane: int) -> Block:
        """Filter responses ``(n, filters, height, width)`` of one plane, when asked for."""
        bank = self._banks[plane]
        if bank is None:
            seen, shares = self._seen[:, plane], self._shares[1 - plane]
            if shares is None:
                shares = mask_shares(seen)
            else:  # masks are often alike: the rule after BrainMask
                unlike = (self._seen[:, CT] != self._seen[:, MRI]).any(axis=(1, 2))
                shares = shares.copy()
                shares[unlike] = mask_shares(seen[unlike])
            bank = filter_bank(self._X[:, plane], seen, shares)
            self._banks[plane], self._shares[plane] = bank, shares
        return bank

    def replace_mri(self, X: Block, rows: Places) -> None:
        """Take the MRI of some samples of `X` in place of those that were described."""
        if len(rows):
            seen = ~np.isnan(X)
            self.place[rows] = geometry(np.asarray(seen[rows].any(axis=1)))
            bank = self._banks[MRI]
            if bank is not None:
                bank[rows] = filter_bank(X[rows, MRI], seen[rows, MRI])
            self._X, self._seen, self._shares[MRI], self._last = X, seen, None, None

    def columns(self, n: int, target: int, views: tuple[str, ...], places: Places) -> Block:
        """Features ``(len(places), n_features)`` of some pixels of one plane."""
        width = self.place.shape[-1]
        parts = [(self.place[n], places)]
        if "other" in views:
            parts.append((self.bank(1 - target)[n], places))
        if "mirror" in views:
            parts.append((self.bank(target)[n], places + width - 1 - 2 * (places % width)))
        out = np.empty((n_features(views), len(places)), np.float32)
        known, first = self._known_columns(n, target, views, places), 0
        for planes, where in parts:
            rows = out[first : first + len(planes)]
            if first < len(known):
                rows[...] = known[first : first + len(planes)]
            else:
                np.take(planes.reshape(len(planes), -1), where, axis=1, out=rows, mode="clip")
            first += len(planes)
        self._last = (n, target, views, places, out)
        return out.T

    def _known_columns(self, n: int, target: int, views: tuple[str, ...], places: Places) -> Block:
        """The first rows, where the call before asked for the same pixels from fewer views."""
        if self._last is not None:
            *asked, before, out = self._last
            alike = asked == [n, target, views[: len(asked[2])]] and np.array_equal(before, places)
            if alike:
                return out
        return np.empty((0, 0), np.float32)

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
            [self.place[n], self.bank(1 - target)[n], np.ones((1, *able.shape), np.float32)]
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
