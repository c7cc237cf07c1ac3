"""Modalities have names and roles, and planes can be chosen by name."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ctmri_detect import Pairs
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.modalities import planes_with, role_of
from ctmri_detect.preprocessing import Resize, open_pairs, transform_to
from ctmri_detect.validation import planes_of

NAMES = ("CT", "T1", "FDG")
ARRAY = np.random.default_rng(0).normal(size=(4, 3, 8, 8)).astype(np.float32)


def three(**changes):
    known = {"modalities": NAMES, "roles": {"FDG": "pet"}, "groups": list("aabb")}
    return Pairs(ARRAY, ct_units="hu", **(known | changes))


@pytest.mark.parametrize(
    ("name", "role"),
    [("CT", "ct"), ("ct_brain", "ct"), ("CECT", "ct"), ("T1", "mri"), ("T2 FLAIR", "mri"),
     ("ADC", "mri"), ("PET", "pet"), ("FDG-PET", "pet"), ("SUV", "pet"), ("FDG", "mri"),
     ("spectrum", "mri"), ("plane 3", None)],
)  # fmt: skip
def test_a_name_says_the_role(name, role):
    assert role_of(name) == role


def test_two_planes_without_names_are_ct_and_mri():
    assert Pairs(ARRAY[:, :2]).roles == ("ct", "mri")
    assert planes_of(ARRAY[:, :2], "mri") == (1,)


def test_other_arrays_need_names_where_roles_matter():
    assert Pairs(ARRAY).roles == (None, None, None)
    with pytest.raises(InvalidPairsError, match=r"3 plane.*Pairs\(X, modalities=\('CT', 'T1'"):
        planes_of(ARRAY, "ct")
    assert planes_of(Pairs(ARRAY, modalities=NAMES), "mri") == (1, 2)


@pytest.mark.parametrize("roles", [{"PET": "pet"}, {"FDG": "dog"}, ("ct", "mri"), "pet"])
def test_wrong_roles_are_refused(roles):
    with pytest.raises(InvalidPairsError, match="roles"):
        three(roles=roles)


def test_roles_stay_with_the_samples(tmp_path):
    wanted = ("ct", "mri", "pet")
    pairs = three()
    transform_to(Resize((4, 4)), pairs, tmp_path / "some.npy")
    for found in (
        pairs[1:], pairs.replace(groups=None), Pairs(pairs), pickle.loads(pickle.dumps(pairs)),
        Pairs.concatenate([pairs[:2], pairs[2:]]), Resize((4, 4)).fit_transform(pairs),
        open_pairs(tmp_path / "some.npy"),
    ):  # fmt: skip
        assert found.roles == wanted
    assert pairs.replace(modalities=("CT", "T1", "T2")).roles == ("ct", "mri", "mri")
    with pytest.raises(InvalidPairsError, match="roles"):
        Pairs.concatenate([pairs[:2], three(roles=None)[2:]])


def test_planes_are_selected_by_name():
    some = three()[[3, 0]].select(("FDG", "CT"))
    assert (some.modalities, some.roles, some.ct_units) == (("FDG", "CT"), ("pet", "ct"), "hu")
    assert some.groups.tolist() == ["b", "a"]
    joined = Pairs.concatenate([some[:1], some[1:]])
    for found in (some, pickle.loads(pickle.dumps(some)), joined):
        assert_array_equal(np.asarray(found), ARRAY[[3, 0]][:, [2, 0]])
    assert_array_equal(some[1], ARRAY[0][[2, 0]])
    assert three().select("T1").ct_units is None


@pytest.mark.parametrize("names", ["T2", ("CT", "CT"), ()])
def test_wrong_names_are_not_selected(names):
    with pytest.raises(InvalidPairsError, match="CT, T1, FDG"):
        three().select(names)


def test_a_name_is_no_role():
    with pytest.raises(ValueError, match=r"role is 'MRI'; expected one of ct, mri, pet"):
        planes_with(("ct", "mri"), "MRI")
