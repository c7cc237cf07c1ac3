"""Base of the preprocessing steps."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ctmri_detect.base.estimator import PairedEstimator
from ctmri_detect.validation import PairReader, check_pairs


class BasePairedTransformer(TransformerMixin, PairedEstimator):
    """Base of the preprocessing steps, pairs in and pairs out.

    A step writes ``_transform(X)`` (float32 array in, float32 array out, never in place) and,
    where it learns something from all samples, ``_fit(X)``. A step that moves pixels also writes
    ``inverse_transform_map(maps, X)``, `X` being the step's input: maps on the output grid come
    back on the grid of `X`, NaN where they do not reach.
    """

    _tags: ClassVar[dict[str, bool]] = {"missing_modality": True}
    _per_sample = 64  # samples transformed at a time

    def _fit(self, X: PairReader) -> None:
        """Learn from all samples; most steps have nothing to learn."""

    def _transform(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        raise NotImplementedError(f"{type(self).__name__} has to write _transform(X).")

    @final
    def fit(self, X: Any, y: Any = None) -> Any:
        """Check the parameters and learn what the step needs; `y` is ignored."""
        reader = check_pairs(X)
        self._fit(reader)
        self.image_shape_ = reader.shape[2:]
        return self

    @final
    def transform(self, X: Any) -> npt.NDArray[np.float32]:
        """Float32 pairs ``(n_samples, 2, height', width')``; `X` is left as it was."""
        check_is_fitted(self, "image_shape_")
        return np.concatenate([self._transform(b) for b in check_pairs(X).blocks(self._per_sample)])
