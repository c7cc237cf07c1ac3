"""Anomalies in other planes than CT and MRI: several sequences, one modality, PET."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

pytest.importorskip("nilearn")

from ctmri_detect import Pairs
from ctmri_detect.datasets import make_phantom_pairs
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
