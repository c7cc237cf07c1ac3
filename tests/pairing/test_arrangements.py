"""MRI that were mirrored, or that are one slice off, are told by name."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from real_data import DATA

from ctmri_detect.datasets import check_pairing, load_pairs
from ctmri_detect.pairing import pairing_verdict
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.validation import PairReader

PATIENTS, SLICES = 8, 6
CODES = np.arange(PATIENTS).repeat(SLICES)


@pytest.fixture(scope="module")
def phantoms():
    pytest.importorskip("nilearn")
    from ctmri_detect.datasets import make_phantom_pairs

    made = make_phantom_pairs(
        PATIENTS, SLICES, size=96, slice_spacing=5.0, anomalous_fraction=0.2, random_state=113
    )
    return np.asarray(made.data)


def with_mri(X, change):
    out = X.copy()
    out[:, 1] = change(X[:, 1])
    return out


def further(mri, codes, by):
    """The MRI of the slice `by` rows further of the same patient; the last one stays."""
    rows = np.arange(len(mri))
    other = np.clip(rows + by, 0, len(mri) - 1)
    return mri[np.where(codes[other] == codes, other, rows)]


def facts(X, codes=CODES):
    found = pairing_verdict(PairReader(X), codes)
    return found.paired, found.mirrored, found.slip


@pytest.mark.parametrize("prepared", [False, True])
def test_each_mistake_has_its_name(phantoms, prepared):
    cases = {
        "true": (phantoms, (True, False, 0)),
        "mirrored": (with_mri(phantoms, lambda mri: mri[..., ::-1]), (False, True)),
        "further": (with_mri(phantoms, lambda mri: further(mri, CODES, 1)), (False, False, 1)),
        "before": (with_mri(phantoms, lambda mri: further(mri, CODES, -1)), (False, False, -1)),
        "strangers": (with_mri(phantoms, lambda mri: np.roll(mri, SLICES, axis=0)), (False,)),
    }
    for name, (X, expected) in cases.items():
        X = make_preprocessor("hu", size=96).fit_transform(X) if prepared else X
        told = facts(X)
        assert told[: len(expected)] == expected, name
        if name == "strangers":
            assert True not in told
            assert told[2] in (0, None)


def test_the_words_name_the_mistake(phantoms):
    groups = CODES.astype(str)
    right = check_pairing(phantoms, groups=groups)
    assert (right.why, right.slip) == ("", 0)
    assert min(right.p_mirrored, right.p_slip) > 0.5
    flipped = check_pairing(with_mri(phantoms, lambda mri: mri[..., ::-1]), groups=groups)
    assert "mirrored left to right" in flipped.why
    assert flipped.p_mirrored < 0.05
    late = check_pairing(with_mri(phantoms, lambda mri: further(mri, CODES, 1)), groups=groups)
    assert "one slice off" in late.why
    assert "further on" in late.why
    assert late.p_slip < 0.05
    others = check_pairing(
        with_mri(phantoms, lambda mri: np.roll(mri, SLICES, axis=0)), groups=groups
    )
    assert "do not seem to show the same heads" in others.why


def test_what_cant_be_told_is_none(phantoms):
    one_each = phantoms[2::SLICES]
    codes = np.arange(PATIENTS)
    assert facts(one_each, codes)[2] is None  # no neighbours
    flipped = with_mri(one_each, lambda mri: mri[..., ::-1])
    assert facts(flipped, codes)[1] is True
    few = pairing_verdict(PairReader(phantoms[:7]), CODES[:7])
    assert (few.paired, few.mirrored, few.slip) == (None, None, None)
    assert np.isnan([few.p_mirrored, few.p_slip]).all()


def test_images_that_fit_neither_way_are_rarely_called_mirrored_or_slipped():
    """The law of a test: at most its level (.05; mean 3 of 60 each), here with room for chance."""
    coarse = np.random.default_rng(0).normal(size=(60, 12, 2, 8, 8)).astype(np.float32)
    found = []
    for X in coarse:
        large = np.stack([[cv2.resize(p, (32, 32)) for p in pair] for pair in X])
        verdict = pairing_verdict(PairReader(large), None)
        found.append((verdict.mirrored is True, bool(verdict.slip)))
    assert (np.sum(found, axis=0) <= 8).all()


@pytest.mark.skipif(not (DATA / "brain_pairs").is_dir(), reason="real images are not here")
def test_real_mirrored_pairs_are_told():
    pairs = load_pairs(DATA / "brain_pairs", patient=r"^(case\d+)")
    X = np.asarray(pairs.data)
    codes = np.unique(pairs.groups, return_inverse=True)[1]
    paired, mirrored, slip = facts(X, codes)
    assert (paired, mirrored) == (True, False)
    assert slip in (0, None)
    assert facts(with_mri(X, lambda mri: mri[..., ::-1]), codes)[:2] == (False, True)
