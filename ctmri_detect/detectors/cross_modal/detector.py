"""Predict each modality from the others, and score where prediction and image differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ctmri_detect._parameters import (
    DEVICE,
    RANDOM_STATE,
    Constraints,
    OneOf,
    SequenceOf,
    Such,
    integer,
    number,
)
from ctmri_detect._random import own_random_state
from ctmri_detect._types import RandomState
from ctmri_detect._warnings import warn_user
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.detectors.cross_modal.choice import NAMED, Settings, can_predict, form_of
from ctmri_detect.detectors.cross_modal.outputs import PredictedPlanes
from ctmri_detect.detectors.cross_modal.predictor import Predictor
from ctmri_detect.detectors.cross_modal.residual import EVIDENCE, combined, deviations
from ctmri_detect.detectors.cross_modal.views import view_sets_of
from ctmri_detect.exceptions import InvalidPairsError, UnpairedDataWarning
from ctmri_detect.imageops.position import position_statistics
from ctmri_detect.networks.training.settings import Training, check_training
from ctmri_detect.pairing.check import pairing_verdict
from ctmri_detect.scoring import MapScoring
from ctmri_detect.validation import PairReader

_EVIDENCE = SequenceOf(
    f"a tuple of one or more of {', '.join(EVIDENCE)}, such as ('mismatch',)", OneOf(*EVIDENCE)
)


class CrossModalDetector(PredictedPlanes, BasePairedDetector):
    """Predict each modality from the others, and score the disagreement.

    In a healthy head the MRI can be predicted from the CT, and the CT from the MRI, up to noise:
    both show the same tissue. A lesion breaks this rule: a fresh bleed is bright in CT and dark
    in T2, an early infarct is bright in T2 and nearly invisible in CT. Each plane is predicted
    with mean and variance, and the residual is the standardised difference. An MRI that is
    shifted by a few pixels against its CT is first registered to its prediction.

    Some lesions look like a normal tissue in both modalities: oedema is dark in CT and bright in
    T2, as fluid is. The other modality predicts them well. So the deviation from the mean of
    healthy slices at that place is added (*within*), and the prediction may also use the mirrored
    hemisphere (*symmetry*).

    When it fails: where CT and MRI show different heads (`fit` tests up to 64 pairs and warns, see
    `datasets.check_pairing`), where they are shifted by more than `tolerance`, on slices that are
    not head-aligned (symmetry), and on lesions that look like normal tissue of that place in both
    modalities. With ``evidence=("mismatch",)`` it refuses samples that lack a modality.

    Parameters
    ----------
    evidence : tuple of {"mismatch", "symmetry", "within"}, default=("mismatch", "within")
        What the residual is made of: prediction from the other modality; prediction from the
        mirrored hemisphere (of the same modality, and with "mismatch" from both together);
        deviation from the healthy mean at that place. Each can be used alone. Symmetry takes time,
        also marks the healthy side opposite a lesion, and gained nothing in docs/results.md.
    predictor : {"pixel", "unet"}, regressor or Predictor, default="pixel"
        "pixel": a small network on a filter bank; a fit takes seconds. "unet": a U-Net for each
        plane; minutes (a GPU helps), and somewhat more accurate. A scikit-learn regressor
        replaces the small network. A `detectors.cross_modal.Predictor` of your own is cloned and
        replaces the whole prediction; `trim`, `pixels_per_slice`, `training` and `device` are then
        not used.
    tolerance : int, default=4
        Largest shift of the MRI against the CT that scoring corrects, pixels; rotations of up to
        5 degrees are corrected too. 0 corrects nothing, and is faster.
    trim : float, default=0.02
        Share of the worst predicted pixels that training leaves out, 0 to below 0.5, because most
        training sets contain some lesions. A larger share makes clean data a little less accurate.
    pixels_per_slice : int, default=400
        Pixels of each training slice that the pixel form learns from; more take more time.
    training : Training, default=None
        Settings of the optimisation; None means ``Training(max_epochs=8, batch_size=2048,
        lr=5e-3)`` for "pixel", and ``Training(max_epochs=60, batch_size=16, lr=3e-3,
        augmentation="flip")`` for "unet".
    map_scoring : MapScoring, default=None
        None means `MapScoring()`, and ``MapScoring(symmetry=False)`` for "unet" (chosen on seeds
        120 and 121).
        ``rescore(**scoring.POOLING["small"])`` and ``["large"]`` are for lesions whose size is
        known.
    device : str, default="auto"
        Where networks are trained: "auto", "cpu", "cuda". The pixel form scores on the CPU.
    random_state : int, RandomState or None, default=None
        Choice of pixels, initial weights, order of batches.

    Attributes
    ----------
    predictor_ : Predictor
        Fitted; None if `evidence` is "within" alone.
    view_sets_ : dict of str to tuple of str
        By kind of evidence, what its prediction sees; "within" needs none.
    mean_, sd_ : float32 arrays (n_planes, height, width)
        Healthy mean and standard deviation at each place; None without "within".
    map_scoring_ : MapScoring
        Fitted; turns residuals into maps and scores.
    offset_ : float
        Score below which `predict` says -1.

    Notes
    -----
    A predictor gives mean ``m`` and variance ``v`` of a plane ``a`` from features ``f`` of what it
    may see (the pixel form: filters of `imageops.filters` and the place in the head), and minimises
    the Gaussian negative log-likelihood ``((a - m)^2 / v + log v) / 2`` without the worst `trim` of
    the pixels. For each image the prediction is then recalibrated: ``a ~ alpha + beta m`` by
    iteratively reweighted least squares (Huber's weights over ``v``), since scanners and contrast
    differ more between patients than between places. The residual of a kind of evidence is
    ``(a - alpha - beta m) / sqrt(v)``, and within a modality ``(a - mean) / sd`` of that place; the
    kinds in use are added with weights .5 (mismatch), .5 (symmetry) and .3 (within), over the root
    of the sum of squared weights.

    With more than two planes, each is predicted from all others that are observed. The registration
    does not move the first plane. In the "pixel" form one network serves all planes: a linear map
    of each plane's features into a common space, their sum over the other planes, and layers of
    each predicted plane, so time is in proportion to the planes. A scikit-learn regressor is fitted
    for each plane on all others; its time grows with the square of the planes.

    References
    ----------
    Likelihood: Nix and Weigend (1994), Estimating the mean and variance of the target probability
    distribution, ICNN. Weights: Huber (1964), Robust estimation of a location parameter, Ann. Math.
    Stat. 35:73. Trimming: Rousseeuw (1984), Least median of squares regression, JASA 79:871.

    Examples
    --------
    >>> from scipy.ndimage import gaussian_filter
    >>> from ctmri_detect import CrossModalDetector
    >>> rng = np.random.default_rng(0)
    >>> tissue = 7 * gaussian_filter(rng.normal(size=(24, 1, 32, 32)), (0, 0, 2, 2))
    >>> X = np.concatenate([tissue, -tissue], axis=1) + 0.1 * rng.normal(size=(24, 2, 32, 32))
    >>> odd = X[:1].copy(); odd[0, 1, 8:16, 8:16] += 3   # bright in MRI, nothing in CT
    >>> detector = CrossModalDetector(random_state=0).fit(X, groups=range(24))
    >>> int(detector.predict(odd)[0])
    -1
    >>> detector.explain(odd).regions.loc[0, ["modality", "sign"]].tolist()
    ['MRI', 'brighter']
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "evidence": [_EVIDENCE],
        "predictor": [
            OneOf(*NAMED),
            Such("a scikit-learn regressor or a Predictor (an instance)", can_predict),
        ],
        "tolerance": [integer(0)],
        "trim": [number(0, below=0.5)],
        "pixels_per_slice": [integer(1)],
        "training": [Training, None],
        "map_scoring": [MapScoring, None],
        "device": DEVICE,
        "random_state": RANDOM_STATE,
    }
    _resolved: ClassVar[dict[str, str]] = {
        "map_scoring": "_default_map_scoring",
        "training": "_default_training",
    }

    def __init__(
        self,
        *,
        evidence: Sequence[str] = ("mismatch", "within"),
        predictor: Any = "pixel",
        tolerance: int = 4,
        trim: float = 0.02,
        pixels_per_slice: int = 400,
        training: Training | None = None,
        map_scoring: MapScoring | None = None,
        device: str = "auto",
        random_state: RandomState = None,
    ) -> None:
        self.evidence = evidence
        self.predictor = predictor
        self.tolerance = tolerance
        self.trim = trim
        self.pixels_per_slice = pixels_per_slice
        self.training = training
        self.map_scoring = map_scoring
        self.device = device
        self.random_state = random_state

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Those of the predictor; missing planes also need evidence within one plane."""
        good = _EVIDENCE.is_satisfied_by(self.evidence)  # `fit` refuses anything else
        chosen = tuple(self.evidence) if good else ()
        own = self._new_predictor().traits
        alone = "within" in chosen or "mismatch" not in chosen
        missing = alone and (own.missing_modality or set(chosen) == {"within"})
        return Traits(cheap=own.cheap, threadsafe=own.threadsafe, missing_modality=missing)

    def _default_map_scoring(self) -> MapScoring:
        return MapScoring(**form_of(self.predictor).map_scoring)

    def _default_training(self) -> Training:
        return Training(**form_of(self.predictor).training)

    def _new_predictor(self, n_planes: int = 2) -> Predictor:
        training = self._default_training() if self.training is None else self.training
        settings = Settings(training, self.trim, self.pixels_per_slice, self.device, n_planes)
        return form_of(self.predictor).make(self.predictor, settings)

    def _check_parameters(self) -> None:
        check_training(self.training, self.random_state)

    def _prepare(self, X: PairReader) -> None:
        if "mismatch" not in self.evidence:
            return
        if X.shape[1] < 2:
            raise InvalidPairsError(
                "X has one plane; 'mismatch' predicts a plane from others. Give more, or take "
                "AtlasDetector, SyntheticAnomalyDetector(channels='planes'), evidence=('within',)."
            )
        verdict = pairing_verdict(X, X.groups)
        if verdict.paired is False:
            warn_user(
                f"{verdict.why_not()}; then neither can predict the other. See "
                "datasets.check_pairing(X, groups=groups). Match the files, register the pairs, or "
                "take evidence=('within',) or another detector, such as AtlasDetector.",
                UnpairedDataWarning,
            )

    def _fit(self, X: PairReader) -> None:
        self.mean_: Any = None
        self.sd_: Any = None
        if "within" in self.evidence:
            self.mean_, self.sd_ = position_statistics(X)
        self.view_sets_ = view_sets_of(self.evidence)
        self.predictor_ = self._new_predictor(X.shape[1]) if self.view_sets_ else None
        if self.predictor_ is not None:
            rng = own_random_state(self.random_state)
            self.predictor_.fit(X, list(self.view_sets_.values()), rng)

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        parts: dict[str, npt.NDArray[np.float32]] = {}
        if self.predictor_ is not None:
            X, described = self._described(X, self.predictor_)
            found = deviations(X, self.predictor_, described, len(self.view_sets_))
            parts = dict(zip(self.view_sets_, found, strict=True))
        if self.mean_ is not None:
            parts["within"] = (X - self.mean_) / self.sd_
        return combined(parts)
