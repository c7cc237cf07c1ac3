"""Displays of one to eight planes: each by its name and its role."""

import cv2
import numpy as np
import pytest

from ctmri_detect import AtlasDetector, Pairs
from ctmri_detect.plotting import (
    AnomalyMapDisplay,
    OverlayWriter,
    PairDisplay,
    ReconstructionDisplay,
    overlay_png,
)

RNG = np.random.default_rng(0)
NAMES = ("T1", "CT", "FLAIR", "T2", "SWI", "DWI", "FDG", "PET amyloid")
X = RNG.uniform(0, 80, size=(12, 8, 16, 16))
PAIRS = Pairs(X, groups=range(12), ct_units="hu", modalities=NAMES, roles={"FDG": "pet"})
NONE = np.full((16, 16), np.nan)


def titles(axes):
    return [ax.get_title() for ax in axes]


@pytest.mark.parametrize("n", [1, 3, 5, 8])
def test_each_plane_has_its_name_and_its_axes(n):
    shown = PairDisplay.from_pairs(PAIRS.select(NAMES[:n]), 2).plot()
    wanted = ["CT, 0 to 80 HU" if name == "CT" else name for name in NAMES[:n]]
    assert titles(shown.ax_) == wanted
    assert shown.figure_.axes == list(shown.ax_)
    rows = {round(ax.get_subplotspec().get_position(shown.figure_).y0, 3) for ax in shown.ax_}
    assert len(rows) == (2 if n > 4 else 1)


def test_each_plane_has_the_range_of_its_role():
    ramp = np.linspace(10, 210, 201)[None]
    shown = PairDisplay(ramp, ramp, ramp, modalities=("CT", "T1", "PET"), ct_units="hu").plot().ax_
    ct, mri, pet = (ax.images[0] for ax in shown)
    np.testing.assert_allclose(ct.get_array(), np.clip(ramp / 80, 0, 1))
    np.testing.assert_allclose(mri.get_array(), np.clip((ramp - 12) / (209 - 12), 0, 1))
    np.testing.assert_allclose(pet.get_array(), np.clip(ramp / 209, 0, 1))
    assert [image.get_cmap().name for image in (ct, mri, pet)] == ["gray", "gray", "gray_r"]


def test_roles_are_told_where_names_are_silent():
    plane = RNG.uniform(0, 9, size=(16, 16))
    by_name, told = (
        PairDisplay(plane, modalities=("FDG",), roles=roles).plot().ax_[0].images[0]
        for roles in (None, {"FDG": "pet"})
    )
    assert [by_name.get_cmap().name, told.get_cmap().name] == ["gray", "gray_r"]


def test_a_standardised_pet_keeps_what_is_below_zero():
    plane = RNG.normal(size=(64, 64))
    shade = PairDisplay(plane, modalities=("PET",)).plot().ax_[0].images[0].get_array()
    assert (shade[plane < 0] > 0).mean() > 0.9
    uptake = np.abs(plane) + 1
    uptake[0, 0] = -0.01  # noise
    shade = PairDisplay(uptake, modalities=("PET",)).plot().ax_[0].images[0].get_array()
    np.testing.assert_allclose(shade, np.clip(uptake / np.percentile(uptake, 99.5), 0, 1))


def test_a_missing_pet_is_labelled_and_seen():
    ax = PairDisplay(NONE, modalities=("PET",)).plot().ax_[0]
    assert [text.get_text() for text in ax.texts] == ["not observed"]
    assert ax.images[0].get_cmap().name == "gray"  # white letters on black


def test_planes_that_nobody_named_are_numbered_and_shown_as_an_mri_is():
    bare = PairDisplay.from_pairs(X[:, :3], 0).plot().ax_
    assert titles(bare) == ["plane 0", "plane 1", "plane 2"]
    as_mri = PairDisplay(*X[0, :3], modalities=("T1", "T2", "SWI")).plot().ax_
    for one, other in zip(bare, as_mri, strict=True):
        np.testing.assert_array_equal(one.images[0].get_array(), other.images[0].get_array())


def test_wrong_numbers_of_names_and_planes_are_refused():
    with pytest.raises(ValueError, match="3 different names"):
        PairDisplay(*X[0, :3], modalities=("CT", "T1")).plot()
    with pytest.raises(ValueError, match="no plane"):
        PairDisplay().plot()
    with pytest.raises(ValueError, match=r"expected Axes in an array of shape \(3,\)"):
        PairDisplay(*X[0, :3]).plot(PairDisplay(*X[0, :2]).plot().ax_)


def test_a_map_lies_over_the_ct_or_over_the_first_plane_that_was_observed():
    detector = AtlasDetector().fit(PAIRS)
    gone, many = X.copy(), np.asarray(PAIRS)
    gone[1, :2] = np.nan
    no_ct = PAIRS.select(NAMES[2:])
    missing = Pairs(gone, modalities=NAMES, ct_units="hu")
    for one, pairs, name in (
        (detector, PAIRS, "CT"),
        (detector, missing, "FLAIR"),
        (detector, many, "plane 0"),
        (AtlasDetector().fit(no_ct), no_ct, "FLAIR"),
    ):
        ax = AnomalyMapDisplay.from_estimator(one, pairs, 1).plot().ax_
        assert ax.get_title() == f"Anomaly map over {name}"


def test_beneath_a_map_much_uptake_is_bright():
    """Inferno ends in pale yellow, which is lost on white."""
    shown = AnomalyMapDisplay(X[0, 0], X[0, 6], modality="FDG", role="pet").plot().ax_
    assert shown.images[0].get_cmap().name == "gray"
    high = np.percentile(X[0, 6], 99.5)
    np.testing.assert_allclose(shown.images[0].get_array(), np.clip(X[0, 6] / high, 0, 1))


def test_a_reconstruction_is_shown_in_the_colours_of_its_role():
    images = X[:2, [1, 6]]
    shown = ReconstructionDisplay(
        images, images, images, modalities=("CT", "FDG"), roles={"FDG": "pet"}, ct_units="hu"
    ).plot()
    for row, colours in zip(shown.ax_, ("gray", "gray_r") * 2, strict=True):
        assert [ax.images[0].get_cmap().name for ax in row[:2]] == [colours] * 2


@pytest.mark.parametrize("n", [1, 4])
def test_overlays_of_many_samples_look_like_single_ones(tmp_path, n):
    pairs = PAIRS.select(NAMES[:n])
    look = {"modalities": pairs.modalities, "roles": pairs.roles, "ct_units": "hu"}
    writer = OverlayWriter(**look)
    planes = np.array([pairs[0], pairs[1]])
    planes[1, 0] = np.nan if n > 1 else planes[1, 0]
    for i, sample in enumerate(planes):
        many = writer.write(sample, X[i, 0] / 9, tmp_path / f"{i}_many.png", title="a")
        one = overlay_png(sample, X[i, 0] / 9, tmp_path / f"{i}_one.png", title="a", **look)
        np.testing.assert_array_equal(cv2.imread(str(many)), cv2.imread(str(one)))


def test_an_overlay_of_one_plane_alone_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"planes has shape \(16, 16\); expected \(n_planes"):
        overlay_png(X[0, 0], X[0, 0], tmp_path / "a.png")
