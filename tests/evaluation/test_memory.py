import numpy as np

from ctmri_detect import AtlasDetector
from ctmri_detect.evaluation.measure import seeded_clone
from ctmri_detect.evaluation.memory import PeakMemory


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
