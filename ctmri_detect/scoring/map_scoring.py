"""MapScoring: the one way from residuals to maps and scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ctmri_detect._arrays import plain_array
from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import (
    BOOLEAN,
    CheckedParameters,
    Constraints,
    OneOf,
    check_parameters,
    integer,
    number,
)
from ctmri_detect._rollback import unchanged_on_failure
from ctmri_detect._threads import map_threads
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.imageops.similar import slice_descriptors
from ctmri_detect.imageops.smooth import smooth_observed
from ctmri_detect.imageops.symmetry import mirror_contrast
from ctmri_detect.scoring.evidence import fused_evidence, pool_top
from ctmri_detect.scoring.reference import Reference, ReferenceBank, bank_rows
from ctmri_detect.scoring.thresholds import conformal_offset
from ctmri_detect.validation import PairReader, check_groups, check_pairs

_BLOCK = 16  # samples at a time; a score never depends on its company
Finish = Callable[[npt.NDArray[np.float32]], Any]


class MapScoring(CheckedParameters, BaseEstimator):
    """Turn a detector's residuals into signed z-maps, an anomaly map and a score.

    A residual means little by itself: cortex, skull edges and ventricles leave large residuals
    in healthy heads too. This stage asks how unusual a residual is *at that place, in slices
    like this one*, and whether the other hemisphere shows it as well. All detectors share it,
    so that they differ in their residuals alone.

    Parameters
    ----------
    reference : {"similar", "position"} or None, default="similar"
        What a residual is compared with: the `n_neighbors` healthy slices most like this one,
        all healthy slices, or nothing (only a common unit). Patients with a slice in the bank
        that is nearly identical to this one are left out of its reference (see Notes).
    n_neighbors : int, default=30
        Slices in a similar reference; more are steadier and less specific.
    symmetry : bool, default=True
        Also compare with the mirrored hemisphere. X must be head-aligned
        (`make_preprocessor` does that). What both comparisons show counts fully, what the
        reference alone shows (a bilateral or a midline lesion) counts half.
    symmetry_tolerance : int, default=2
        Pixels by which the hemispheres may differ in position.
    smoothing : float, default=2.0
        Standard deviation in pixels of the Gaussian that smooths the signed residuals before
        they are compared, and the z-maps after; raising it helps large lesions and costs small
        ones.
    clip : float, default=6.0
        Bound of the absolute z, so that one pixel never decides; infinity for none.
    fusion : {"mean", "max"}, default="mean"
        How the evidence of CT and MRI is joined, pixel by pixel, over the planes observed.
    pool_fraction : float, default=0.01
        Share of the observed pixels, the most anomalous ones, whose mean is the score of a
        sample. Raise it for large lesions.
    false_positive_rate : float, default=0.05
        Share of healthy slices that `predict` may flag; sets `offset_`. It needs at least
        ``1 / false_positive_rate - 1`` held-out slices (5 %: 19).

    Attributes
    ----------
    bank_ : ReferenceBank
        At most 512 reference slices, and at most 256 MiB.
    calibration_scores_ : ndarray of shape (n_bank,)
        Scores of the reference slices, each against the other patients' slices.
    offset_ : float
        The conformal threshold (see `scoring.conformal_offset`) of `calibration_scores_`. It is
        ``-inf`` where there are too few of them: nothing is flagged then.

    Notes
    -----
    With the signed z-map ``z`` of plane p, and ``s`` the z-map of its mirror contrast (see
    `imageops.symmetry`), both smoothed and clipped, the evidence of a pixel is::

        e = fuse_p (z^2 + max(z s, 0)) / 2        (without symmetry: fuse_p z^2)

    The contrast alone would leave a ghost of the opposite sign on the healthy side; times z,
    which is near 0 there, hardly any is left. The anomaly map is ``sqrt(e)``, the score minus the
    mean of the top `pool_fraction` of ``e``; `z_maps` returns ``z``. Defaults were chosen on
    development phantoms (seeds of their own), none on real labels.

    A slice is compared with other patients only where it is known whose it is: a slice of the
    bank, or a copy of one (re-exported, rescaled by a percent: descriptors within 5 %, less where
    the bank's patients are more alike). Another slice of a bank's patient is not recognised; it
    looks more normal than a new patient's. So score patients that were not trained on.

    It fails where X is not aligned (symmetry), where the training slices are few or contain
    the same lesion at the same place (reference), and where an anomaly fills the whole slice
    (everything is then compared with the wrong neighbours).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 2, 32, 32)).astype("float32")
    >>> odd = X[:1].copy(); odd[0, 1, 10:14, 5:9] += 4
    >>> scoring = MapScoring().fit(X, X)
    >>> bool(scoring.score_samples(odd, odd)[0] < scoring.offset_)
    True
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "reference": [OneOf("similar", "position"), None],
        "n_neighbors": [integer(1)],
        "symmetry": BOOLEAN,
        "symmetry_tolerance": [integer(0)],
        "smoothing": [number(0)],
        "clip": [number(above=0, most=np.inf)],
        "fusion": [OneOf("mean", "max")],
        "pool_fraction": [number(above=0, most=1)],
        "false_positive_rate": [number(0, below=1)],
    }

    def __init__(
        self,
        reference: Reference = "similar",
        n_neighbors: int = 30,
        symmetry: bool = True,
        symmetry_tolerance: int = 2,
        smoothing: float = 2.0,
        clip: float = 6.0,
        fusion: Literal["mean", "max"] = "mean",
        pool_fraction: float = 0.01,
        false_positive_rate: float = 0.05,
    ) -> None:
        self.reference = reference
        self.n_neighbors = n_neighbors
        self.symmetry = symmetry
        self.symmetry_tolerance = symmetry_tolerance
        self.smoothing = smoothing
        self.clip = clip
        self.fusion = fusion
        self.pool_fraction = pool_fraction
        self.false_positive_rate = false_positive_rate

    def fit(self, residual: npt.NDArray[np.float32], X: Any, groups: Any = None) -> MapScoring:
        """Learn what residuals healthy slices leave.

        Parameters
        ----------
        residual : float32 array (n, 2, height, width)
            Residuals of patients that the model did not see.
        X : array-like (n, 2, height, width)
            The pairs they belong to; similar slices are found by them.
        groups : array (n,), default=None
            Patient of each; None takes every sample for a patient of its own.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a parameter out of its range, and for a residual that doesn't fit X.
        """
        check_parameters(self)
        reader = check_pairs(X)
        residual = _checked(residual, reader)
        codes = check_groups(np.arange(len(reader)) if groups is None else groups, len(reader))
        rows = bank_rows(len(reader), reader.shape[1:], kinds=len(self._kinds()))
        # kept is what a later change of parameters needs: plain residuals and their descriptors
        with unchanged_on_failure(self):
            self.residual_ = np.asarray(residual[rows], dtype=np.float32)
            self.descriptors_ = _describe(reader.take(rows))
            self.codes_ = codes[rows]
            return self._refit()

    def fit_again(self, fitted: MapScoring) -> MapScoring:
        """Fit on the slices that another, fitted MapScoring kept; no residual is needed."""
        check_is_fitted(fitted, "residual_")
        self.residual_, self.descriptors_ = fitted.residual_, fitted.descriptors_
        self.codes_ = fitted.codes_
        return self._refit()

    @with_default_floats
    def _refit(self) -> MapScoring:
        """Build the reference from the kept slices, under the present parameters."""
        check_parameters(self)
        self.bank_ = ReferenceBank(self.reference, self.n_neighbors)
        blocks = np.split(self.residual_, range(_BLOCK, len(self.residual_), _BLOCK))
        evidence = np.concatenate(map_threads(self._evidence, blocks))
        self.bank_.fit(evidence, self.descriptors_, self.codes_)
        scores = self._gather(self.residual_, self.descriptors_, self._score)
        self.calibration_scores_ = np.concatenate(scores)
        self.offset_ = conformal_offset(self.calibration_scores_, self.false_positive_rate)
        return self

    def z_maps(self, residual: npt.NDArray[np.float32], X: Any) -> npt.NDArray[np.float32]:
        """Signed, smoothed and clipped z of each plane.

        Returns
        -------
        float32 array (n, 2, height, width)
            Positive = brighter than expected; NaN where nothing was observed.
        """
        return np.concatenate(self._judged(residual, X, _signed))

    def anomaly_map(self, residual: npt.NDArray[np.float32], X: Any) -> npt.NDArray[np.float32]:
        """Root of the evidence, planes fused; in units of z.

        Returns
        -------
        float32 array (n, height, width)
            From 0 to `clip`, high = anomalous; NaN where neither plane was observed.
        """
        return np.concatenate(self._judged(residual, X, self._map))

    def score_samples(self, residual: npt.NDArray[np.float32], X: Any) -> npt.NDArray[np.float64]:
        """Minus the pooled evidence.

        Returns
        -------
        float64 array (n,)
            From ``-clip**2`` to 0, high = normal.
        """
        return np.concatenate(self._judged(residual, X, self._score))

    def judge(self, residual: npt.NDArray[np.float32], X: Any) -> Bunch:
        """Scores, anomaly maps and z-maps from one pass.

        Returns
        -------
        Bunch
            `score_samples`, `anomaly_map`, `z_maps`: what the methods of these names return.
        """

        def finish(z: npt.NDArray[np.float32]) -> tuple[npt.NDArray[Any], ...]:
            evidence = fused_evidence(z, self.fusion)
            return -pool_top(evidence, self.pool_fraction), np.sqrt(evidence), _signed(z)

        joined = map(np.concatenate, zip(*self._judged(residual, X, finish), strict=True))
        return Bunch(**dict(zip(("score_samples", "anomaly_map", "z_maps"), joined, strict=True)))

    def _judged(self, residual: Any, X: Any, finish: Finish) -> list[Any]:
        check_is_fitted(self, "residual_")
        reader = X if isinstance(X, PairReader) else check_pairs(X)
        return self._gather(_checked(residual, reader), _describe(reader), finish)

    def _kinds(self) -> tuple[str, ...]:
        return ("residual", "symmetry") if self.symmetry else ("residual",)

    def _evidence(self, residual: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The kinds of evidence, ``(n, kinds, 2, h, w)``."""
        residual = smooth_observed(residual, _observed(residual), self.smoothing)
        kinds = [residual]
        if self.symmetry:
            kinds.append(mirror_contrast(residual, self.symmetry_tolerance))
        return np.stack(kinds, axis=1)

    @with_default_floats
    def _gather(
        self,
        residual: npt.NDArray[np.float32],
        descriptors: npt.NDArray[np.float64],
        finish: Finish,
    ) -> list[Any]:
        """What `finish` makes of the z-maps, block by block."""

        def one(start: int) -> Any:
            block = np.asarray(residual[start : start + _BLOCK], dtype=np.float32)
            rows = np.minimum(np.arange(start, start + _BLOCK), len(residual) - 1)
            z = self.bank_.standardise(self._evidence(block), descriptors[rows])
            z = smooth_observed(z, _observed(block)[:, None], self.smoothing)
            return finish(np.clip(z, -float(self.clip), float(self.clip), out=z))

        return map_threads(one, range(0, len(residual), _BLOCK))

    def _map(self, z: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.sqrt(fused_evidence(z, self.fusion))

    def _score(self, z: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        return -pool_top(fused_evidence(z, self.fusion), self.pool_fraction)


def _observed(residual: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Where the planes were observed; one mask a sample where that is all there is to know."""
    seen = ~np.isnan(residual)
    alike = bool((seen[:, :1] == seen).all())
    return seen[:, :1] if alike else seen


def _signed(z: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return z[:, 0]


def _checked(residual: Any, X: PairReader) -> npt.NDArray[Any]:
    residual = np.asarray(plain_array(residual))
    if residual.shape != X.shape or residual.dtype.kind not in "fiub":
        raise InvalidPairsError(
            f"residual has shape {residual.shape} and dtype {residual.dtype}; expected numbers of "
            f"shape {X.shape}, that of X. Give the residual of each plane of each of these pairs."
        )
    return residual


def _describe(X: PairReader) -> npt.NDArray[np.float64]:
    return np.concatenate([slice_descriptors(block) for block in X.blocks()])
