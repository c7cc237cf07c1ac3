"""The interface of a feature extractor for detectors."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ctmri_detect._parameters import HasMethods, Such
from ctmri_detect._types import PairsLike
from ctmri_detect.features.grid import FeatureGrid


class FeatureExtractor(Protocol):
    """Describes each cell of a grid on the image by a vector of features.

    Write a class with these two methods, derived from `sklearn.base.BaseEstimator` so that it
    has `get_params` and `set_params`. Detectors clone it before they fit it. No registration is
    needed: an instance is the parameter `features` of `DeepFeatureDetector`.

    Features of a sample must not depend on the other samples of the block.

    An extractor that learns nothing about single patients (a scale at most) may say so by a class
    attribute or property: ``traits = Traits(trains=False)``, of `ctmri_detect.base`. It describes
    training samples as it would new ones, so a detector computes the features of a fit once,
    however many patients it holds out in turn. Without `traits`, it is taken to learn.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> class CellMean(BaseEstimator):
    ...     def fit(self, X):
    ...         return self
    ...
    ...     def grids(self, block):
    ...         n, planes, h, w = block.shape
    ...         cells = block.reshape(n, planes, h // 4, 4, w // 4, 4)
    ...         means = cells.mean(axis=(3, 5))[..., None]
    ...         return FeatureGrid(means, np.isfinite(means[..., 0]), stride=4)
    >>> CellMean().fit(None).grids(np.zeros((3, 2, 32, 32), np.float32)).values.shape
    (3, 2, 8, 8, 1)
    """

    def fit(self, X: PairsLike) -> Any:
        """Learn what the features need, such as a scale.

        Parameters
        ----------
        X : pairs of shape (n_samples, n_planes, height, width)
            ``X.shape``, ``len(X)``, ``X.blocks()`` (float32 arrays of some samples each) and
            ``np.asarray(X)`` (all of it) read them. NaN where nothing was observed.

        Returns
        -------
        self
        """

    def grids(self, block: npt.NDArray[np.float32]) -> FeatureGrid:
        """Describe a block.

        Parameters
        ----------
        block : float32 array (n_samples, n_planes, height, width)
            NaN where nothing was observed; a plane may be missing.

        Returns
        -------
        FeatureGrid
        """


class Grids(Protocol):
    """Gives features: a fitted `FeatureExtractor`, or a store of computed features."""

    def grids(self, block: npt.NDArray[np.float32]) -> FeatureGrid:
        """The features of a block."""


_METHODS = HasMethods(["fit", "grids", "get_params", "set_params"])

FEATURES = [
    Such(
        "a feature extractor (an instance with fit, grids, get_params and set_params), such as "
        "BackboneFeatures()",
        lambda value: not isinstance(value, type) and _METHODS.is_satisfied_by(value),
    ),
    None,
]
"""What a parameter `features` may be."""


def trains(extractor: FeatureExtractor) -> bool:
    """Whether an extractor learns about single patients in `fit`; True if it does not say.

    Examples
    --------
    >>> from ctmri_detect.features import BackboneFeatures
    >>> trains(BackboneFeatures())
    False
    """
    return bool(getattr(getattr(extractor, "traits", None), "trains", True))


def takes_missing_planes(extractor: FeatureExtractor) -> bool:
    """Whether an extractor describes samples with missing planes; True if it does not say.

    Examples
    --------
    >>> from ctmri_detect.features import BackboneFeatures
    >>> takes_missing_planes(BackboneFeatures())
    True
    """
    return bool(getattr(getattr(extractor, "traits", None), "missing_modality", True))


def described(extractor: Grids, block: npt.NDArray[np.float32]) -> FeatureGrid:
    """The features of a block, after a check that their shape fits the block.

    Raises
    ------
    TypeError
        If `grids` returns no `FeatureGrid`.
    ValueError
        If the numbers of samples or planes are not those of the block.
    """
    name, grid = type(extractor).__name__, extractor.grids(block)
    if not isinstance(grid, FeatureGrid):
        raise TypeError(
            f"{name}.grids gives {type(grid).__name__}; expected a FeatureGrid of "
            "ctmri_detect.features. Return FeatureGrid(values, seen, stride)."
        )
    n_samples, n_planes = block.shape[:2]
    found = grid.seen.shape[:2]
    if found not in ((n_samples, n_planes), (n_samples, 1)):
        raise ValueError(
            f"{name}.grids describes {found[0]} samples in {found[1]} groups; expected {n_samples} "
            f"samples in {n_planes} groups (one for each plane) or in 1 (all planes together)."
        )
    return grid
