"""The public verbs of a fitted detector: what it says about samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import final

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch

from ctmri_detect._floats import with_default_floats
from ctmri_detect._types import PairsLike
from ctmri_detect.base._detected import (
    DETECTED,
    UNCLIPPED,
    called,
    check_include,
    joined,
    of_block,
    regions_of,
)
from ctmri_detect.base.threshold_verbs import ThresholdVerbs
from ctmri_detect.scoring import CONSPICUOUS
from ctmri_detect.validation import PairReader

Maps = npt.NDArray[np.float32]


class Verbs(ThresholdVerbs):
    """What every fitted detector can be asked; all of it from `_residual` and `MapScoring`.

    `X` is an array-like of shape (n_samples, n_planes, height, width) in all verbs: pairs that were
    prepared like those of the fit. Another shape or other planes are an `InvalidPairsError`. The
    verbs are final: a detector writes ``_fit`` and ``_residual``, see `BasePairedDetector`.
    """

    @final
    def residual_map(self, X: PairsLike) -> npt.NDArray[np.float32]:
        """How far each plane deviates: float32 ``(n, n_planes, height, width)``.

        Positive = brighter than the detector expects, if the method has a sign; NaN where
        nothing was observed.
        """
        return self._residual_of(self._ready(X))

    @final
    def anomaly_map(self, X: PairsLike) -> npt.NDArray[np.float32]:
        """Where each sample deviates: float32 ``(n, height, width)``, high = anomalous.

        In standard deviations of what healthy slices leave; NaN where no plane was observed.
        """
        return self._scored(X, self._scoring.anomaly_map)

    @final
    def score_samples(self, X: PairsLike) -> npt.NDArray[np.float64]:
        """Minus the pooled evidence of each sample: float64 ``(n,)``, high = normal.

        If planes are missing, it is brought to the scale of complete samples: a median and a
        threshold of healthy slices lie at the same score, whichever planes were observed.

        Warns
        -----
        TrainingDataWarning
            Here and wherever samples are scored, except in `fit_predict`: if some of X are
            training slices and the detector learns from residuals (``traits.trains``), because
            their scores look too normal. See `seen_in_fit`.
        UnlikeTrainingWarning
            In the same places, by a detector that can tell (`SyntheticAnomalyDetector`, and an
            `EnsembleDetector` of it): if a plane of most of X, and of five samples or more,
            looks unlike the training slices.
        """
        return self._numbers(self._ready(X), self._scoring.score_samples)

    @final
    def decision_function(self, X: PairsLike) -> npt.NDArray[np.float64]:
        """``score_samples(X) - offset_``: float64 ``(n,)``, below 0 = anomalous.

        Infinite if `offset_` is ``-inf`` (too few held-out slices for a threshold); rank by
        `score_samples` then.
        """
        return self.score_samples(X) - self.offset_

    @final
    def predict(self, X: PairsLike) -> npt.NDArray[np.int64]:
        """+1 for normal, -1 for anomalous samples: int ``(n,)``."""
        return called(self.decision_function(X))

    @final
    def p_values(self, X: PairsLike) -> npt.NDArray[np.float64]:
        """How often a healthy slice scores as low: float64 ``(n,)``, small = anomalous.

        Conformal (see `scoring.conformal_p_values`): ``predict(X) == -1`` exactly if the
        p-value is at most the `false_positive_rate`. None is below 1 / (held-out slices + 1). A
        sample with missing planes is compared with healthy slices that have the same planes.
        """
        return self._numbers(self._ready(X), self._scoring.p_values)

    @final
    def z_maps(self, X: PairsLike) -> npt.NDArray[np.float32]:
        """Signed z of each plane: float32 ``(n, n_planes, height, width)``, positive = brighter.

        The residual in standard deviations of what healthy slices leave there; NaN where nothing
        was observed.
        """
        return self._scored(X, self._scoring.z_maps)

    @final
    def iter_detect(
        self, X: PairsLike, *, include: Sequence[str] = DETECTED, threshold: float = CONSPICUOUS
    ) -> Iterator[Bunch]:
        """Everything about each block of samples, from one pass over X.

        Memory is bounded by one block, so that maps of a large archive can be written as they
        come. `detect` gives the same, joined.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Pairs, prepared like those of the fit.
        include : sequence of str, default=all
            Which entries to yield; `samples` is always there. Leaving out `regions` saves time.
        threshold : float, default=4.5
            Least absolute z of a region's pixels.

        Yields
        ------
        Bunch
            `samples` (rows of X), `anomaly_score` (high = anomalous; minus `score_samples`),
            `decision`, `prediction`, `p_value`, `seen_in_fit` (bool, see the method of that name),
            `anomaly_map`, `z_maps` and `regions` (its column `sample` counts rows of X). Only where
            named: `unclipped_z_maps`, z-maps without the bound `MapScoring.clip`; the peaks of
            regions are theirs.
        """
        check_include(include)
        asked = "seen_in_fit" in include, bool({"regions", UNCLIPPED} & set(include))
        reader, judge, noticed = self._ready(X), *self._noticing(partial(self._judge, asked))
        start = 0
        for judged in self._in_turn(reader, judge):
            found = of_block(judged, start, self.offset_)
            if "regions" in include:
                found.regions = regions_of(
                    judged.z_maps,
                    X,
                    found.samples,
                    threshold=threshold,
                    modalities=self.modalities_,
                    unclipped=judged.unclipped_z_maps,
                )
            yield Bunch(**{name: found[name] for name in ("samples", *include)})
            start += len(judged.z_maps)
        noticed.warn(self, len(reader))

    def _judge(
        self, asked: tuple[bool, bool], residual: npt.NDArray[np.float32], X: PairReader
    ) -> Bunch:
        """What the scoring says of a block; if asked, which of its samples the fit has seen."""
        known, unclipped = asked
        judged = self._scoring.judge(residual, X, unclipped=unclipped)
        if known:
            judged.seen_in_fit = self.fingerprints_.seen(np.asarray(X.array))
        return judged

    @final
    def detect(
        self, X: PairsLike, *, include: Sequence[str] = DETECTED, threshold: float = CONSPICUOUS
    ) -> Bunch:
        """Everything about all samples, from one pass over X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Pairs, prepared like those of the fit.
        include : sequence of str, default=all
            Which of `iter_detect`'s entries; maps of many samples take much memory.
        threshold : float, default=4.5
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
    def explain(
        self, X: PairsLike, *, threshold: float = CONSPICUOUS, spacing: npt.ArrayLike | None = None
    ) -> Bunch:
        """Which modality deviates, where, and in which direction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_planes, height, width)
            Pairs, prepared like those of the fit.
        threshold : float, default=4.5
            Least absolute z of a region's pixels.
        spacing : float, (row, column) or array of shape (n_samples, 2), default=None
            Distance of the pixels in mm, for the column `area_mm2`. None: what `Pairs` know.

        Returns
        -------
        Bunch
            `z_maps` (float32 ``(n, n_planes, h, w)``, signed) and `regions` (DataFrame: sample,
            region, modality, sign, y, x, area_px, area_mm2, peak). Peaks are not bounded by
            `MapScoring.clip`, z-maps are.
        """
        maps, unclipped, more = self._explaining(X)
        regions = regions_of(
            maps,
            X,
            np.arange(len(maps)),
            threshold=threshold,
            modalities=self.modalities_,
            spacing=spacing,
            unclipped=unclipped,
        )
        return self._explained(Bunch(z_maps=maps, regions=regions), more)

    def _explaining(self, X: PairsLike) -> tuple[Maps, Maps, Maps | None]:
        """From one pass: `z_maps`, the same without the bound, and what `_explained` needs."""
        both = self._scored(X, self._scoring.both_z_maps)
        return both[:, 0], both[:, 1], None

    def _explained(
        self, found: Bunch, more: Maps | None, back: Callable[[Maps], Maps] | None = None
    ) -> Bunch:
        """What `explain` returns; a detector may add to it.

        `back` takes maps to the grid of `found`, if it is not that of X.
        """
        return found
