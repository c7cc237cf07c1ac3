"""The images of a report, kept in the store, so that the report can be written again."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect.evaluation.collect import collect
from ctmri_detect.evaluation.result import BenchmarkResult
from ctmri_detect.evaluation.store import Store, existing_store
from ctmri_detect.evaluation.written_plan import read_plan
from ctmri_detect.storage.arrays import write_arrays
from ctmri_detect.storage.whole import whole_file

_NAMES = ("modalities", "roles")
_KEPT = ["kind", "patient", "diameter_mm", "cnr_ct", "cnr_mri", "whole_slice", "z_mm"]


class Pictures:
    """Some samples of a data set, by their row numbers.

    Parameters
    ----------
    pairs : dict of int to array (n_planes, height, width)
    ct_units : str or None
    modalities, roles : sequence of str or None, default=None
        As in `Pairs`, where they are known.
    """

    def __init__(
        self,
        pairs: dict[int, npt.NDArray[np.float32]],
        ct_units: str | None,
        modalities: Sequence[str] | None = None,
        roles: Sequence[str | None] | None = None,
    ) -> None:
        self.pairs, self.ct_units = pairs, ct_units
        self.modalities = None if modalities is None else tuple(modalities)
        self.roles = None if roles is None else tuple(roles)

    def __getitem__(self, sample: int) -> npt.NDArray[np.float32]:
        return self.pairs[int(sample)]


def write_pictures(
    store: Store, result: BenchmarkResult, data: Bunch, patients: npt.NDArray[Any]
) -> None:
    """Keep what a report shows: pairs whose maps the result holds; lesions, heights and sides.

    `patients` are the names to write, one for each sample.
    """
    shown = sorted({sample for maps in result.maps.values() for sample in maps})
    pairs = np.stack([np.asarray(data.data[s]) for s in shown]) if shown else np.empty((0, 2, 1, 1))
    units = getattr(data.data, "ct_units", None) or getattr(data, "ct_units", None)
    about = {"ct_units": units, "DESCR": str(getattr(data, "DESCR", "") or "")}
    about["orientation"] = getattr(data, "orientation", None)
    about |= {name: getattr(data.data, name, None) for name in _NAMES}
    arrays = {"samples": np.array(shown, dtype=np.int64), "about": np.array(json.dumps(about))}
    arrays["pairs"] = pairs.astype(np.float32)
    frame = _known(data)
    if "patient" in frame:
        frame["patient"] = patients
    arrays["frame"] = np.array(frame.to_json(orient="table", index=False))
    with whole_file(store.folder / "pictures.npz") as file:
        write_arrays(file, arrays)


def _known(data: Bunch) -> pd.DataFrame:
    """What a report says about each sample: lesions and heights, as far as they are known."""
    frames = [getattr(data, "frame", None), getattr(data.data, "frame", None)]
    known = pd.DataFrame(index=range(len(data.target)))
    for frame in frames:
        for name in _KEPT:
            if frame is not None and name in frame and name not in known:
                known[name] = frame[name].to_numpy()
    return known


def open_benchmark(store: Store | str | os.PathLike[str]) -> tuple[BenchmarkResult, Bunch]:
    """Open a stored benchmark: its result, and the part of its data that a report shows.

    Nothing is fitted or scored again. The tables have no columns for metrics of your own.

    Parameters
    ----------
    store : Store, str or path
        The folder that a benchmark wrote.

    Returns
    -------
    result : BenchmarkResult
    data : Bunch
        `data` (only the samples whose maps were kept, by their row number), `target`, `masks`,
        `groups`, `frame` (the columns that `lesion_effects` takes and z_mm, as far as the data had
        them; None in stores of earlier versions), `ct_units`, `orientation`, `DESCR`.

    Raises
    ------
    ValueError
        Where the store holds no benchmark, or one that has not ended.

    Examples
    --------
    >>> import tempfile
    >>> from ctmri_detect import ThresholdDetector
    >>> from ctmri_detect.evaluation import benchmark
    >>> X = np.random.default_rng(0).normal(size=(64, 2, 16, 16))
    >>> y = np.where(np.arange(64) % 4, 1, -1)
    >>> data, detectors = Bunch(data=X, target=y, groups=np.arange(64) // 8), {}
    >>> detectors["threshold"] = ThresholdDetector()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = benchmark(detectors, data, store=folder, progress=False)
    ...     result, shown = open_benchmark(folder)
    >>> len(result.scores), shown.target.tolist() == y.tolist()
    (64, True)
    """
    store = store if isinstance(store, Store) else existing_store(store)
    plan = read_plan(store)
    path = store.folder / "pictures.npz"
    result = collect(
        store, plan.cells, plan.samples, {}, plan.examples, plan.n_worst, plan.settings
    )
    if not path.exists():
        raise ValueError(
            f"{store.folder} has no pictures.npz: the benchmark has not ended. Call benchmark with "
            "this store again: it computes what is missing."
        )
    with np.load(path) as file:
        about = json.loads(str(file["about"]))
        pairs = dict(zip(file["samples"].tolist(), file["pairs"], strict=True))
        frame = None
        if "frame" in file.files:
            frame = pd.read_json(io.StringIO(str(file["frame"])), orient="table")
    names = [about.pop(name, None) for name in _NAMES]  # absent in stores of earlier versions
    data = Bunch(
        data=Pictures(pairs, about["ct_units"], *names),
        target=plan.samples.target,
        masks=plan.samples.masks,
        groups=plan.samples.X.groups,
        frame=frame,
        **about,
    )
    return replace(result, store=store), data
