"""One pass gives what the verbs give one by one; p-values agree with predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from heads import make_heads, plant
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from ctmri_detect import AtlasDetector, CrossModalDetector, MapScoring, detect, iter_detect
from ctmri_detect.localization import anomaly_map, explain
from ctmri_detect.preprocessing import CropOrPad, HeadAligner, Resize
from ctmri_detect.scoring import conformal_offset, conformal_p_values

N = 37  # more than two blocks, the last one not full
X = make_heads(N, seed=3)
for i in range(0, N, 5):
    X[i] = plant(X[i], 0, amount=0.6, at=(16, 9))[0]
HEALTHY, OWNERS = make_heads(40, seed=4), np.arange(40) // 2
SCORING = MapScoring(false_positive_rate=0.1)
FITTED = {
    "atlas": AtlasDetector(map_scoring=SCORING).fit(HEALTHY, groups=OWNERS),
    "threads": CrossModalDetector(
        pixels_per_slice=32, map_scoring=SCORING, random_state=0, device="cpu"
    ).fit(HEALTHY, groups=OWNERS),
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", FITTED)
def test_one_pass_gives_what_the_verbs_give(name, threads):
    detector = FITTED[name]
    with threadpool_limits(threads):
        found = detector.detect(X, threshold=2.5)
        rows = np.concatenate([block.samples for block in detector.iter_detect(X)])
    assert_array_equal(found.anomaly_score, -detector.score_samples(X))
    assert_array_equal(found.decision, detector.decision_function(X))
    assert_array_equal(found.prediction, detector.predict(X))
    assert_array_equal(found.p_value, detector.p_values(X))
    assert_array_equal(found.anomaly_map, detector.anomaly_map(X))
    explained = detector.explain(X, threshold=2.5)
    assert_array_equal(found.z_maps, detector.z_maps(X))
    assert_array_equal(found.z_maps, explained.z_maps)
    pd.testing.assert_frame_equal(found.regions, explained.regions)
    assert_array_equal(rows, np.arange(N))


class Counting:
    """Counts how often each sample is read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.reads = np.zeros(len(array), int)

    def __len__(self):
        return len(self.array)

    def __getitem__(self, rows):
        self.reads[rows] += 1
        return self.array[rows]


def test_everything_costs_no_more_reads_than_one_verb():
    one, all_of_it = Counting(X), Counting(X)
    FITTED["atlas"].score_samples(one)
    FITTED["atlas"].detect(all_of_it)
    assert_array_equal(all_of_it.reads, one.reads)


def test_only_what_is_asked_for_is_returned():
    found = FITTED["atlas"].detect(X, include=["p_value", "regions"])
    assert set(found) == {"p_value", "regions"}
    for wrong in (["colour"], "decision", []):
        with pytest.raises(ValueError, match="include is"):
            FITTED["atlas"].detect(X, include=wrong)


@pytest.mark.parametrize("asked", [["p_value"], ["regions"], ["anomaly_map", "decision"]])
def test_a_block_holds_what_is_asked_for_and_its_samples(asked):
    model = make_pipeline(CropOrPad((32, 32)), FITTED["atlas"])
    everything = [FITTED["atlas"].detect(X), detect(model, X)]
    for blocks, whole in zip(
        (FITTED["atlas"].iter_detect(X, include=asked), iter_detect(model, X, include=asked)),
        everything,
        strict=True,
    ):
        for block in blocks:
            assert set(block) == {"samples", *asked}
            for name in set(asked) - {"regions"}:
                assert_array_equal(block[name], whole[name][block.samples])
            if "regions" in asked:
                assert set(block.regions["sample"]) <= set(block.samples)


@pytest.mark.parametrize(
    "steps",
    [[], [Resize(32), CropOrPad((40, 36))], [HeadAligner(size=40)]],  # moves each head otherwise
    ids=["alone", "piped", "aligned"],
)
def test_a_pipelines_maps_lie_on_the_callers_grid(steps):
    big = np.repeat(np.repeat(X, 2, axis=2), 2, axis=3)[:, :, 3:, :60] if steps else X
    healthy = HEALTHY
    for step in steps:
        healthy = step.transform(healthy)
    detector = AtlasDetector(map_scoring=SCORING).fit(healthy, groups=OWNERS)
    model = make_pipeline(*steps, detector)
    found, explained = detect(model, big), explain(model, big)
    assert_array_equal(found.anomaly_map, anomaly_map(model, big))
    assert_array_equal(found.z_maps, explained.z_maps)
    pd.testing.assert_frame_equal(found.regions, explained.regions)
    assert_array_equal(found.decision, model.decision_function(big))
    blocks = list(iter_detect(model, big))
    assert len(blocks) == 3
    assert_array_equal(np.concatenate([b.anomaly_map for b in blocks]), found.anomaly_map)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.7 - 0.4, 0.1 + 0.2, 0.29, 0.5, 0.97])
def test_flagged_is_exactly_a_p_value_of_at_most_the_rate(rate):
    detector = AtlasDetector(map_scoring=SCORING).fit(HEALTHY, groups=OWNERS)
    detector.rescore(false_positive_rate=rate)
    assert_array_equal(detector.predict(X) == -1, detector.p_values(X) <= rate)
    rng = np.random.default_rng(0)
    for n in (1, 2, 9, 19, 20, 99, 100):
        known = rng.integers(0, 12, n).astype(float)  # with ties
        new = rng.integers(-2, 14, 60).astype(float)
        below = new < conformal_offset(known, rate)
        assert_array_equal(below, conformal_p_values(new, known) <= rate)
