"""Whether the MRI would fit better mirrored, or one slice further up or down."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.mutual import UNSEEN
from ctmri_detect.pairing.codes import CodedPairs, nmi
from ctmri_detect.pairing.partners import PAIRED_LEVEL, Rows, advantage_test, rivals
from ctmri_detect.pairing.shift import Codes

LEVEL = 0.05
LEAST_BLOCKS = 5  # 1 / 2**5 = .031; with fewer, p can't fall below the level
_MOST_BLOCKS = 12  # 2**12 sign patterns are all tried
_REACH = 4  # pixels (of 64) to both sides: mirroring moves a head that is not in the middle
_MOST_SLIPS = 32  # pairs whose neighbours are read, too

Gains = npt.NDArray[np.float64]


class Arrangement(NamedTuple):
    """Whether another arrangement of the MRI fits better, and its p-value.

    `better` is True only where CT and MRI in the other arrangement also pass the test of pairs.
    CT and MRI of different heads fit in no arrangement, but one of two always fits better.
    """

    better: bool | None
    p_value: float


def mirrored(images: list[Codes], blocks: Rows, patients: Rows | None) -> Arrangement:
    """Whether the MRI of the pairs fit better when they are mirrored left to right.

    Parameters
    ----------
    images : list of uint8 arrays (2, height, width)
    blocks : int array (n,)
        Block of each pair; blocks are taken as independent.
    patients : int array (n,) or None
        0, 1, ...
    """
    ct, back = [a[0] for a in images], [a[1][:, ::-1] for a in images]
    gains = [_best(a[0], flip) - _best(*a) for a, flip in zip(images, back, strict=True)]
    return _confirmed(_tested(np.array(gains), blocks), ct, back, patients)


def slipped(
    coded: CodedPairs, rows: Rows, groups: Rows | None, blocks: Rows, by: int
) -> Arrangement:
    """Whether the MRI of a row fits the CT `by` rows further on better than its own CT.

    Parameters
    ----------
    coded : CodedPairs
        Neighbouring rows of one patient are neighbouring slices.
    rows : int array (n,)
        The pairs to look at.
    groups : int array or None
        Patient of each row of `coded`.
    blocks : int array (n,)
    by : int
    """
    step = -(-len(rows) // _MOST_SLIPS)
    gains = np.full(len(rows), np.nan)
    ct, mri, at = [], [], []
    for i in range(0, len(rows), step):
        row = int(rows[i])
        other = row + by
        if not 0 <= other < len(coded.reader):
            continue
        if groups is not None and groups[other] != groups[row]:
            continue
        own, neighbour = coded[row], coded[other]
        if own is not None and neighbour is not None:
            # symmetric in the two rows: compared with the mean of their own two pairs
            gains[i] = nmi(neighbour[0], own[1]) - _mean_own(own, neighbour)
            ct.append(neighbour[0])
            mri.append(own[1])
            at.append(row)
    patients = None if groups is None else np.unique(groups[at], return_inverse=True)[1]
    return _confirmed(_tested(gains, blocks), ct, mri, patients)


def _confirmed(
    found: Arrangement, ct: list[Codes], mri: list[Codes], patients: Rows | None
) -> Arrangement:
    """`found`, without a verdict where the new arrangement does not pass the test of pairs."""
    if not found.better:
        return found
    if patients is not None and patients.max() == 0:
        patients = None
    values = np.array([[nmi(a, b) for b in mri] for a in ct])
    fit, _ = advantage_test(values, *rivals(len(ct), patients), np.random.RandomState(0))
    return found if fit < PAIRED_LEVEL else found._replace(better=None)


def slip_of(slips: dict[int, Arrangement]) -> tuple[int | None, float]:
    """The slip that fits better, 0 where none does; and twice the smaller of the two p-values."""
    by = min(slips, key=lambda each: np.nan_to_num(slips[each].p_value, nan=2.0))
    p_value = min(1.0, 2 * slips[by].p_value)  # two directions were tried
    if np.isnan(p_value):
        return None, np.nan
    if p_value < LEVEL and slips[by].better:
        return by, p_value
    return (0 if all(each.better is False for each in slips.values()) else None), p_value


def _mean_own(a: Codes, b: Codes) -> float:
    return (nmi(*a) + nmi(*b)) / 2


def _best(ct: Codes, mri: Codes) -> float:
    """NMI at the best shift along the rows."""
    width = ct.shape[1]
    reach = min(_REACH, width // 8)
    wide = np.pad(mri, ((0, 0), (reach, reach)), constant_values=UNSEEN)
    values = [nmi(ct, wide[:, s : s + width]) for s in range(2 * reach + 1)]
    return float(np.nanmax(values)) if np.isfinite(values).any() else np.nan


def _tested(gains: Gains, blocks: Rows) -> Arrangement:
    """Exact sign-flip test of the blocks' mean gains; blocks without a gain are left out."""
    known = np.isfinite(gains)
    _, blocks = np.unique(blocks[known], return_inverse=True)
    counts = np.bincount(blocks)
    if len(counts) < LEAST_BLOCKS:
        return Arrangement(None, np.nan)
    means = np.bincount(blocks, weights=gains[known]) / counts
    if len(means) > _MOST_BLOCKS:  # neighbouring blocks are joined
        means = np.array([part.mean() for part in np.array_split(means, _MOST_BLOCKS)])
    signs = np.array(list(product((1, -1), repeat=len(means))))
    flipped, observed = signs @ means, means.sum()
    near = 1e-9 * np.abs(means).sum()  # the observed signs themselves count, in spite of rounding
    p_value = float(np.mean(flipped >= observed - near))
    p_other = float(np.mean(flipped <= observed + near))
    better = True if p_value < LEVEL else False if p_other < LEVEL else None
    return Arrangement(better, p_value)
