"""The public verbs of a fitted detector: what it says about samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any, final

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._floats import with_default_floats
from ctmri_detect._threads import map_threads, threads_allowed
from ctmri_detect.base._detected import DETECTED, check_include, joined
from ctmri_detect.base.traits import Traits
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.scoring import MapScoring, conformal_p_values, region_table
from ctmri_detect.validation import (
    PairReader,
)


class Verbs:
    """What every fitted detector can be asked; all of it from `_residual` and `MapScoring`.

    The verbs are final: a detector writes ``_fit`` and ``_residual``, see `BasePairedDetector`.
    """

    _block = 16  # samples scored at a time, the last block padded

    traits: Traits
    map_scoring_: MapScoring
    offset_: float
    image_shape_: tuple[int, ...]

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        raise NotImplementedError(f"{type(self).__name__} has to write _residual(X).")

    def _check(self, X: Any, min_samples: int = 1) -> PairReader:
        raise NotImplementedError

    @final
    def residual_map(self, X: Any) -> npt.NDArray[np.float32]:
        """How far each plane deviates from what the detector expects.

        Returns
        -------
        float32 array (n_samples, 2, height, width)
            Positive = brighter than expected, where the method has a sign; NaN where nothing
            was observed.
        """
        return self._residual_of(self._ready(X))

    @final
    def anomaly_map(self, X: Any) -> npt.NDArray[np.float32]:
        """Where each sample deviates: float32 ``(n, height, width)``, high = anomalous.

        In standard deviations of what healthy slices leave; NaN where neither plane was
        observed.
        """
        return self._scored(X, self._scoring.anomaly_map)

    @final
    def score_samples(self, X: Any) -> npt.NDArray[np.float64]:
        """Minus the pooled evidence of each sample: float64 ``(n,)``, high = normal."""
        return self._scored(X, self._scoring.score_samples)

    @final
    def decision_function(self, X: Any) -> npt.NDArray[np.float64]:
        """``score_samples(X) - offset_``: float64 ``(n,)``, below 0 = anomalous.

        Infinite where `offset_` is ``-inf`` (too few held-out slices for a threshold):
        `score_samples` ranks then, too.
        """
        return self.score_samples(X) - self.offset_

    @final
    def predict(self, X: Any) -> npt.NDArray[np.int64]:
        """+1 for normal, -1 for anomalous samples: int ``(n,)``."""
        return _called(self.decision_function(X))

    @final
    def p_values(self, X: Any) -> npt.NDArray[np.float64]:
        """How often a healthy slice scores as low: float64 ``(n,)``, small = anomalous.

        Conformal (see `scoring.conformal_p_values`): ``predict(X) == -1`` exactly where the
        p-value is at most the `false_positive_rate`. None is below 1 / (held-out slices + 1).
        """
        return conformal_p_values(self.score_samples(X), self._scoring.calibration_scores_)

    @final
    def z_maps(self, X: Any) -> npt.NDArray[np.float32]:
        """Signed z of each plane: float32 ``(n, 2, height, width)``, positive = brighter.

        The residual in standard deviations of what healthy slices leave there; NaN where nothing
        was observed.
        """
        return self._scored(X, self._scoring.z_maps)

    @final
    def iter_detect(
        self, X: Any, *, include: Sequence[str] = DETECTED, threshold: float = 3.0
    ) -> Iterator[Bunch]:
        """Everything about each block of samples, from one pass over X.

        Memory is bounded by one block, so that maps of a large archive can be written as they
        come. `detect` gives the same, joined.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2, height, width)
        include : sequence of str, default=all
            Which entries to yield; `samples` is always there. Leaving out `regions` saves time.
        threshold : float, default=3.0
            Least absolute z of a region's pixels.

        Yields
        ------
        Bunch
            `samples` (rows of X), `anomaly_score` (high = anomalous; minus `score_samples`),
            `decision`, `prediction`, `p_value`, `anomaly_map`, `z_maps` and `regions` (its column
            `sample` counts rows of X).
        """
        check_include(include)
        reader, scoring = self._ready(X), self._scoring
        at_once = self._block * (threads_allowed() if self.traits.threadsafe else 1)
        for start in range(0, len(reader), at_once):
            rows = np.arange(start, min(start + at_once, len(reader)))
            for judged in self._blockwise(reader.take(rows), scoring.judge):
                yield self._detected(judged, start, include, threshold)
                start += len(judged.z_maps)

    def _detected(
        self, judged: Bunch, start: int, include: Sequence[str], threshold: float
    ) -> Bunch:
        """One block of `iter_detect`, whose first sample is row `start`."""
        scores = judged.score_samples
        found = Bunch(
            anomaly_score=-scores,
            decision=scores - self.offset_,
            prediction=_called(scores - self.offset_),
            p_value=conformal_p_values(scores, self._scoring.calibration_scores_),
            anomaly_map=judged.anomaly_map,
            z_maps=judged.z_maps,
        )
        if "regions" in include:
            regions = region_table(judged.z_maps, threshold=threshold)
            found.regions = regions.assign(sample=regions["sample"] + start)
        samples = np.arange(start, start + len(scores))
        return Bunch(samples=samples, **{name: found[name] for name in include})

    @final
    def detect(self, X: Any, *, include: Sequence[str] = DETECTED, threshold: float = 3.0) -> Bunch:
        """Everything about all samples, from one pass over X.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2, height, width)
        include : sequence of str, default=all
            Which of `iter_detect`'s entries; maps of many samples take much memory.
        threshold : float, default=3.0
            Least absolute z of a region's pixels.

        Returns
        -------
        Bunch
            The entries of `iter_detect`, joined.

        Examples
        --------
        >>> from ctmri_detect import AtlasDetector
        >>> X = np.random.default_rng(0).normal(size=(40, 2, 16, 16))
        >>> found = AtlasDetector().fit(X, groups=range(40)).detect(X, include=["p_value"])
        >>> found.p_value.shape
        (40,)
        """
        return joined(self.iter_detect(X, include=include, threshold=threshold), include)

    @final
    @with_default_floats
    def explain(self, X: Any, *, threshold: float = 3.0, spacing: Any = None) -> Bunch:
        """Which modality deviates, where, and in which direction.

        Parameters
        ----------
        X : array-like of shape (n_samples, 2, height, width)
        threshold : float, default=3.0
            Least absolute z of a region's pixels.
        spacing : float or array (n_samples,), default=None
            Millimetres a pixel; adds the column `area_mm2`.

        Returns
        -------
        Bunch
            `z_maps` (float32 ``(n, 2, h, w)``, signed) and `regions` (DataFrame: sample,
            region, modality, sign, y, x, area_px, area_mm2, peak).
        """
        maps = self.z_maps(X)
        return Bunch(z_maps=maps, regions=region_table(maps, threshold=threshold, spacing=spacing))

    @final
    def rescore(self, **params: Any) -> Any:
        """Change `MapScoring` settings of the fitted detector; the model is not fitted again.

        Parameters
        ----------
        **params
            Parameters of `MapScoring`, such as ``pool_fraction=0.05`` or
            ``false_positive_rate=0.01``.

        Returns
        -------
        self
        """
        scoring = clone(self._scoring).set_params(**params)
        scoring.fit_again(self._scoring)
        self.map_scoring_, self.offset_ = scoring, scoring.offset_
        return self

    @property
    def _scoring(self) -> MapScoring:
        check_is_fitted(self, "map_scoring_")
        return self.map_scoring_

    def _ready(self, X: Any) -> PairReader:
        check_is_fitted(self, "map_scoring_")
        reader = self._check(X)
        if reader.shape[2:] != self.image_shape_:
            raise InvalidPairsError(
                f"X has planes of {reader.shape[2:]} pixels; {type(self).__name__} was fitted on "
                f"{self.image_shape_}. Bring them to one grid, for example with make_preprocessor."
            )
        return reader

    def _residual_of(self, reader: PairReader) -> npt.NDArray[np.float32]:
        return np.concatenate(self._blockwise(reader, lambda residual, _: residual))

    def _scored(self, X: Any, finish: Any) -> npt.NDArray[Any]:
        """Score block by block: the residuals of all of X never stand in memory."""
        return np.concatenate(self._blockwise(self._ready(X), finish))

    @with_default_floats
    def _blockwise(self, reader: PairReader, finish: Callable[..., Any]) -> list[Any]:
        """What `finish` makes of residuals and pairs, in blocks; company changes nothing."""
        reading = Lock()  # what X is read from need not bear two threads

        def one(start: int) -> Any:
            with reading:
                rows = np.minimum(np.arange(start, start + self._block), len(reader) - 1)
                block = reader[rows]
            residual, real = self._residual_block(block), min(self._block, len(reader) - start)
            return finish(residual[:real], PairReader(block[:real]))

        starts = range(0, len(reader), self._block)
        return (
            map_threads(one, starts) if self.traits.threadsafe else [one(start) for start in starts]
        )

    def _residual_block(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Residuals of a block of the one fixed length."""
        with np.errstate(over="ignore"):  # too large for float32 becomes infinity, then 0
            residual = np.asarray(self._residual(block), dtype=np.float32)
        residual = np.nan_to_num(residual, posinf=0.0, neginf=0.0)
        return np.where(np.isnan(block), np.float32(np.nan), residual)


def _called(decision: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.where(decision < 0, -1, 1).astype(np.int64)
