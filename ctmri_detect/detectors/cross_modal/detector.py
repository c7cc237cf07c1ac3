"""Where CT and MRI disagree: each modality predicted from the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ctmri_detect._extras import require
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
from ctmri_detect._warnings import warn_user
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.detectors.cross_modal.alignment import registered
from ctmri_detect.detectors.cross_modal.pixel_fit import fit_on_pixels
from ctmri_detect.detectors.cross_modal.pixel_regressor import (
    PixelRegressor,
    RegressorPair,
    is_regressor,
)
from ctmri_detect.detectors.cross_modal.predictors import (
    PixelPredictor,
    UNetPredictor,
    Views,
    standardised,
    standardised_pixels,
)
from ctmri_detect.exceptions import UnpairedDataWarning
from ctmri_detect.imageops.position import position_statistics
from ctmri_detect.networks.training.settings import Training, check_training
from ctmri_detect.pairing.check import pairing_verdict
from ctmri_detect.scoring import MapScoring
from ctmri_detect.validation import PairReader

# weights of the kinds of evidence, chosen on phantoms of development seeds (120, 121)
EVIDENCE = {"mismatch": 0.5, "symmetry": 0.5, "within": 0.3}
_EVIDENCE = SequenceOf(
    f"a tuple of one or more of {', '.join(EVIDENCE)}, such as ('mismatch',)", OneOf(*EVIDENCE)
)


class CrossModalDetector(BasePairedDetector):
    """Predict each modality from the other, and score the disagreement.

    In a healthy head the MRI follows from the CT and the other way round, up to noise: the same
    tissue makes both. A lesion changes tissue in a way that the other modality does not lead one
    to expect: a fresh bleed is bright in CT and dark in T2, an early infarct is bright in T2 and
    nearly invisible in CT. Each plane is predicted with mean and variance; the residual is the
    standardised difference. An MRI that lies a few pixels beside its CT is moved to where its
    prediction wants it first.

    What is odd in both modalities in an agreeing way (oedema: dark in CT, bright in T2, as fluid
    is) must not escape: so the deviation from the mean of healthy slices at that place is added
    (*within*), and the mirrored hemisphere may join the prediction (*symmetry*).

    It fails where the pairs are not pairs (`fit` looks at up to 64 of them and warns, see
    `datasets.check_pairing`), where they are off by more than `tolerance`, on slices that are not
    head-aligned (symmetry), and on lesions that look like ordinary tissue of that place in both
    modalities. In the pure form, ``evidence=("mismatch",)``, samples with one modality missing
    are refused.

    Parameters
    ----------
    evidence : tuple of {"mismatch", "symmetry", "within"}, default=("mismatch", "within")
        What the residual is made of: prediction from the other modality; prediction from the
        mirrored hemisphere (of the same modality, and with "mismatch" from both together);
        deviation from the healthy mean at that place. Each is usable alone. Symmetry is meant for
        what is odd in both modalities alike; it takes time, leaves a ghost of a lesion on the
        healthy side, and gained nothing on the phantoms of docs/results.md.
    predictor : {"pixel", "unet"} or regressor, default="pixel"
        "pixel": a small network on a filter bank, seconds. "unet": a U-Net for each plane, some
        minutes (a GPU helps), and somewhat more accurate. Any scikit-learn regressor takes the
        place of the small network.
    tolerance : int, default=4
        Pixels by which the MRI may lie beside the CT when scoring; it is then also turned by up to
        5 degrees. 0 takes pairs as they are, and is faster.
    trim : float, default=0.02
        Share of the worst predicted pixels that training leaves out, 0 to below 0.5: a training
        set with lesions in it is the rule. More costs a little accuracy on clean data.
    pixels_per_slice : int, default=400
        Pixels of each training slice that the pixel form sees; more cost time, little else.
    training : Training, default=None
        Settings of the optimisation; None means ``Training(max_epochs=8, batch_size=2048,
        lr=5e-3)`` for "pixel", and ``Training(max_epochs=60, batch_size=16, lr=3e-3,
        augmentation="flip")`` for "unet".
    map_scoring : MapScoring, default=None
        None means `MapScoring()` for "pixel", and ``MapScoring(smoothing=1.5, symmetry=False)``
        for "unet", whose residuals are smoother (both chosen on seeds 120 and 121).
        ``rescore(**scoring.POOLING["small"])`` and ``["large"]`` are for lesions whose size is
        known.
    device : str, default="auto"
        Where networks are trained: "auto", "cpu", "cuda". The pixel form scores on the CPU.
    random_state : int, RandomState or None, default=None
        Choice of pixels, initial weights, order of batches.

    Attributes
    ----------
    predictors_ : dict of str to predictor
        By kind of evidence, without "within".
    mean_, sd_ : float32 arrays (2, height, width)
        Healthy mean and standard deviation at each place.
    map_scoring_ : MapScoring
        The fitted way from residual to map and score.
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

    References
    ----------
    Nix and Weigend (1994), Estimating the mean and variance of the target probability
    distribution, ICNN, for the likelihood. Huber (1964), Robust estimation of a location
    parameter, Annals of Mathematical Statistics 35:73, for the weights. Rousseeuw (1984), Least
    median of squares regression, J. Am. Stat. Assoc. 79:871, for trimming.

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
            OneOf("pixel", "unet"),
            Such("a scikit-learn regressor (an instance)", is_regressor),
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
        evidence: Sequence[str] = ("mismatch", "within"),
        predictor: Any = "pixel",
        tolerance: int = 4,
        trim: float = 0.02,
        pixels_per_slice: int = 400,
        training: Training | None = None,
        map_scoring: MapScoring | None = None,
        device: str = "auto",
        random_state: Any = None,
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
        """Cheap with pixel networks; a missing plane needs evidence from one plane alone."""
        good = _EVIDENCE.is_satisfied_by(self.evidence)  # `fit` refuses anything else
        chosen = tuple(self.evidence) if good else ()
        return Traits(
            cheap=not self._is_unet,
            threadsafe=isinstance(self.predictor, str) and self.predictor == "pixel",
            missing_modality="within" in chosen or "mismatch" not in chosen,
        )

    @property
    def _is_unet(self) -> bool:
        return isinstance(self.predictor, str) and self.predictor == "unet"

    def _default_map_scoring(self) -> MapScoring:
        return MapScoring(smoothing=1.5, symmetry=False) if self._is_unet else MapScoring()

    def _default_training(self) -> Training:
        if self._is_unet:
            return Training(max_epochs=60, batch_size=16, lr=3e-3, augmentation="flip")
        return Training(max_epochs=8, batch_size=2048, lr=5e-3, schedule="onecycle")

    def _check_parameters(self) -> None:
        check_training(self.training, self.random_state)

    def _prepare(self, X: PairReader) -> None:
        if "mismatch" not in self.evidence:
            return
        verdict = pairing_verdict(X, X.groups)
        if verdict.paired is False:
            warn_user(
                f"CT and MRI do not seem to show the same heads (p = {verdict.p_value:.2g} in "
                f"{len(verdict.rows)} pairs): what one says about the other means nothing then. "
                "See datasets.check_pairing(X, groups=groups). Match the files, register the "
                "pairs, or take evidence=('within',) or a detector that looks at each modality "
                "by itself, such as AtlasDetector.",
                UnpairedDataWarning,
            )

    def _fit(self, X: PairReader) -> None:
        self.mean_, self.sd_ = position_statistics(X)
        rng = own_random_state(self.random_state)
        self.predictors_: dict[str, Any] = {}
        for kind in EVIDENCE:
            if kind in self.evidence and kind != "within":
                both = kind == "symmetry" and "mismatch" in self.evidence
                views = {"mismatch": ("other",), "symmetry": ("mirror",)}[kind]
                self.predictors_[kind] = self._new_predictor(("other", "mirror") if both else views)
        predictors = list(self.predictors_.values())
        if all(isinstance(predictor, PixelPredictor) for predictor in predictors):
            fit_on_pixels(predictors, X, rng)
        else:
            for predictor in predictors:
                predictor.fit(X, rng)

    def _new_predictor(self, views: Views) -> Any:
        training = self._default_training() if self.training is None else self.training
        if not isinstance(self.predictor, str):
            regressor: Any = RegressorPair(self.predictor, self.trim, 0)
            return PixelPredictor(views, regressor, self.pixels_per_slice)
        require("torch", extra="torch")
        if self.predictor == "unet":
            return UNetPredictor(views, training, self.trim, self.device)
        regressor = PixelRegressor(training, self.trim, self.device, 0)
        return PixelPredictor(views, regressor, self.pixels_per_slice)

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        first = next(iter(self.predictors_.values()), None)
        described = None if first is None else first.describe(X)
        if "mismatch" in self.evidence and self.tolerance:
            X = registered(X, self.predictors_["mismatch"], described, self.tolerance)
        parts = self._predicted_parts(X, described)
        if "within" in self.evidence:
            parts["within"] = (X - self.mean_) / self.sd_
        total, power = np.zeros_like(X), np.zeros_like(X)
        for kind, part in parts.items():
            seen = ~np.isnan(part)
            total += EVIDENCE[kind] * np.where(seen, part, np.float32(0))
            power += EVIDENCE[kind] ** 2 * seen.astype(np.float32)
        scale = np.sqrt(np.where(power > 0, power, np.float32(1)))
        return np.asarray(total / scale, dtype=np.float32)

    def _predicted_parts(self, X: npt.NDArray[np.float32], described: Any) -> dict[str, Any]:
        """Standardised difference to each prediction, by kind of evidence."""
        predictors = list(self.predictors_.values())
        if all(isinstance(predictor, PixelPredictor) for predictor in predictors):
            parts = standardised_pixels(predictors, X, described)
        else:
            parts = [standardised(X, *predictor.predict(X, None)) for predictor in predictors]
        return dict(zip(self.predictors_, parts, strict=True))
