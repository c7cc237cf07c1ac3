"""Laws of the reference bank: a z-score against other patients' slices."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ctmri_detect.scoring import BANK_BYTES, BANK_SLICES, bank_rows
from ctmri_detect.scoring.reference import ReferenceBank

RNG = np.random.default_rng(0)
M, KINDS, H, W = 9, 2, 7, 6
EVIDENCE = RNG.normal(size=(M, KINDS, 2, H, W)).astype(np.float32) * 3 + 1
DESCRIPTORS = RNG.normal(size=(M, 2, 2, 24, 24))
DESCRIPTORS[:, :, 1] = 0.5
GROUPS = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4])
NEW = RNG.normal(size=(4, KINDS, 2, H, W)).astype(np.float32)
UNKNOWN = RNG.normal(size=(4, 2, 2, 24, 24))
UNKNOWN[:, :, 1] = 0.5


def by_hand(values, seen, weights, center, pooled, evidence):
    """One sample, one kind, one plane, as the notes have it; the prior's mean is `center`."""

    def smooth(x):
        return cv2.GaussianBlur(x, (0, 0), 1.5, borderType=cv2.BORDER_REFLECT)

    w = weights[:, None, None]
    e = np.where(seen, values - center, 0)
    count = smooth((w * seen).sum(0)) + 2
    mean = smooth((w * e).sum(0)) / count
    variance = (smooth((w * e**2).sum(0)) + 2 * pooled**2) / count - mean**2
    return (evidence - center - mean) / np.maximum(np.sqrt(np.maximum(variance, 0)), 0.3 * pooled)


# bank_rows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 7, 511, 512, 513, 5000])
@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 512, 512), (2, 4096, 4096)])
@pytest.mark.parametrize("kinds", [1, 2])
def test_the_rows_are_few_enough_and_evenly_spread(n, shape, kinds):
    rows = bank_rows(n, shape, kinds)
    assert rows[0] == 0
    assert rows[-1] == n - 1
    gaps = np.diff(rows)
    assert (gaps > 0).all()
    assert gaps.max(initial=1) - gaps.min(initial=gaps.max(initial=1)) <= 1
    assert len(rows) <= BANK_SLICES
    bytes_kept = len(rows) * kinds * 4 * np.prod(shape)
    assert bytes_kept <= BANK_BYTES or len(rows) <= 2
    one_more = bytes_kept / len(rows) * (len(rows) + 1)
    assert len(rows) == min(n, BANK_SLICES) or one_more > BANK_BYTES  # and no slice is wasted


# the z-score --------------------------------------------------------------------------------


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("name", ["position", "similar"])
def test_the_z_score_is_what_the_notes_say(name, holes):
    evidence = EVIDENCE.copy()
    if holes:
        evidence[:, :, 0, :2] = np.nan  # seen by none
        evidence[:6, :, 1, 3:] = np.nan  # seen by few
    bank = ReferenceBank(name, 3).fit(evidence, DESCRIPTORS, GROUPS)
    z = bank.standardise(NEW, UNKNOWN)
    for i in range(len(NEW)):
        weights = np.ones(M)
        if name == "similar":
            image = (UNKNOWN[i, :, 0] - DESCRIPTORS[:, :, 0]) / DESCRIPTORS[:, :, 0].std(
                axis=(0, 2, 3)
            )[None, :, None, None]
            distance = (image**2).sum(axis=(1, 2, 3))
            weights = np.isin(np.arange(M), np.argsort(distance)[:3]).astype(float)
        for k in range(KINDS):
            for p in range(2):
                values, seen = evidence[:, k, p], ~np.isnan(evidence[:, k, p])
                center = np.where(seen, values, 0).sum(0) / np.maximum(seen.sum(0), 1)
                pooled = np.sqrt(((values - center)[seen] ** 2).mean())
                expected = by_hand(values, seen, weights, center, pooled, NEW[i, k, p])
                assert_allclose(z[i, k, p], expected, rtol=2e-3, atol=2e-3)


def test_without_a_reference_the_unit_is_the_root_mean_square():
    bank = ReferenceBank(None, 3).fit(EVIDENCE, DESCRIPTORS, GROUPS)
    unit = np.sqrt((EVIDENCE.astype(float) ** 2).mean(axis=(0, 3, 4)))
    assert_allclose(bank.standardise(NEW, UNKNOWN), NEW / unit[None, :, :, None, None], rtol=1e-4)


def test_the_own_evidence_does_not_change_who_the_references_are():
    bank = ReferenceBank("similar", 2).fit(EVIDENCE, DESCRIPTORS, GROUPS)
    weights = bank.weights(DESCRIPTORS)
    assert (weights.sum(axis=1) == 2).all()
    assert (weights[GROUPS[:, None] == GROUPS[None]] == 0).all()
    place = ReferenceBank("position", 2).fit(EVIDENCE, DESCRIPTORS, GROUPS)
    assert_array_equal(place.weights(DESCRIPTORS), GROUPS[:, None] != GROUPS[None])


def test_more_slices_of_a_patient_are_no_reference_either():
    twice = np.concatenate([np.arange(M), [0, 0, 0]])
    bank = ReferenceBank("similar", 4).fit(EVIDENCE[twice], DESCRIPTORS[twice], GROUPS[twice])
    once = ReferenceBank("similar", 4).fit(EVIDENCE, DESCRIPTORS, GROUPS)
    assert_array_equal(bank.weights(DESCRIPTORS[:2])[:, :M], once.weights(DESCRIPTORS[:2]))
    assert (bank.weights(DESCRIPTORS[:2])[:, M:] == 0).all()


def test_a_bank_of_one_patient_is_better_than_no_reference():
    bank = ReferenceBank("position", 3).fit(EVIDENCE, DESCRIPTORS, np.zeros(M, int))
    assert (bank.weights(DESCRIPTORS) == 1).all()


def test_a_slice_that_lost_a_plane_is_still_known_as_its_patients():
    descriptors = DESCRIPTORS.copy()
    descriptors[1] = descriptors[0]
    descriptors[1, 1] = 0  # the same slice of the same patient, without its MRI
    bank = ReferenceBank("position", 3).fit(EVIDENCE, descriptors, GROUPS)
    assert_array_equal(bank.weights(descriptors[:2]), np.tile(GROUPS != 0, (2, 1)))


def test_unknown_slices_take_the_most_similar_of_all():
    bank = ReferenceBank("similar", 1).fit(EVIDENCE, DESCRIPTORS, GROUPS)
    nearly = 1.1 * DESCRIPTORS
    assert_array_equal(bank.weights(nearly), np.eye(M))
    half = nearly.copy()
    half[:, 1] = 0  # without MRI, the CT decides
    assert_array_equal(bank.weights(half), np.eye(M))


def test_unseen_evidence_is_no_evidence():
    evidence, new = EVIDENCE.copy(), NEW.copy()
    new[:, :, 1, 2:4] = np.nan
    evidence[2, :, 0] = np.nan
    bank = ReferenceBank("position", 3).fit(evidence, DESCRIPTORS, GROUPS)
    z = bank.standardise(new, UNKNOWN)
    assert_array_equal(np.isnan(z), np.isnan(new))
    filled = evidence.copy()
    filled[2, :, 0] = np.nanmean(np.delete(evidence, 2, axis=0)[:, :, 0], axis=0)
    other = ReferenceBank("position", 3).fit(filled, DESCRIPTORS, GROUPS).standardise(new, UNKNOWN)
    assert not np.allclose(other[:, :, 0], z[:, :, 0], atol=1e-3)  # a made-up slice would count
    assert_allclose(other[:, :, 1], z[:, :, 1], atol=1e-4)


@pytest.mark.parametrize("name", ["position", "similar", None])
def test_what_never_varies_does_not_explode(name):
    flat = np.ones_like(EVIDENCE)
    bank = ReferenceBank(name, 3).fit(flat, DESCRIPTORS, GROUPS)
    z = bank.standardise(flat[:4], UNKNOWN)
    assert np.isfinite(z).all()
    assert np.abs(z).max() <= 1 + 1e-6
    assert np.isfinite(bank.standardise(NEW, UNKNOWN)).all()
