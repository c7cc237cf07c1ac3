"""PatchMemoryDetector, its banks and coresets."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

pytest.importorskip("torch")

from ctmri_detect import Pairs, PatchMemoryDetector
from ctmri_detect.detectors.patch_memory import Reservoir, greedy_coreset
from ctmri_detect.detectors.patch_memory.banks import PatchBank, SliceBank
from ctmri_detect.features import FilterBankFeatures, JointFeatures
from ctmri_detect.imageops.similar import slice_descriptors

RNG = np.random.default_rng(0)
SEED = np.random.RandomState


def test_a_reservoir_keeps_every_patch_of_a_stream_equally_often():
    counts = np.zeros(40)
    for seed in range(400):
        reservoir = Reservoir(10, SEED(seed))
        for start in range(0, 40, 8):
            reservoir.add(np.arange(start, start + 8.0)[:, None])
        kept = reservoir.patches()[:, 0].astype(int)
        assert len(set(kept)) == 10
        counts[kept] += 1
    assert counts.min() > 60  # 100 expected, standard deviation 8.7
    assert counts.max() < 140


def test_a_reservoir_holds_a_short_stream_whole():
    reservoir = Reservoir(10, SEED(0))
    reservoir.add(np.arange(4.0)[:, None])
    assert_array_equal(reservoir.patches()[:, 0], np.arange(4.0))


def test_each_patch_of_a_coreset_is_the_farthest_from_those_before():
    points = RNG.normal(size=(300, 5))
    rows = greedy_coreset(points, 20, SEED(0))
    for k in range(1, 20):
        to_subset = np.linalg.norm(points[:, None] - points[rows[:k]], axis=2).min(axis=1)
        assert_allclose(to_subset[rows[k]], to_subset.max(), rtol=1e-5)


def test_a_coreset_covers_better_than_a_random_sample():
    points = np.concatenate([RNG.normal(size=(3000, 24)), RNG.normal(6, 1, size=(15, 24))])

    def radius(rows):
        return NearestNeighbors(n_neighbors=1).fit(points[rows]).kneighbors(points)[0].max()

    chosen = greedy_coreset(points, 100, SEED(0))
    assert radius(chosen) < 0.9 * radius(RNG.permutation(3015)[:100])


@pytest.mark.parametrize("size", [7, 50])
def test_a_coreset_of_equal_or_few_patches_holds_no_row_twice(size):
    rows = greedy_coreset(np.ones((7, 3)), size, SEED(0))
    assert sorted(rows) == list(range(7))


def grids(n, seed, k=6):
    """Components of random cells, where they are seen, and slices that they might be of."""
    rng = np.random.default_rng(seed)
    seen = rng.random((n, 2, 5, 6)) > 0.3
    components = np.where(seen[..., None], rng.normal(size=(n, 2, 5, 6, k)), 0)
    descriptors = slice_descriptors(rng.normal(size=(n, 2, 24, 24)).astype(np.float32))
    return components.astype(np.float16), seen, descriptors


def test_the_unrestricted_search_is_exact():
    components, seen, descriptors = grids(3, 1)
    patches = [RNG.normal(size=(500, 6)), np.empty((0, 6))]
    found = PatchBank(patches, 4).distances(components, seen, descriptors, None)
    exact = NearestNeighbors(n_neighbors=4).fit(patches[0].astype(np.float16))
    expected = exact.kneighbors(components[:, 0][seen[:, 0]])[0].mean(axis=1)
    assert_allclose(found[:, 0][seen[:, 0]], expected, rtol=1e-3)
    assert (found[:, 1] == 0).all()
    assert (found[~seen] == 0).all()


def test_the_restricted_search_looks_around_the_place_in_other_patients_slices():
    components, seen, descriptors = grids(8, 2)
    patients = np.repeat(np.arange(4), 2)
    bank = SliceBank(components, seen, descriptors, patients, n_neighbors=2)
    found = bank.distances(components[:3], seen[:3], descriptors[:3], patients[:3])
    for i, y, x in np.argwhere(seen[:3, 0]):
        near = [
            np.linalg.norm(components[i, 0, y, x].astype(float) - components[j, 0, a, b])
            for j in np.flatnonzero(patients != patients[i])
            for a in range(max(0, y - 1), min(5, y + 2))
            for b in range(max(0, x - 1), min(6, x + 2))
            if seen[j, 0, a, b]
        ]
        assert_allclose(found[i, 0, y, x], np.sort(near)[:2].mean(), rtol=1e-3)


TRAIN = make_heads(48, size=64, seed=1)
PATIENTS = np.repeat(np.arange(16), 3)
FEATURES = {
    "filters": FilterBankFeatures(),
    "joint": JointFeatures(FilterBankFeatures()),
}


@pytest.mark.parametrize("features", FEATURES.values(), ids=FEATURES)
@pytest.mark.parametrize("settings", [{}, {"restricted": False, "bank_size": 400}], ids=str)
def test_a_bright_lesion_is_found_with_nothing_trained(features, settings):
    model = PatchMemoryDetector(features=features, conditioning=False, random_state=0, **settings)
    model.fit(TRAIN, groups=PATIENTS)
    test = make_heads(16, size=64, seed=3)
    odd = np.stack([plant(p, 1, amount=0.8, at=(32, 20), radius=7)[0] for p in test[:8]])
    scores = model.score_samples(np.concatenate([odd, test[8:]]))
    assert roc_auc_score(np.arange(16) < 8, -scores) > 0.9


def test_a_slice_is_not_compared_with_those_of_its_own_patient_where_the_name_is_known():
    def ill(heads):
        return np.stack([plant(p, 1, amount=0.8, at=(32, 20), radius=7)[0] for p in heads])

    train = np.concatenate([TRAIN[:20], ill(TRAIN[20:24])])
    names = [f"p{i // 4}" for i in range(24)]  # the last four slices are of one patient
    model = PatchMemoryDetector(features=FilterBankFeatures(), conditioning=False, random_state=0)
    model.fit(Pairs(train, groups=names))
    new = ill(make_heads(3, size=64, seed=5))
    named, unnamed = (
        model.residual_map(Pairs(new, groups=groups))[:, 1, 28:36, 16:24].mean()
        for groups in (["p5"] * 3, ["someone else"] * 3)
    )
    assert named > 1.2 * unnamed


@pytest.mark.parametrize("selection", ["coreset", "random"])
def test_the_bank_keeps_to_its_size(selection):
    for n in (12, 48):
        model = PatchMemoryDetector(
            features=FilterBankFeatures(), conditioning=False, restricted=False, bank_size=300,
            selection=selection, random_state=0,
        )  # fmt: skip
        model.fit(TRAIN[:n], groups=PATIENTS[:n])
        assert [len(patches) for patches in model.bank_.patches] == [300, 300]
        assert model.bank_.nbytes == 2 * 300 * model.bank_.patches[0].shape[1] * 2
    whole = PatchMemoryDetector(
        features=FilterBankFeatures(), conditioning=False, bank_size=5 * 16 * 16, random_state=0
    )
    assert len(whole.fit(TRAIN, groups=PATIENTS).bank_.seen) == 5


def test_a_modality_that_no_one_has_is_no_obstacle():
    X = TRAIN[:24].copy()
    X[:, 1] = np.nan
    for restricted in (True, False):
        model = PatchMemoryDetector(
            features=FilterBankFeatures(), conditioning=False, restricted=restricted, random_state=0
        )
        model.fit(X, groups=PATIENTS[:24])
        assert np.isfinite(model.score_samples(X[:3])).all()
        model.score_samples(TRAIN[:3])  # a plane never seen in training says nothing


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"bank_size": 0}, "bank_size is 0"),
        ({"selection": "kmeans"}, "selection is 'kmeans'"),
        ({"restricted": "yes"}, "restricted is 'yes'"),
        ({"conditioning": "full"}, "conditioning is 'full'; expected a FeatureConditioning"),
    ],
)
def test_bad_parameters_are_named(bad, message):
    with pytest.raises(ValueError, match=message):
        PatchMemoryDetector(**bad).fit(TRAIN)
