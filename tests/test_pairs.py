"""Laws of Pairs: whatever is done to the samples, they keep what belongs to them."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from heads import make_heads
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, MapScoring, Pairs
from ctmri_detect.base import BasePairedDetector
from ctmri_detect.exceptions import (
    DataLoadingError,
    InvalidPairsError,
    PatientsUnknownWarning,
)
from ctmri_detect.model_selection import LeaveOnePatientOut, NormalOnlyGroupKFold
from ctmri_detect.preprocessing import CTWindow, HeadAligner, Resize, open_pairs, transform_to

N = 24
RNG = np.random.default_rng(0)
ARRAY = RNG.normal(size=(N, 2, 6, 5))
NAMES = RNG.permutation(np.repeat([f"p{i}" for i in range(6)], [1, 2, 3, 5, 6, 7]))
SPACING = np.stack([np.arange(N) + 1.0, np.arange(N) + 2.0], axis=1)
FRAME = pd.DataFrame({"volume": [f"v{i // 3}" for i in range(N)], "z_mm": 5.0 * np.arange(N)})


def pairs(array=ARRAY, **changes):
    known = {"groups": NAMES, "spacing": SPACING, "ct_units": "hu", "frame": FRAME}
    return Pairs(array, **(known | changes))


def check_same(found, rows, array=ARRAY):
    """These are the rows of `pairs()`, everything they know included."""
    assert isinstance(found, Pairs)
    assert found.dtype == np.float32
    assert found.shape == (len(rows), *array.shape[1:])
    assert_array_equal(np.asarray(found), array[rows].astype(np.float32))
    assert_array_equal(found.groups, NAMES[rows])
    assert_array_equal(found.spacing, SPACING[rows])
    assert found.frame["z_mm"].tolist() == FRAME["z_mm"].to_numpy()[rows].tolist()
    assert (found.ct_units, found.modalities) == ("hu", ("CT", "MRI"))


CHOICES = [
    slice(2, 9), slice(None, None, -3), [5, 2, 2], np.array([7, 0]), np.arange(N) % 3 == 0,
    [True, False] * 12, [], np.zeros(N, bool),
]  # fmt: skip


@pytest.mark.parametrize("key", CHOICES, ids=str)
def test_a_choice_of_samples_keeps_what_they_know(key):
    rows = np.arange(N)[[] if isinstance(key, list) and not key else key].astype(int)
    check_same(pairs()[key], rows)
    check_same(pairs()[key, ...], rows)
    again = np.arange(len(rows))[::-1]
    check_same(pairs()[key][again], rows[again])


def test_any_other_index_gives_plain_values():
    small = ARRAY.astype(np.float32)
    keys = 3, -1, (3, 1), (slice(2, 5), 0), ([4, 1], slice(None), 2), (..., 0), (np.int64(2), ...)
    for key in keys:
        found = pairs()[key]
        assert type(found) is np.ndarray
        assert found.dtype == np.float32
        assert_array_equal(found, small[key])
    assert_array_equal(np.stack(list(pairs())), small)
    with pytest.raises(IndexError):
        pairs()[N]
    with pytest.raises(TypeError):
        pairs() + 1


@pytest.fixture(params=["numpy", "memmap", "fortran", "part"])
def stored(request, tmp_path):
    if request.param == "numpy":
        return ARRAY
    array = np.asfortranarray(ARRAY) if request.param == "fortran" else ARRAY
    np.save(tmp_path / "pairs.npy", array)
    found = np.load(tmp_path / "pairs.npy", mmap_mode="r")
    return found[::1] if request.param == "part" else found


def groups_in_worker(part):
    return part.groups.tolist(), np.asarray(part)


def test_a_pickle_holds_the_chosen_samples_and_no_more(stored):
    rows = np.array([9, 3, 20])
    chosen = pairs(stored)[rows]
    check_same(pickle.loads(pickle.dumps(chosen)), rows)
    assert len(pickle.dumps(chosen)) < len(pickle.dumps(pairs())) / 2
    for names, values in Parallel(n_jobs=2)(delayed(groups_in_worker)(chosen) for _ in range(2)):
        assert names == NAMES[rows].tolist()
        assert_array_equal(values, ARRAY[rows].astype(np.float32))


def test_a_memmap_is_opened_again_and_not_copied(tmp_path):
    big = np.lib.format.open_memmap(tmp_path / "big.npy", "w+", np.float32, (500, 2, 64, 64))
    big[:] = np.arange(500, dtype=np.float32)[:, None, None, None]
    sent = pickle.dumps(Pairs(np.load(tmp_path / "big.npy", mmap_mode="r"))[100:])
    assert len(sent) < 20_000
    assert pickle.loads(sent)[7][0, 0, 0] == 107
    (tmp_path / "big.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"big\.npy, which is not there any more"):
        pickle.loads(sent)


class Odd:
    """An array that lives somewhere else."""

    shape, dtype = ARRAY.shape, ARRAY.dtype

    def __len__(self):
        return N

    def __getitem__(self, key):
        return ARRAY[key]


def test_an_array_that_can_not_travel_says_what_to_do():
    check_same(pairs(Odd())[2:4], np.array([2, 3]))
    with pytest.raises(TypeError, match="transform_to"):
        pickle.dumps(pairs(Odd()))


def test_sets_are_joined_where_they_fit():
    a, b = pairs()[:10], pairs()[10:]
    with pytest.raises(InvalidPairsError, match=r"patient name\(s\) occur in two sets: p"):
        Pairs.concatenate([a, b])
    both = Pairs.concatenate([a, b], same_patients=True)
    check_same(both, np.arange(N))
    check_same(both[[20, 3]], np.array([20, 3]))
    check_same(pickle.loads(pickle.dumps(both[[20, 3]])), np.array([20, 3]))
    other = b.replace(groups=[f"other-{name}" for name in b.groups])
    assert len(Pairs.concatenate([a, other])) == N
    for changes, named in (
        ({"ct_units": "uint8"}, "ct_units"),
        ({"modalities": ("CT", "T1")}, "modalities"),
        ({"groups": None}, "groups"),
        ({"spacing": None}, "spacing"),
    ):
        with pytest.raises(InvalidPairsError, match=f"differ in {named}"):
            Pairs.concatenate([a, other.replace(**changes)])
    with pytest.raises(InvalidPairsError, match="differ in grid"):
        Pairs.concatenate([a, Pairs(np.zeros((2, 2, 6, 6)), groups=["x", "y"])])


def test_particulars_are_replaced_one_by_one():
    changed = pairs().replace(ct_units=None, groups=np.arange(N))
    assert changed.ct_units is None
    assert_array_equal(changed.groups, np.arange(N))
    assert_array_equal(changed.spacing, SPACING)
    check_same(pairs(), np.arange(N))  # the first ones are as they were
    values = ARRAY[..., :4] + 1
    check_same(pairs().replace(array=values), np.arange(N), values)
    check_same(pairs().replace(array=Pairs(values, groups=np.arange(N))), np.arange(N), values)
    pet = pairs(modalities=("CT", "FDG"), roles={"FDG": "pet"})
    assert pet.replace(array=values).roles == ("ct", "pet")
    with pytest.raises(InvalidPairsError, match=rf"groups has shape \({N},\)"):
        pairs().replace(array=values[1:])
    with pytest.raises(InvalidPairsError, match="1 different names, one per plane"):
        pairs().replace(array=values[:, :1])
    with pytest.raises(TypeError, match="no colour"):
        pairs().replace(colour=1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"groups": NAMES[1:]}, r"groups has shape \(23,\)"),
        ({"spacing": -1}, "spacing .* above 0"),
        ({"spacing": np.ones((3, 2))}, r"spacing has shape \(3, 2\)"),
        ({"ct_units": "HU"}, "ct_units is 'HU'"),
        ({"modalities": ("CT",)}, "2 different names"),
        ({"frame": FRAME[1:]}, "DataFrame of 24 rows"),
        ({"array": ARRAY[0]}, r"shape \(2, 6, 5\)"),
        ({"array": ARRAY.astype(complex)}, "dtype complex"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_is_refused(changes, said):
    with pytest.raises(InvalidPairsError, match=said):
        pairs(**changes)


# through the library ------------------------------------------------------------------------

HEADS = make_heads(N, seed=1)
Y = np.where(RNG.random(N) < 0.3, -1, 1)
Y[[np.flatnonzero(NAMES == "p0")[0]]] = 1
SCORING = MapScoring(reference=None, symmetry=False, false_positive_rate=0.3)


class Spy(BasePairedDetector):
    """Remembers which patients each fit saw, and of which samples."""

    seen: list = []  # noqa: RUF012

    def __init__(self, amount=1.0, map_scoring=None):
        self.amount, self.map_scoring = amount, map_scoring

    def _default_map_scoring(self):
        return SCORING

    def _fit(self, X):
        self.patients_ = X.groups
        self.first_ = X[:][:, 0, 10, 16]
        Spy.seen.append((self.first_.tolist(), X.groups.tolist()))

    def _residual(self, X):
        return X * self.amount


def true_partition(firsts, factor=1.0):
    """The true patients of samples told by one pixel."""
    pixels = (factor * HEADS[:, 0, 10, 16]).astype(np.float32).tolist()
    return [dict(zip(pixels, NAMES, strict=True))[value] for value in firsts]


def check_seen(factor=1.0):
    assert Spy.seen
    for firsts, codes in Spy.seen:
        names = true_partition(firsts, factor)
        assert len(set(zip(names, codes, strict=True))) == len(set(names)) == len(set(codes))


@pytest.mark.parametrize("cv", [NormalOnlyGroupKFold(3), LeaveOnePatientOut()], ids=repr)
@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.filterwarnings("error::ctmri_detect.exceptions.PatientsUnknownWarning")
def test_a_search_gives_every_fold_and_the_refit_its_own_patients(cv, piped):
    Spy.seen = []
    model = make_pipeline(Resize(32), Spy()) if piped else Spy()
    prefix = "spy__" if piped else ""
    search = GridSearchCV(
        model, {f"{prefix}amount": [1.0, 2.0]}, cv=cv, error_score="raise",
        scoring=lambda model, X, y: model.score_samples(X).mean(),
    )  # fmt: skip
    search.fit(Pairs(HEADS, groups=NAMES), Y)
    splits = 3 if cv.get_n_splits(Pairs(HEADS, groups=NAMES)) == 3 else 6
    assert search.n_splits_ == splits
    check_seen()
    assert len(Spy.seen) >= 2 * splits + 1


@pytest.mark.filterwarnings("error::ctmri_detect.exceptions.PatientsUnknownWarning")
def test_patients_survive_a_search_in_two_processes():
    X = Pairs(HEADS, groups=NAMES)
    model = AtlasDetector(map_scoring=MapScoring(false_positive_rate=0.3))
    searches = [
        GridSearchCV(
            model, {"map_scoring__clip": [3.0, 6.0]}, cv=NormalOnlyGroupKFold(2),
            scoring=lambda model, X, y: float(model.map_scoring_.calibration_scores_.mean()),
            error_score="raise", n_jobs=jobs,
        ).fit(X, Y)
        for jobs in (1, 2)
    ]  # fmt: skip
    one, two = (search.cv_results_["mean_test_score"] for search in searches)
    assert_array_equal(one, two)
    by_hand = []
    for train, _ in NormalOnlyGroupKFold(2).split(HEADS, Y, NAMES):
        part = AtlasDetector(map_scoring=MapScoring(clip=3.0, false_positive_rate=0.3))
        part.fit(HEADS[train], Y[train], groups=NAMES[train])
        by_hand.append(part.map_scoring_.calibration_scores_.mean())
    assert one[0] == np.mean(by_hand)


def test_scikit_learn_splits_pairs_with_their_patients():
    train, test, _, _ = train_test_split(pairs(), np.arange(N), random_state=0)
    again = train_test_split(np.arange(N), random_state=0)
    check_same(train, again[0])
    check_same(test, again[1])


def test_patients_named_twice_have_to_agree():
    X = Pairs(HEADS, groups=NAMES)
    renamed = [f"hospital-{name}" for name in NAMES]
    plain = AtlasDetector(map_scoring=SCORING).fit(HEADS, groups=NAMES)
    fitted = AtlasDetector(map_scoring=SCORING).fit(X, groups=renamed)
    assert fitted.offset_ == plain.offset_
    for wrong in (np.arange(N), np.zeros(N), np.roll(NAMES, 1)):
        with pytest.raises(InvalidPairsError, match=r"X and groups disagree about the patients"):
            AtlasDetector().fit(X, groups=wrong)
    with pytest.warns(PatientsUnknownWarning):
        AtlasDetector(map_scoring=SCORING).fit(X.replace(groups=None))


def test_steps_give_pairs_back_with_their_new_spacing_and_units():
    X = Pairs(100 * HEADS, groups=NAMES, spacing=(2.0, 3.0), ct_units="uint8")
    small = Resize((16, 8)).transform(X)
    assert_allclose(small.spacing, np.tile([4.0, 12.0], (N, 1)))
    assert (small.ct_units, CTWindow(units="uint8").transform(X).ct_units) == ("uint8", None)
    assert_array_equal(small.groups, NAMES)
    assert type(Resize(16).transform(HEADS)) is np.ndarray
    with pytest.raises(InvalidPairsError, match=r"in 'uint8', and CTWindow takes 'hu'"):
        CTWindow().transform(X)


def test_an_aligned_head_keeps_its_millimetres():
    """The observed area in mm^2 is the same before and after."""
    X = Pairs(make_heads(4, size=96), spacing=0.5)
    out = HeadAligner(size=200).transform(X)
    before, after = (
        np.isfinite(np.asarray(p))[:, 0].sum(axis=(1, 2)) * p.spacing.prod(axis=1) for p in (X, out)
    )
    assert_allclose(after, before, rtol=0.03)
    assert (out.spacing < 0.4).all()


@pytest.mark.parametrize("jobs", [None, 2])
def test_what_is_written_is_opened_as_it_was(tmp_path, jobs):
    X = pairs(RNG.uniform(0, 80, size=ARRAY.shape))
    steps = make_pipeline(CTWindow(), Resize((12, 5)))
    written = transform_to(steps, X, tmp_path / "a.npy", batch_size=5, n_jobs=jobs)
    expected = steps.transform(X)
    for found in (written, open_pairs(tmp_path / "a.npy"), pickle.loads(pickle.dumps(written))):
        assert isinstance(found, Pairs)
        assert_array_equal(np.asarray(found), np.asarray(expected))
        assert_array_equal(found.groups, NAMES)
        assert_allclose(found.spacing, SPACING / [2, 1])
        assert found.ct_units is None
        pd.testing.assert_frame_equal(found.frame, FRAME, check_dtype=False)


def test_a_file_beside_that_does_not_fit_is_refused(tmp_path):
    X = pairs(RNG.uniform(0, 80, size=ARRAY.shape))
    path, side = tmp_path / "a.npy", tmp_path / "a.pairs.json"
    transform_to(Resize(4), X, path)
    whole = side.read_text()
    side.write_text(whole.replace('"version": 1', '"version": 9'))
    with pytest.raises(DataLoadingError, match="format 9"):
        open_pairs(path)
    side.write_text(whole[:-40])
    with pytest.raises(DataLoadingError, match="damaged"):
        open_pairs(path)
    side.write_text(whole)
    np.save(path, np.zeros((3, 2, 4, 4), np.float32))
    with pytest.raises(DataLoadingError, match="of the same run"):
        open_pairs(path)
    transform_to(Resize(4), np.asarray(X), path, overwrite=True)  # nothing is known of these
    assert open_pairs(path).groups is None
    with pytest.raises(FileNotFoundError):
        open_pairs(tmp_path / "none.npy")
