"""Maps of a detector, a Pipeline or a search object, on the caller's grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ctmri_detect._types import PairsLike
from ctmri_detect.base import DETECTED, UNCLIPPED, joined, regions_of
from ctmri_detect.pipelines import Route, no_maps, steps_and_last, walk
from ctmri_detect.scoring import CONSPICUOUS

Maps = npt.NDArray[np.float32]


def anomaly_map(estimator: BaseEstimator, X: PairsLike) -> npt.NDArray[np.float32]:
    """Where each sample deviates, on the grid of `X`.

    Parameters
    ----------
    estimator : detector, Pipeline that ends in one, or fitted search object
        Also inside of scikit-learn's FrozenEstimator. The last step may be any estimator that
        has `anomaly_map` itself.
    X : array-like of shape (n_samples, n_planes, height, width)
        What the estimator's first step takes.

    Returns
    -------
    float32 array (n_samples, height, width)
        High = anomalous; NaN where no plane was observed.

    Raises
    ------
    TypeError
        If the last step has no maps.
    InvalidPairsError
        If a step changes the grid or the number of samples, and has no
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
    """How far each plane deviates, on the grid of `X`.

    Takes what `anomaly_map` takes, and raises the same errors.

    Returns
    -------
    float32 array (n_samples, n_planes, height, width)
        Positive = brighter than the detector expects, if the method has a sign; NaN where
        nothing was observed.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 32, 32))
    >>> residual_map(AtlasDetector().fit(X, groups=range(20)), X).shape
    (20, 2, 32, 32)
    """
    return _maps(estimator, X, "residual_map")


def explain(
    estimator: BaseEstimator,
    X: PairsLike,
    *,
    threshold: float = CONSPICUOUS,
    spacing: npt.ArrayLike | None = None,
) -> Bunch:
    """Which modality deviates, where and in which direction, on the grid of `X`.

    Takes what `anomaly_map` takes, and:

    Parameters
    ----------
    threshold : float, default=4.5
        Least absolute z of a region's pixels. Raising it gives fewer and smaller regions.
    spacing : float, (row, column) or array of shape (n_samples, 2), default=None
        Distance of the pixels of `X` in mm, for the column `area_mm2`. None: what `Pairs` know.

    Returns
    -------
    Bunch
        `z_maps` (float32 ``(n, n_planes, height, width)``), `regions` (DataFrame, see
        `scoring.region_table`), and whatever else the detector's own ``explain`` gives.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector
    >>> X = np.random.default_rng(0).normal(size=(24, 2, 32, 32))
    >>> odd = X[:1].copy(); odd[0, 1, 8:12, 4:9] += 5
    >>> said = explain(AtlasDetector().fit(X, groups=range(24)), odd)
    >>> said.regions.loc[0, ["modality", "sign"]].tolist()
    ['MRI', 'brighter']
    """
    route, detector = walk(estimator, X)
    z_maps, free, more = detector._explaining(route.X)
    maps, unclipped = _back(route, {"z_maps": z_maps, UNCLIPPED: free}).values()
    table = regions_of(
        maps,
        X,
        np.arange(len(maps)),
        threshold=threshold,
        modalities=detector.modalities_,
        spacing=spacing,
        unclipped=unclipped,
    )
    return detector._explained(Bunch(z_maps=maps, regions=table), more, route.back)


def iter_detect(
    estimator: BaseEstimator,
    X: PairsLike,
    *,
    include: Sequence[str] = DETECTED,
    threshold: float = CONSPICUOUS,
) -> Iterator[Bunch]:
    """Everything about each block of samples, maps on the grid of `X`, from one pass.

    Takes what `anomaly_map` takes; `include` and `threshold` as the detector's own
    ``iter_detect``. If `X` are `Pairs` that know their spacing, regions have `area_mm2`.

    Yields
    ------
    Bunch
        What the detector's ``iter_detect`` yields; `anomaly_map`, `z_maps` and `regions` on the
        grid of `X`.

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 32, 32))
    >>> detector = AtlasDetector().fit(X, groups=range(20))
    >>> sum(len(block.p_value) for block in iter_detect(detector, X, include=["p_value"]))
    20
    """
    route, detector = walk(estimator, X)
    names, asked = detector.modalities_, include
    if "regions" in include:  # made below, from maps on the caller's grid
        asked = [name for name in (*include, "z_maps", UNCLIPPED) if name != "regions"]
    for block in detector.iter_detect(route.X, include=asked, threshold=threshold):
        rows = block.samples
        known = {
            name: block[name] for name in ("anomaly_map", "z_maps", UNCLIPPED) if name in block
        }
        block.update(_back(route, known, rows))
        if "regions" in include:
            block.regions = regions_of(
                block.z_maps,
                X,
                rows,
                threshold=threshold,
                modalities=names,
                unclipped=block[UNCLIPPED],
            )
        for name in {"z_maps", UNCLIPPED} - set(include):
            block.pop(name, None)
        yield block


def detect(
    estimator: BaseEstimator,
    X: PairsLike,
    *,
    include: Sequence[str] = DETECTED,
    threshold: float = CONSPICUOUS,
) -> Bunch:
    """Everything about all samples, maps on the grid of `X`, from one pass.

    Takes what `anomaly_map` takes; `include` and `threshold` as the detector's own ``detect``.

    Returns
    -------
    Bunch
        The entries of `iter_detect`, joined; maps of many samples take much memory.

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
    steps, detector = steps_and_last(estimator)
    if not hasattr(detector, verb):
        raise no_maps(detector)
    route = Route(X).walk(steps)
    return route.back(getattr(detector, verb)(route.X))


def _back(
    route: Route, maps: dict[str, Maps], rows: npt.NDArray[np.int64] | None = None
) -> dict[str, Maps]:
    """Maps on the grid of the caller's X; if two maps are equal, only one is taken back."""
    if not {"z_maps", UNCLIPPED} <= set(maps):
        return _back_together(route, maps, rows)
    free = maps[UNCLIPPED]
    clipped = (maps["z_maps"] != free) & ~np.isnan(free)
    strong = np.flatnonzero(clipped.any(axis=(1, 2, 3)))
    if len(strong) == len(free):
        return _back_together(route, maps, rows)
    found = _back_together(route, {n: m for n, m in maps.items() if n != UNCLIPPED}, rows)
    found[UNCLIPPED] = found["z_maps"].copy() if len(strong) else found["z_maps"]
    if len(strong):
        found[UNCLIPPED][strong] = route.back(
            free[strong], strong if rows is None else rows[strong]
        )
    return {name: found[name] for name in maps}


def _back_together(
    route: Route, maps: dict[str, Maps], rows: npt.NDArray[np.int64] | None
) -> dict[str, Maps]:
    """All maps at once, as channels, so that a step does its work once for each sample."""
    stacked = [each if each.ndim == 4 else each[:, None] for each in maps.values()]
    if len(stacked) < 2:
        return {name: route.back(each, rows) for name, each in maps.items()}
    whole = route.back(np.concatenate(stacked, axis=1), rows)
    ends = np.cumsum([each.shape[1] for each in stacked])[:-1]
    parts = zip(maps.items(), np.split(whole, ends, axis=1), strict=True)
    return {name: part if given.ndim == 4 else part[:, 0] for (name, given), part in parts}
