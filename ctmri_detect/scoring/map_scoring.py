"""MapScoring: the one way from residuals to maps and scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ctmri_detect._parameters import (
    BOOLEAN,
    Constraints,
    OneOf,
    SequenceOf,
    check_parameters,
    integer,
    number,
)
from ctmri_detect._types import GroupsLike, PairsLike
from ctmri_detect.scoring.calibration import Each, HeldOut, asked_without, describe
from ctmri_detect.scoring.evidence import Symmetry
from ctmri_detect.scoring.fitting import Fitting
from ctmri_detect.scoring.given import as_residual
from ctmri_detect.scoring.reference import bank_rows
from ctmri_detect.scoring.z_score import Reference
from ctmri_detect.validation import check_groups, check_pairs, missing_planes

Planes = npt.NDArray[np.float32]


class MapScoring(Fitting):
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
    symmetry : {True, False, "required"}, default=True
        Also compare with the mirrored hemisphere. X must be head-aligned
        (`make_preprocessor` does that). What both comparisons show counts fully. What the
        reference alone shows (a bilateral or a midline lesion) counts half; not at all where
        symmetry is "required".
    symmetry_tolerance : int, default=2
        Pixels by which the hemispheres may differ in position. More hides small asymmetries.
    smoothing : float, default=2.0
        Standard deviation in pixels of the Gaussian that smooths the signed residuals before
        they are compared. Raising it makes scores steadier and maps coarser.
    scales : float or sequence of float, default=(0.7, 2.0)
        Standard deviations in pixels of the Gaussians that smooth the z-maps. Several maps are
        joined by their geometric mean: an anomaly has to show in all of them. A fine scale keeps
        the outline of a lesion, a coarse one removes noise.
    clip : float, default=9.0
        Bound of the absolute z, so that one pixel never decides; infinity for none.
    fusion : {"mean", "max"}, default="mean"
        How the evidence of the planes is joined, pixel by pixel, over the planes observed.
    pool_fraction : float, default=0.005
        Share of the observed pixels, the most anomalous ones, whose mean is the score of a
        sample. Raise it for large lesions.
    false_positive_rate : float, default=0.05
        Share of healthy slices that `predict` may flag; sets `offset_`. It needs at least
        ``1 / false_positive_rate - 1`` held-out slices (5 %: 19) of each pattern of observed
        planes.
    cross_fit : bool or "auto", default="auto"
        How a detector gets residuals of patients that its model did not see, from eight patients
        on. False: a quarter of the patients is held out, and the model is fitted once, on the
        others. True: each quarter is left out in turn, and a last fit learns from all: five fits
        instead of one. (If a fit takes seconds: each half, from 32 patients on.) Then every
        slice can be a reference, and no patient is lost to the model. But the fits that leave
        patients out learn from fewer slices, in fewer steps than the last one. So a network may
        flag too many healthy slices; `recalibrate` with healthy scans of other patients mends it.
        The order of scores may gain where healthy slices are few.
        "auto": True if a fit takes seconds (``traits.cheap``), else False. It has no effect
        with fewer patients (each is left out in turn), if nothing is trained (``traits.trains``
        is False), and in `MapScoring.fit`. It can't change without a new fit.
    bank : {"slices", "summary"}, default="slices"
        What a fitted detector keeps of the reference slices. "slices": their residuals. "summary":
        only statistics over groups of similar slices, each number over slices of at least five
        patients. The file is smaller and holds no residual image of one patient (see
        `scoring.summary_bank`). Then only `false_positive_rate` can change without a new
        fit, and a reference slice that is scored again can't be compared with other patients only,
        so it looks too normal. It needs slices of five patients or more. "slices" can
        become "summary" later, by ``rescore(bank="summary")``.

    Attributes
    ----------
    bank_ : ReferenceBank or SummaryBank
        At most 512 reference slices, and at most 256 MiB; or their statistics.
    patterns_ : PatternThresholds
        Of the scores of healthy slices with all planes, with the CT alone, and so on (see Notes).
    threshold_ : Threshold
        That of all planes; it gives `offset_`.
    calibration_scores_ : ndarray of shape (n_calibration,)
        Scores of all held-out slices with all planes, those of the bank first. Each slice is
        compared with other patients' reference slices only.
    calibration_groups_ : int ndarray of shape (n_calibration,)
        Patient of each, as a code.
    offset_ : float
        The conformal threshold (see `scoring.conformal_offset`) of `calibration_scores_`. It is
        ``-inf`` if there are too few of them: nothing is flagged then. Scores of samples with
        missing planes are brought to its scale, so that it is right for them, too.

    Notes
    -----
    Let ``q`` be the z of the smoothed residual of plane p against its reference. At each scale it
    is smoothed again, divided by its standard deviation in healthy slices ``sd``, and clipped. The
    K scales are joined by the signed geometric mean; where their signs differ, z is 0::

        z = sign * (product_k |clip(gaussian_k(q) / sd_k)|)^(1/K)

    With ``s`` the same of the mirror contrast (see `imageops.symmetry`), the evidence of a pixel
    is::

        e = fuse_p (z^2 + max(z s, 0)) / 2        (without symmetry: fuse_p z^2;
                                                   symmetry required: fuse_p max(z s, 0))

    The contrast alone would leave a ghost of the opposite sign on the healthy side; times z,
    which is near 0 there, hardly any is left. The anomaly map is ``sqrt(e)``, the score minus the
    mean of the top `pool_fraction` of ``e``; `z_maps` returns ``z``. Defaults were chosen on
    development phantoms (seeds of their own), none on real labels.

    The CT alone leaves other scores than CT and MRI together. So planes are withheld from held-out
    slices, and each pattern of observed planes has a threshold of its own: each plane alone, all
    but one, and those that occur often enough in X. Scores of incomplete samples are shifted and
    stretched until thresholds and medians agree with those of complete ones
    (`scoring.patterns.PatternThresholds`). Maps are not. A pattern with too few slices takes the
    threshold of the nearest one. `MapScoring.fit` itself withholds planes of the residuals: right
    where the residual of a plane does not depend on the other planes.

    A slice is compared with other patients only where it is known whose it is: where X are `Pairs`
    that name a patient of the fit, and where the slice is in the bank or a copy of one that is
    (re-exported, rescaled by a percent: descriptors within 5 %, less where the bank's patients are
    more alike). Without names, another slice of a bank's patient is not recognised, and looks more
    normal than a new patient's. So score patients that were not trained on.

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
        "symmetry": [*BOOLEAN, OneOf("required")],
        "symmetry_tolerance": [integer(0)],
        "smoothing": [number(0)],
        "scales": [number(0), SequenceOf("a sequence of numbers of at least 0", number(0))],
        "clip": [number(above=0, most=np.inf)],
        "fusion": [OneOf("mean", "max")],
        "pool_fraction": [number(above=0, most=1)],
        "false_positive_rate": [number(0, below=1)],
        "cross_fit": [OneOf("auto"), *BOOLEAN],
        "bank": [OneOf("slices", "summary")],
    }

    def __init__(
        self,
        *,
        reference: Reference = "similar",
        n_neighbors: int = 30,
        symmetry: Symmetry = True,
        symmetry_tolerance: int = 2,
        smoothing: float = 2.0,
        scales: float | Sequence[float] = (0.7, 2.0),
        clip: float = 9.0,
        fusion: Literal["mean", "max"] = "mean",
        pool_fraction: float = 0.005,
        false_positive_rate: float = 0.05,
        cross_fit: bool | Literal["auto"] = "auto",
        bank: Literal["slices", "summary"] = "slices",
    ) -> None:
        self.reference = reference
        self.n_neighbors = n_neighbors
        self.symmetry = symmetry
        self.symmetry_tolerance = symmetry_tolerance
        self.smoothing = smoothing
        self.scales = scales
        self.clip = clip
        self.fusion = fusion
        self.pool_fraction = pool_fraction
        self.false_positive_rate = false_positive_rate
        self.cross_fit = cross_fit
        self.bank = bank

    def fit(self, residual: Planes, X: PairsLike, groups: GroupsLike = None) -> MapScoring:
        """Learn what residuals healthy slices leave.

        Parameters
        ----------
        residual : float32 array (n, n_planes, height, width)
            Residuals of patients that the model did not see.
        X : array-like (n, n_planes, height, width)
            The samples they belong to; similar slices are found by them.
        groups : array (n,), default=None
            Patient of each; None: each sample counts as a patient of its own.

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
        planes = as_residual(residual, reader)
        codes = check_groups(np.arange(len(reader)) if groups is None else groups, len(reader))
        bank = self.choose(reader.shape[1:])(len(reader))
        others = np.setdiff1d(np.arange(len(reader)), bank)
        known = reader.with_groups(codes)
        known.missing = missing_planes(np.asarray(planes, dtype=np.float32))
        kept = np.asarray(planes[bank], dtype=np.float32)

        def given(rows: npt.NDArray[np.int64]) -> Each:
            return lambda X, finish: [finish(np.asarray(planes[rows], dtype=np.float32), X)]

        withheld = [
            asked_without(known.take(rows), seen, given(rows))
            for seen, rows in self.withhold(known)
        ]
        described = describe(known.take(bank))
        part = HeldOut(known, bank, kept, described, given(others), withheld)
        return self.fit_held_out([part])

    def choose(self, shape: tuple[int, ...]) -> Callable[[int], npt.NDArray[np.int64]]:
        """A function that takes a number of slices of this shape, and gives the bank's rows."""
        return lambda n: bank_rows(n, shape, kinds=2 if self.symmetry else 1)
