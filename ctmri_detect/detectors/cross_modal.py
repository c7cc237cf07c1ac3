"""Where CT and MRI disagree: each modality predicted from the other."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

from ctmri_detect._extras import require
from ctmri_detect.base import BasePairedDetector, PairedTags
from ctmri_detect.datasets.pairing import pairing_verdict
from ctmri_detect.detectors._pixel_regressor import PixelRegressor
from ctmri_detect.exceptions import InvalidPairsError, UnpairedDataWarning
from ctmri_detect.imageops.filters import filter_bank, geometry
from ctmri_detect.imageops.position import position_statistics
from ctmri_detect.imageops.recalibrate import recalibrate
from ctmri_detect.networks.training import Training
from ctmri_detect.scoring import MapScoring
from ctmri_detect.validation import CT, MRI, PairReader

# weights of the kinds of evidence; .3 was the best of .3, .5 and 1 on phantoms of development seeds
EVIDENCE = {"mismatch": 1.0, "within": 0.3}

Features = npt.NDArray[np.float32]


class CrossModalDetector(BasePairedDetector):
    """Predict each modality from the other, and score the disagreement.

    In a healthy head the MRI follows from the CT and the other way round, up to noise: the same
    tissue makes both. A lesion changes tissue in a way that the other modality does not lead one
    to expect: a fresh bleed is bright in CT and dark in T2, an early infarct is bright in T2 and
    nearly invisible in CT. Two small networks, one a direction, predict mean and variance of a
    pixel from a multi-scale filter bank of the other plane; the residual is the standardised
    difference. Fits in seconds on a CPU.

    What is odd in both modalities in an agreeing way (oedema: dark in CT, bright in T2, as fluid
    is) must not escape: so the evidence *within* each modality, its deviation from the mean of
    the healthy slices at that place, is added by default.

    It fails where the pairs are not pairs (`fit` looks at up to 64 of them and warns, see
    `datasets.check_pairing`) or badly registered (more than about two pixels at 128 x 128), and
    on lesions that look like ordinary tissue of that place in both modalities.
    In the pure form, ``evidence=("mismatch",)``, samples with one modality missing are refused.

    Parameters
    ----------
    evidence : tuple of {"mismatch", "within"}, default=("mismatch", "within")
        What the residual is made of: the prediction from the other modality, the deviation from
        the healthy mean at that place, or their weighted sum.
    pixels_per_slice : int, default=400
        Pixels of each training slice that the networks see; more cost time, little else.
    width : int, default=64
        Units in each of the two hidden layers.
    training : Training, default=None
        Settings of the optimisation; None means
        ``Training(max_epochs=8, batch_size=2048, lr=5e-3, schedule="onecycle")``.
    map_scoring : MapScoring, default=None
        None means `MapScoring()`.
    device : str, default="auto"
        Where the networks are trained and run: "auto", "cpu", "cuda".
    random_state : int, RandomState or None, default=None
        Choice of pixels, initial weights, order of batches.

    Attributes
    ----------
    regressors_ : list of two PixelRegressor
        CT from MRI, and MRI from CT; empty without "mismatch".
    mean_, sd_ : float32 arrays (2, height, width)
        Healthy mean and standard deviation at each place.
    map_scoring_ : MapScoring
        The fitted way from residual to map and score.
    offset_ : float
        Score below which `predict` says -1.

    Notes
    -----
    With ``f(b)`` the filter bank of plane b (`imageops.filters`) and the place of the pixel in
    the head, the networks give ``m, v = g(f(b))`` and minimise the Gaussian negative
    log-likelihood ``((a - m)^2 / v + log v) / 2`` of the target plane a. For each image the
    prediction is then recalibrated: ``a ~ alpha + beta m`` by iteratively reweighted least
    squares (Huber's weights over ``v``), since scanners and contrast differ more between
    patients than between places. The mismatch is ``(a - alpha - beta m) / sqrt(v)``, the
    evidence within ``(a - mean) / sd`` of that place; the residual is the sum of those in use,
    with weights 1 and 0.3, over the root of the sum of the squared weights.

    References
    ----------
    Nix and Weigend (1994), Estimating the mean and variance of the target probability
    distribution, ICNN, for the likelihood. Huber (1964), Robust estimation of a location
    parameter, Annals of Mathematical Statistics 35:73, for the weights.

    Examples
    --------
    >>> from scipy.ndimage import gaussian_filter
    >>> from ctmri_detect import CrossModalDetector
    >>> rng = np.random.default_rng(0)
    >>> tissue = 7 * gaussian_filter(rng.normal(size=(24, 1, 32, 32)), (0, 0, 2, 2))
    >>> X = np.concatenate([tissue, -tissue], axis=1) + 0.1 * rng.normal(size=(24, 2, 32, 32))
    >>> odd = X[:1].copy(); odd[0, 1, 8:14, 8:14] += 2   # bright in MRI, nothing in CT
    >>> detector = CrossModalDetector(random_state=0).fit(X)
    >>> int(detector.predict(odd)[0])
    -1
    >>> detector.explain(odd).regions.loc[0, ["modality", "sign"]].tolist()
    ['MRI', 'brighter']
    """

    _resolved: ClassVar[dict[str, str]] = {
        "map_scoring": "_default_map_scoring",
        "training": "_default_training",
    }

    _cross_fits = True

    def __init__(
        self,
        evidence: Sequence[str] = ("mismatch", "within"),
        pixels_per_slice: int = 400,
        width: int = 64,
        training: Training | None = None,
        map_scoring: MapScoring | None = None,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.evidence = evidence
        self.pixels_per_slice = pixels_per_slice
        self.width = width
        self.training = training
        self.map_scoring = map_scoring
        self.device = device
        self.random_state = random_state

    @classmethod
    def _default_training(cls) -> Training:
        return Training(max_epochs=8, batch_size=2048, lr=5e-3, schedule="onecycle")

    def __sklearn_tags__(self) -> PairedTags:
        tags = super().__sklearn_tags__()
        tags.missing_modality = "within" in (self.evidence or ())
        return tags

    def _check_parameters(self) -> None:
        chosen = tuple(self.evidence or ())
        if not chosen or not set(chosen) <= set(EVIDENCE) or isinstance(self.evidence, str):
            raise ValueError(
                f"evidence is {self.evidence!r}; expected a tuple of one or more of "
                f"{', '.join(EVIDENCE)}, such as ('mismatch',)."
            )
        if self.pixels_per_slice < 1 or self.width < 1:
            raise ValueError(
                f"pixels_per_slice is {self.pixels_per_slice} and width {self.width}; expected "
                "both to be at least 1."
            )

    def _before_fit(self, X: PairReader, codes: npt.NDArray[np.int64] | None) -> None:
        self._check_parameters()
        if "mismatch" not in self.evidence:
            return
        verdict = pairing_verdict(X, codes)
        if verdict.paired is False:
            warnings.warn(
                f"CT and MRI do not seem to show the same heads (p = {verdict.p_value:.2g} in "
                f"{len(verdict.rows)} pairs): what one says about the other means nothing then. "
                "See datasets.check_pairing(X, groups=groups). Match the files, register the "
                "pairs, or take evidence=('within',) or a detector that looks at each modality "
                "by itself, such as AtlasDetector.",
                UnpairedDataWarning,
                stacklevel=3,
            )

    def _fit(self, X: PairReader) -> None:
        self._check_parameters()
        self.mean_, self.sd_ = position_statistics(X)
        self.regressors_: list[PixelRegressor] = []
        if "mismatch" not in self.evidence:
            return
        require("torch", extra="torch")
        rng = check_random_state(self.random_state)
        training = self._default_training() if self.training is None else self.training
        features, targets = self._draw(X, rng)
        for target in (CT, MRI):
            regressor = PixelRegressor(self.width, training, self.device, rng.randint(2**31 - 1))
            self.regressors_.append(regressor.fit(features[1 - target], targets[:, target]))

    def _draw(
        self, X: PairReader, rng: np.random.RandomState
    ) -> tuple[list[Features], npt.NDArray[np.float32]]:
        """Random pixels, observed in both planes: features of each plane, and the intensities."""
        features: list[list[Features]] = [[], []]
        targets = []
        for block in X.blocks():
            for pair in block:
                both = np.flatnonzero(~np.isnan(pair).any(axis=0).ravel())
                chosen = rng.permutation(both)[: self.pixels_per_slice]
                for plane, columns in enumerate(pair_features(pair)):
                    features[plane].append(columns[chosen])
                targets.append(pair.reshape(2, -1)[:, chosen].T)
        stacked = np.concatenate(targets)
        if not len(stacked):
            raise InvalidPairsError(
                "No pixel is observed in both planes; expected CT and MRI of the same place. "
                "Check that the planes overlap."
            )
        return [np.concatenate(f) for f in features], stacked

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        total, power = np.zeros_like(X), np.zeros_like(X)
        for name in self.evidence:
            part = self._mismatch(X) if name == "mismatch" else (X - self.mean_) / self.sd_
            seen = ~np.isnan(part)
            total[seen] += EVIDENCE[name] * part[seen]
            power[seen] += EVIDENCE[name] ** 2
        scale = np.sqrt(np.where(power > 0, power, np.float32(1)))
        return np.asarray(total / scale, dtype=np.float32)

    def _mismatch(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Standardised difference to the prediction; NaN where one plane was not observed."""
        out = np.full(X.shape, np.nan, np.float32)
        for pair, result in zip(X, out, strict=True):
            both = ~np.isnan(pair).any(axis=0)
            if not both.any():
                continue
            seen = both.ravel()
            features = pair_features(pair)
            for target in (CT, MRI):
                mean, variance = self.regressors_[target].predict(features[1 - target][seen])
                observed = pair[target][both]
                mean = recalibrate(observed, mean, variance)
                result[target][both] = (observed - mean) / np.sqrt(variance)
        return out


def pair_features(pair: npt.NDArray[np.float32]) -> list[Features]:
    """Features of each plane's pixels: two arrays ``(height * width, n_features)``."""
    seen = ~np.isnan(pair)
    place = geometry(seen[CT] | seen[MRI])
    banks = (filter_bank(pair[p], seen[p]) for p in (CT, MRI))
    return [np.concatenate([b, place]).reshape(len(b) + len(place), -1).T for b in banks]
