"""Outlier detection on deep features of patches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect._parameters import DEVICE, RANDOM_STATE, Constraints, OneOf, Such, integer
from ctmri_detect._random import own_random_state
from ctmri_detect._types import RandomState
from ctmri_detect.base import Traits
from ctmri_detect.detectors.deep_features.described import CONDITIONING, FeatureGridDetector
from ctmri_detect.detectors.deep_features.outlier import NAMES, is_outlier_estimator
from ctmri_detect.detectors.deep_features.patches import Patches, PatchScorer
from ctmri_detect.features.grid import FeatureGrid, pooled
from ctmri_detect.features.protocol import FEATURES, FeatureExtractor
from ctmri_detect.scoring import MapScoring
from ctmri_detect.validation import PairReader

MOST_PATCHES = 6000  # of each plane that the outlier detector is fitted on
_BLOCK = 16


class DeepFeatureDetector(FeatureGridDetector):
    """Any outlier detector on deep features of patches.

    `features` describe each patch of a plane by a vector: by default, shallow layers of a network
    pretrained on photographs give 112 numbers for each 4 x 4 pixels (`BackboneFeatures`). From
    these, what the other modality, similar slices and the place explain is taken away
    (`conditioning`, see `features.FeatureConditioning`). An outlier detector of PyOD or
    scikit-learn learns how what remains is spread in healthy slices. Its choice hardly matters;
    the conditioning does: docs/results.md shows each part by itself.

    On synthetic pairs it finds about as many slices as `CrossModalDetector`, in several times the
    time. It fails on lesions smaller than a patch, and on what both modalities show as normal
    tissue of that place. What is odd in one plane makes the prediction of the others wrong, too,
    so `explain` may name the wrong plane. It needs head-aligned slices and some twenty patients.

    Parameters
    ----------
    detector : str or estimator, default="mahalanobis"
        "mahalanobis" (Ledoit and Wolf's covariance), "ocsvm" (PyOD's One-Class SVM, nu .1),
        "iforest" (PyOD's Isolation Forest), "knn" (distance to the fifth nearest training
        patch), "ecod" (how far in the tails of the training patches), or any outlier estimator
        of PyOD or scikit-learn whose scores of a sample don't depend on the other samples, such
        as ``LocalOutlierFactor(novelty=True)``.
    features : feature extractor, default=None
        Any object with `fit` and `grids`, see `features.FeatureExtractor`. A clone of it is
        fitted. None means ``BackboneFeatures(device=device)``.
    conditioning : FeatureConditioning or False, default=None
        What is taken away from the features first. None means `FeatureConditioning()`. False
        takes nothing away; then only the outlier detector is trained, and
        ``features=JointFeatures(BackboneFeatures())`` finds more than planes by themselves.
    level : {"patch", "image"}, default="patch"
        "patch" scores each patch. "image" scores a slice by mean and standard deviation of its
        patches' features: it does not say where the anomaly is, and finds less.
    n_components : int, default=128
        Largest number of whitened principal components that the detector uses. Fewer are faster
        and find less.
    patches_per_slice : int, default=64
        Random patches of each plane of a training slice that the detector is fitted on, at most
        6000 a plane in all. More take more time.
    map_scoring : MapScoring, default=None
        None means ``MapScoring(scales=2.0)``, since the smoothed cells hold nothing finer. For
        "image", only a threshold: ``MapScoring(reference=None, symmetry=False, smoothing=0,
        scales=0)``.
    device : str, default="auto"
        Where the default features run: "auto" (CUDA if there is), "cpu", "cuda". Features that
        are given have a device of their own.
    random_state : int, RandomState or None, default=None
        Choice of patches, and the detector's own randomness.

    Attributes
    ----------
    features_ : feature extractor
        The fitted features. The default network itself is not stored; its package is read again.
    conditioning_ : FeatureConditioning or None
        Fitted.
    scorers_ : list of PatchScorer
        Whitening and fitted detector (``outlier_``) of each plane, or one for all planes
        together; None for a plane that no training sample has.
    device_ : str
        The device in use.
    map_scoring_ : MapScoring
        Fitted; turns residuals into maps and scores.
    offset_ : float
        Score below which `predict` says -1.

    Notes
    -----
    Features are standardised and whitened. With ``s`` the outlier detector's score, high =
    abnormal, the residual is ``arcsinh((s - median) / spread)``. Median and spread (84 % quantile
    minus median) are those of the training patches. The residual is interpolated linearly from
    patch centres to pixels. It has no sign: positive = unusual.

    References
    ----------
    Rippel, Mertens and Merhof (2021), Modeling the distribution of normal data in pre-trained
    deep features for anomaly detection, ICPR, for "mahalanobis". Ledoit and Wolf (2004), A
    well-conditioned estimator for large-dimensional covariance matrices, Journal of Multivariate
    Analysis 88:365. Zhao, Nasrullah and Li (2019), PyOD: a Python toolbox for scalable outlier
    detection, JMLR 20(96).

    Examples
    --------
    >>> from ctmri_detect import DeepFeatureDetector
    >>> from ctmri_detect.features import FilterBankFeatures
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 16, 16))
    >>> detector = DeepFeatureDetector("knn", features=FilterBankFeatures(), random_state=0)
    >>> detector = detector.fit(X, groups=np.arange(20) // 4)
    >>> detector.anomaly_map(X[:3]).shape
    (3, 16, 16)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "detector": [
            OneOf(*NAMES),
            Such(
                "an outlier estimator (an instance) of PyOD or scikit-learn that needs no labels "
                "and has score_samples for new samples, such as LocalOutlierFactor(novelty=True)",
                is_outlier_estimator,
            ),
        ],
        "features": FEATURES,
        "conditioning": CONDITIONING,
        "level": [OneOf("patch", "image")],
        "n_components": [integer(1)],
        "patches_per_slice": [integer(1)],
        "map_scoring": [MapScoring, None],
        "device": DEVICE,
        "random_state": RANDOM_STATE,
    }

    def __init__(
        self,
        detector: BaseEstimator = "mahalanobis",
        *,
        features: FeatureExtractor | None = None,
        conditioning: Any = None,
        level: Literal["patch", "image"] = "patch",
        n_components: int = 128,
        patches_per_slice: int = 64,
        map_scoring: MapScoring | None = None,
        device: str = "auto",
        random_state: RandomState = None,
    ) -> None:
        self.detector = detector
        self.features = features
        self.conditioning = conditioning
        self.level = level
        self.n_components = n_components
        self.patches_per_slice = patches_per_slice
        self.map_scoring = map_scoring
        self.device = device
        self.random_state = random_state

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Those of the features; level="image" does not localize."""
        return replace(super().traits, localizes=self.level == "patch")

    def _default_map_scoring(self) -> MapScoring:
        if self.level == "image":
            return MapScoring(reference=None, symmetry=False, smoothing=0.0, scales=0.0)
        return MapScoring(scales=2.0)

    def _fit(self, X: PairReader) -> None:
        rng = own_random_state(self.random_state)
        self._fit_features(X, rng)
        self.scorers_ = [
            PatchScorer(self.detector, self.n_components, rng.randint(2**31 - 1)).fit(patches)
            if len(patches) > 1
            else None  # a plane that no training sample has
            for patches in self._draw(X, rng)
        ]

    def _draw(self, X: PairReader, rng: np.random.RandomState) -> list[Patches]:
        """Random observed patches of each group, about the same number from every slice."""
        slices = np.unique(np.linspace(0, len(X) - 1, min(len(X), MOST_PATCHES)).astype(int))
        each = min(self.patches_per_slice, MOST_PATCHES // len(slices))
        drawn: list[list[Patches]] = []
        for part in np.array_split(slices, range(_BLOCK, len(slices), _BLOCK)):
            block = X.take(part)
            grid = self._of_level(self._grid(np.asarray(block), block.groups))
            drawn = drawn or [[] for _ in range(grid.seen.shape[1])]
            for values, seen in zip(grid.values, grid.seen, strict=True):
                for patches, group, cells in zip(drawn, values, seen, strict=True):
                    there = np.argwhere(cells)
                    there = there[rng.permutation(len(there))[:each]]
                    patches.append(group[there[:, 0], there[:, 1]])
        return [np.concatenate(patches) for patches in drawn]

    def _of_level(self, grid: FeatureGrid) -> FeatureGrid:
        return pooled(grid) if self.level == "image" else grid

    def _residual_of_grid(
        self,
        grid: FeatureGrid,
        X: npt.NDArray[np.float32],
        codes: npt.NDArray[np.int64] | None,
    ) -> npt.NDArray[np.float32]:
        grid = self._of_level(grid)
        scores = np.zeros(grid.seen.shape)
        for group, scorer in enumerate(self.scorers_):
            seen = grid.seen[:, group]
            if scorer is not None and seen.any():
                scores[:, group][seen] = scorer.score(grid.values[:, group][seen])
        return grid.spread(scores, X.shape[2:])
