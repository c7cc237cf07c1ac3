"""Features of each pixel for the pixel form: filters of the planes, and the place in the head."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ctmri_detect.detectors.cross_modal.views import Block, ViewSet, others
from ctmri_detect.imageops.filters import (
    N_FILTERS,
    N_GEOMETRY,
    filter_bank,
    geometry,
    mask_shares,
)

Places = npt.NDArray[np.int64]  # flat indices of pixels


class PairFeatures:
    """Filter banks of the planes of a block of samples, and the geometry of their brains.

    With more than two planes, a further feature of each other plane says where it was observed.

    Parameters
    ----------
    X : float32 array (n, planes, height, width)

    Attributes
    ----------
    X : float32 array (n, planes, height, width)
    place : float32 array (n, channels, height, width)
    """

    def __init__(self, X: Block) -> None:
        self.X, self._seen = X, ~np.isnan(X)
        self._banks: list[Block | None] = [None] * X.shape[1]
        self._shares: list[Block | None] = [None] * X.shape[1]
        self._small: list[Block | None] = [None] * X.shape[1]
        self._last: Any = None  # the last request: sample, plane, views, pixels, features
        self.place = geometry(np.asarray(self._seen.any(axis=1)))

    def bank(self, plane: int) -> Block:
        """Filter responses ``(n, filters, height, width)`` of one plane, computed once."""
        bank = self._banks[plane]
        if bank is None:
            shares = self._shares_of(plane)
            bank = filter_bank(self.X[:, plane], self._seen[:, plane], shares)
            self._banks[plane], self._shares[plane] = bank, shares
        return bank

    def seen(self, n: int) -> npt.NDArray[np.bool_]:
        """Where each plane of a sample was observed, ``(planes, height * width)``."""
        return np.asarray(self._seen[n].reshape(self.X.shape[1], -1))

    def small(self, plane: int, side: int) -> Block:
        """Means over square blocks of the bank and the mask of a plane, computed once.

        ``(n, filters + 1, height // side, width // side)``; what was not observed counts as 0.
        """
        small = self._small[plane]
        if small is None:
            masks = self._seen[:, plane].astype(np.float32)
            small = np.stack(
                [
                    block_means(np.concatenate([bank, mask[None]]), side)
                    for bank, mask in zip(self.bank(plane), masks, strict=True)
                ]
            )
            self._small[plane] = small
        return small

    def _shares_of(self, plane: int) -> Block:
        """`mask_shares` of a plane; taken from another plane if the masks are equal."""
        seen = self._seen[:, plane]
        for other, known in enumerate(self._shares):
            if known is not None:  # masks are often equal, as after BrainMask
                unlike = (seen != self._seen[:, other]).any(axis=(1, 2))
                shares = known.copy()
                shares[unlike] = mask_shares(seen[unlike])
                return shares
        return mask_shares(seen)

    def moved(self, X: Block) -> PairFeatures:
        """Features of the same block after some planes were moved; the others are reused."""
        changed = (X.view(np.int32) != self.X.view(np.int32)).any(axis=(2, 3))
        new = object.__new__(PairFeatures)
        new.X, new._seen, new._last = X, ~np.isnan(X), None
        new._banks, new._shares = list(self._banks), list(self._shares)
        new._small = list(self._small)
        new.place = self.place.copy()
        rows = np.flatnonzero(changed.any(axis=1))
        new.place[rows] = geometry(np.asarray(new._seen[rows].any(axis=1)))
        for plane in np.flatnonzero(changed.any(axis=0)):
            bank, rows = self._banks[plane], np.flatnonzero(changed[:, plane])
            new._shares[plane] = new._small[plane] = None
            if bank is not None:
                bank = bank.copy()
                bank[rows] = filter_bank(X[rows, plane], new._seen[rows, plane])
                new._banks[plane] = bank
        return new

    def columns(self, n: int, target: int, views: ViewSet, places: Places) -> Block:
        """Features ``(len(places), n_features)`` of some pixels of one plane."""
        width, n_planes = self.place.shape[-1], self.X.shape[1]
        if not len(places):  # a missing plane: no filter is needed
            return np.empty((0, n_features(views, n_planes)), np.float32)
        parts = [(planes, places) for planes in self._planes(n, target, "other" in views)]
        if "mirror" in views:
            parts.append((self.bank(target)[n], places + width - 1 - 2 * (places % width)))
        out = np.empty((n_features(views, n_planes), len(places)), np.float32)
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

    def _planes(self, n: int, target: int, with_others: bool) -> list[Block]:
        """The place, and the features of the other planes."""
        planes = [self.place[n]]
        if with_others:
            rest = others(target, self.X.shape[1])
            planes += [self.bank(plane)[n] for plane in rest]
            if len(rest) > 1:  # else a pixel is predicted only where the other was observed
                planes.append(self._seen[n, rest].astype(np.float32))
        return planes

    def _known_columns(self, n: int, target: int, views: ViewSet, places: Places) -> Block:
        """The first rows, if the last call asked for the same pixels from fewer views."""
        if self._last is not None:
            *asked, before, out = self._last
            alike = asked == [n, target, views[: len(asked[2])]] and np.array_equal(before, places)
            if alike:
                return out
        return np.empty((0, 0), np.float32)

    def block_means(
        self, n: int, target: int, able: npt.NDArray[np.bool_], side: int
    ) -> tuple[Block, Places]:
        """Means over square blocks of the features of ``views=("other",)``, at the pixels `able`.

        Returns
        -------
        features : float32 array (n_blocks, n_features)
            Of the blocks in which at least half of the pixels is `able`.
        places : int array (n_blocks,)
            Flat indices of these blocks.
        """
        known = self._planes(n, target, True)
        planes = np.concatenate([*known, np.ones((1, *able.shape), np.float32)])
        small = block_means(planes * able, side).reshape(len(planes), -1)
        places = np.flatnonzero(small[-1] >= 0.5)
        return (small[:-1, places] / small[-1, places]).T, places


def block_means(planes: Block, side: int) -> Block:
    """Means of planes ``(k, height, width)`` over square blocks of pixels."""
    height, width = (size // side for size in planes.shape[1:])
    whole = planes[:, : height * side, : width * side]
    return np.stack(
        [cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in whole]
    )


def n_features(views: ViewSet, n_planes: int = 2) -> int:
    """How many features a pixel has."""
    of_others = (n_planes - 1) * (N_FILTERS + (n_planes > 2)) if "other" in views else 0
    return N_GEOMETRY + of_others + (N_FILTERS if "mirror" in views else 0)
