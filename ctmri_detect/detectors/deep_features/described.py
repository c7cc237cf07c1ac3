"""What detectors on grids of features share: the features, computed once, and conditioning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone

from ctmri_detect._parameters import HasMethods, Such
from ctmri_detect._random import seeded
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.features.backbone import BackboneFeatures
from ctmri_detect.features.cache import CachedFeatures
from ctmri_detect.features.conditioning.conditioning import FeatureConditioning
from ctmri_detect.features.grid import FeatureGrid
from ctmri_detect.features.protocol import FeatureExtractor, described, takes_missing_planes, trains
from ctmri_detect.validation import PairReader

_METHODS = HasMethods(["fit", "transform", "get_params", "set_params"])

CONDITIONING = [
    Such(
        "a FeatureConditioning, or False for none",
        lambda value: (
            value is False or (not isinstance(value, type) and _METHODS.is_satisfied_by(value))
        ),
    ),
    None,
]
"""What a parameter `conditioning` may be."""


class FeatureGridDetector(BasePairedDetector):
    """Base of detectors that look at features of cells.

    Such a detector writes ``_fit(X)``, which calls `_fit_features`, and ``_residual_of_grid``.
    """

    _resolved: ClassVar[dict[str, str]] = {
        **BasePairedDetector._resolved,
        "features": "_default_features",
        "conditioning": "_default_conditioning",
    }

    features: FeatureExtractor | None
    conditioning: Any
    device: str
    _computed: CachedFeatures  # while `fit` runs

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """Cheap if the features learn nothing about single patients."""
        given = self._default_features() if self.features is None else self.features
        return Traits(cheap=not trains(given), missing_modality=takes_missing_planes(given))

    def _default_features(self) -> BackboneFeatures:
        return BackboneFeatures(device=self.device)

    def _default_conditioning(self) -> FeatureConditioning:
        return FeatureConditioning()

    def _check_parameters(self) -> None:
        own = getattr(self.features, "device", None)
        if self.features is not None and self.device not in ("auto", own):
            raise ValueError(
                f"{type(self).__name__}'s device is {self.device!r}, and features are given; "
                "expected 'auto'. Set the device of the features instead: "
                f"set_params(device='auto', features__device={self.device!r})."
            )

    def _new_features(self) -> Any:
        return self._default_features() if self.features is None else clone(self.features)

    @contextmanager
    def _sharing(self, X: PairReader) -> Iterator[None]:
        """Compute features once for all fits, if they learn nothing about single patients."""
        features = self._new_features()
        if not trains(features):
            self._computed = CachedFeatures(features.fit(X))
        try:
            yield
        finally:
            self.__dict__.pop("_computed", None)

    def _fit_features(self, X: PairReader, rng: np.random.RandomState) -> None:
        computed = vars(self).get("_computed")
        if computed is None:
            self.features_ = seeded(self._new_features(), rng).fit(X)
        else:
            self.features_ = computed.features
        self.device_ = getattr(self.features_, "device_", "cpu")
        self.conditioning_: Any = None
        if self.conditioning is not False:
            given = self.conditioning
            step = self._default_conditioning() if given is None else clone(given)
            step = seeded(step, rng)
            self.conditioning_ = step.fit(computed or self.features_, X, X.groups)

    def _grid(self, X: npt.NDArray[np.float32], codes: npt.NDArray[np.int64] | None) -> FeatureGrid:
        """The features of a block, conditioned if a conditioning is set."""
        grid = described(vars(self).get("_computed") or self.features_, X)
        return grid if self.conditioning_ is None else self.conditioning_.transform(grid, X, codes)

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return self._residual_of_patients(X, None)

    def _residual_of_patients(
        self, X: npt.NDArray[np.float32], codes: npt.NDArray[np.int64] | None
    ) -> npt.NDArray[np.float32]:
        maps = self._residual_of_grid(self._grid(X, codes), X, codes)
        return maps if maps.shape == X.shape else np.repeat(maps, X.shape[1], axis=1)

    def _residual_of_grid(
        self,
        grid: FeatureGrid,
        X: npt.NDArray[np.float32],
        codes: npt.NDArray[np.int64] | None,
    ) -> npt.NDArray[np.float32]:
        raise NotImplementedError
