"""A benchmark that takes a while, for a process that is killed in the middle of it."""

from __future__ import annotations

import time

import numpy as np
from sklearn.utils import Bunch

from ctmri_detect import AtlasDetector
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.evaluation import Noise, benchmark

N_CELLS = 16  # 2 detectors, 2 seeds, 2 folds, as they are and with noise
COSTS = ["fit_seconds", "score_seconds", "peak_memory_mb"]


class Slow(BasePairedDetector):
    """Deviation from the mean; takes its time."""

    traits = Traits(trains=False)

    def __init__(self, map_scoring=None, seconds=0.05):
        self.map_scoring = map_scoring
        self.seconds = seconds

    def _fit(self, X):
        time.sleep(self.seconds)
        self.mean_ = np.nanmean(np.asarray(X), axis=0)

    def _residual(self, X):
        return X - self.mean_


def make_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2, 32, 32)).astype(np.float32)
    target = np.where(np.arange(40) % 4, 1, -1)
    masks = np.zeros((40, 32, 32), bool)
    masks[target == -1, 8:12, 6:10] = True
    X[:, 1][masks] += 3
    return Bunch(data=X, target=target, groups=np.arange(40) // 4, masks=masks)


def run(store, n_jobs=None, seconds=0.05):
    detectors = {"slow": Slow(seconds=seconds), "atlas": AtlasDetector()}
    return benchmark(
        detectors,
        make_data(),
        seeds=(0, 1),
        conditions=[Noise(0.5)],
        store=store,
        n_jobs=n_jobs,
        n_threads=1,
        progress=False,
    )


def same(one, two):
    """All tables but time and memory."""
    for name in ("table", "scores", "folds", "conditions"):
        a, b = getattr(one, name), getattr(two, name)
        assert a.drop(columns=COSTS, errors="ignore").equals(b.drop(columns=COSTS, errors="ignore"))
    assert one.maps.keys() == two.maps.keys()
    for name, maps in one.maps.items():
        assert all(np.array_equal(plane, two.maps[name][s]) for s, plane in maps.items())
