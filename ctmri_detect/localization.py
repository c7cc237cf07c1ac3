"""Maps of a detector, a Pipeline or a search object, on the caller's grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ctmri_detect._types import PairsLike
from ctmri_detect.base import DETECTED, joined
from ctmri_detect.pairs import Pairs
from ctmri_detect.pipelines import walk
from ctmri_detect.scoring import region_table


def anomaly_map(estimator: BaseEstimator, X: PairsLike) -> npt.NDArray[np.float32]:
    """Where each sample deviates, on the grid of `X`.

    Parameters
    ----------
    estimator : detector, Pipeline that ends in one, or fitted search object
    X : array-like of shape (n_samples, n_modalities, height, width)
        What the estimator's first step takes.

    Returns
    -------
    float32 array (n_samples, height, width)
        High = anomalous; NaN where no plane was observed.

    Raises
    ------
    TypeError
        Where the last step is no detector of this library.
    InvalidPairsError
        Where a step changes the grid or the number of samples, and has no
        `inverse_transform_map` to take maps back. A step that moves pixels on the same grid (a
        flip) can't be noticed.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 32, 32))
    >>> anomaly_map(AtlasDetector().fit(X, groups=range(20)), X).shape
    (20, 32, 32)
    """
    return _maps(estimator, X, "anomaly_map")


def residual_map(estimator: BaseEstimator, X: PairsLike) -> npt.NDArray[np.float32]:
    """The residuals ``(n_samples, n_modalities, height, width)`` on the grid of `X`.

    Takes what `anomaly_map` takes.
    """
    return _maps(estimator, X, "residual_map")


def explain(
    estimator: BaseEstimator,
    X: PairsLike,
    *,
    threshold: float = 3.0,
    spacing: npt.ArrayLike | None = None,
) -> Bunch:
    """Which modality deviates, where and in which direction, on the grid of `X`.

    Takes what `anomaly_map` takes, and `threshold` as the detector's own ``explain`` does.

    Parameters
    ----------
    spacing : float or array (n_samples,), default=None
        Millimetres a pixel of `X`, for the column `area_mm2`. None: what `Pairs` know.

    Returns
    -------
    Bunch
        `z_maps` (float32 ``(n, n_modalities, height, width)``) and `regions` (DataFrame).
    """
    maps = _maps(estimator, X, "z_maps")
    spacing = _pixel_side(X) if spacing is None else spacing
    return Bunch(z_maps=maps, regions=region_table(maps, threshold=threshold, spacing=spacing))


def iter_detect(
    estimator: BaseEstimator,
    X: PairsLike,
    *,
    include: Sequence[str] = DETECTED,
    threshold: float = 3.0,
) -> Iterator[Bunch]:
    """Everything about each block of samples, maps on the grid of `X`, from one pass.

    Takes what `anomaly_map` takes; `include` and `threshold` as the detector's own
    ``iter_detect``. Where `X` are `Pairs` that know their spacing, regions have `area_mm2`.

    Yields
    ------
    Bunch
        What the detector's ``iter_detect`` yields; `anomaly_map`, `z_maps` and `regions` on the
        grid of `X`.
    """
    route, detector = walk(estimator, X)
    side, regions = _pixel_side(X), "regions" in include
    asked = include
    if regions:  # made below, from maps on the caller's grid
        asked = [name for name in (*include, "z_maps") if name != "regions"]
    for block in detector.iter_detect(route.X, include=asked, threshold=threshold):
        rows = block.samples
        for name in {"anomaly_map", "z_maps"} & set(block):
            block[name] = route.back(block[name], rows)
        if regions:
            spacing = None if side is None else side[rows]
            table = region_table(block.z_maps, threshold=threshold, spacing=spacing)
            block.regions = table.assign(sample=rows[table["sample"]])
        if "z_maps" not in include:
            block.pop("z_maps", None)
        yield block


def detect(
    estimator: BaseEstimator,
    X: PairsLike,
    *,
    include: Sequence[str] = DETECTED,
    threshold: float = 3.0,
) -> Bunch:
    """Everything about all samples, maps on the grid of `X`, from one pass.

    Takes what `anomaly_map` takes; `include` and `threshold` as the detector's own ``detect``.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from ctmri_detect import AtlasDetector, Pairs
    >>> from ctmri_detect.preprocessing import Resize
    >>> X = Pairs(np.random.default_rng(0).normal(size=(20, 2, 32, 32)), groups=range(20))
    >>> model = make_pipeline(Resize(16), AtlasDetector()).fit(X)
    >>> found = detect(model, X, include=["prediction", "anomaly_map"])
    >>> found.prediction.shape, found.anomaly_map.shape
    ((20,), (20, 32, 32))
    """
    blocks = iter_detect(estimator, X, include=include, threshold=threshold)
    return joined(blocks, include)


def _maps(estimator: BaseEstimator, X: PairsLike, verb: str) -> npt.NDArray[np.float32]:
    route, detector = walk(estimator, X)
    return route.back(getattr(detector, verb)(route.X))


def _pixel_side(X: PairsLike) -> npt.NDArray[np.float64] | None:
    """Side in mm of a square with the area of a pixel, for each sample; None: not known."""
    if not isinstance(X, Pairs) or X.spacing is None:
        return None
    return np.sqrt(X.spacing.prod(axis=1))
