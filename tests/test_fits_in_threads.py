"""Fits at the same time in threads give what they give one after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import numpy as np
import pytest
from detector_list import DETECTORS
from heads import make_heads
from numpy.testing import assert_array_equal
from sklearn.base import clone

X, OWNERS = make_heads(24, seed=1), np.repeat(np.arange(8), 3)
NEW = make_heads(5, seed=2)


def fit_and_score(detector, wait=None):
    if wait is not None:
        wait.wait(60)  # so that they begin at once
    detector.fit(X, groups=OWNERS)
    return detector.score_samples(NEW), detector.offset_, detector.p_values(NEW)


def check(detectors):
    alone = [fit_and_score(clone(each)) for each in detectors]
    start = Barrier(len(detectors))
    with ThreadPoolExecutor(len(detectors)) as pool:
        together = list(pool.map(lambda one: fit_and_score(clone(one), start), detectors))
    for one, other in zip(alone, together, strict=True):
        for a, b in zip(one, other, strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize("name", DETECTORS)
def test_one_kind_with_different_seeds(name):
    detector = DETECTORS[name]
    if "random_state" in detector.get_params():
        check([clone(detector).set_params(random_state=seed) for seed in (0, 1)])
    else:
        check([detector] * 2)


@pytest.mark.slow
def test_two_kinds():
    names = sorted(DETECTORS)
    for a, b in pairwise(names):
        check([DETECTORS[a], DETECTORS[b]])
