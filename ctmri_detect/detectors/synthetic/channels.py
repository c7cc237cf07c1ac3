"""Channels of a sample, and the features of its pixels."""

from __future__ import annotations

from copy import copy

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect.detectors.cross_modal.pixel_features import PairFeatures, Places
from ctmri_detect.detectors.synthetic.residuals import Block, ResidualModel, halves
from ctmri_detect.imageops.filters import N_FILTERS, N_GEOMETRY
from ctmri_detect.validation import PairReader

CHANNELS = {
    "planes": ("planes",),
    "mismatch": ("mismatch",),
    "residuals": ("mismatch", "within"),
    "all": ("planes", "mismatch", "within"),
}


class Channels(BaseEstimator):
    """The planes themselves, residuals of cross-modal models, or both.

    With one plane there is no mismatch; its deviation from the mean takes the place of it.

    Parameters
    ----------
    channels : {"planes", "mismatch", "residuals", "all"}
    device : str

    Attributes
    ----------
    model_ : ResidualModel or None
        Of all training slices, for new ones.
    halves_ : list of ResidualModel
        While a detector is being fitted: one fitted on each half of the patients.
    half_ : int array (n,)
        The half to which each training slice belongs.
    """

    def __init__(self, channels: str, device: str) -> None:
        self.channels = channels
        self.device = device

    def fit(self, X: PairReader, rng: np.random.RandomState) -> Channels:
        """Fit the models, also those that don't see half of the patients."""
        self.model_: ResidualModel | None = None
        self.half_ = halves(X.groups, len(X), rng)
        self.halves_: list[ResidualModel] = []
        if self.channels != "planes":
            sides = [np.flatnonzero(self.half_ == side) for side in (0, 1)]
            for rows in sides:  # of a single slice, one half is empty
                part = X.take(rows) if len(rows) else X
                self.halves_.append(ResidualModel(self.device).fit(part, rng))
            self.model_ = ResidualModel(self.device).fit(X, rng)
        return self

    def forget_training(self) -> None:
        """Drop what is of use for training slices only."""
        self.halves_, self.half_ = [], np.empty(0, np.int64)

    def of_training(self, block: Block, rows: npt.NDArray[np.int64]) -> Block:
        """Channels of variants of training slices, by models that did not see their patients."""
        out: list[Block | None] = [None] * len(block)
        for side in (0, 1):
            here = np.flatnonzero(self.half_[rows] == side)
            if len(here):
                model = self.halves_[1 - side] if self.halves_ else None
                for n, made in zip(here, self._made(block[here], model), strict=True):
                    out[n] = made
        return np.stack([made for made in out if made is not None])

    def of_new(self, block: Block) -> Block:
        """Channels of new slices: ``(n, n_channels, height, width)``."""
        return self._made(block, self.model_)

    def _made(self, block: Block, model: ResidualModel | None) -> Block:
        if model is None:
            return block
        parts = model.parts(block)
        names = [name for name in CHANNELS[self.channels] if name in parts]
        return np.concatenate([parts[name] for name in names or ["within"]], axis=1)


class PixelFeatures:
    """Features of each pixel of a block of channels.

    They are the filter bank of each channel, at the pixel and at its mirror image, and the place in
    the head.

    Parameters
    ----------
    channels : float32 array (n, n_channels, height, width)

    Attributes
    ----------
    seen : bool array (n, height, width)
        Where any channel was observed.
    """

    def __init__(self, channels: Block) -> None:
        pairs = PairFeatures(channels)
        self.seen = np.asarray(~np.isnan(channels).all(axis=1))
        self._banks = [pairs.bank(channel) for channel in range(channels.shape[1])]
        self._place = pairs.place

    def beside(self, channel: Block) -> PixelFeatures:
        """With one more channel ``(n, height, width)``; the others are not computed again."""
        more = copy(self)
        more._banks = [*self._banks, PairFeatures(channel[:, None]).bank(0)]
        return more

    def of(self, n: int, places: Places) -> npt.NDArray[np.float32]:
        """Features of some pixels of one sample, ``(len(places), n_features)``."""
        width = self._place.shape[-1]
        mirrored = places + width - 1 - 2 * (places % width)
        out = np.empty((N_GEOMETRY + 2 * N_FILTERS * len(self._banks), len(places)), np.float32)
        parts = [(self._place[n], places)]
        parts += [(bank[n], where) for bank in self._banks for where in (places, mirrored)]
        first = 0
        for planes, where in parts:
            rows = out[first : first + len(planes)]
            np.take(planes.reshape(len(planes), -1), where, axis=1, out=rows, mode="clip")
            first += len(planes)
        return out.T
