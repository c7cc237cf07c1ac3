"""Anomalies in other planes than CT and MRI: several sequences, one modality, PET."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

pytest.importorskip("nilearn")

from ctmri_detect import Pairs
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.exceptions import InjectionError, InvalidPairsError
from ctmri_detect.synthesis import inject_anomalies

KINDS = ["oedema", "infarct_subacute", "haematoma", "contradiction", "tumour"]
ARGUMENTS = {"severity": "severe", "random_state": 0}


@pytest.fixture(scope="module")
def healthy():
    return make_phantom_pairs(
        2,
        5,
        size=128,
        anomalous_fraction=0,
        sequence=("t1", "t2", "flair"),
        random_state=100,
    ).data


@pytest.fixture(scope="module")
def injected(healthy):
    return inject_anomalies(healthy, KINDS, **ARGUMENTS)


def test_one_lesion_lies_in_all_planes_at_its_place(healthy, injected):
    X, masks, frame = injected
    assert X.modalities == healthy.modalities
    assert X.roles == healthy.roles
    changed = np.asarray(X) != np.asarray(healthy)
    for n, kind in enumerate(frame["kind"]):
        mri = changed[n, 1:] & masks[n]
        assert (mri.sum(axis=(1, 2)) > 0.9 * masks[n].sum()).all(), kind
        assert changed[n, 0].any() == (kind != "contradiction")
        far = ndimage.distance_transform_edt(~masks[n]) > 40
        assert not changed[n][:, far].any()


def test_each_plane_shows_the_lesion_as_its_sequence_does(injected):
    frame = injected[2].groupby("kind").agg(["min", "max"])
    for kind in ("oedema", "infarct_subacute"):
        assert frame.loc[kind, ("cnr_ct", "max")] < -1
        assert frame.loc[kind, ("cnr_t1", "max")] < -1
        assert frame.loc[kind, ("cnr_t2", "min")] > 1
        assert frame.loc[kind, ("cnr_flair", "min")] > 1
    assert frame.loc["haematoma", ("cnr_ct", "min")] > 2
    assert frame.loc["haematoma", ("cnr_t2", "max")] < -2
    # fluid where CT shows brain: bright in T2, dark in T1 and FLAIR
    assert frame.loc["contradiction", ("cnr_ct", "max")] == 0
    assert frame.loc["contradiction", ("cnr_t2", "min")] > 2
    assert frame.loc["contradiction", [("cnr_t1", "max"), ("cnr_flair", "max")]].max() < -2


def test_ct_and_one_named_sequence_are_the_pair_that_they_were(healthy):
    """Names tell roles; the values are those of two planes without names."""
    named = healthy.select(("CT", "T2"))
    X, masks, frame = inject_anomalies(named, KINDS, **ARGUMENTS)
    pair, same_masks, same_frame = inject_anomalies(
        named.replace(modalities=("CT", "MRI")), KINDS, sequence="t2", **ARGUMENTS
    )
    np.testing.assert_array_equal(X, pair)
    np.testing.assert_array_equal(masks, same_masks)
    np.testing.assert_array_equal(frame["cnr_t2"], same_frame["cnr_mri"])
    assert "artefact_plane" not in same_frame
    turned, turned_masks, _ = inject_anomalies(healthy.select(("T2", "CT")), KINDS, **ARGUMENTS)
    np.testing.assert_array_equal(turned[:, ::-1], pair)
    np.testing.assert_array_equal(turned_masks, masks)


def test_a_pet_stays_as_it_is_and_changes_nothing(healthy, injected):
    values = np.asarray(healthy)
    pet = np.random.default_rng(0).gamma(2, size=values[:, :1].shape)
    with_pet = Pairs(
        np.concatenate([pet, values], axis=1),
        modalities=("FDG", *healthy.modalities),
        roles={"FDG": "pet"},
        spacing=healthy.spacing,
        ct_units="hu",
    )
    X, _, frame = inject_anomalies(with_pet, KINDS, **ARGUMENTS)
    np.testing.assert_array_equal(X[:, 0], pet.astype(np.float32)[:, 0])
    np.testing.assert_array_equal(X[:, 1:], injected[0])
    assert X.roles == ("pet", "ct", "mri", "mri", "mri")
    assert frame.equals(injected[2])


def test_mri_alone_and_ct_alone_take_lesions(healthy):
    X, masks, frame = inject_anomalies(healthy.select(("T1", "FLAIR")), "oedema", **ARGUMENTS)
    assert masks.any(axis=(1, 2)).all()
    assert (frame["cnr_t1"] < -1).all()
    assert (frame["cnr_flair"] > 0).all()  # without a CT, tissues are told less surely
    assert frame["cnr_flair"].median() > 2
    assert "cnr_ct" not in frame
    assert X.shape[1] == 2
    X, masks, frame = inject_anomalies(healthy.select("CT"), "haematoma", **ARGUMENTS)
    assert X.shape == (10, 1, 128, 128)
    assert (frame["cnr_ct"] > 2).all()
    assert masks.any(axis=(1, 2)).all()


def test_the_sequence_comes_by_name_by_dict_or_by_its_levels(healthy):
    few = healthy[[1, 2, 7]]
    expected = inject_anomalies(few, "oedema", **ARGUMENTS)[0]
    other = few.replace(modalities=("CT", "MPRAGE", "T2w", "dark fluid"))
    given = {"MPRAGE": "t1", "dark fluid": "flair"}
    by_dict = inject_anomalies(other, "oedema", sequence=given, **ARGUMENTS)[0]
    by_levels = inject_anomalies(other, "oedema", **ARGUMENTS)[0]
    np.testing.assert_array_equal(by_dict, expected)
    np.testing.assert_array_equal(by_levels, expected)
    with pytest.raises(ValueError, match="MPRAGE, T2w, dark fluid; expected one for each"):
        inject_anomalies(other, "oedema", sequence="t1", **ARGUMENTS)
    with pytest.raises(ValueError, match="'T9'"):
        inject_anomalies(other, "oedema", sequence={"T9": "t1"}, **ARGUMENTS)
    with pytest.raises(ValueError, match="flair"):
        inject_anomalies(other, "oedema", sequence={"T2w": "dwi"}, **ARGUMENTS)
    lone = other.select("MPRAGE")
    with pytest.raises(InjectionError, match="say sequence="):
        inject_anomalies(lone, "oedema", **ARGUMENTS)


def test_a_missing_plane_stays_missing(healthy):
    values = np.asarray(healthy).copy()
    values[::2, 2] = np.nan
    X = Pairs(values, **{k: getattr(healthy, k) for k in ("modalities", "spacing", "ct_units")})
    made, masks, frame = inject_anomalies(X, "oedema", **ARGUMENTS)
    np.testing.assert_array_equal(np.isnan(made), np.isnan(values))
    assert masks.any(axis=(1, 2)).all()
    assert frame["cnr_t2"].isna().tolist() == [True, False] * 5
    assert (frame["cnr_t1"] < -1).all()


def test_an_artefact_spoils_one_plane_and_an_exchange_all_mri(healthy):
    before = np.asarray(healthy)
    kinds = ["motion_ghosting", "metal_streak", "swapped_slice", "foreign_slice", "noise_burst"]
    X, masks, frame = inject_anomalies(healthy, kinds, **ARGUMENTS)
    assert not masks.any()
    changed = (np.asarray(X) != before).any(axis=(2, 3))
    for row, kind, plane in zip(changed, frame["kind"], frame["artefact_plane"], strict=True):
        names = [name for name, there in zip(healthy.modalities, row, strict=True) if there]
        exchanged = kind.endswith("slice")
        assert names == (["T1", "T2", "FLAIR"] if exchanged else [plane])
        assert pd.isna(plane) == exchanged
        assert (plane == "CT") == (kind == "metal_streak")
    for n in np.flatnonzero(frame["kind"].isin(["swapped_slice", "foreign_slice"])):
        source = [k for k in range(len(before)) if np.array_equal(X[n][1:], before[k, 1:])]
        assert len(source) == 1  # all planes of one and the same other slice


@pytest.mark.parametrize(
    ("planes", "kinds"),
    [
        (("T1", "T2"), "metal_streak"),
        (("T1", "T2"), "foreign_slice"),
        (("CT",), "motion_ghosting"),
        (("CT",), ["oedema", "swapped_slice"]),
    ],
)
def test_kinds_that_need_another_plane_are_refused_by_name(healthy, planes, kinds):
    kind = kinds if isinstance(kinds, str) else kinds[-1]
    with pytest.raises(InvalidPairsError, match=rf"\['{kind}'\].* planes {', '.join(planes)};"):
        inject_anomalies(healthy.select(planes), kinds, **ARGUMENTS)


def test_planes_without_names_or_without_ct_and_mri_are_refused(healthy):
    with pytest.raises(InvalidPairsError, match="modalities="):
        inject_anomalies(np.asarray(healthy), "oedema")
    pet = healthy.select(("T1", "T2")).replace(modalities=("PET", "SUV"))
    with pytest.raises(InvalidPairsError, match="0 CT and 0 MRI"):
        inject_anomalies(pet, "oedema")
    twice = healthy.select(("T1", "T2")).replace(modalities=("CT", "CT late"))
    with pytest.raises(InvalidPairsError, match=r"2 CT.*select"):
        inject_anomalies(twice, "oedema")
