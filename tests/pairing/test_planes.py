"""Of more planes than two, a CT and an MRI are compared; of two MRI, the first two."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ctmri_detect import Pairs
from ctmri_detect.datasets import check_modalities, check_pairing, make_phantom_pairs
from ctmri_detect.exceptions import InvalidPairsError, ModalitiesExchangedWarning
from ctmri_detect.pairing import pairing_verdict, warn_of_exchanged
from ctmri_detect.preprocessing import BrainMask
from ctmri_detect.validation import PairReader

NAMES = ("CT", "T1", "FLAIR", "PET")


@pytest.fixture(scope="module")
def X():
    """Phantoms with an inverted T1 as FLAIR, and noise as PET."""
    found = make_phantom_pairs(8, 2, size=64, random_state=100)
    pairs = np.asarray(found.data)
    head = pairs[:, 1:] > 20
    flair = np.where(head, 400 - pairs[:, 1:], pairs[:, 1:])
    noise = np.random.default_rng(0).normal(5, 1, flair.shape)
    planes = np.concatenate([pairs, flair, noise], axis=1).astype(np.float32)
    return Pairs(planes, modalities=NAMES, groups=found.groups, ct_units="hu")


def verdict(X, random_state=0):
    return pairing_verdict(PairReader(X), np.arange(len(X)) // 2, random_state=random_state)


def of_the_next_patient(X, plane):
    moved = np.array(X)
    moved[:, NAMES.index(plane)] = np.roll(moved[:, NAMES.index(plane)], 2, axis=0)
    return Pairs(moved, modalities=NAMES)


def test_more_planes_in_any_order_get_the_verdict_of_ct_and_mri(X):
    two = check_pairing(np.asarray(X)[:, :2], groups=X.groups)
    for order in (NAMES, ("PET", "T1", "FLAIR", "CT")):
        more = check_pairing(X.select(order))
        assert more.paired is True
        assert more.p_value == two.p_value
        assert_array_equal(more.shift, two.shift)
        assert more.pairs.equals(two.pairs)
    assert check_modalities(X.select(("FLAIR", "PET", "CT"))).exchanged is False


def test_only_the_planes_that_are_compared_count(X):
    assert verdict(of_the_next_patient(X, "FLAIR")).paired is True
    wrong = verdict(of_the_next_patient(X, "T1"))
    assert wrong.paired is False
    assert wrong.why_not().startswith("CT and T1 do not seem to show the same heads")


def test_without_a_ct_the_first_two_mri_are_compared(X):
    mri = ("PET", "T1", "FLAIR")
    assert verdict(X.select(mri)).paired is True
    wrong = verdict(of_the_next_patient(X, "T1").select(mri))
    assert wrong.paired is False
    assert wrong.why_not().startswith("T1 and FLAIR do not seem")
    masked = BrainMask().fit_transform(X).select(("T1", "FLAIR"))
    assert verdict(masked).paired is True
    turned = np.array(masked)
    turned[:, 1] = turned[:, 1, :, ::-1]
    assert (
        verdict(Pairs(turned, modalities=("T1", "FLAIR")))
        .why_not()
        .startswith("The FLAIR seem to be mirrored")
    )


def test_a_shift_between_two_mri_is_found(X):
    moved = np.array(X.select(("T1", "FLAIR")))[:8] - 5000  # no unit; cut as a CT, all is lost
    moved[:, 1] = np.roll(moved[:, 1], (2, -1), axis=(1, 2))
    found = check_pairing(Pairs(moved, modalities=("T1", "FLAIR"))).pairs
    np.testing.assert_allclose(found[["shift_y", "shift_x"]].median(), [2, -1], atol=0.5)


@pytest.mark.parametrize("names", [("CT",), ("T1", "PET"), ("CT", "PET"), None])
def test_nothing_is_said_where_there_is_nothing_to_compare(names, X):
    given = np.asarray(X) if names is None else X.select(names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = verdict(given)
        warn_of_exchanged(PairReader(given))
    assert found.paired is None
    assert len(found.rows) == 0
    if names is None:
        for check in (check_pairing, check_modalities):
            with pytest.raises(InvalidPairsError, match=r"4 plane.*without names"):
                check(given)
    else:
        assert check_pairing(given).paired is None
        assert np.isnan(check_pairing(given).shift).all()
        assert check_modalities(given).exchanged is None


def test_eight_planes_are_read_no_more_often_than_two(X):
    class Counting(PairReader):
        reads = 0

        def __getitem__(self, key):
            type(self).reads += 1
            return super().__getitem__(key)

    pairing_verdict(Counting(np.asarray(X)[:, :2]), None)
    two, Counting.reads = Counting.reads, 0
    eight = np.concatenate([np.asarray(X)] * 2, axis=1)
    names = (*NAMES, "T2", "DWI", "ADC", "SWI")
    pairing_verdict(Counting(Pairs(eight, modalities=names)), None)
    assert Counting.reads == two


def test_exchanged_modalities_are_told_by_their_names(X):
    exchanged = X.select(("T1", "CT", "FLAIR")).replace(modalities=("CT", "T2", "FLAIR"))
    with pytest.warns(ModalitiesExchangedWarning, match="CT and T2 seem to be exchanged"):
        warn_of_exchanged(PairReader(exchanged))
