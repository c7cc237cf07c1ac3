"""Laws of the only gate for pairs, labels, groups and masks."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.utils import Bunch

from ctmri_detect import AtlasDetector
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairs import Pairs
from ctmri_detect.preprocessing import MRIScaler
from ctmri_detect.validation import (
    PairReader,
    check_groups,
    check_masks,
    check_pairs,
    check_target,
    is_target,
    missing_planes,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(130, 2, 4, 5))


class OnDisk:
    """What h5py gives: shape, dtype, slices, and lists of strictly increasing rows."""

    def __init__(self, array):
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.largest = 0

    def __getitem__(self, key):
        if not isinstance(key, slice):
            key = np.asarray(key)
            if key.ndim != 1 or (np.diff(key) <= 0).any() or (key < 0).any():
                raise TypeError("Indexing elements must be in increasing order")
        part = self._array[key]
        self.largest = max(self.largest, len(part))
        return part


# the form of X ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (X[:, 0], r"np\.stack"),
        (X[0], r"np\.stack"),
        (X[None], r"np\.stack"),
        (np.moveaxis(X, 1, -1), r"np\.moveaxis\(X, -1, 1\)"),
        (X[:, :, :0], r"np\.stack"),
        (X[..., :0], r"np\.stack"),
        (np.zeros((3, 9, 8, 8)), r"np\.stack"),
        (np.float64(3), r"np\.stack"),
    ],
    ids=["3d", "one pair", "5d", "planes last", "no rows", "no columns", "nine planes",
         "scalar"],
)  # fmt: skip
def test_a_wrong_shape_names_what_came_what_was_expected_and_the_cure(array, hint):
    with pytest.raises(InvalidPairsError, match=hint) as caught:
        check_pairs(array, n_planes=2)
    assert str(np.shape(array)) in str(caught.value)
    assert "expected (n_samples, 2, height, width)" in str(caught.value)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_any_number_of_planes_up_to_eight_passes_where_none_is_asked_for(n):
    reader = check_pairs(np.zeros((3, n, 4, 5)))
    assert reader.shape == (3, n, 4, 5)
    named = [f"plane {i}" for i in range(n)] if n != 2 else ["CT", "MRI"]
    assert list(reader.modalities) == named
    names = [f"m{i}" for i in range(n)]
    assert list(check_pairs(Pairs(np.zeros((3, n, 4, 5)), modalities=names)).modalities) == names


def test_more_than_eight_planes_are_refused():
    with pytest.raises(InvalidPairsError, match="Axis 1 holds 9 planes; give 1 to 8"):
        check_pairs(np.zeros((2, 9, 16, 16)))
    with pytest.raises(InvalidPairsError, match=r"np\.moveaxis"):
        check_pairs(np.zeros((2, 16, 16, 3)))


@pytest.mark.parametrize("n", [1, 3])
def test_a_step_that_knows_ct_and_mri_wants_planes_with_names(n):
    X = np.ones((3, n, 4, 5))
    with pytest.raises(InvalidPairsError, match=rf"{n} plane\(s\) without names.*Pairs\(X"):
        MRIScaler().fit_transform(X)
    names = ("FLAIR", "CT", "T1")[:n]
    assert MRIScaler().fit_transform(Pairs(X, modalities=names))[0, 0, 0, 0] == 0.5


def test_the_cure_for_planes_last_works():
    assert check_pairs(np.moveaxis(np.moveaxis(X, 1, -1), -1, 1)).shape == X.shape


@pytest.mark.parametrize("thing", [None, 3, "pairs", iter([])])
def test_what_is_no_array_is_refused(thing):
    with pytest.raises(InvalidPairsError, match=re.escape("(n_samples, 2, height, width)")):
        check_pairs(thing, n_planes=2)


def test_a_list_of_equal_pairs_is_an_array():
    assert_array_equal(np.asarray(check_pairs(list(X))), X.astype(np.float32))


def test_a_list_of_unequal_pairs_names_both_sizes():
    with pytest.raises(InvalidPairsError, match=r"different shapes.*Resize") as caught:
        check_pairs([np.zeros((2, 4, 5)), np.zeros((2, 6, 7))])
    assert "(2, 4, 5)" in str(caught.value)
    assert "(2, 6, 7)" in str(caught.value)


@pytest.mark.parametrize("dtype", [object, "U3", complex, "datetime64[s]"])
def test_only_real_numbers_pass(dtype):
    with pytest.raises(InvalidPairsError, match=r"dtype.*astype\('float32'\)"):
        check_pairs(np.ones((2, 2, 3, 3)).astype(int).astype(dtype))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "uint8", "bool"])
def test_every_real_dtype_passes_and_is_read_as_float32(dtype):
    values = (np.abs(X[:3]) * 3).astype(dtype)
    block = check_pairs(values)[:]
    assert block.dtype == np.float32
    assert_array_equal(block, values.astype(np.float32))


# the values of X ----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39, -1e300])
@pytest.mark.parametrize("sample", [2, 66, 129], ids="sample {}".format)
def test_infinity_and_overflow_name_their_samples(value, sample):
    bad = X.copy()
    bad[sample, 1, 3, 4] = value
    with pytest.raises(InvalidPairsError, match=f"infinity .* samples {sample};"):
        check_pairs(bad)
    bad[sample - 1, 0, 0, 0] = value
    with pytest.raises(InvalidPairsError, match=f"infinity .* samples {sample - 1}, {sample};"):
        check_pairs(bad)


def test_the_cure_for_infinity_works():
    bad = X.copy()
    bad[1, 1, 0, 0] = np.inf
    bad[~np.isfinite(bad)] = np.nan
    assert np.isnan(check_pairs(bad)[:]).sum() == 1


def test_samples_with_nothing_observed_are_all_named():
    bad = X.copy()
    bad[[3, 70, 129]] = np.nan
    with pytest.raises(InvalidPairsError, match=r"samples 3, 70, 129; "):
        check_pairs(bad)
    bad[:12] = np.nan
    with pytest.raises(InvalidPairsError, match=r"samples 0, 1, .*, 9 and 4 more"):
        check_pairs(bad)


def test_one_observed_pixel_in_one_plane_is_enough():
    nearly = np.full((1, 2, 4, 5), np.nan)
    nearly[0, 1, 2, 2] = 0
    assert len(check_pairs(nearly)) == 1
    assert_array_equal(missing_planes(check_pairs(nearly)[:]), [[True, False]])


def test_fewer_samples_than_needed_are_refused():
    with pytest.raises(InvalidPairsError, match="X has 0 sample"):
        check_pairs(X[:0])
    with pytest.raises(InvalidPairsError, match="minimum of 3"):
        check_pairs(X[:2], min_samples=3)
    assert len(check_pairs(X[:3], min_samples=3)) == 3


def test_a_reader_is_checked_again_and_kept():
    reader = PairReader(X)
    assert check_pairs(reader) is reader
    bad = X.copy()
    bad[5] = np.nan
    with pytest.raises(InvalidPairsError, match="samples 5;"):
        check_pairs(PairReader(bad))
    assert len(check_pairs(PairReader(bad, rows=[4, 6]))) == 2


# reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [np.asarray, OnDisk], ids=["numpy", "on disk"])
def test_a_reader_gives_the_rows_in_the_order_asked(source):
    rows = np.array([7, 3, 3, 129, 0, 7])
    reader = PairReader(source(X), rows)
    expected = X[rows].astype(np.float32)
    assert reader.shape == expected.shape
    assert reader.dtype == np.float32
    assert len(reader) == len(rows)
    assert_array_equal(reader[:], expected)
    assert_array_equal(np.asarray(reader), expected)
    assert_array_equal(np.asarray(reader, dtype=np.float64), expected.astype(np.float64))
    assert_array_equal(reader[1:4], expected[1:4])
    assert_array_equal(reader[[5, 0, 0]], expected[[5, 0, 0]])
    assert_array_equal(reader[-1], expected[-1:])
    assert_array_equal(reader[rows == 3], expected[rows == 3])


def test_take_of_take_is_take_of_the_composed_rows():
    first, second = RNG.integers(0, 130, 40), RNG.integers(0, 40, 25)
    reader = PairReader(OnDisk(X)).take(first).take(second)
    assert_array_equal(reader[:], X[first[second]].astype(np.float32))
    flags = RNG.random(130) < 0.3
    assert_array_equal(PairReader(X).take(flags).rows, np.flatnonzero(flags))


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_blocks_are_the_whole_in_order(size):
    blocks = list(PairReader(OnDisk(X), RNG.permutation(130)).blocks(size))
    assert all(len(b) == size for b in blocks[:-1])
    assert 0 < len(blocks[-1]) <= size
    again = PairReader(X, PairReader(X).rows)
    assert_array_equal(np.concatenate(list(again.blocks(size))), X.astype(np.float32))


def test_checking_never_reads_the_whole():
    source = OnDisk(np.ones((500, 2, 2, 2)))
    reader = check_pairs(source)
    for _ in reader.take(np.arange(499, -1, -1)).blocks(16):
        pass
    assert 0 < source.largest <= 64


def test_a_read_only_memmap_is_left_as_it_was(tmp_path):
    np.save(tmp_path / "x.npy", X)
    stored = np.load(tmp_path / "x.npy", mmap_mode="r")
    reader = check_pairs(stored)
    assert reader.array is stored
    block = reader[:5]
    block += 1  # what is read is the caller's own
    assert_array_equal(reader[:5], X[:5].astype(np.float32))
    assert (tmp_path / "x.npy").stat().st_size == X.nbytes + 128


def test_a_block_is_a_copy_of_the_callers_array():
    mine = X.astype(np.float32)
    check_pairs(mine)[:][...] = 0
    assert_array_equal(mine, X.astype(np.float32))


# labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int8", "int64", "float32", "float64"])
def test_signed_labels_pass_as_integers(dtype):
    y = check_target(np.array([1, -1, 1], dtype), 3)
    assert y.dtype == np.int64
    assert_array_equal(y, [1, -1, 1])
    assert is_target(np.array([1, -1], dtype))
    assert is_target([1, 1])


@pytest.mark.parametrize(
    "y",
    [[0, 1, 1], [0, 0, 0], [True, False, True], [True, True, True],
     [1.0, -1.0, np.nan], [1.5, 1, 1], [2, -1, 1],
     ["1", "-1", "1"], ["normal", "lesion", "normal"], [None, 1, -1]],
    ids=repr,
)  # fmt: skip
def test_other_codings_are_refused_with_the_cure(y):
    assert not is_target(y)
    with pytest.raises(InvalidPairsError, match=r"\+1 \(normal\) and -1.*np\.where") as caught:
        check_target(y, 3)
    assert str(y[0]) in str(caught.value)


def test_the_cure_for_zero_one_works():
    y = np.array([0, 1, 0])
    assert_array_equal(check_target(np.where(y == 1, -1, 1)), [1, -1, 1])


@pytest.mark.parametrize("y", [[1, -1], [[1], [-1], [1]], 1], ids=repr)
def test_labels_of_the_wrong_shape_are_refused(y):
    with pytest.raises(InvalidPairsError, match=r"expected \(3,\)"):
        check_target(y, 3)


def test_no_labels_are_no_target():
    assert not is_target([])
    assert not is_target(None)


# groups -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "groups",
    [list("babca"), [3, 10, 3, 2, 10], pd.Series(["p 1", "p 10", "p 1", "p 2", "p 10"]),
     np.array([0.5, 1, 0.5, 7, 1]), np.array(["x", 1, "x", 2.0, 1], dtype=object)],
    ids=["letters", "integers", "series", "floats", "objects"],
)  # fmt: skip
def test_codes_are_equal_exactly_where_patients_are(groups):
    codes = check_groups(groups, 5)
    assert codes.dtype == np.int64
    assert set(codes) == set(range(len(set(groups))))
    same = [[a == b for a in groups] for b in groups]
    assert_array_equal(codes[:, None] == codes[None], same)


@pytest.mark.parametrize(
    "groups",
    [["a", None, "b"], [1.0, np.nan, 2.0], pd.Series(["a", None, "b"]), [1, float("nan"), "b"]],
    ids=["None", "NaN", "series", "mixed"],
)
def test_a_sample_without_a_patient_is_named(groups):
    if isinstance(groups[0], int):
        groups = np.array(groups, dtype=object)
    with pytest.raises(InvalidPairsError, match="no patient for samples 1;"):
        check_groups(groups, 3)


@pytest.mark.parametrize("groups", [["a", "b"], [["a"], ["b"], ["c"]], "abc"], ids=repr)
def test_one_patient_a_sample(groups):
    with pytest.raises(InvalidPairsError, match=r"expected \(3,\)"):
        check_groups(groups, 3)


# masks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32"])
def test_masks_of_zero_and_one_pass_as_bool(dtype):
    truth = RNG.random((3, 4, 5)) < 0.5
    masks = check_masks(truth.astype(dtype), (3, 4, 5))
    assert masks.dtype == bool
    assert_array_equal(masks, truth)


@pytest.mark.parametrize("value", [255, 0.5, np.nan, -1])
def test_masks_of_other_values_are_refused(value):
    masks = np.zeros((2, 3, 3))
    masks[1, 1, 1] = value
    with pytest.raises(InvalidPairsError, match="masks > 0"):
        check_masks(masks)


def test_masks_of_another_shape_are_refused():
    masks = np.zeros((2, 3, 3), bool)
    with pytest.raises(InvalidPairsError, match=r"\(n_samples, height, width\)"):
        check_masks(masks[0])
    with pytest.raises(InvalidPairsError, match=r"expected \(2, 3, 4\)"):
        check_masks(masks, (2, 3, 4))


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (["a.png", "b.png"], r"X is names of files; .*load_pairs\(folder\)\.data"),
        ("folder", r"X is names of files; .*load_pairs\(folder\)\.data"),
        ([Path("a.png")], r"X is names of files; .*load_pairs\(folder\)\.data"),
        (Bunch(data=np.zeros((3, 2, 8, 8))), r"X is a Bunch; .*give the pairs: data\.data"),
        ({"data": 1}, r"X is a dict; .*give the pairs: data\.data"),
        (np.zeros((2, 8, 8)), r"X has shape \(2, 8, 8\); .*X\[np\.newaxis\]"),
    ],
    ids=["list of names", "folder", "paths", "Bunch", "dict", "one sample"],
)
def test_what_beginners_give_instead_of_pairs_is_named_with_its_cure(X, said):
    with pytest.raises(InvalidPairsError, match=said):
        AtlasDetector().fit(X)
