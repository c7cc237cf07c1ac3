"""Two anomalies that the clip makes alike are told apart by their peaks, everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline

from ctmri_detect import (
    AtlasDetector,
    EnsembleDetector,
    MapScoring,
    Pairs,
    ThresholdDetector,
    explain,
    localization,
)
from ctmri_detect.preprocessing import Resize

SIZE, CLIP = 32, 9.0
X = np.random.default_rng(0).normal(size=(24, 2, SIZE, SIZE)).astype(np.float32)
TRAIN = Pairs(X, groups=range(24))
ODD = np.random.default_rng(1).normal(size=(2, 2, SIZE, SIZE)).astype(np.float32)
ODD[:, :, 4:12, 4:12] += 20  # strong
ODD[:, :, 20:28, 18:26] -= 60  # stronger
DETECTORS = {
    "atlas": AtlasDetector(),
    "one scale": AtlasDetector(map_scoring=MapScoring(scales=1.0)),
    "without symmetry": AtlasDetector(map_scoring=MapScoring(symmetry=False)),
    "ensemble": EnsembleDetector([AtlasDetector(), ThresholdDetector()]),
}


@pytest.fixture(scope="module", params=DETECTORS, ids=DETECTORS)
def detector(request):
    """Fitted once."""
    return DETECTORS[request.param].fit(TRAIN)


def strongest(regions):
    """Sign and size of the peaks of the two strongest regions of each plane of a slice."""
    for _, rows in regions.groupby(["sample", "modality"]):
        yield rows["sign"].tolist()[:2], rows["peak"].abs().tolist()[:2]


def test_the_stronger_comes_first(detector):
    found = detector.explain(ODD)
    assert np.nanmax(np.abs(found.z_maps)) <= CLIP  # maps are as they were
    assert_array_equal(found.z_maps, detector.z_maps(ODD))
    several = list(strongest(found.regions))
    assert len(several) == 4
    for signs, peaks in several:
        assert signs == ["darker", "brighter"]
        assert peaks[0] > 2 * peaks[1] > 2 * CLIP


def test_every_way_gives_the_same_regions(detector):
    found = detector.explain(ODD).regions.drop(columns="member", errors="ignore")
    assert detector.detect(ODD, include=["regions"]).regions.equals(found)
    assert localization.detect(detector, ODD, include=["regions"]).regions.equals(found)
    assert explain(detector, ODD).regions.drop(columns="member", errors="ignore").equals(found)


def test_unclipped_maps_come_only_where_they_are_named(detector):
    assert "unclipped_z_maps" not in detector.detect(ODD)
    assert "unclipped_z_maps" not in localization.detect(detector, ODD)
    for found in (
        detector.detect(ODD, include=["z_maps", "unclipped_z_maps"]),
        localization.detect(detector, ODD, include=["z_maps", "unclipped_z_maps"]),
    ):
        small = np.abs(found.unclipped_z_maps) < CLIP / 3
        assert np.abs(found.unclipped_z_maps).max() > 2 * CLIP
        assert (np.abs(found.z_maps) <= np.abs(found.unclipped_z_maps) + 1e-4).all()
        assert small.any()


def test_a_pipeline_ranks_on_the_callers_grid():
    model = make_pipeline(Resize(16), AtlasDetector()).fit(TRAIN)
    for regions in (explain(model, ODD).regions,
                    localization.detect(model, ODD, include=["regions"]).regions):  # fmt: skip
        for signs, peaks in strongest(regions):
            assert signs == ["darker", "brighter"]
            assert peaks[0] > CLIP
