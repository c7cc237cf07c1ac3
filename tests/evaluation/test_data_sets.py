"""One benchmark on several data sets."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from ctmri_detect import AtlasDetector, ThresholdDetector
from ctmri_detect.evaluation import Store, benchmark, benchmark_sets
from ctmri_detect.preprocessing import Resize

pytestmark = pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.ThresholdWarning")
COSTS = ["fit_seconds", "score_seconds", "peak_memory_mb"]
DETECTORS = {"atlas": AtlasDetector(), "threshold": ThresholdDetector()}


def toy(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(48, 2, 24, 24)).astype(np.float32)
    target = np.where(np.arange(48) % 4, 1, -1)
    X[target == -1, 1, 8:12, 8:12] += 3
    return Bunch(data=X, target=target, groups=np.arange(48) // 4)


def test_each_data_set_gives_what_a_benchmark_of_its_own_gives(tmp_path):
    sets = {"a": toy(0), "b": toy(1)}
    results = benchmark_sets(DETECTORS, sets, store=tmp_path, seeds=(0, 1), progress=False)
    assert list(results) == ["a", "b"]
    for name, data in sets.items():
        alone = benchmark(DETECTORS, data, seeds=(0, 1), progress=False).table
        got = results[name].table
        pd.testing.assert_frame_equal(got.drop(columns=COSTS), alone.drop(columns=COSTS))


def test_it_goes_on_where_it_stopped(tmp_path):
    benchmark_sets(DETECTORS, {"a": toy(0)}, store=tmp_path, progress=False)
    benchmark_sets(DETECTORS, {"a": toy(0), "b": toy(1)}, store=tmp_path, progress=False)
    begun = [len(Store(tmp_path / name).log()) for name in "ab"]
    assert begun == [4, 4]  # two detectors, two folds; nothing of "a" twice


def test_one_preprocessor_for_all_or_one_for_each():
    with pytest.raises(ValueError, match="preprocessor has no entry for b"):
        benchmark_sets(DETECTORS, {"a": toy(0), "b": toy(1)}, preprocessor={"a": None})
    made = benchmark_sets(DETECTORS, {"a": toy(0)}, preprocessor={"a": Resize(16)}, progress=False)
    alone = benchmark(DETECTORS, toy(0), preprocessor=Resize(16), progress=False).table
    got = made["a"].table
    pd.testing.assert_frame_equal(got.drop(columns=COSTS), alone.drop(columns=COSTS))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (toy(0), TypeError, "call benchmark"),
        ({}, TypeError, "a dict of names"),
        ({"a/b": toy(0)}, ValueError, "data has the name 'a/b'"),
        ({"..": toy(0)}, ValueError, "without path separators such as /"),
    ],
    ids=["one set", "empty", "path", "dots"],
)
def test_what_is_no_dict_of_data_sets_is_named(data, error, message):
    with pytest.raises(error, match=message):
        benchmark_sets(DETECTORS, data)
