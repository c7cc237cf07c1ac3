"""Laws of anomalies put into pairs: where they lie, what they change, what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from real_data import DATA
from scipy import ndimage

pytest.importorskip("nilearn")

from ctmri_detect.datasets import load_pairs, make_phantom_pairs
from ctmri_detect.exceptions import InjectionError, InvalidPairsError
from ctmri_detect.preprocessing import BrainMask
from ctmri_detect.synthesis import LESION_KINDS, anomaly_kinds, inject_anomalies
from ctmri_detect.synthesis.reading import likeliest_sequence, read_pair
from ctmri_detect.validation import PairReader

LESIONS = list(LESION_KINDS)
SIZE = 160
MM = 250 / SIZE


def healthy(sequence="t2", seed=0, subjects=2, slices=4):
    made = make_phantom_pairs(
        subjects,
        slices,
        size=SIZE,
        anomalous_fraction=0,
        sequence=sequence,
        random_state=seed,
    )
    made.data = np.asarray(made.data)  # an array knows nothing of patients, units and mm
    return made


def eight_bit(X):
    """The same pairs as people export them: brain window, MRI to 0..255, rounded."""
    ct = np.clip(X[:, 0] / 80 * 255, 0, 255)
    top = np.quantile(X[:, 1], 0.995, axis=(1, 2), keepdims=True)
    return np.rint(np.stack([ct, np.clip(X[:, 1] / top * 255, 0, 255)], axis=1))


@pytest.fixture(scope="module")
def data():
    return healthy()


@pytest.fixture(scope="module")
def every_lesion():
    """Each kind of lesion twice in HU, with the pairs as they were."""
    made = healthy(slices=7, subjects=4)
    return made, inject_anomalies(made.data, LESIONS, spacing=MM, random_state=0)


@pytest.fixture(scope="module")
def every_lesion_in_8_bit():
    made = healthy(slices=7, subjects=4)
    X = eight_bit(made.data)
    return X, inject_anomalies(X, LESIONS, ct_units="uint8", spacing=MM, random_state=0)


def test_masks_lie_inside_the_skull(every_lesion):
    made, (_, masks, frame) = every_lesion
    for pair, mask, kind in zip(made.data, masks, frame["kind"], strict=True):
        skull = pair[0] > 300
        inside = ndimage.binary_fill_holes(skull) & ~ndimage.binary_erosion(skull)
        assert mask.any(), kind
        assert not (mask & ~inside).any(), kind


def test_far_from_the_mask_every_bit_is_as_it_was(every_lesion):
    made, (X, masks, frame) = every_lesion
    for n, kind in enumerate(frame["kind"]):
        spec = LESION_KINDS[kind]
        smaller = 12 * spec.scale * {"crescent": 0.8, "lens": 1.1}.get(spec.shape, 1.35)
        border = 40 if spec.site == "sulci" else 20  # thin fluid, less than half lesion
        reach = border + (max(14.0, 5.0 * spec.push * smaller) if spec.push else 0.0)
        far = MM * ndimage.distance_transform_edt(~masks[n]) > reach
        assert far.any()
        np.testing.assert_array_equal(X[n][:, far], made.data[n][:, far])
        assert (X[n] != made.data[n])[:, masks[n]].any()


def test_the_contrast_in_the_frame_is_the_one_in_the_pixels(every_lesion):
    made, (X, masks, frame) = every_lesion
    for n in range(len(X)):
        noise = read_pair(made.data[n], "hu", MM, ["t2"]).noise
        for plane, column in enumerate(("cnr_ct", "cnr_mri")):
            change = (X[n, plane] - made.data[n, plane])[masks[n]].astype(float)
            expected = np.sqrt(np.mean(change**2)) / noise[plane]
            assert abs(frame[column][n]) == pytest.approx(expected, rel=1e-4, abs=1e-9)
            assert frame[column][n] * change.mean() >= 0
        assert max(abs(frame["cnr_ct"][n]), abs(frame["cnr_mri"][n])) >= 1


def assert_signs(frame):
    """Up and down in CT and T2 as the literature has them."""
    table = frame.groupby("kind")[["cnr_ct", "cnr_mri"]].agg(["min", "max"])
    ct, mri = table["cnr_ct"], table["cnr_mri"]
    for bright in ("haematoma", "epidural", "subdural", "subarachnoid", "calcification"):
        assert ct.loc[bright, "min"] > 2, bright
        assert mri.loc[bright, "max"] < -2, bright
    for dark in ("infarct_subacute", "infarct_chronic", "oedema"):
        assert ct.loc[dark, "max"] < -1, dark
    for watery in ("infarct_early", "infarct_subacute", "infarct_chronic", "oedema", "tumour"):
        assert mri.loc[watery, "min"] > 1.5, watery
    assert mri.loc["subdural_isodense", "min"] > 1
    assert ct.loc["infarct_early"].abs().max() < 1
    for cross_modal in ("contradiction", "shifted_region"):
        assert ct.loc[cross_modal].abs().max() == 0
        assert mri.loc[cross_modal].abs().min() > 1


def test_signs_follow_the_physics_in_hu(every_lesion):
    assert_signs(every_lesion[1][2])


def test_signs_follow_the_physics_in_8_bit(every_lesion_in_8_bit):
    assert_signs(every_lesion_in_8_bit[1][2])


def test_8_bit_pairs_stay_8_bit(every_lesion_in_8_bit):
    _, (X, _, _) = every_lesion_in_8_bit
    np.testing.assert_array_equal(X, np.rint(X))
    assert X.min() >= 0
    assert X.max() <= 255


def test_a_severe_haematoma_reaches_the_level_that_physics_says(data):
    """57 to 80 HU at full strength, under the noise of the image."""
    X, masks, _ = inject_anomalies(
        data.data, "haematoma", severity="severe", spacing=MM, random_state=1
    )
    for pair, mask in zip(X, masks, strict=True):
        core = ndimage.binary_erosion(mask, iterations=3)
        assert 50 < pair[0][core].mean() < 82
        assert pair[0][core].std() > 2  # the noise is still there


def test_displaced_tissue_keeps_its_noise(data):
    """Interpolation that blurred would be a mark that detectors could learn."""
    X, masks, _ = inject_anomalies(
        data.data, "tumour", severity="severe", spacing=MM, random_state=1
    )
    ratios = []
    for old, new, mask in zip(data.data, X, masks, strict=True):
        moved = (old[0] != new[0]) & ~ndimage.binary_dilation(mask, iterations=4)
        moved &= (old[0] < 100) & (new[0] < 100)  # without the skull, whose edge drowns the noise
        moved = ndimage.binary_erosion(moved, iterations=2)
        if moved.sum() > 100:
            rough_old, rough_new = (p[0] - ndimage.gaussian_filter(p[0], 1) for p in (old, new))
            ratios.append(rough_new[moved].std() / rough_old[moved].std())
    assert ratios
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.1)


def test_not_observed_stays_not_observed(data):
    X = BrainMask().fit_transform(data.data)
    made, masks, _ = inject_anomalies(X, spacing=MM, random_state=0)
    np.testing.assert_array_equal(np.isnan(made), np.isnan(X))
    assert not (masks & np.isnan(X).all(axis=1)).any()
    assert masks.any(axis=(1, 2)).all()


def test_a_sample_with_one_modality_gets_what_that_modality_shows(data):
    X = data.data.copy()
    X[:, 1] = np.nan
    made, masks, frame = inject_anomalies(X, "haematoma", spacing=MM, random_state=0)
    assert np.isnan(made[:, 1]).all()
    assert masks.any(axis=(1, 2)).all()
    assert frame["cnr_mri"].isna().all()
    assert (frame["cnr_ct"] > 2).all()
    with pytest.raises(InjectionError, match="noise SDs"):  # an early infarct needs the MRI
        inject_anomalies(X, "infarct_early", spacing=MM, random_state=0)
    X = data.data.copy()
    X[:, 0] = np.nan
    with pytest.raises(InjectionError, match="sequence="):
        inject_anomalies(X, "oedema", spacing=MM, random_state=0)
    _, _, frame = inject_anomalies(X, "oedema", sequence="t2", spacing=MM, random_state=0)
    assert (frame["cnr_mri"] > 2).all()


def test_input_is_not_altered_and_a_memmap_will_do(data, tmp_path):
    path = tmp_path / "pairs.npy"
    np.save(path, data.data)
    X = np.load(path, mmap_mode="r")
    stored = inject_anomalies(X, "tumour", spacing=MM, random_state=0)[0]
    np.testing.assert_array_equal(X, data.data)
    np.testing.assert_array_equal(
        stored, inject_anomalies(data.data, "tumour", spacing=MM, random_state=0)[0]
    )


def test_same_seed_same_bits_and_the_global_generator_is_left_alone(data):
    before = np.random.get_state()[1].copy()
    first, again, other = (
        inject_anomalies(data.data[:3], "oedema", spacing=MM, random_state=s) for s in (5, 5, 6)
    )
    np.testing.assert_array_equal(first[0], again[0])
    assert first[2].equals(again[2])
    assert not np.array_equal(first[1], other[1])
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_what_is_drawn_for_a_row_does_not_depend_on_those_that_follow(data):
    some, all_rows = (
        inject_anomalies(X, "oedema", sequence="t2", spacing=MM, random_state=0)[0]
        for X in (data.data[:2], data.data)
    )
    np.testing.assert_array_equal(some, all_rows[:2])


@pytest.mark.parametrize("kind", [k for k in anomaly_kinds() if k not in LESIONS])
def test_whole_slice_kinds_have_no_mask_and_change_one_plane(data, kind):
    X, masks, frame = inject_anomalies(
        data.data, kind, groups=data.groups, spacing=MM, random_state=0
    )
    plane = 0 if kind == "metal_streak" else 1
    assert not masks.any()
    assert frame["whole_slice"].all()
    np.testing.assert_array_equal(X[:, 1 - plane], data.data[:, 1 - plane])
    assert (X[:, plane] != data.data[:, plane]).any(axis=(1, 2)).all()


def test_exchanged_mri_are_those_of_the_patient_or_of_another(data):
    arguments = {"groups": data.groups, "spacing": MM, "random_state": 0}
    for kind, same in (("swapped_slice", True), ("foreign_slice", False)):
        X, _, _ = inject_anomalies(data.data, kind, **arguments)
        for n, pair in enumerate(X):
            source = [k for k, old in enumerate(data.data) if np.array_equal(pair[1], old[1])]
            assert len(source) == 1
            assert source[0] != n
            assert (data.groups[source[0]] == data.groups[n]) == same


def test_a_foreign_mri_comes_from_a_head_of_similar_outline():
    data = healthy(slices=9)
    X, _, _ = inject_anomalies(
        data.data, "foreign_slice", groups=data.groups, spacing=MM, random_state=0
    )
    heads = data.data[:, 0] > -500
    overlap = [[(one & other).sum() / (one | other).sum() for other in heads] for one in heads]
    chosen, average = [], []
    for n, pair in enumerate(X):
        source = next(k for k, old in enumerate(data.data) if np.array_equal(pair[1], old[1]))
        chosen.append(overlap[n][source])
        average.append(np.mean(np.array(overlap[n])[data.groups != data.groups[n]]))
    assert np.mean(chosen) > np.mean(average) + 0.03


@pytest.mark.parametrize("sequence", ["t1", "t2", "flair", "pd"])
def test_the_sequence_is_told_from_the_levels_of_the_tissues(sequence):
    X = healthy(sequence, seed=3).data
    assert likeliest_sequence(PairReader(X), "hu", [MM] * len(X)) == sequence


@pytest.mark.parametrize("size", [128, 256])
def test_estimated_tissue_is_the_tissue_of_the_phantom(size):
    from numpy.random import SeedSequence

    from ctmri_detect.phantom.compose import Setting, cut, draw_person, render
    from ctmri_detect.synthesis.signals import make_protocol

    setting = Setting(size, {"mri": make_protocol("t2")})
    person = draw_person(SeedSequence(3), 4)
    for index in (1, 2):
        made = cut(person, float(person.levels[index]), person.slice_seeds[index], setting)
        pair = render(made, person, setting)[0]
        reading = read_pair(pair, "hu", setting.spacing)
        inside = made.scene.depth < -6
        for name in ("csf", "gm", "wm"):
            true = inside & (made.scene.fractions[name] > 0.9)
            assert (reading.scene.fractions[name][true] > 0.5).mean() > 0.8, name
        assert ((reading.scene.depth < 0) != (made.scene.depth < 0)).mean() < 0.02
        assert reading.noise[0] == pytest.approx(4.0, rel=0.35)


def test_samples_that_can_not_hold_their_anomaly_are_named_or_skipped(data):
    X = data.data.copy()
    X[2, 0] = -1000.0  # air: no brain
    X[2, 1] = 0.0
    with pytest.raises(InjectionError, match=r"1 of 8 samples.*2 \(oedema\): no brain"):
        inject_anomalies(X, "oedema", spacing=MM, random_state=0)
    made, masks, frame = inject_anomalies(
        X, "oedema", spacing=MM, on_failure="skip", random_state=0
    )
    assert frame["kind"].tolist() == ["oedema"] * 2 + ["normal"] + ["oedema"] * 5
    assert "no brain" in frame["reason"][2]
    np.testing.assert_array_equal(made[2], X[2])
    assert not masks[2].any()


def test_constant_brain_is_an_error_that_says_so(data):
    X = data.data[:1].copy()
    X[0, 0] = np.where(X[0, 0] > 200, X[0, 0], np.where(X[0, 0] < -200, -1000.0, 30.0))
    X[0, 1] = 5.0
    with pytest.raises(InjectionError, match="one value"):
        inject_anomalies(X, "oedema", spacing=MM, random_state=0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kinds": "stroke"}, "haematoma"),
        ({"kinds": []}, "default"),
        ({"severity": "fatal"}, "moderate"),
        ({"sequence": "dwi"}, "flair"),
        ({"ct_units": "gray"}, "uint8"),
        ({"spacing": 0.0}, "mm per pixel"),
        ({"spacing": [1.0, 2.0]}, "each of the 8"),
        ({"on_failure": "ignore"}, "skip"),
        ({"kinds": "swapped_slice"}, "groups"),
        ({"kinds": "foreign_slice", "groups": np.zeros(8)}, "no other patient"),
        ({"kinds": "swapped_slice", "groups": np.arange(8)}, "no other slice"),
    ],
)
def test_errors_say_what_is_valid(data, wrong, said):
    with pytest.raises(ValueError, match=said):
        inject_anomalies(data.data, **wrong)


def test_prepared_pairs_are_refused_for_what_they_are(data):
    with pytest.raises(InvalidPairsError, match="before"):
        inject_anomalies(data.data / 1000, spacing=MM)
    with pytest.raises(InvalidPairsError, match="0 to 255"):
        inject_anomalies(data.data, ct_units="uint8", spacing=MM)


@pytest.mark.skipif(not (DATA / "brain_pairs").is_dir(), reason="no real images here")
def test_real_8_bit_pairs_take_lesions():
    data = load_pairs(DATA / "brain_pairs", patient=r"^(case\d+)_")
    rows = np.arange(2, 95, 4)
    X, masks, frame = inject_anomalies(
        data.data[rows],
        ["haematoma", "infarct_subacute", "tumour", "contradiction"],
        ct_units="uint8",
        spacing=0.9,
        on_failure="skip",
        random_state=0,
    )
    made = frame["reason"] == ""
    assert made.mean() > 0.8
    assert masks[made].any(axis=(1, 2)).all()
    assert (frame.loc[frame["kind"] == "haematoma", "cnr_ct"] > 2).all()
    assert (frame.loc[frame["kind"] == "haematoma", "cnr_mri"] < 0).mean() > 0.8
    assert (frame.loc[frame["kind"] == "infarct_subacute", "cnr_mri"] > 0).mean() > 0.8
    np.testing.assert_array_equal(X, np.rint(X))
