"""The pixel form for more than two planes: one network, in which the planes share a first layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ctmri_detect._threads import map_threads
from ctmri_detect.base import Traits
from ctmri_detect.detectors.cross_modal.pixel_features import PairFeatures, Places, block_means
from ctmri_detect.detectors.cross_modal.predictor import Prediction, Predictor
from ctmri_detect.detectors.cross_modal.views import Block, ViewSet, predictable
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.imageops.comparison import block_side
from ctmri_detect.imageops.filters import N_FILTERS
from ctmri_detect.networks.planes_prediction import Columns
from ctmri_detect.networks.planes_regression import PlanesRegressor
from ctmri_detect.networks.training.settings import Training
from ctmri_detect.validation import PairReader

_BLOCK = 16  # samples that are described at a time
_WITHHELD = 0.3  # of the training pixels lose planes
_LOST = 0.5  # of their planes

Kept = npt.NDArray[np.bool_]
Learned = tuple[Block, Block]  # a table of columns, and the values (n, planes, 1)


class ManyPlanesPredictor(Predictor):
    """A network for all planes and each view set, from a filter bank at each pixel.

    Time and memory are in proportion to the number of planes. Some training pixels lose planes at
    the input, so that any planes may be missing.

    Parameters
    ----------
    training : Training
    trim : float
        Share of the worst predicted pixels of a plane that training leaves out.
    device : str
    pixels_per_slice : int, default=400
        Pixels of each training slice that the network learns from.

    Attributes
    ----------
    view_sets_ : list of tuple of str
    regressors_ : list of PlanesRegressor
        One for each view set.
    """

    traits = Traits(cheap=True, threadsafe=True, missing_modality=True)

    def __init__(
        self, training: Training, trim: float, device: str, pixels_per_slice: int = 400
    ) -> None:
        self.training = training
        self.trim = trim
        self.device = device
        self.pixels_per_slice = pixels_per_slice

    def fit(
        self, X: PairReader, view_sets: Sequence[ViewSet], rng: np.random.RandomState
    ) -> ManyPlanesPredictor:
        """Fit on random pixels of each slice; X is read once for each view set."""
        self.view_sets_ = [tuple(views) for views in view_sets]
        self.regressors_ = [self._fitted(X, views, rng) for views in self.view_sets_]
        return self

    def _fitted(self, X: PairReader, views: ViewSet, rng: np.random.RandomState) -> PlanesRegressor:
        learned: list[Learned] = []
        for block in X.blocks():
            able = predictable(block, views)
            drawn = [
                rng.permutation(np.flatnonzero(one))[: self.pixels_per_slice]
                for one in np.asarray(able.any(axis=1))
            ]
            spans = [slice(k, k + _BLOCK) for k in range(0, len(block), _BLOCK)]
            jobs = [(block[span], able[span], drawn[span]) for span in spans]
            learned += map_threads(lambda job: _described(*job, views), jobs)
        table, values = (np.concatenate(parts) for parts in zip(*learned, strict=True))
        del learned
        seed = rng.randint(2**31 - 1)
        kept = _kept(values.shape[:2], rng)
        if "other" in views:
            _forget_unpredictable(table, values, kept)
        _check_learnable(values)
        return PlanesRegressor(self.training, self.trim, self.device, seed).fit(
            table, values, kept, N_FILTERS
        )

    def describe(self, block: Block, before: PairFeatures | None = None) -> PairFeatures:
        """The filter banks of a block; those of planes that did not move are reused."""
        return PairFeatures(block) if before is None else before.moved(block)

    def predict(self, block: PairFeatures) -> list[Prediction]:
        """Mean and variance of every plane, ``(n, planes, height, width)``, by view set."""
        answers = []
        for views, regressor in zip(self.view_sets_, self.regressors_, strict=True):
            answer = np.full((2, *block.X.shape), np.nan, np.float32)
            predict = regressor.predictor()
            for n, able in enumerate(predictable(block.X, views)):
                places = np.flatnonzero(able.any(axis=0))
                targets = [int(t) for t in np.flatnonzero(able.any(axis=(1, 2)))]
                if not targets:
                    continue
                columns = columns_at(block, n, places, views)
                found = predict(columns, targets)
                for k, target in enumerate(targets):
                    here = able[target].ravel()[places]
                    for out, part in zip(answer, found, strict=True):
                        out[n, target].ravel()[places[here]] = part[k, 0, here]
            answers.append((answer[0], answer[1]))
        return answers

    def coarse(self, block: PairFeatures, plane: int) -> Prediction:
        """One plane's mean and variance, from the other planes' mean features in square blocks.

        Close to the block means of `predict`, and much faster.
        """
        X, side = block.X, block_side(block.X.shape[2:])
        shape = (len(X), X.shape[2] // side, X.shape[3] // side)
        mean, variance = np.full((2, *shape), np.nan, np.float32)
        predict = self.regressors_[0].predictor()
        for n, able in enumerate(predictable(X, self.view_sets_[0])[:, plane]):
            places = np.flatnonzero(block_means(able[None].astype(np.float32), side) >= 0.5)
            if len(places):
                columns = block_columns(block, n, places, side)
                found = predict(columns, [plane])
                for out, part in zip((mean, variance), found, strict=True):
                    out[n].ravel()[places] = part[0, 0]
        return mean, variance


def columns_at(block: PairFeatures, n: int, places: Places, views: ViewSet) -> Columns:
    """The network's input at some pixels of a sample."""
    width, n_planes = block.X.shape[3], block.X.shape[1]
    mirrored = places + width - 1 - 2 * (places % width)
    seen = (block.seen(n)[:, places] * ("other" in views)).astype(np.float32)
    features = np.zeros((n_planes, N_FILTERS, len(places)), np.float32)
    place = block.place[n].reshape(len(block.place[n]), -1)[:, places]
    with_mirror = N_FILTERS if "mirror" in views else 0
    own = np.zeros((n_planes, len(place) + with_mirror, len(places)), np.float32)
    own[:, : len(place)] = place
    for plane in np.flatnonzero(block.seen(n).any(axis=1)).tolist():
        bank = block.bank(plane)[n].reshape(N_FILTERS, -1)
        if "other" in views:
            np.take(bank, places, axis=1, out=features[plane], mode="clip")
        if with_mirror:
            np.take(bank, mirrored, axis=1, out=own[plane, len(place) :], mode="clip")
    return Columns(features, seen, own)


def block_columns(block: PairFeatures, n: int, places: Places, side: int) -> Columns:
    """The network's input as means over square blocks of pixels, at some of these blocks."""
    n_planes = block.X.shape[1]
    head = block.seen(n).any(axis=0).reshape(block.X.shape[2:]).astype(np.float32)
    *place, share = block_means(np.stack([*(block.place[n] * head), head]), side)
    share = np.maximum(share.ravel()[places], np.float32(1e-6))
    sources = [block.small(plane, side)[n].reshape(N_FILTERS + 1, -1) for plane in range(n_planes)]
    parts = np.stack(sources)[..., places] / share
    own = np.stack(place).reshape(len(place), -1)[:, places] / share
    return Columns(parts[:, :-1], parts[:, -1], np.broadcast_to(own, (n_planes, *own.shape)))


def _described(
    X: Block, able: npt.NDArray[np.bool_], drawn: Sequence[Places], views: ViewSet
) -> Learned:
    """Inputs at the drawn pixels of some samples, and their values, NaN where not `able`."""
    features, parts = PairFeatures(X), []
    for n, places in enumerate(drawn):
        values = np.where(able[n], X[n], np.float32(np.nan)).reshape(len(X[n]), -1)
        parts.append((columns_at(features, n, places, views).table(), values[:, places].T))
    table, found = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return table, found[..., None]


def _kept(shape: tuple[int, int], rng: np.random.RandomState) -> Kept:
    """Which planes a training pixel keeps at the input."""
    return np.asarray((rng.rand(shape[0], 1) >= _WITHHELD) | (rng.rand(*shape) >= _LOST))


def _forget_unpredictable(table: Block, values: Block, kept: Kept) -> None:
    """Values are NaN, in place, where no other plane is left to predict them from."""
    n, n_planes = kept.shape
    seen = table[:, : n_planes * (N_FILTERS + 1)].reshape(n, n_planes, -1)[..., -1] > 0
    left = seen & kept
    values[left.sum(axis=1, keepdims=True) - left < 1] = np.nan


def _check_learnable(values: Block) -> None:
    none = np.flatnonzero(np.isnan(values).all(axis=(0, 2)))
    if len(none):
        raise InvalidPairsError(
            f"Plane(s) {none.tolist()} are nowhere observed together with what they are predicted "
            "from; expected planes of the same place. Check that the planes overlap, or leave "
            "these out: Pairs.select."
        )
