"""Outlier detection among deep features of patches."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state

from ctmri_detect.base import BasePairedDetector
from ctmri_detect.detectors._patches import PatchScorer, neighbourhood_mean, upsampled
from ctmri_detect.features.backbone import BackboneFeatures
from ctmri_detect.scoring import MapScoring
from ctmri_detect.validation import PairReader

MOST_PATCHES = 6000  # of each plane that the outlier detector is fitted on
_BLOCK = 16

Grids = npt.NDArray[np.float32]


class DeepFeatureDetector(BasePairedDetector):
    _tags: ClassVar[dict[str, bool]] = {"missing_modality": True}

    def __init__(
        self,
        detector: Any = "mahalanobis",
        n_components: int = 128,
        patches_per_slice: int = 64,
        map_scoring: MapScoring | None = None,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.detector = detector
        self.n_components = n_components
        self.patches_per_slice = patches_per_slice
        self.map_scoring = map_scoring
        self.device = device
        self.random_state = random_state

    def _fit(self, X: PairReader) -> None:
        for name in ("n_components", "patches_per_slice"):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name} is {value!r}; expected an integer of 1 or more.")
        rng = check_random_state(self.random_state)
        self.features_ = BackboneFeatures(device=self.device).fit(X)
        self.device_ = self.features_.device_
        self.scorers_ = [
            PatchScorer(self.detector, self.n_components, rng.randint(2**31 - 1)).fit(patches)
            if len(patches) > 1
            else None  # a plane that no training sample has
            for patches in self._draw(X, rng)
        ]

    def _draw(self, X: PairReader, rng: np.random.RandomState) -> list[Grids]:
        """Random observed patches of each plane, about as many of every slice."""
        slices = np.unique(np.linspace(0, len(X) - 1, min(len(X), MOST_PATCHES)).astype(int))
        each = min(self.patches_per_slice, MOST_PATCHES // len(slices))
        drawn: tuple[list[Grids], list[Grids]] = ([], [])
        for block in X.take(slices).blocks(_BLOCK):
            grids = neighbourhood_mean(self.features_.grids(block))
            for planes in grids:
                for plane, patches in zip(planes, drawn, strict=True):
                    columns = plane.reshape(len(plane), -1).T
                    columns = columns[~np.isnan(columns[:, 0])]
                    patches.append(columns[rng.permutation(len(columns))[:each]])
        return [np.concatenate(patches) for patches in drawn]

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        grids = neighbourhood_mean(self.features_.grids(X))
        maps = []
        for plane, scorer in enumerate(self.scorers_):
            cells = np.moveaxis(grids[:, plane], 1, -1)
            seen = ~np.isnan(cells[..., 0])
            scores = np.zeros(seen.shape)
            if scorer is not None and seen.any():
                scores[seen] = scorer.score(cells[seen])
            maps.append(upsampled(scores, seen, X.shape[2:]))
        return np.stack(maps, axis=1)
