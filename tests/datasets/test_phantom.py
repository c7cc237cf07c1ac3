"""Laws of the head phantom: physics, truth and reproducibility."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import SeedSequence
from scipy import ndimage

pytest.importorskip("nilearn")

from ctmri_detect.datasets._phantom import physics
from ctmri_detect.datasets._phantom.anatomy import load_template
from ctmri_detect.datasets._phantom.compose import draw_person, render_slice
from ctmri_detect.datasets._phantom.slices import cut_slice
from ctmri_detect.datasets.phantom import make_phantom_pairs
from ctmri_detect.synthesis.kinds import LESION_KINDS
from ctmri_detect.synthesis.tissues import TISSUES

KINDS = list(LESION_KINDS)


@pytest.fixture(scope="module")
def pairs():
    return make_phantom_pairs(4, 6, size=128, anomalous_fraction=0.5, random_state=0)


@pytest.fixture(scope="module")
def healthy():
    return make_phantom_pairs(4, 6, size=128, anomalous_fraction=0.0, random_state=0)


@pytest.fixture(scope="module")
def all_kinds():
    return make_phantom_pairs(4, 8, size=192, anomalous_fraction=1.0, random_state=3)


def brain(person, index, size):
    cut = cut_slice(load_template(), person.subject, float(person.levels[index]), size)
    return cut, cut.depth < -6


def test_shapes_types_and_truth(pairs):
    assert pairs.data.shape == (24, 2, 128, 128)
    assert pairs.data.dtype == np.float32
    assert pairs.target.dtype == np.int64
    assert set(pairs.target) == {-1, 1}
    assert pairs.masks.shape == (24, 128, 128)
    assert pairs.masks.dtype == bool
    assert pairs.groups.shape == (24,)
    assert len(set(pairs.groups)) == 4
    assert pairs.paired is True
    assert pairs.ct_units == "hu"
    assert pairs.skipped == []
    assert np.isfinite(pairs.data).all()
    assert {"ct", "mri", "patient", "slice", "spacing", "sequence", "kind"} <= set(pairs.frame)
    np.testing.assert_array_equal(pairs.masks.any(axis=(1, 2)), pairs.target == -1)
    np.testing.assert_array_equal(pairs.frame["kind"] != "normal", pairs.target == -1)
    np.testing.assert_array_equal(pairs.frame["contrast_ct"].isna(), pairs.target == 1)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.5, 1.0])
def test_fraction_is_exact_and_spread_over_subjects(fraction):
    made = make_phantom_pairs(3, 4, size=64, anomalous_fraction=fraction, random_state=1)
    sick = made.target == -1
    assert sick.sum() == round(fraction * 12)
    counts = [sick[made.groups == group].sum() for group in np.unique(made.groups)]
    assert max(counts) - min(counts) <= 1


def test_kinds_are_balanced(all_kinds):
    counts = all_kinds.frame["kind"].value_counts()
    assert set(counts.index) == set(KINDS)
    assert counts.max() == counts.min()


def test_grey_white_contrast_is_the_published_one():
    differences = []
    for seed in SeedSequence(4).spawn(3):
        person = draw_person(seed, 5)
        for index in (2, 3):
            cut, inside = brain(person, index, 256)
            ct = render_slice(person, index, 256, "t2", None, "mild").pair[0]
            grey, white = (inside & (cut.fraction(name) > 0.95) for name in ("gm", "wm"))
            differences.append(ct[grey].mean() - ct[white].mean())
            assert abs(ct[white].mean() - 30) < 4.5
            assert abs(ct[grey].mean() - 37) < 4.5
    assert 6.0 <= np.mean(differences) <= 8.5


def test_noise_of_ct_and_the_shared_anatomy_of_a_subject():
    """Two slices at one level of one subject differ by nothing but their noise."""
    few, many = (make_phantom_pairs(2, n, anomalous_fraction=0, random_state=5) for n in (3, 5))
    for subject in range(2):
        a, b = few.data[3 * subject + 1], many.data[5 * subject + 2]
        assert few.frame["slice"][3 * subject + 1] == many.frame["slice"][5 * subject + 2]
        difference = (a - b)[0, 90:166, 100:156]
        assert abs(difference.mean()) < 0.5
        assert difference.std() / np.sqrt(2) == pytest.approx(4.0, abs=0.25)
    other = (few.data[1] - few.data[4])[0, 90:166, 100:156]
    assert other.std() / np.sqrt(2) > 5.0  # another subject has another anatomy


def test_same_seed_same_bits_and_global_generator_untouched():
    before = np.random.get_state()[1].copy()
    first, again, other = (
        make_phantom_pairs(2, 2, size=64, random_state=seed) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first.data, again.data)
    np.testing.assert_array_equal(first.masks, again.masks)
    assert not np.array_equal(first.data, other.data)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_a_subject_does_not_depend_on_how_many_follow():
    few, many = (
        make_phantom_pairs(n, 2, size=64, anomalous_fraction=0, random_state=9) for n in (1, 3)
    )
    np.testing.assert_array_equal(few.data, many.data[:2])


def test_a_lesion_changes_nothing_far_from_it(pairs, healthy):
    spacing = pairs.frame["spacing"][0]
    for n in range(len(pairs.data)):
        changed = (pairs.data[n] != healthy.data[n]).any(axis=0)
        if pairs.target[n] == 1:
            assert not changed.any()
            continue
        distance = spacing * ndimage.distance_transform_edt(~pairs.masks[n])
        assert changed[pairs.masks[n]].mean() > 0.95
        assert not changed[distance > 20].any()


def test_lesions_lie_inside_the_head(all_kinds, pairs):
    for made in (all_kinds, pairs):
        ct = made.data[:, 0]
        for image, mask in zip(ct, made.masks, strict=True):
            head = ndimage.binary_fill_holes(image > 300)
            assert (mask & ~head).sum() == 0
        assert ct[made.masks].min() > -100


def test_signatures_follow_the_physics(all_kinds):
    frame = all_kinds.frame.groupby("kind")[["contrast_ct", "contrast_mri"]].agg(["min", "max"])
    ct, mri = frame["contrast_ct"], frame["contrast_mri"]
    assert ct.loc["haematoma", "min"] > 2
    assert mri.loc["haematoma", "max"] < -3
    assert ct.loc["calcification", "min"] > 5
    assert mri.loc["calcification", "max"] < -3
    assert ct.loc["infarct_early"].abs().max() < 1
    assert mri.loc["infarct_early", "min"] > 3
    assert ct.loc["infarct_subacute", "max"] < -1
    assert mri.loc["infarct_subacute", "min"] > 3
    assert ct.loc["oedema", "max"] < -1
    assert mri.loc["oedema", "min"] > 3
    assert ct.loc["contradiction"].abs().max() < 0.05
    assert mri.loc["contradiction"].abs().min() > 2


def test_contradiction_is_normal_in_each_modality_alone():
    """Its MRI values lie among those of the healthy head, its fluid included; CT is untouched."""
    arguments = {"size": 128, "kinds": ["contradiction"], "random_state": 2}
    sick = make_phantom_pairs(3, 2, anomalous_fraction=1, **arguments)
    well = make_phantom_pairs(3, 2, anomalous_fraction=0, **arguments)
    np.testing.assert_array_equal(sick.data[:, 0], well.data[:, 0])
    for n in range(6):
        inside = ndimage.binary_fill_holes(well.data[n, 0] > 300)
        inside = ndimage.binary_erosion(inside & (well.data[n, 0] < 100), iterations=6)
        low, high = np.quantile(well.data[n, 1][inside], [0.001, 0.999])
        values = sick.data[n, 1][sick.masks[n]]
        assert low < values.mean() < high


@pytest.mark.parametrize(
    ("sequence", "order"),
    [
        ("t1", ("csf", "gm", "wm")),
        ("t2", ("wm", "gm", "csf")),
        ("pd", ("wm", "gm")),
        ("flair", ("csf", "wm", "gm")),
    ],
)
def test_sequences_order_the_tissues_as_they_should(sequence, order):
    signals = [physics.spin_echo(TISSUES[name], physics.SEQUENCES[sequence]) for name in order]
    assert signals == sorted(signals)


def test_flair_nulls_fluid():
    timing = physics.SEQUENCES["flair"]
    assert physics.spin_echo(TISSUES["csf"], timing) < 1e-6


def test_tissue_fractions_sum_to_one():
    person = draw_person(SeedSequence(6), 4)
    for index in range(4):
        cut, _ = brain(person, index, 96)
        assert cut.fractions.min() > -1e-6
        np.testing.assert_allclose(cut.fractions.sum(axis=0), 1.0, atol=1e-4)


def test_bone_and_air_are_dark_in_mri(healthy):
    ct, mri = healthy.data[:, 0], healthy.data[:, 1]
    for k in range(len(ct)):
        inner = np.median(mri[k][40:88, 44:84])
        air = ndimage.binary_erosion(ct[k] < -900, iterations=4)
        assert np.median(mri[k][air]) < 0.15 * inner
        assert np.median(mri[k][ct[k] > 1000]) < 0.6 * inner


def test_the_severest_lesion_is_the_easiest_to_see():
    contrast = [
        make_phantom_pairs(
            4, 2, size=128, kinds="haematoma", anomalous_fraction=1, severity=s, random_state=1
        )
        .frame["contrast_ct"]
        .mean()
        for s in ("mild", "moderate", "severe")
    ]
    assert contrast == sorted(contrast)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kinds": ["stroke"]}, "haematoma"),
        ({"kinds": []}, "default"),
        ({"severity": "fatal"}, "moderate"),
        ({"sequence": "dwi"}, "flair"),
        ({"size": 10}, "at least 64"),
        ({"n_subjects": 0}, "at least 1"),
        ({"anomalous_fraction": 1.5}, "from 0 to 1"),
    ],
)
def test_errors_say_what_is_valid(wrong, said):
    with pytest.raises(ValueError, match=said):
        make_phantom_pairs(**wrong)
