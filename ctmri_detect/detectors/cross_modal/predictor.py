"""The interface of a predictor for `CrossModalDetector`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ctmri_detect.base import Traits
from ctmri_detect.detectors.cross_modal.views import Block, ViewSet
from ctmri_detect.validation import PairReader

Prediction = tuple[Block, Block]  # mean and variance; NaN where nothing is predicted


class Predictor(BaseEstimator):
    """Base class: predict each plane of a sample from the other planes or its mirror image.

    Write `fit` and `predict`, and give an instance to ``CrossModalDetector(predictor=...)``. It is
    an estimator of scikit-learn: the constructor only stores its parameters, and the detector
    clones it before each fit. One predictor predicts for all view sets, so that shared work is
    done once.

    A view set says what the prediction of a plane may use. ``("other",)``: the other planes at
    every pixel. ``("mirror",)``: the plane's own image, mirrored left to right.
    ``("other", "mirror")``: both. The prediction of a pixel must never use that pixel of that
    plane, because a lesion would then predict itself.

    Attributes
    ----------
    traits : Traits
        `cheap`: whether a fit takes seconds; the detector then fits three or five times.
        `threadsafe`: whether several threads may call `predict` at once. `missing_modality`:
        whether `predict` takes blocks in which a sample lacks a whole plane; if not, the detector
        refuses such samples. All are False unless the class says otherwise.

    Examples
    --------
    Each plane is a straight line of the other, whatever the view set:

    >>> from ctmri_detect import CrossModalDetector
    >>> from ctmri_detect.detectors.cross_modal import Predictor
    >>> class Line(Predictor):
    ...     traits = Traits(cheap=True, missing_modality=True)
    ...
    ...     def fit(self, X, view_sets, rng):
    ...         planes = np.moveaxis(np.asarray(X), 1, 0)
    ...         both = planes[:, ~np.isnan(planes).any(axis=0)]
    ...         self.lines_ = [np.polyfit(both[1 - p], both[p], 1) for p in range(2)]
    ...         spread = [np.var(both[p] - np.polyval(self.lines_[p], both[1 - p])) for p in (0, 1)]
    ...         self.variance_ = np.reshape(spread, (2, 1, 1)).astype(np.float32)
    ...         self.n_sets_ = len(view_sets)
    ...         return self
    ...
    ...     def predict(self, block):
    ...         means = [np.polyval(self.lines_[p], block[:, 1 - p]) for p in range(2)]
    ...         mean = np.stack(means, axis=1).astype(np.float32)
    ...         return [(mean, np.broadcast_to(self.variance_, mean.shape))] * self.n_sets_
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(24, 1, 32, 32)) * [[[[1]], [[-2]]]] + rng.normal(size=(24, 2, 32, 32))
    >>> odd = X[:1].copy(); odd[0, 1, 8:14, 8:14] += 9
    >>> detector = CrossModalDetector(predictor=Line(), tolerance=0).fit(X, groups=range(24))
    >>> int(detector.predict(odd)[0])
    -1
    """

    traits = Traits()

    def fit(self, X: PairReader, view_sets: Sequence[ViewSet], rng: np.random.RandomState) -> Any:
        """Learn from healthy samples.

        Parameters
        ----------
        X : PairReader of shape (n, planes, height, width)
            ``X.blocks()`` gives float32 arrays of up to 64 samples, ``numpy.asarray(X)`` all of
            it, ``X.groups`` the patient of each sample. NaN where nothing was observed.
        view_sets : sequence of tuple of {"other", "mirror"}
            At least one; `predict` returns a prediction for each, in this order.
        rng : numpy.random.RandomState
            The source of all random numbers.

        Returns
        -------
        self
        """
        raise NotImplementedError(f"{type(self).__name__} has to write fit(X, view_sets, rng).")

    def predict(self, block: Any) -> Sequence[Prediction]:
        """Mean and variance of every plane, once for each view set.

        Parameters
        ----------
        block : float32 array (n, planes, height, width)
            Or the result of `describe`.

        Returns
        -------
        sequence of (mean, variance)
            Two float32 arrays ``(n, planes, height, width)`` for each view set, in the units of
            `block`; NaN where a plane is not predicted. The variance is above 0.
        """
        raise NotImplementedError(f"{type(self).__name__} has to write predict(block).")

    def describe(self, block: Block, before: Any = None) -> Any:
        """The argument of `predict` and `coarse`: by default the block itself.

        Override it if `coarse` and `predict` share work. `before` is what this method
        returned for the same block before some of its planes were moved, or None.
        """
        return block

    def coarse(self, block: Any, plane: int) -> Prediction:
        """Mean and variance of one plane by the first view set, for the registration.

        Parameters
        ----------
        block : float32 array (n, planes, height, width)
            Or the result of `describe`.
        plane : int
            The plane that is predicted.

        Returns
        -------
        mean, variance : float32 arrays (n, h, w)
            On the grid of the block, as here, or as means of square blocks of
            ``imageops.comparison.block_side((height, width))`` pixels, which is faster.
        """
        mean, variance = self.predict(block)[0]
        return mean[:, plane], variance[:, plane]
