"""The MRI sequences of a phantom and their random numbers.

The first sequence has the random numbers of a phantom with one sequence. Each further one has its
own random streams, so that a sequence added at the end does not change those before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from ctmri_detect.phantom.anatomy import SmoothField, draw_field
from ctmri_detect.phantom.physics import Scan, Scanner, draw_scan
from ctmri_detect.synthesis.signals import SEQUENCES, Protocol, make_protocol

_BETWEEN = 0.3  # mm, SD along each axis: the head moves a little between two sequences (chosen)


def make_protocols(sequence: str | Sequence[str], field_strength: float) -> dict[str, Protocol]:
    """The protocol of each MRI plane by its name: "mri" for a single name, else the sequences.

    Raises
    ------
    ValueError
        For no sequence, an unknown or a repeated one.
    """
    if isinstance(sequence, str):
        return {"mri": make_protocol(sequence, field_strength)}
    names = list(sequence)
    if not names or (unknown := [name for name in names if name not in SEQUENCES]):
        came = f"sequence has {unknown}" if names else "sequence is empty"
        raise ValueError(f"{came}; expected one or several of {list(SEQUENCES)}.")
    if len(set(names)) < len(names):
        raise ValueError(f"sequence is {names}; expected each sequence once.")
    return {name: make_protocol(name, field_strength) for name in names}


def sequence_label(sequence: str | Sequence[str]) -> str:
    """The sequence as the frame has it; several names are joined, such as "t1+t2"."""
    return sequence if isinstance(sequence, str) else "+".join(sequence)


def draw_scans(
    seed: SeedSequence, scanner: Scanner, bias: SmoothField, n_sequences: int
) -> tuple[tuple[Scan, SmoothField], ...]:
    """Gain, shift and bias field of each sequence of one subject.

    Parameters
    ----------
    seed : SeedSequence
        The one that `scanner` was drawn from.
    scanner : Scanner
    bias : SmoothField
        The bias field of the first sequence.
    n_sequences : int
    """
    scans = [(scanner.scan, bias)]
    for rng in _streams(seed, n_sequences - 1):
        scan = draw_scan(rng, scanner.scan.shift, _BETWEEN)
        scans.append((scan, draw_field(rng, 90.0, 0.5, 1)))
    return tuple(scans)


def draw_further_noise(
    seed: SeedSequence, n_sequences: int, size: int
) -> tuple[NDArray[np.float32], ...]:
    """The noise of one slice in all sequences but the first, two channels each."""
    return tuple(
        rng.standard_normal((2, size, size), dtype=np.float32)
        for rng in _streams(seed, n_sequences - 1)
    )


def _streams(seed: SeedSequence, n: int) -> list[np.random.Generator]:
    """Streams that depend on `seed` alone, not on what was spawned from it before."""
    keys = [(*seed.spawn_key, 1000 + k) for k in range(n)]  # above the keys used elsewhere
    return [np.random.default_rng(SeedSequence(seed.entropy, spawn_key=key)) for key in keys]
