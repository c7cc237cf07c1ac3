"""Cloning, seeding and fitting any estimator with its patients; preprocessing shared by all."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from ctmri_detect.base import BasePairedDetector
from ctmri_detect.localization import anomaly_map, last_step
from ctmri_detect.pairs import Pairs
from ctmri_detect.pipelines import flat_steps
from ctmri_detect.validation import check_pairs

_BLOCK = 64  # maps at a time: those of all test samples never stand in memory


def seeded_clone(estimator: Any, seed: int) -> Any:
    """An unfitted copy, every `random_state` in it set to `seed`."""
    copy = clone(estimator)
    names = [n for n in copy.get_params(deep=True) if n.split("__")[-1] == "random_state"]
    return copy.set_params(**dict.fromkeys(names, seed))


def fit_with_groups(estimator: Any, X: Any, y: Any, groups: Any) -> Any:
    """Fit, the patients reaching the detector even behind a step that returns arrays.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from ctmri_detect import AtlasDetector
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 32, 32))
    >>> pipe = fit_with_groups(make_pipeline(AtlasDetector()), X, None, np.arange(20) // 2)
    >>> len(np.unique(pipe[-1].map_scoring_.codes_))
    10
    """
    name = _groups_name(estimator)
    return estimator.fit(X, y, **({} if name is None else {name: groups}))


def _groups_name(estimator: Any) -> str | None:
    """What `groups` is called in the estimator's fit, None where it takes none."""
    if not isinstance(estimator, Pipeline):
        return "groups" if has_fit_parameter(estimator, "groups") else None
    step, last = estimator.steps[-1]
    name = _groups_name(last)
    if name is None or get_config()["enable_metadata_routing"]:
        return name
    return f"{step}__{name}"


class Prepared:
    """Pairs after the preprocessing that all detectors share, and the way back for maps.

    Parameters
    ----------
    X : Pairs
        The caller's pairs.
    preprocessor : transformer, Pipeline of transformers or None
        Transforms each sample by itself; fitted and applied once, to all samples.
    """

    def __init__(self, X: Pairs, preprocessor: Any = None) -> None:
        self.X = X
        self._geometry: list[tuple[Any, Pairs]] = []
        for step in [] if preprocessor is None else flat_steps(clone(preprocessor)):
            before = self.X
            after = step.fit_transform(before)
            check_pairs(after)
            self.X = Pairs(after, groups=before.groups, frame=before.frame)
            if hasattr(step, "inverse_transform_map"):
                self._geometry.append((step, before))

    def maps(
        self, estimator: Any, rows: npt.NDArray[np.int64]
    ) -> list[tuple[int, npt.NDArray[np.float32]]]:
        """Sample and anomaly map of each of `rows`, on the caller's grid."""
        found: list[tuple[int, npt.NDArray[np.float32]]] = []
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            maps = anomaly_map(estimator, self.X[block])
            for step, before in reversed(self._geometry):
                maps = step.inverse_transform_map(maps, np.asarray(before[block]))
            found.extend(zip(block.tolist(), maps, strict=True))
        return found


def localizes(estimator: Any) -> bool:
    """Whether a fitted estimator ends in a detector whose maps say where."""
    detector = last_step(estimator)
    return isinstance(detector, BasePairedDetector) and detector.traits.localizes
