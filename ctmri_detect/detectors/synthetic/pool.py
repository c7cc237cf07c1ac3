"""Training pixels: copies of training slices, varied, with generic anomalies in most of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ctmri_detect._threads import map_threads
from ctmri_detect.augmentation import Augmentation
from ctmri_detect.detectors.synthetic.channels import Block, PixelFeatures
from ctmri_detect.modalities import Roles
from ctmri_detect.synthesis import GenericAnomalies
from ctmri_detect.validation import PairReader

# nothing that resamples: it smooths the noise, and the noise of new slices looks odd then
VARIED = Augmentation(
    rotation=0.0, zoom=0.0, shift=0.0, elastic=0.0, gamma=0.08, misregistration=0.0
)
WITH_ANOMALIES = 0.65  # of the copies
_MOST_ANOMALIES = 3  # in a copy
_SHARES = (0.02, 0.35)  # of the pixels that are used: healthy, anomalous
_BLOCK = 16  # slices that are described at a time
_AT_ONCE = 4  # blocks that are read before they are described, in threads
_PIXELS_PER_COPY = 150  # used of each copy, about

Of = Callable[[Block, npt.NDArray[np.int64]], Block]


class Learned(NamedTuple):
    """Pixels to learn from: features (n, n_features), anomalous (n,), training slice (n,)."""

    features: npt.NDArray[np.float32]
    anomalous: npt.NDArray[np.bool_]
    rows: npt.NDArray[np.int64]

    def of(self, chosen: npt.NDArray[Any]) -> Learned:
        """Some of them."""
        return Learned(*(part[chosen] for part in self))


@dataclass(frozen=True)
class Copy:
    """One copy of a training slice: its row, that of a slice of another patient, and a seed."""

    row: int
    donor: int
    seed: tuple[int, int]


def plan(
    groups: npt.NDArray[np.int64] | None, n: int, copies: int, most: int, rng: np.random.RandomState
) -> list[Copy]:
    """The copies of `n` slices, no more than give about `most` pixels."""
    left, rows = max(most // _PIXELS_PER_COPY, 1), []
    for _ in range(copies):
        rows.append(np.sort(rng.permutation(n)[:left]))
        left -= len(rows[-1])
    chosen, seed = np.concatenate(rows), int(rng.randint(2**31 - 1))
    codes = np.arange(n) if groups is None else groups
    donors = rng.randint(n, size=len(chosen))
    for _ in range(20):  # a slice of another patient, if there is one
        same = codes[donors] == codes[chosen]
        donors[same] = rng.randint(n, size=int(same.sum()))
    donors[codes[donors] == codes[chosen]] = -1
    return [
        Copy(int(row), int(donor), (seed, i))
        for i, (row, donor) in enumerate(zip(chosen, donors, strict=True))
    ]


def training_pixels(
    X: PairReader, copies: list[Copy], anomalies: GenericAnomalies, channels: Of, most: int
) -> Learned:
    """Pixels of the copies, and whether each is anomalous.

    Parameters
    ----------
    X : PairReader
    copies : list of Copy
    anomalies : GenericAnomalies
    channels : callable
        Takes copies and the rows of their slices; gives their channels.
    most : int
        No more pixels are returned.

    Returns
    -------
    Learned
    """
    found: list[Learned] = []
    for jobs in _read(X, copies):
        found += map_threads(lambda job: _described(*job, anomalies, channels, X.roles), jobs)
    learned = Learned(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    if len(learned.rows) > most:
        rng = np.random.default_rng(copies[0].seed[0])
        learned = learned.of(np.sort(rng.permutation(len(learned.rows))[:most]))
    return learned


def _read(X: PairReader, copies: list[Copy]) -> Iterator[list[tuple[Block, Block, list[Copy]]]]:
    """Some blocks of slices and donors at a time."""
    step = _BLOCK * _AT_ONCE
    for start in range(0, len(copies), step):
        some = copies[start : start + step]
        slices = X[np.array([copy.row for copy in some])]
        donors = X[np.array([max(copy.donor, 0) for copy in some])]
        parts = [slice(first, first + _BLOCK) for first in range(0, len(some), _BLOCK)]
        yield [(slices[part], donors[part], some[part]) for part in parts]


def _described(
    slices: Block,
    donors: Block,
    copies: list[Copy],
    anomalies: GenericAnomalies,
    channels: Of,
    roles: Roles,
) -> Learned:
    """The pixels that are used of a block."""
    rngs = [np.random.default_rng(copy.seed) for copy in copies]
    labels = np.zeros((len(slices), *slices.shape[2:]), bool)
    for n, (rng, copy) in enumerate(zip(rngs, copies, strict=True)):
        donor = donors[n] if copy.donor >= 0 else None
        slices[n], labels[n] = changed(varied(slices[n], rng, roles), donor, anomalies, rng)
    features = PixelFeatures(channels(slices, np.array([copy.row for copy in copies])))
    parts, truths, rows = [], [], []
    for n, (rng, copy) in enumerate(zip(rngs, copies, strict=True)):
        seen = ~np.isnan(slices[n]).all(axis=0)
        for anomalous, share in enumerate(_SHARES):
            there = np.flatnonzero(seen & (labels[n] == anomalous))
            places = rng.permutation(there)[: int(np.ceil(share * len(there)))]
            parts.append(features.of(n, places))
            truths.append(np.full(len(places), bool(anomalous)))
            rows.append(np.full(len(places), copy.row))
    return Learned(*(np.concatenate(each) for each in (parts, truths, rows)))


def changed(
    sample: Block, donor: Block | None, anomalies: GenericAnomalies, rng: np.random.Generator
) -> tuple[Block, npt.NDArray[np.bool_]]:
    """A sample with one to three anomalies, or with none, and where they are."""
    label = np.zeros(sample.shape[1:], bool)
    if rng.random() < WITH_ANOMALIES:
        for _ in range(rng.integers(1, _MOST_ANOMALIES + 1)):
            drawn = anomalies.draw(sample, rng, donor=donor)
            sample, here = anomalies.apply(sample, drawn, donor=donor)
            label |= here
    return sample, label


def varied(sample: Block, rng: np.random.Generator, roles: Roles) -> Block:
    """A random variant ``(n_planes, height, width)``; all planes are mirrored or none."""
    out, shape = sample.copy(), (sample.shape[1], sample.shape[2])
    shared = VARIED.draw(rng, 1, shape)
    for plane, role in enumerate(roles):
        draws = replace(VARIED.draw(rng, 1, shape), flip=shared.flip)
        kind = int(role == "mri")  # the second plane that is drawn for has a bias field
        out[plane] = VARIED.apply(sample[None, [plane, plane]], draws)[0, kind]
    return out
