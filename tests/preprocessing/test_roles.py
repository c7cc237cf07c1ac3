"""Steps find their planes by role: order and number of planes change nothing."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline

from ctmri_detect import Pairs, make_preprocessor
from ctmri_detect.exceptions import BrainNotFoundWarning, InvalidPairsError
from ctmri_detect.preprocessing import (
    CLAHE,
    BiasFieldCorrector,
    BrainMask,
    CropOrPad,
    CTWindow,
    Denoiser,
    HeadAligner,
    HistogramStandardizer,
    MRIScaler,
    PairRegistrar,
    PETScaler,
    Resize,
    apply_masks,
    transform_to,
)

NAMES = ("CT", "T1", "PET", "FLAIR")
SIDE = 64
Y, X_ = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
R = np.hypot(Y / 0.9, X_ / 0.8)

STEPS = {
    "pipeline": make_preprocessor(size=48),
    "mask": BrainMask(),
    "mask-mri": BrainMask(source="mri"),
    "mask-observed": BrainMask(source="observed"),
    "window": CTWindow(window=("brain", "bone")),
    "mri": MRIScaler(),
    "pet": PETScaler(),
    "histogram": HistogramStandardizer(),
    "histogram-all": HistogramStandardizer(planes="all"),
    "clahe": CLAHE(),
    "median": Denoiser("median"),
    "median-pet": Denoiser("median", planes="pet"),
    "aligner": HeadAligner(size=48),
    "resize": Resize((40, 48)),
    "crop": CropOrPad(56, centre="observed"),
}
if importlib.util.find_spec("SimpleITK"):
    STEPS["bias"] = BiasFieldCorrector(n_iterations=5)
    STEPS["registrar"] = PairRegistrar(max_shift=3)

every = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


def heads(n=3):
    """Heads with skull and air: CT in HU, two MRI of the head, and PET of the brain."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(n):
        r = np.hypot(Y / 0.9, (X_ - 0.04 * i) / 0.8)
        brain, wave = r < 0.7, np.cos(9 * Y) + (X_ > 0.1)
        ct = np.select([brain, r < 0.85], [32.0 + 4 * wave, 1000.0], -1000.0)
        t1 = np.select([brain, r < 0.85, r < 0.95], [100 + 20 * wave, 5.0, 150.0], 0)
        flair = np.select([brain, r < 0.85, r < 0.95], [90 - 15 * wave, 4.0, 80.0], 0)
        pet = np.where(brain, 6 + 2 * wave, 0.3)
        made.append(np.stack([ct, t1, pet, flair]) + rng.normal(0, 0.5, (4, SIDE, SIDE)))
    return Pairs(np.array(made, np.float32), modalities=NAMES, ct_units="hu")


@pytest.fixture(scope="module")
def X():
    return heads()


def out(step, pairs):
    slow = step is STEPS.get("registrar")
    return step.fit_transform(pairs[:1] if slow else pairs)


@every
def test_planes_in_another_order_give_the_results_in_that_order(step, X):
    order = ("PET", "FLAIR", "CT", "T1")
    # of the MRI, the first gives the mask
    order = ("PET", "T1", "CT", "FLAIR") if step is STEPS["mask-mri"] else order
    found = out(step, X.select(order))
    assert found.modalities == order
    assert_array_equal(found, out(step, X).select(order))


@every
def test_more_planes_change_nothing_of_the_others(step, X):
    two = out(step, np.asarray(X)[:, :2])  # CT and MRI, as they are without names
    assert_array_equal(out(step, X).select(("CT", "T1")), two)


@every
def test_one_plane_goes_through(step, X):
    if step is STEPS["mask-mri"]:
        pytest.skip("needs an MRI")
    found = out(step, X.select("CT"))
    assert found.shape[1] == 1
    if step is not STEPS.get("registrar"):
        assert_array_equal(np.asarray(found)[:, 0], np.asarray(out(step, X))[:, 0])


@pytest.mark.parametrize("name", ["window", "mri", "pet", "clahe", "median-pet"])
def test_a_step_changes_the_planes_of_its_role_and_no_other(name, X):
    changed = {"window": ["CT"], "mri": ["T1", "FLAIR"], "clahe": ["T1", "FLAIR"]}
    found = out(STEPS[name], X)
    for plane in NAMES:
        same = np.array_equal(found.select(plane), X.select(plane))
        assert same != (plane in changed.get(name, ["PET"]))


def test_the_pipeline_brings_all_planes_to_0_to_1_and_maps_back(X, tmp_path):
    pipe = make_preprocessor(size=48)
    prepared = pipe.fit_transform(X)
    values = np.asarray(prepared)
    assert np.nanmin(values) >= 0
    assert np.nanmax(values) <= 1
    assert (np.nanstd(values, axis=(2, 3)) > 0.03).all()
    written = transform_to(pipe, X, tmp_path / "some.npy", batch_size=2)
    assert_array_equal(written, prepared)
    assert written.roles == ("ct", "mri", "pet", "mri")
    masked = pipe["brainmask"].transform(X)
    back = pipe["headaligner"].inverse_transform_map(values, masked)
    assert_array_equal(
        pipe["brainmask"].inverse_transform_map(back[:, 0], X).shape, (3, SIDE, SIDE)
    )


def test_planes_without_names_are_refused_where_roles_matter(X):
    bare = np.asarray(X)
    for name in ("mask", "window", "mri", "pet", "clahe"):
        with pytest.raises(InvalidPairsError, match=r"4 plane.*without names.*modalities="):
            out(STEPS[name], bare)
    for name in ("aligner", "resize", "median"):  # these treat all planes alike
        assert out(STEPS[name], bare).shape[1] == 4


# --- the brain without a CT ---


def stripped():
    """Brains as of BraTS: the background is exactly 0 in all sequences."""
    X = np.asarray(heads())[:, [1, 3]]
    X = np.where(R < 0.6, X, 0)
    X[:, 0, 30:33, 30:33] = 0  # 0 in one sequence only is no background
    return Pairs(X, modalities=("T1", "FLAIR"))


@pytest.mark.parametrize("source", ["auto", "ct"])
def test_a_head_without_a_ct_plane_is_an_error_that_says_what_to_do(source, X):
    step = BrainMask(source=source)
    with pytest.raises(InvalidPairsError, match=r"'ct'.*'mri', 'mri'.*HD-BET.*source='observed'"):
        step.fit_transform(X.select(("T1", "FLAIR")))
    with pytest.raises(InvalidPairsError, match=r"'mri'.*'ct', 'pet'.*source='mri'"):
        BrainMask(source="mri").fit_transform(X.select(("CT", "PET")))


def test_a_sample_whose_ct_is_missing_keeps_the_head_of_the_first_mri(X):
    lacking = np.array(X)
    lacking[0, 0] = np.nan
    lacking[1, :2] = np.nan
    found = np.asarray(BrainMask().fit_transform(X))
    named = Pairs(lacking, modalities=NAMES)
    masked = np.asarray(BrainMask().fit_transform(named))
    for i, plane in ((0, 1), (1, 3)):
        of_one = named[[i]].select(("CT", NAMES[plane]))
        seen = np.isfinite(np.asarray(BrainMask(source="mri").fit_transform(of_one))[0, 1])
        assert_array_equal(np.isfinite(masked[i, 3]), seen)
        assert seen.sum() > np.isfinite(found[i, 3]).sum()
    assert_array_equal(masked[2], found[2])
    with pytest.warns(BrainNotFoundWarning, match=r"2 of 3 samples \(0, 1\)"):  # PET has no head
        kept = BrainMask().fit_transform(named.select(("CT", "PET")))
    assert np.isfinite(np.asarray(kept)[:2, 1]).all()


def test_what_is_0_in_all_planes_of_stripped_images_is_background():
    X = stripped()
    found = np.asarray(BrainMask(source="observed").fit_transform(X))
    brain = (np.asarray(X) != 0).any(axis=1)
    assert_array_equal(np.isfinite(found), np.broadcast_to(brain[:, None], found.shape))
    assert brain[:, 31, 31].all()
    prepared = make_preprocessor(size=48).set_params(brainmask__source="observed").fit_transform(X)
    outside = np.isnan(np.asarray(prepared))
    assert 0.3 < outside.mean() < 0.7
    assert_array_equal(outside[:, 0], outside[:, 1])


def test_whole_heads_that_are_said_to_be_cut_out_are_noticed(X):
    step = BrainMask(source="observed")
    with pytest.warns(BrainNotFoundWarning, match="whole heads"):
        step.fit_transform(X.select(("T1", "FLAIR")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step.fit_transform(stripped())
        step.fit_transform(X)


def test_a_tenth_of_slices_without_a_background_is_noticed():
    brains = np.repeat(np.asarray(stripped()), 7, axis=0)[:20]
    names = stripped().modalities
    noisy = brains.copy()
    noisy[::8] += 1  # 3 of 20: the background of these is not 0
    with pytest.warns(BrainNotFoundWarning, match="a background that is not 0"):
        BrainMask(source="observed").fit_transform(Pairs(noisy, modalities=names))
    cropped = brains.copy()
    cropped[0] += 1  # one, such as a slice that the brain fills
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BrainMask(source="observed").fit_transform(Pairs(cropped, modalities=names))


def test_0_stays_where_a_plane_is_a_ct_and_where_a_slice_holds_nothing_else():
    X = stripped()
    with_ct = X.replace(modalities=("CT", "FLAIR"))
    kept = BrainMask(source="observed").fit_transform(with_ct)
    assert_array_equal(kept, X)
    empty = np.array(X)
    empty[1] = 0
    with pytest.warns(BrainNotFoundWarning, match=r"1 of 3 samples \(1\)"):
        found = BrainMask(source="observed").fit_transform(Pairs(empty, modalities=X.modalities))
    assert_array_equal(np.asarray(found)[1], empty[1])


def test_masks_are_applied_to_all_planes_and_names_stay(X):
    masks = np.broadcast_to(R < 0.6, (3, SIDE, SIDE))
    found = apply_masks(X, masks)
    assert found.modalities == NAMES
    assert_array_equal(np.isfinite(np.asarray(found)), np.broadcast_to(masks[:, None], X.shape))
    pipe = make_preprocessor(size=48).set_params(brainmask__source="observed")
    assert pipe.fit_transform(found.select(("T1", "FLAIR"))).shape == (3, 2, 48, 48)


# --- single steps ---


def test_pet_is_in_proportion_to_its_mean_or_to_a_number(X):
    pet = np.asarray(X)[:, 2]
    mean = pet.mean(axis=(1, 2), keepdims=True)
    found = np.asarray(PETScaler(most=4).fit_transform(X))[:, 2]
    np.testing.assert_allclose(found, np.clip(pet / (4 * mean), 0, 1), atol=1e-6)
    scaled = Pairs(np.asarray(X) * 7, modalities=NAMES)
    np.testing.assert_allclose(
        np.asarray(PETScaler(most=4).transform(scaled))[:, 2], found, atol=1e-6
    )
    absolute = np.asarray(PETScaler(reference=5).fit_transform(X))[:, 2]
    np.testing.assert_allclose(absolute, np.clip(pet / 15, 0, 1), atol=1e-6)


def test_what_is_no_uptake_is_refused_and_no_uptake_at_all_stays_0(X):
    standardised = np.array(X)
    standardised[1, 2] -= 50
    standardised[2, 2] = 0
    pairs = Pairs(standardised, modalities=NAMES)
    with pytest.raises(InvalidPairsError, match=r"role 'pet'.*in 1 samples \(1\)"):
        PETScaler().fit_transform(pairs)
    assert (np.asarray(PETScaler().fit_transform(pairs[[2]]))[0, 2] == 0).all()


def test_each_plane_has_landmarks_of_its_own(X):
    step = HistogramStandardizer(planes="mri").fit(X)
    learned = np.isfinite(step.landmarks_).all(axis=1)
    assert learned.tolist() == [False, True, False, True]
    assert not np.allclose(step.landmarks_[1], step.landmarks_[3])
    for other in (("T1", "CT", "PET", "FLAIR"), ("CT", "T1", "FLAIR")):
        with pytest.raises(InvalidPairsError, match=r"roles.*those of the fit"):
            step.transform(X.select(other))
    flat = np.array(X)
    flat[:, 3] = 1
    with pytest.raises(InvalidPairsError, match="No sample of X has FLAIR"):
        HistogramStandardizer().fit(Pairs(flat, modalities=NAMES))


@pytest.mark.parametrize("make", [Denoiser, CLAHE, HistogramStandardizer])
def test_both_means_all(make, X):
    assert_array_equal(out(make(planes="both"), X[:1]), out(make(planes="all"), X[:1]))


def test_all_planes_move_onto_the_ct_and_the_table_names_them():
    pytest.importorskip("SimpleITK")
    X = heads(1)
    moved = np.array(X)
    moved[0, 1] = np.roll(moved[0, 1], (2, -1), axis=(0, 1))
    moved[0, 3] = np.roll(moved[0, 3], (0, 3), axis=(0, 1))
    pairs = Pairs(moved, modalities=NAMES)
    step = PairRegistrar(max_shift=5)
    table = step.estimate(pairs).set_index("modality")
    assert table.index.tolist() == ["T1", "PET", "FLAIR"]
    assert table.loc[["T1", "FLAIR"], ["shift_y", "shift_x"]].round().to_numpy().tolist() == [
        [-2, 1],
        [0, -3],
    ]
    assert_array_equal(np.asarray(step.transform(pairs))[:, 0], moved[:, 0])
    without = pairs.select(("T1", "FLAIR"))  # then the first plane stays
    assert step.estimate(without)["shift_x"].round().tolist() == [-4]
    assert step.estimate(pairs.select("CT")).empty


def test_steps_of_all_modalities_go_together(X):
    steps = make_pipeline(BrainMask(), HeadAligner(size=48), HistogramStandardizer(planes="pet"))
    assert steps.fit_transform(X).modalities == NAMES
