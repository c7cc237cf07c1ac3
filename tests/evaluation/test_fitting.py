import numpy as np
import sklearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ctmri_detect import AtlasDetector
from ctmri_detect.evaluation.fitting import fit_with_groups, localizes, seeded_clone
from ctmri_detect.evaluation.memory import PeakMemory

X = np.random.default_rng(0).normal(size=(16, 2, 32, 32))
GROUPS = np.arange(16) % 4


def codes(estimator):
    while hasattr(estimator, "steps"):
        estimator = estimator[-1]
    return estimator.map_scoring_.codes_


def test_groups_reach_a_detector_a_pipeline_and_a_pipeline_in_a_pipeline():
    plain = fit_with_groups(AtlasDetector(), X, None, GROUPS)
    assert np.array_equal(codes(plain), GROUPS)
    pipe = make_pipeline(FunctionTransformer(), make_pipeline(AtlasDetector()))
    assert np.array_equal(codes(fit_with_groups(pipe, X, None, GROUPS)), GROUPS)


def test_groups_reach_a_pipeline_under_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = make_pipeline(FunctionTransformer(), AtlasDetector())
        assert np.array_equal(codes(fit_with_groups(pipe, X, None, GROUPS)), GROUPS)


def test_an_estimator_without_groups_is_fitted_without():
    assert fit_with_groups(FunctionTransformer(), X, None, GROUPS) is not None
    assert not localizes(FunctionTransformer())


def test_a_clone_without_random_state_is_left_alone():
    assert repr(seeded_clone(AtlasDetector(), 3)) == repr(AtlasDetector())


def test_peak_memory_sees_what_is_touched_and_freed_again():
    with PeakMemory() as memory:
        block = np.ones(64 * 2**17)  # 64 MiB
        del block
    assert np.isnan(memory.increase_mb) or 0 <= memory.increase_mb < 80
    with PeakMemory() as memory:
        block = np.ones(64 * 2**17)
    assert np.isnan(memory.increase_mb) or 60 < memory.increase_mb < 80
    with PeakMemory() as nothing:
        pass
    assert np.isnan(nothing.increase_mb) or nothing.increase_mb < 4
    assert len(block)
