"""Are they pairs, and how far apart do they lie."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
from real_data import DATA

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pairing.check import check_pairing, pairing_verdict
from ctmri_detect.pairing.shift import estimate_shift
from ctmri_detect.preprocessing import BrainMask, make_preprocessor
from ctmri_detect.validation import PairReader

SLICES = 8


@pytest.fixture(scope="module")
def phantoms():
    pytest.importorskip("nilearn")
    from ctmri_detect.datasets import make_phantom_pairs

    made = make_phantom_pairs(8, SLICES, size=96, anomalous_fraction=0.2, random_state=0)
    made.data = np.asarray(made.data)  # an array does not know the patients
    return made


def exchanged(X, by):
    """The MRI of the pair `by` rows further."""
    out = X.copy()
    out[:, 1] = np.roll(X[:, 1], by, axis=0)
    return out


@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("prepared", [True, False])
def test_true_pairs_pass_and_other_patients_at_the_same_level_do_not(phantoms, grouped, prepared):
    codes = np.arange(8).repeat(SLICES) if grouped else None
    other_level = exchanged(phantoms.data, SLICES + 3)
    for X, expected in (
        (phantoms.data, True),
        (exchanged(phantoms.data, SLICES), False),
        (other_level, False),
    ):
        X = make_preprocessor("hu", size=64).fit_transform(X) if prepared else X
        found = pairing_verdict(PairReader(X), codes)
        assert found.paired is expected
        assert (found.p_value < 0.01) is expected
        assert (found.statistic > 1) is expected


def test_eight_pairs_suffice_and_seven_give_no_verdict(phantoms):
    rows = np.arange(8) * SLICES + np.arange(8) * 3 % SLICES
    X = phantoms.data[rows]
    assert check_pairing(X, groups=phantoms.groups[rows]).paired is True
    assert check_pairing(exchanged(X, 1)).paired is False
    few = check_pairing(X[:7])
    assert few.paired is None
    assert np.isnan([few.p_value, few.statistic]).all()
    assert np.isfinite(few.shift).all()


@pytest.mark.parametrize("patients", [1, 2, 3])
def test_few_patients_are_compared_by_slices(phantoms, patients):
    rows = slice(0, patients * SLICES)
    X, groups = phantoms.data[rows], phantoms.groups[rows]
    assert check_pairing(X, groups=groups).paired is True
    shuffled = X.copy()
    shuffled[:, 1] = X[np.random.default_rng(0).permutation(len(X)), 1]
    assert check_pairing(shuffled, groups=groups).paired is False


def test_missing_planes_and_empty_images_are_not_used(phantoms):
    X = phantoms.data[:20].copy()
    X[0, 0] = np.nan
    X[1, 1] = np.nan
    X[2, 1, 3:] = np.nan
    X[3] = 0
    found = check_pairing(X)
    assert found.paired is True
    np.testing.assert_array_equal(np.isnan(found.shift), np.arange(20) < 4)
    assert found.pairs["best"].isna().tolist() == [True] * 4 + [False] * 16
    only_ct = X.copy()
    only_ct[:, 1] = np.nan
    only_ct[0, 0] = 0
    nothing = check_pairing(only_ct)
    assert nothing.paired is None
    assert nothing.pairs.isna().all(axis=None)


def test_images_that_are_all_alike_give_no_verdict(phantoms):
    X = np.repeat(phantoms.data[4:5], 12, axis=0)
    found = check_pairing(X, groups=np.arange(12) // 3)
    assert (found.paired, found.mirrored, found.slip) == (None, False, None)


def test_masks_that_never_meet_those_of_others_give_no_verdict():
    X = np.full((8, 2, 64, 64), np.nan, np.float32)
    for i in range(8):
        X[i, :, 8 * i : 8 * i + 8] = np.random.default_rng(i).normal(size=(8, 64))
    found = check_pairing(X)
    assert found.paired is None
    assert np.isnan(found.p_value)


def test_the_best_partner_shows_a_list_that_slipped_by_one(phantoms):
    found = check_pairing(exchanged(phantoms.data[:24], 1))
    own = (found.pairs["best"] == (np.arange(24) + 1) % 24).mean()
    assert own > 0.9
    right = check_pairing(phantoms.data[:24])
    assert (right.pairs["best"] == np.arange(24)).mean() > 0.9
    assert (right.pairs["nmi"] > right.pairs["nmi_others"]).all()


class Counting(np.ndarray):
    """Remembers how many rows were read."""

    read = 0

    def __getitem__(self, key):
        out = super().__getitem__(key)
        Counting.read += len(out)
        return out


def test_the_verdict_reads_128_pairs_at_most_and_is_repeatable(phantoms):
    X = np.concatenate([phantoms.data, phantoms.data])
    codes = np.unique(np.concatenate([phantoms.groups] * 2), return_inverse=True)[1]
    for groups in (codes, None):
        Counting.read = 0
        first = pairing_verdict(PairReader(X.view(Counting)), groups)
        assert Counting.read <= 128  # 64, and two neighbours of 32
        assert first.paired is True
        again = pairing_verdict(PairReader(X), groups)
        np.testing.assert_array_equal(again.rows, first.rows)
        assert (again.p_value, again.statistic) == (first.p_value, first.statistic)


def test_wrong_pairs_rarely_pass():
    """The law of a test: at most its level, here with room for chance (mean .6 of 60)."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(size=(60, 8, 2, 8, 8)).astype(np.float32)
    passed = 0
    for X in coarse:
        large = np.stack([[cv2.resize(p, (32, 32)) for p in pair] for pair in X])
        passed += bool(pairing_verdict(PairReader(large), None).paired)
    assert passed <= 4


def test_input_is_checked(phantoms):
    with pytest.raises(InvalidPairsError, match=r"np\.stack"):
        check_pairing(phantoms.data[:, 0])
    with pytest.raises(InvalidPairsError, match="groups has shape"):
        check_pairing(phantoms.data, groups=["a"])


# the shift ----------------------------------------------------------------------------------


def moved(pair, y, x):
    matrix = np.float32([[1, 0, x], [0, 1, y]])
    size = pair.shape[:0:-1]
    mri = cv2.warpAffine(pair[1], matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.stack([pair[0], mri])


@pytest.mark.parametrize("masked", [False, True])
def test_a_known_shift_is_found(masked):
    pytest.importorskip("nilearn")
    from ctmri_detect.datasets import make_phantom_pairs

    heads = make_phantom_pairs(2, 8, size=256, anomalous_fraction=0, random_state=1)
    X, frame = heads.data, heads.frame
    own = frame[["mri_shift_y", "mri_shift_x"]].div(frame["spacing"], axis=0).to_numpy()
    rng = np.random.default_rng(0)
    errors = []
    for amount in (0, 8):
        angle = rng.uniform(0, 2 * np.pi, len(X))
        known = amount * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        Y = np.stack([moved(p, *k) for p, k in zip(X, known, strict=True)])
        Y = BrainMask().fit_transform(Y) if masked else Y
        errors.append(np.hypot(*(np.array([estimate_shift(p) for p in Y]) - known - own).T))
    assert np.isfinite(errors).all()
    assert (np.median(errors, axis=1) < 0.5).all()


def test_a_shift_beyond_the_search_is_none(phantoms):
    assert np.isnan(estimate_shift(moved(phantoms.data[4], 14, 0))).all()


def test_noise_has_no_shift():
    pair = np.random.default_rng(0).normal(size=(2, 128, 128)).astype(np.float32)
    assert np.isnan(estimate_shift(pair)).all()


# real images --------------------------------------------------------------------------------


def _grey(path):
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    return cv2.resize(image, (256, 256), interpolation=cv2.INTER_AREA).astype(np.float32)


def test_real_pairs_pass_and_the_badly_registered_stand_out():
    folder = DATA / "brain_pairs"
    if not folder.exists():
        pytest.skip("no real images here")
    files = sorted((folder / "CT").glob("*.png"))
    X = np.stack([[_grey(f), _grey(folder / "MRI" / f.name)] for f in files])
    groups = [re.match(r"case\d+", f.name).group() for f in files]
    found = check_pairing(X, groups=groups)
    assert found.paired is True
    far = {files[i].stem for i in np.flatnonzero(found.shift > 3)}
    assert "case32_slice021" in far  # after surgery: the CT is of another day
    assert len(far) < 6
    assert np.nanmedian(found.shift) < 1.5


def test_equal_numbers_are_no_pairs():
    folder = DATA / "kaggle_layout" / "Dataset" / "images"
    if not folder.exists():
        pytest.skip("no real images here")
    pairs = [
        (ct, mri)
        for ct in sorted((folder / "trainA").glob("ct*.png"))
        if (mri := folder / "trainB" / f"mri{ct.stem[2:]}.jpg").exists()
    ]
    assert len(pairs) >= 8
    X = np.stack([[_grey(ct), _grey(mri)] for ct, mri in pairs])
    assert check_pairing(X).paired is False
