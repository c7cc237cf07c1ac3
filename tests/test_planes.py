"""Core counts no planes: detectors, validation, maps and tables take one, two or more."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal

from ctmri_detect import AtlasDetector, MapScoring, Pairs, ThresholdDetector
from ctmri_detect.exceptions import InvalidPairsError, MissingModalityError
from ctmri_detect.imageops.similar import slice_descriptors, squared_distances
from ctmri_detect.scoring import region_table
from ctmri_detect.scoring.evidence import fused_evidence

OWNERS = np.arange(24) // 2
SCORING = MapScoring(false_positive_rate=0.1)
DETECTORS = {"atlas": AtlasDetector, "threshold": ThresholdDetector}


def heads(n_planes, n=24, seed=0):
    """The two planes of a head in turn, each with noise of its own."""
    pairs = [make_heads(n, seed=seed)[:, [i % 2]] for i in range(n_planes)]
    noise = np.random.default_rng(seed).normal(size=(n, n_planes, 32, 32)).astype(np.float32)
    return np.concatenate(pairs, axis=1) + 0.02 * noise


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("name", DETECTORS)
def test_one_and_three_planes_are_learned_from_scored_and_explained(name, n):
    X, new = heads(n), heads(n, 6, seed=5)
    names = tuple(f"sequence {i}" for i in range(n))
    model = DETECTORS[name](map_scoring=SCORING).fit(Pairs(X, groups=OWNERS, modalities=names))
    assert model.residual_map(new).shape == model.z_maps(new).shape == new.shape
    assert_array_equal(np.isnan(model.anomaly_map(new)), np.isnan(new).all(axis=1))
    assert_array_equal(model.predict(new) == -1, model.p_values(new) <= 0.1)
    odd, disc = plant(new[0], n - 1, amount=1.5, at=(20, 10))
    first = model.explain(odd[None]).regions.iloc[0]
    assert (first.modality, first.sign) == (names[-1], "brighter")
    assert disc[round(first.y), round(first.x)]
    assert model.score_samples(odd[None])[0] < model.score_samples(new).min()
    regions = model.detect(odd[None]).regions
    assert regions.modality[0] == names[-1]


def test_equal_planes_score_like_one_of_them():
    one, new = heads(1), heads(1, 6, seed=5)
    scores = []
    for times in (1, 3):
        model = AtlasDetector(map_scoring=SCORING).fit(np.repeat(one, times, axis=1), groups=OWNERS)
        scores.append(model.score_samples(np.repeat(new, times, axis=1)))
    assert_allclose(*scores, rtol=1e-4)


@pytest.mark.parametrize("missing", [0, 2])
def test_a_missing_plane_of_three_is_scored_by_the_others_or_refused_by_name(missing):
    X, new = heads(3), heads(3, 6, seed=5)
    new[:, missing] = np.nan
    kept = [p for p in range(3) if p != missing]
    model = AtlasDetector(map_scoring=SCORING).fit(X, groups=OWNERS)
    assert np.isfinite(model.score_samples(new)).all()
    two = AtlasDetector(map_scoring=SCORING).fit(X[:, kept], groups=OWNERS)
    assert_allclose(model.score_samples(new), two.score_samples(new[:, kept]), rtol=0.2)

    class Needs(AtlasDetector):
        traits = type(AtlasDetector.traits)(trains=False)

    named = Pairs(new, modalities=["T1", "T2", "FLAIR"])
    name = named.modalities[missing]
    with pytest.raises(MissingModalityError, match=rf"samples 0 \({name}\), 1 \({name}\)"):
        Needs(map_scoring=SCORING).fit(named)


def test_a_detector_wants_the_planes_that_it_was_fitted_on():
    X = heads(2)
    model = AtlasDetector(map_scoring=SCORING).fit(Pairs(X, groups=OWNERS))
    with pytest.raises(InvalidPairsError, match=r"X has 3 plane\(s\).*fitted on CT, MRI"):
        model.predict(heads(3))
    swapped = Pairs(X[:, ::-1], modalities=["MRI", "CT"])
    with pytest.raises(InvalidPairsError, match=r"MRI, CT; .* fitted on CT, MRI"):
        model.predict(swapped)
    named = AtlasDetector(map_scoring=SCORING)
    named.fit(Pairs(heads(3), groups=OWNERS, modalities=["T1", "T2", "FLAIR"]))
    assert named.predict(heads(3, 4, seed=2)).shape == (4,)  # without names, in that order
    with pytest.raises(InvalidPairsError, match="T1, FLAIR, T2"):
        named.predict(Pairs(heads(3, 4), modalities=["T1", "FLAIR", "T2"]))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_evidence_is_fused_over_the_planes_observed(n):
    rng = np.random.default_rng(n)
    z = rng.normal(size=(4, 1, n, 6, 5)).astype(np.float32)
    z[rng.random(z.shape) < 0.3] = np.nan
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(RuntimeWarning)
        mean, largest = np.nanmean(z[:, 0] ** 2, axis=1), np.nanmax(z[:, 0] ** 2, axis=1)
    assert_allclose(fused_evidence(z, "mean"), mean, rtol=1e-5)
    assert_array_equal(fused_evidence(z, "max"), largest)


def test_distances_add_up_over_the_planes():
    a, b = heads(3), heads(3, seed=7)
    described = [[slice_descriptors(x[:, [p]]) for x in (a, b)] for p in range(3)]
    scale = np.array([0.5, 1.0, 2.0])
    apart = sum(squared_distances(*pair, scale[[p]]) for p, pair in enumerate(described))
    together = squared_distances(slice_descriptors(a), slice_descriptors(b), scale)
    assert_allclose(together, apart)


def test_a_table_names_planes_that_nobody_named():
    z = np.zeros((1, 3, 16, 16), np.float32)
    z[0, 2, 4:8, 4:8] = 5
    assert region_table(z).modality.tolist() == ["plane 2"]
    assert region_table(z, modalities=["a", "b", "c"]).modality.tolist() == ["c"]
