"""The test of `check_pairing`: true partners against the best slices of other patients."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PAIRED_LEVEL = 0.01
LEAST_PAIRS = 8
MOST_PAIRS = 64
BLOCKS = 8
WHOLE_PATIENTS_FROM = 5  # with so many patients or more, whole patients are exchanged
FEW_BLOCKS = 6  # 6! = 720 orders: with fewer p < .01 is out of reach, with 6 nearly so
DRAWS = 999
_ALIKE = 1e-6  # a smaller spread of the NMI is rounding alone

Matrix = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def rivals(n: int, patients: npt.NDArray[np.int64] | None) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Block of each pair, and which blocks may exchange partners: bool (blocks, blocks).

    There are up to eight blocks of whole patients. With fewer than five patients they are parts of
    patients; without known patients, contiguous rows. No patient gets a partner of its own.
    """
    if patients is None:
        blocks = min(BLOCKS, n) * np.arange(n) // n
        return blocks, ~np.eye(blocks.max() + 1, dtype=bool)
    count = patients.max() + 1
    if count >= WHOLE_PATIENTS_FROM:
        blocks = min(BLOCKS, count) * patients // count
        return blocks, ~np.eye(blocks.max() + 1, dtype=bool)
    parts = parts_of(patients)
    owner, blocks = np.unique(parts, return_inverse=True)
    owner = owner // -(-BLOCKS // count)
    return blocks, owner[:, None] != owner[None]


def parts_of(patients: npt.NDArray[np.int64]) -> Rows:
    """The part of each row: patients in equal stretches of rows, so that there are eight parts.

    From eight patients on, each part is a whole patient.

    Examples
    --------
    >>> parts_of(np.array([0, 0, 0, 0, 1, 1, 1, 1])).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7]
    """
    parts = -(-BLOCKS // (int(patients.max()) + 1))
    place = np.zeros(len(patients), dtype=np.int64)
    for patient in np.unique(patients):
        of_one = np.flatnonzero(patients == patient)
        place[of_one] = parts * np.arange(len(of_one)) // len(of_one)
    return np.asarray(patients * parts + place)


def advantage_test(
    nmi: Matrix, blocks: Rows, rival: npt.NDArray[np.bool_], rng: np.random.RandomState
) -> tuple[float, float]:
    """p-value and standardised advantage of the true partners over the best rivals.

    Both NaN where fewer than eight pairs have rivals, and where all images are alike, so that no
    partner is better than another.
    """
    # slices of low entropy have a high NMI with all others: subtract the means of row and column
    level = mean_of(nmi, axis=1)[:, None] + mean_of(nmi, axis=0)[None] - np.nanmean(nmi)
    excess = nmi - level
    wrong = np.where(rival[blocks][:, blocks], excess, np.nan)
    own = np.diag(excess)
    spread = float(np.nanstd(wrong)) if np.isfinite(wrong).any() else 0.0
    if spread < _ALIKE:
        return np.nan, np.nan
    # half of the draws compare MRI for each CT, half compare CT for each MRI. The mean of both
    # would vary less than the true pairs do, and wrong pairs would pass too often
    best = np.stack([_best_of(wrong, blocks), _best_of(wrong.T, blocks)])
    known = np.isfinite(best).all(axis=(0, 2))  # not where masks don't overlap
    if known.sum() < LEAST_PAIRS:
        return np.nan, np.nan
    rivals_mean = mean_of(np.where(rival[blocks], best, np.nan)[:, known], axis=None)
    best[:, np.arange(len(own)), blocks] = own
    draws = _exchanges(rival, rng)[:, blocks[known]]
    side = np.arange(DRAWS)[:, None] % 2
    shuffled = best[:, known][side, np.arange(known.sum()), draws].mean(axis=1)
    observed = own[known].mean()
    p_value = (1 + int(np.count_nonzero(shuffled >= observed))) / (1 + DRAWS)
    return p_value, float((observed - rivals_mean) / spread)


def _exchanges(rival: npt.NDArray[np.bool_], rng: np.random.RandomState) -> Rows:
    """The block from which each block gets its partners: int (999, blocks).

    Where all blocks may exchange, these are permutations, which make the test exact. With few
    blocks the unchanged order would be drawn too often, so no block keeps its own partners then.
    """
    count = len(rival)
    draws = np.empty((DRAWS, count), dtype=np.int64)
    if rival.sum() == count * (count - 1):
        for draw in draws:
            draw[:] = rng.permutation(count)
            while count <= FEW_BLOCKS and (draw == np.arange(count)).any():
                draw[:] = rng.permutation(count)
        return draws
    for block in range(count):
        draws[:, block] = rng.choice(np.flatnonzero(rival[block]), DRAWS)
    return draws


def _best_of(wrong: Matrix, blocks: Rows) -> Matrix:
    """Largest entry of each row in each block: (n, blocks); in empty blocks the row's mean."""
    seen = np.where(np.isnan(wrong), -np.inf, wrong)
    best = np.stack([seen[:, blocks == b].max(axis=1) for b in range(blocks.max() + 1)], axis=1)
    best = np.where(np.isfinite(best), best, np.nan)
    return np.where(np.isfinite(best), best, mean_of(best, axis=1)[:, None])


def mean_of(values: Matrix, axis: int | None) -> Matrix:
    """Mean over finite values; NaN where there are none."""
    seen = np.isfinite(values)
    count = seen.sum(axis=axis)
    total = np.where(seen, values, 0).sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def chosen_rows(n: int, codes: npt.NDArray[np.int64] | None, rng: np.random.RandomState) -> Rows:
    """At most 64 rows: evenly spaced slices of patients drawn at random."""
    if n <= MOST_PAIRS:
        return np.arange(n)
    if codes is None:  # one row of each of 64 equal stretches
        edges = np.linspace(0, n, MOST_PAIRS + 1).astype(int)
        return edges[:-1] + rng.randint(0, np.diff(edges))
    patients = rng.permutation(np.unique(codes))
    each = max(MOST_PAIRS // BLOCKS, -(-MOST_PAIRS // len(patients)))
    parts = []
    for patient in patients:
        of_one = np.flatnonzero(codes == patient)
        few = min(len(of_one), each)
        parts.append(of_one[np.linspace(0, len(of_one) - 1, few).round().astype(int)])
    return np.sort(np.concatenate(parts)[:MOST_PAIRS])
