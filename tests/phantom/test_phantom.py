"""Laws of the head phantom: physics, truth and reproducibility."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import SeedSequence
from scipy import ndimage

pytest.importorskip("nilearn")

from on_disk import reads_from

from ctmri_detect.exceptions import InjectionError
from ctmri_detect.phantom.compose import Setting, cut, draw_person, render
from ctmri_detect.phantom.pairs import make_phantom_pairs
from ctmri_detect.phantom.physics import draw_acquisition, draw_scanner
from ctmri_detect.synthesis import DEFAULT_KINDS, LESION_KINDS, anomaly_kinds
from ctmri_detect.synthesis.signals import make_protocol
from ctmri_detect.synthesis.tissues import TISSUES

LESIONS = list(LESION_KINDS)
WHOLE = [kind for kind in anomaly_kinds() if kind not in LESIONS]


@pytest.fixture(scope="module")
def pairs():
    return make_phantom_pairs(4, 6, size=128, anomalous_fraction=0.5, random_state=0)


@pytest.fixture(scope="module")
def healthy():
    return make_phantom_pairs(4, 6, size=128, anomalous_fraction=0.0, random_state=0)


@pytest.fixture(scope="module")
def all_kinds():
    return make_phantom_pairs(
        4, 13, size=192, kinds=LESIONS, anomalous_fraction=1.0, random_state=3
    )


def healthy_slice(person, index, size):
    setting = Setting(size, {"mri": make_protocol("t2")})
    made = cut(person, float(person.levels[index]), person.slice_seeds[index], setting)
    return made.scene, render(made, person, setting)[0]


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
    np.testing.assert_array_equal(pairs.frame["cnr_ct"].isna(), pairs.target == 1)


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.5, 1.0])
def test_fraction_is_exact_and_spread_over_subjects(fraction):
    made = make_phantom_pairs(3, 4, size=64, anomalous_fraction=fraction, random_state=1)
    sick = made.target == -1
    assert sick.sum() == round(fraction * 12)
    counts = [sick[made.groups == group].sum() for group in np.unique(made.groups)]
    assert max(counts) - min(counts) <= 1


def test_kinds_are_balanced(all_kinds, pairs):
    counts = all_kinds.frame["kind"].value_counts()
    assert set(counts.index) == set(LESIONS)
    assert counts.max() == counts.min()
    assert set(pairs.frame["kind"]) == {*DEFAULT_KINDS, "normal"}


def test_grey_white_contrast_is_the_published_one():
    differences = []
    for seed in SeedSequence(4).spawn(3):
        person = draw_person(seed, 5)
        for index in (2, 3):
            scene, pair = healthy_slice(person, index, 256)
            inside = scene.depth < -6
            grey, white = (inside & (scene.fractions[name] > 0.95) for name in ("gm", "wm"))
            differences.append(pair[0][grey].mean() - pair[0][white].mean())
            assert abs(pair[0][white].mean() - 30) < 4.5
            assert abs(pair[0][grey].mean() - 37) < 4.5
    assert 6.0 <= np.mean(differences) <= 8.5


@pytest.mark.parametrize("seed", range(3))
def test_scanners_differ_in_calibration_and_in_the_contrast_of_grey_and_white_matter(seed):
    hu = draw_scanner(np.random.default_rng(seed)).hu
    moved = {name: hu[name] - tissue.hu for name, tissue in TISSUES.items()}
    calibration = moved["muscle"]
    assert moved["dura"] == pytest.approx(calibration)
    assert moved["gm"] + moved["wm"] == pytest.approx(2 * calibration)
    assert 6.8 <= hu["gm"] - hu["wm"] <= 8.4  # 7.6 +- .8


@pytest.mark.parametrize("size", [64, 129, 256])
def test_ct_noise_has_unit_variance_and_the_spectrum_of_back_projection(size):
    """No power at frequency 0, a rise like a ramp, a fall with the kernel (Riederer 1978)."""
    spacing = 250 / size
    power = np.zeros((size, size))
    for seed in range(60):
        noise = draw_acquisition(np.random.default_rng(seed), size, spacing).ct_noise
        power += np.abs(np.fft.fft2(noise)) ** 2 / 60
        assert noise.std() == pytest.approx(1.0, abs=0.08)
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(size, spacing),) * 2))
    assert power[0, 0] < 1e-6 * power.max()
    low, peak = (
        power[(frequency > a) & (frequency < b)].mean() for a, b in ((0.02, 0.05), (0.15, 0.2))
    )
    assert low / peak == pytest.approx(0.27, abs=0.08)  # f exp(-(2 pi 0.6 f)^2)
    if size == 256:
        assert power[frequency > 0.45].mean() < 0.2 * peak


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


def farthest_change(kind):
    """mm beyond a moderate lesion's mask: its soft border and blur, and its mass effect."""
    spec = LESION_KINDS[kind]
    smaller = 12 * spec.scale * {"crescent": 0.8, "lens": 1.1}.get(spec.shape, 1.35)
    reach = max(14.0, 5.0 * spec.push * smaller) if spec.push else 0.0
    return 16 + reach


def test_a_lesion_changes_nothing_far_from_it(pairs, healthy):
    spacing = pairs.frame["spacing"][0]
    for n in range(len(pairs.data)):
        changed = (pairs.data[n] != healthy.data[n]).any(axis=0)
        if pairs.target[n] == 1:
            assert not changed.any()
            continue
        distance = spacing * ndimage.distance_transform_edt(~pairs.masks[n])
        assert changed[pairs.masks[n]].mean() > 0.95
        assert not changed[distance > farthest_change(pairs.frame["kind"][n])].any()


def test_lesions_lie_inside_the_head(all_kinds, pairs):
    for made in (all_kinds, pairs):
        ct = made.data[:, 0]
        for image, mask in zip(ct, made.masks, strict=True):
            head = ndimage.binary_fill_holes(image > 300)
            assert (mask & ~head).sum() == 0
        assert ct[made.masks].min() > -100


def test_signatures_follow_the_physics(all_kinds):
    frame = all_kinds.frame.groupby("kind")[["cnr_ct", "cnr_mri"]].agg(["min", "max"])
    ct, mri = frame["cnr_ct"], frame["cnr_mri"]
    for blood in ("haematoma", "epidural", "subdural"):
        assert ct.loc[blood, "min"] > 2
        assert mri.loc[blood, "max"] < -3
    assert ct.loc["subarachnoid", "min"] > 2
    assert mri.loc["subarachnoid", "max"] < -3
    isodense = all_kinds.frame["kind"] == "subdural_isodense"  # it shows by what it displaces
    level = np.median(all_kinds.data[isodense, 0][all_kinds.masks[isodense]])
    assert 25 < level < 45
    assert mri.loc["subdural_isodense", "min"] > 3
    assert ct.loc["calcification", "min"] > 5
    assert mri.loc["calcification", "max"] < -3
    assert ct.loc["infarct_early"].abs().max() < 1
    for watery in ("infarct_early", "infarct_subacute", "infarct_chronic", "oedema", "tumour"):
        assert mri.loc[watery, "min"] > 3
    for dark in ("infarct_subacute", "infarct_chronic", "oedema"):
        assert ct.loc[dark, "max"] < -1
    for kind in ("contradiction", "shifted_region"):
        assert ct.loc[kind].abs().max() < 0.05
        assert mri.loc[kind].abs().min() > 2


def test_every_anomaly_is_visible_in_one_plane_at_least(all_kinds):
    assert (all_kinds.frame[["cnr_ct", "cnr_mri"]].abs().max(axis=1) >= 1).all()


def test_the_frame_tells_how_large_a_lesion_is(all_kinds):
    frame = all_kinds.frame
    area = all_kinds.masks.sum(axis=(1, 2)) * frame["spacing"] ** 2
    np.testing.assert_allclose(frame["area_mm2"], area)
    np.testing.assert_allclose(np.pi * (frame["diameter_mm"] / 2) ** 2, area)


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_slice_kinds_have_no_mask_and_spoil_one_plane_only(kind):
    arguments = {"size": 96, "kinds": kind, "random_state": 2}
    sick = make_phantom_pairs(2, 2, anomalous_fraction=1, **arguments)
    well = make_phantom_pairs(2, 2, anomalous_fraction=0, **arguments)
    assert not sick.masks.any()
    assert sick.frame["whole_slice"].all()
    assert (sick.target == -1).all()
    plane = 0 if kind == "metal_streak" else 1
    np.testing.assert_array_equal(sick.data[:, 1 - plane], well.data[:, 1 - plane])
    assert (sick.data[:, plane] != well.data[:, plane]).mean() > 0.3
    assert (sick.frame[["cnr_ct", "cnr_mri"]].abs().max(axis=1) > 1).all()


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


def test_tissue_fractions_sum_to_one():
    person = draw_person(SeedSequence(6), 4)
    for index in range(4):
        fractions = np.stack(list(healthy_slice(person, index, 96)[0].fractions.values()))
        assert fractions.min() > -1e-6
        np.testing.assert_allclose(fractions.sum(axis=0), 1.0, atol=1e-4)


def test_sulci_widen_and_ventricles_grow_with_age():
    from dataclasses import replace

    person = draw_person(SeedSequence(6), 3)
    fluid = []
    for atrophy, ventricle in ((0.0, -1.0), (1.0, 2.0)):
        subject = replace(person.subject, atrophy=atrophy, ventricle=ventricle)
        scene, _ = healthy_slice(replace(person, subject=subject), 2, 256)
        fluid.append([scene.fluid(deep=deep).sum() for deep in (False, True)])
    assert fluid[1][0] > 1.3 * fluid[0][0]
    assert fluid[1][1] > 1.3 * fluid[0][1]


def test_slices_lie_as_far_apart_as_asked():
    made = make_phantom_pairs(2, 3, size=64, slice_spacing=4.0, anomalous_fraction=0)
    for _, z in made.frame.groupby("patient")["slice"]:
        np.testing.assert_allclose(np.diff(z), 4.0)


def test_same_bits_whatever_the_number_of_processes(pairs):
    shared = make_phantom_pairs(4, 6, size=128, anomalous_fraction=0.5, random_state=0, n_jobs=2)
    np.testing.assert_array_equal(shared.data, pairs.data)
    np.testing.assert_array_equal(shared.masks, pairs.masks)
    assert shared.frame.equals(pairs.frame)


def test_pairs_written_to_a_file_are_the_same_and_never_overwrite(pairs, tmp_path):
    path = tmp_path / "pairs.npy"
    arguments = {"size": 128, "anomalous_fraction": 0.5, "random_state": 0, "out": path}
    stored = make_phantom_pairs(4, 6, **arguments)
    assert reads_from(stored.data, path)
    np.testing.assert_array_equal(stored.data, pairs.data)
    np.testing.assert_array_equal(np.load(path, mmap_mode="r"), pairs.data)
    with pytest.raises(FileExistsError):
        make_phantom_pairs(4, 6, **arguments)


def test_misregistration_is_one_shift_a_subject(healthy):
    shifts = healthy.frame.groupby("patient")[["mri_shift_x", "mri_shift_y"]].nunique()
    assert (shifts == 1).all().all()
    assert healthy.frame["mri_shift_x"].abs().max() <= 2


def test_grey_and_white_matter_are_closer_at_3_tesla_in_flair():
    """At 3 T the longer T1 of grey matter eats its lead in FLAIR; CT does not care."""
    low, high = (
        make_phantom_pairs(
            1, 2, size=96, sequence="flair", field_strength=t, anomalous_fraction=0, random_state=1
        ).data
        for t in (1.5, 3.0)
    )
    np.testing.assert_array_equal(low[:, 0], high[:, 0])
    assert not np.array_equal(low[:, 1], high[:, 1])


def test_ct_artefacts_are_what_was_asked_for():
    perfect, cupped, streaked = (
        make_phantom_pairs(1, 1, size=128, ct_artefacts=a, anomalous_fraction=0, random_state=1)
        for a in ((), "cupping", ("cupping", "streaks"))
    )
    change = (np.asarray(cupped.data) - perfect.data)[0, 0]
    assert 0.5 < change.max() < 2
    assert change.min() > -0.1
    streaks = (np.asarray(streaked.data) - cupped.data)[0]
    inner = streaks[0, 48:80, 48:80]
    assert 0.1 < np.abs(inner).max() < 15
    assert not streaks[1].any()


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
        .frame["cnr_ct"]
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
        ({"slice_spacing": 0}, "above 0"),
        ({"field_strength": 7}, "1.5 or 3"),
        ({"ct_artefacts": "rings"}, "cupping"),
    ],
)
def test_errors_say_what_is_valid(wrong, said):
    with pytest.raises(ValueError, match=said):
        make_phantom_pairs(**wrong)


def test_a_lesion_that_can_not_show_is_an_error(monkeypatch):
    from ctmri_detect.phantom import anomalies

    monkeypatch.setattr(anomalies, "LEAST_CNR", 1e6)
    with pytest.raises(InjectionError, match="no room for a visible oedema"):
        make_phantom_pairs(1, 1, size=64, kinds="oedema", anomalous_fraction=1, random_state=0)
