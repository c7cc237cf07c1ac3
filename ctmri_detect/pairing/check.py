"""Test from the images whether CT and MRI of each pair show the same head."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect._floats import with_default_floats
from ctmri_detect._random import own_random_state
from ctmri_detect._types import GroupsLike, PairsLike, RandomState
from ctmri_detect.pairing.arrangements import mirrored, slip_of, slipped
from ctmri_detect.pairing.codes import CodedPairs, nmi
from ctmri_detect.pairing.compared import Compared, compared
from ctmri_detect.pairing.partners import (
    LEAST_PAIRS,
    PAIRED_LEVEL,
    advantage_test,
    chosen_rows,
    mean_of,
    parts_of,
    rivals,
)
from ctmri_detect.pairing.shift import estimate_shift
from ctmri_detect.pairing.verdict import NO_VERDICT, Verdict
from ctmri_detect.validation import (
    PairReader,
    check_groups,
    check_pairs,
    groups_of,
    planes_of,
)

__all__ = ["check_pairing", "pairing_verdict"]


@with_default_floats
def check_pairing(
    X: PairsLike, *, groups: GroupsLike = None, random_state: RandomState = 0
) -> Bunch:
    """Test whether CT and MRI of the pairs show the same heads, and estimate their shifts.

    Of several planes, the first CT and the first MRI are compared. Where one of the two does not
    exist, the first two planes that are not PET are compared, such as T1 and FLAIR, in all observed
    pixels; read "CT and MRI" below as these two. Without two such planes there is no verdict.
    Figures were measured on CT and MRI only.

    Files with equal names may still show different heads. The test compares the normalised mutual
    information (NMI) of a CT and its own MRI with the NMI of the CT and the MRI of others. Slices
    at the same level look alike in all heads, and a slice of *another* patient at the right level
    must not pass as partner. So the partner of a slice is compared with the *best* slice of a
    block of others, once for its CT and once for its MRI.

    Raw pairs are compared within the brain, which is found in the CT; prepared pairs, too. Two
    mistakes within a patient are looked for: all MRI mirrored left to right, and all MRI one slice
    further up or down. A sign-flip test over blocks of patients tells whether that arrangement
    would fit better. What was measured is on the page ``docs/data.md``.

    When it fails: a slip by one slice is found only where neighbouring rows are neighbouring
    slices, not in shuffled rows or with one slice for each patient. With fewer than five patients,
    parts of patients are exchanged in place of whole patients; then slices of another patient at
    the same level can pass. They can also pass in a small set in which no two slices have the same
    level, such as eight pairs. A set with some right and some wrong pairs is called paired because
    of the right ones. With large shifts (more than about a tenth of the head), true pairs can fail.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_planes, height, width)
        Raw or preprocessed pairs, NaN where nothing was observed. It is read in blocks. Give
        `Pairs` where the planes are not CT, MRI.
    groups : array-like of shape (n_samples,), default=None
        Patient of each sample; not needed where X is `Pairs` with patients. Partners are then
        compared with slices of other patients only. Without patients, eight contiguous blocks of
        rows are used as patients, which lowers the power of the test.
    random_state : int, RandomState or None, default=0
        Seed for the choice of pairs where there are more than 64, and for the shuffled partners.

    Returns
    -------
    Bunch
        - paired: True where ``p_value < 0.01`` and the MRI are neither mirrored nor one slice off,
          else False; None (no verdict) where fewer than eight pairs can be used. A sample can't be
          used if a plane is missing or constant, or if fewer than 200 pixels are observed in both
          planes on a grid of 64 x 64.
        - why: str, the reason where `paired` is False, else empty.
        - p_value: float, ``(1 + count) / (1 + 999)``. `count` is the number of draws in which
          shuffled partners fit at least as well. NaN without a verdict.
        - statistic: float, mean NMI of the pairs minus that of their best rivals, in standard
          deviations of the NMI of wrong partners; at or below 0 for wrong pairs. NaN without a
          verdict.
        - mirrored: True where the MRI fit better mirrored left to right (``p_mirrored < 0.05``)
          and, mirrored, pass the test of pairs; False where they fit better as they are, None
          where it can't be told.
        - p_mirrored: float, chance of a gain as large if both fitted equally well; NaN with fewer
          than eight pairs.
        - slip: 1 where the MRI fit better the CT one row further on, -1 the one a row before
          (``p_slip < 0.05``), and pass the test of pairs there; 0 where their own fits better than
          both, None where it can't be told.
        - p_slip: float, twice the smaller p-value of the two directions; NaN without neighbours.
        - shift: float array (n,), how far the MRI has to be moved to fit its CT best, in pixels
          of X, at most 1/16 of the larger side (16 at 256) in each direction. NaN where a plane is
          missing or has too few pixels, or no shift within that range is clearly the best.
        - pairs: DataFrame with one row for each sample. `nmi`, `nmi_others` (mean NMI with wrong
          partners) and `best` (row of X, among those compared, whose MRI fits this CT best) are
          missing where the pair was not compared. `shift_y`, `shift_x`: where the MRI lies,
          relative to the CT, positive = down, right.

    Raises
    ------
    InvalidPairsError
        If X or groups are invalid, or if the planes have no names and are not two.

    References
    ----------
    Studholme, Hill and Hawkes (1999), An overlap invariant entropy measure of 3D medical image
    alignment, Pattern Recognition 32:71. Phipson and Smyth (2010), Permutation p-values should
    never be zero, Statistical Applications in Genetics and Molecular Biology 9:39.

    Examples
    --------
    >>> from scipy.ndimage import gaussian_filter
    >>> from ctmri_detect.pairing.check import check_pairing
    >>> rng = np.random.default_rng(0)
    >>> tissue = 7 * gaussian_filter(rng.normal(size=(12, 1, 32, 32)), (0, 0, 2, 2))
    >>> X = np.concatenate([tissue, -tissue], axis=1) + 0.1 * rng.normal(size=(12, 2, 32, 32))
    >>> check_pairing(X).paired
    True
    >>> X[:, 1] = np.roll(X[:, 1], 3, axis=0)
    >>> check_pairing(X).paired
    False
    """
    reader = check_pairs(X)
    planes_of(reader, "ct")  # refuses more than two planes without names
    planes = compared(reader)
    groups = groups_of(X, groups)
    codes = None if groups is None else check_groups(groups, len(reader))
    whole = np.zeros(len(reader), bool) if planes is None else ~planes.lacking(reader)
    rows = np.flatnonzero(whole)
    verdict = pairing_verdict(
        reader.take(rows), None if codes is None else codes[rows], random_state=random_state
    )
    moved = np.full((len(reader), 2), np.nan)
    if planes is not None:
        moved[rows] = np.reshape(_shifts(reader, rows, planes), (-1, 2))
    pairs = pd.DataFrame({"nmi": np.nan, "nmi_others": np.nan}, index=range(len(reader)))
    pairs["best"] = pd.array([pd.NA] * len(reader), dtype="Int64")
    looked_at = rows[verdict.rows]
    pairs.loc[looked_at, "nmi"] = verdict.nmi
    pairs.loc[looked_at, "nmi_others"] = verdict.others
    pairs.loc[looked_at, "best"] = rows[verdict.best]
    pairs["shift_y"], pairs["shift_x"] = moved.T
    return Bunch(
        **verdict.as_entries(),
        shift=np.hypot(*moved.T),
        pairs=pairs,
    )


def _shifts(
    X: PairReader, rows: npt.NDArray[np.int64], planes: Compared
) -> list[tuple[float, float]]:
    pairs = (planes.of(X[row : row + 1][0]) for row in rows)
    return [estimate_shift(pair, with_ct=planes.with_ct) for pair in pairs]


@with_default_floats
def pairing_verdict(
    X: PairReader, codes: npt.NDArray[np.int64] | None, *, random_state: RandomState = 0
) -> Verdict:
    """The test alone, without shifts. It reads at most 64 pairs of `X` and the neighbours of 32.

    Parameters
    ----------
    X : PairReader of shape (n, n_planes, height, width)
        Pairs of CT and MRI; for other planes see `check_pairing`.
    codes : int array (n,) or None
        Patient of each pair, counted from 0.
    random_state : int, RandomState or None, default=0
        Seed of the random draws.

    Returns
    -------
    Verdict
        `rows` and `best` are rows of `X`. No verdict where the planes are unknown, where no two
        can be compared, or with fewer than eight usable pairs.

    Examples
    --------
    >>> from ctmri_detect.testing import make_heads
    >>> from ctmri_detect.validation import check_pairs
    >>> X = make_heads(12)
    >>> X[:, 1] = np.roll(X[:, 1], 1, axis=0)  # the MRI of the next head
    >>> pairing_verdict(check_pairs(X), np.arange(12)).paired
    False
    """
    rng = own_random_state(random_state)
    planes = compared(X)
    if planes is None:
        return NO_VERDICT
    coded = CodedPairs(X, planes)
    found = {
        int(row): pair
        for row in chosen_rows(len(X), codes, rng)
        if (pair := coded[row]) is not None
    }
    kept, images = np.array(list(found), dtype=np.int64), list(found.values())
    patients = None if codes is None else np.unique(codes[kept], return_inverse=True)[1]
    if patients is not None and (not len(kept) or patients.max() == 0):
        patients = None
    if len(kept) < LEAST_PAIRS:
        return NO_VERDICT
    values = np.array([[nmi(a[0], b[1]) for b in images] for a in images])
    blocks, rival = rivals(len(kept), patients)
    p_value, statistic = advantage_test(values, blocks, rival, rng)
    parts = blocks if patients is None else parts_of(patients)
    mirror = mirrored(images, parts, patients)
    slips = {by: slipped(coded, kept, codes, parts, by) for by in (1, -1)}
    slip, p_slip = slip_of(slips)
    paired = None if np.isnan(p_value) else bool(p_value < PAIRED_LEVEL)
    if mirror.better or slip:
        paired = False
    wrong = np.where(rival[blocks][:, blocks], values, np.nan)
    return Verdict(
        paired,
        p_value,
        statistic,
        kept,
        np.diag(values),
        mean_of(wrong, axis=1),
        kept[np.nanargmax(values, axis=1)],
        mirror.better,
        mirror.p_value,
        slip,
        p_slip,
        planes.names,
    )
