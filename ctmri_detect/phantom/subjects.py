"""The subjects of a phantom: their anomalies, and their rows in the frame."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import RandomState, SeedSequence

from ctmri_detect._floats import with_default_floats
from ctmri_detect._random import own_random_state
from ctmri_detect.phantom.anomalies import PairedSlice, make_slice
from ctmri_detect.phantom.compose import Person, Setting, draw_person
from ctmri_detect.synthesis.catalogue import is_whole_slice

_COMMON = ("patient", "slice", "spacing", "sequence", "kind", "severity", "whole_slice")


def columns(setting: Setting) -> list[str]:
    """The columns of the frame in order: files, descriptions, sizes, contrasts, shifts."""
    several = [] if setting.planes == ("ct", "mri") else ["artefact_plane"]
    contrasts = [f"cnr_{plane}" for plane in setting.planes]
    shifts = [f"{plane}_shift_{axis}" for plane in setting.protocols for axis in "xy"]
    sizes = ["area_mm2", "diameter_mm"]
    return [*setting.planes, *_COMMON, *several, *sizes, *contrasts, *shifts]


def give_out(kinds: list[str], n_anomalous: int, n_subjects: int) -> list[list[str]]:
    """The kinds of each subject: assigned in turn, spread evenly over the subjects."""
    bounds = [k * n_anomalous // n_subjects for k in range(n_subjects + 1)]
    each = [kinds[j % len(kinds)] for j in range(n_anomalous)]
    return [each[first:last] for first, last in pairwise(bounds)]


def subject_seeds(random_state: int | RandomState | None, n_subjects: int) -> list[SeedSequence]:
    """One random stream per subject; it does not depend on the number of subjects."""
    entropy = own_random_state(random_state).randint(2**31, size=4, dtype=np.int64)
    return SeedSequence(entropy.tolist()).spawn(n_subjects)


def subject_name(k: int) -> str:
    """The pseudonym of the `k`-th subject."""
    return f"sub-{k:03d}"


@with_default_floats
def make_subject(
    seed: SeedSequence,
    kinds: list[str],
    n_slices: int,
    slice_spacing: float | None,
    setting: Setting,
) -> tuple[Person, list[str | None], list[PairedSlice]]:
    """All slices of one subject, with its anomalies on random slices."""
    person_seed, order_seed = seed.spawn(2)
    person = draw_person(person_seed, n_slices, slice_spacing, len(setting.protocols))
    plan: list[str | None] = [None] * n_slices
    order = np.random.default_rng(order_seed).permutation(n_slices)
    for place, kind in zip(order, kinds, strict=False):
        plan[int(place)] = kind
    return person, plan, [make_slice(person, i, setting, kind) for i, kind in enumerate(plan)]


def slice_row(
    made: PairedSlice, person: Person, index: int, setting: Setting, kind: str | None
) -> dict[str, Any]:
    area = float(made.mask.sum()) * setting.spacing**2
    shifts = {
        f"{plane}_shift_{axis}": shift
        for plane, (scan, _) in zip(setting.protocols, person.scans, strict=True)
        for axis, shift in zip("xy", scan.shift, strict=True)
    }
    return {
        **dict.fromkeys(setting.planes),
        "slice": float(person.levels[index]),
        "spacing": setting.spacing,
        "kind": kind or "normal",
        "severity": setting.severity if kind else None,
        "whole_slice": kind is not None and is_whole_slice(kind),
        "area_mm2": area,
        "diameter_mm": 2.0 * float(np.sqrt(area / np.pi)),
        "artefact_plane": None if made.spoilt is None else setting.planes[made.spoilt].upper(),
        **{f"cnr_{plane}": cnr for plane, cnr in zip(setting.planes, made.cnr, strict=True)},
        **shifts,
    }
