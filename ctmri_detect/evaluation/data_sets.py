"""One benchmark on several data sets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ctmri_detect.evaluation.harness import benchmark
from ctmri_detect.evaluation.result import BenchmarkResult


def benchmark_sets(
    detectors: dict[str, Any],
    data: Mapping[str, Bunch],
    *,
    store: str | os.PathLike[str] | None = None,
    preprocessor: BaseEstimator | Mapping[str, BaseEstimator | None] | None = None,
    **settings: Any,
) -> dict[str, BenchmarkResult]:
    """`benchmark` on each of several data sets, one after the other.

    Parameters
    ----------
    detectors : dict of str to estimator
        See `benchmark`.
    data : dict of str to Bunch
        Data sets by name. In `store` the name is also the name of a folder, so it can't hold a
        path separator.
    store : str or path, default=None
        A folder. Each data set gets a store in a subfolder of its name. An interrupted benchmark
        continues where it stopped. None keeps nothing.
    preprocessor : transformer or dict of str to transformer, default=None
        One for all data sets, or a dict with one for each, for example where their units differ.
    **settings
        Other parameters of `benchmark`, the same for all data sets.

    Returns
    -------
    dict of str to BenchmarkResult
        One result for each data set, in the order of `data`.

    Raises
    ------
    TypeError
        Where `data` is no dict of Bunches.
    ValueError
        Where a name can't be the name of a folder, or a data set has no entry in the dict of
        preprocessors.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ctmri_detect import ThresholdDetector
    >>> X = np.random.default_rng(0).normal(size=(64, 2, 32, 32)).astype("float32")
    >>> y = np.where(np.arange(64) % 4, 1, -1)
    >>> one = Bunch(data=X, target=y, groups=np.arange(64) // 8)
    >>> sets = {"here": one, "there": one}
    >>> results = benchmark_sets({"threshold": ThresholdDetector()}, sets, progress=False)
    >>> tables = {name: result.table for name, result in results.items()}
    >>> pd.concat(tables, names=["data"]).index.get_level_values("data").unique().tolist()
    ['here', 'there']
    """
    _check_names(data)
    steps = preprocessor if isinstance(preprocessor, Mapping) else dict.fromkeys(data, preprocessor)
    if set(data) - set(steps):
        raise ValueError(
            f"preprocessor has no entry for {', '.join(sorted(set(data) - set(steps)))}; expected "
            "one for each data set. Add it; None means no preprocessing."
        )
    return {
        name: benchmark(
            detectors,
            one,
            store=None if store is None else Path(store) / name,
            preprocessor=steps[name],
            **settings,
        )
        for name, one in data.items()
    }


def _check_names(data: Any) -> None:
    if not isinstance(data, Mapping) or isinstance(data, Bunch) or not data:
        raise TypeError(
            f"data is {type(data).__name__}; expected a dict of names and data sets, such as "
            '{"phantom": make_phantom_pairs(20)}. For one data set call benchmark.'
        )
    for name in data:
        if not isinstance(name, str) or name in ("", ".", "..") or Path(name).name != name:
            raise ValueError(
                f"data has the name {name!r}; expected a text that can be the name of a folder, "
                "without path separators such as /. Rename the data set."
            )
