"""One slice with or without an anomaly, from the seed of the slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from ctmri_detect.exceptions import InjectionError
from ctmri_detect.phantom.compose import (
    HIGHEST,
    LOWEST,
    Cut,
    Person,
    Setting,
    cut,
    draw_person,
    noise_sds,
    render,
)
from ctmri_detect.synthesis.artefacts import ARTEFACT_KINDS, apply_artefact, draw_artefact
from ctmri_detect.synthesis.contrast import LEAST_CNR, TRIES, contrast_to_noise
from ctmri_detect.synthesis.kinds import LESION_KINDS
from ctmri_detect.synthesis.lesions import draw_lesion
from ctmri_detect.validation import CT

_SWAP = (15.0, 30.0)  # mm between the levels of a swapped pair


@dataclass(frozen=True)
class PairedSlice:
    """The rendered planes of a slice, and the true anomaly.

    `cnr` has one number per plane; `spoilt` is the plane with an artefact.
    """

    pair: NDArray[np.float32]
    mask: NDArray[np.bool_]
    cnr: tuple[float, ...]
    spoilt: int | None = None


def make_slice(person: Person, index: int, setting: Setting, kind: str | None) -> PairedSlice:
    """Slice `index` of a person, healthy (`kind` None) or with an anomaly.

    Raises
    ------
    InjectionError
        Where no lesion drawn for this slice would be visible.
    """
    noise_seed, kind_seed = person.slice_seeds[index].spawn(2)
    z = float(person.levels[index])
    made = cut(person, z, noise_seed, setting)
    healthy, nothing = render(made, person, setting)
    if kind is None:
        return PairedSlice(healthy, nothing, (np.nan,) * len(healthy))
    if kind in LESION_KINDS:
        return _with_lesion(made, person, setting, healthy, kind, kind_seed)
    rng = np.random.default_rng(kind_seed)
    spoilt = None
    if kind in ARTEFACT_KINDS:
        artefact = draw_artefact(kind, setting.severity, rng)
        spoilt = CT if ARTEFACT_KINDS[kind].plane == CT else int(rng.integers(1, len(healthy)))
        pair = apply_artefact(artefact, healthy, spacing=setting.spacing, plane=spoilt)
    else:
        mris = _other_mris(kind, person, z, setting, kind_seed, rng)
        pair = np.stack([healthy[CT], *mris])
    head = made.scene.depth < 0
    cnr = contrast_to_noise(healthy, pair, head, noise_sds(person, setting))
    return PairedSlice(pair, nothing, cnr, spoilt)


def _with_lesion(
    made: Cut,
    person: Person,
    setting: Setting,
    healthy: NDArray[np.float32],
    kind: str,
    seed: SeedSequence,
) -> PairedSlice:
    """The first drawn lesion that changes its pixels by more than the noise."""
    noise = noise_sds(person, setting)
    for each in seed.spawn(TRIES):
        try:
            lesion = draw_lesion(kind, setting.severity, made.scene, np.random.default_rng(each))
        except InjectionError:
            break  # the slice has no such tissue, so no draw can succeed
        pair, mask = render(made, person, setting, lesion)
        cnr = contrast_to_noise(healthy, pair, mask, noise)
        if mask.any() and max(map(abs, cnr)) >= LEAST_CNR:
            return PairedSlice(pair, mask, cnr)
    raise InjectionError(
        f"A phantom slice of {setting.size} pixels has no room for a visible {kind} "
        f"({setting.severity}); expected a change above the noise in {TRIES} draws. Take a larger "
        "size, another severity, or leave the kind out."
    )


def _other_mris(
    kind: str,
    person: Person,
    z: float,
    setting: Setting,
    seed: SeedSequence,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """All MRI planes of another level of this person, or of the same level of another person."""
    person_seed, noise_seed = seed.spawn(2)
    if kind == "foreign_slice":
        person = draw_person(person_seed, 1, n_sequences=len(setting.protocols))
    else:
        away = float(rng.uniform(*_SWAP))
        downwards = z - away >= LOWEST and (z + away > HIGHEST or rng.random() < 0.5)
        z += -away if downwards else away
    return render(cut(person, z, noise_seed, setting), person, setting)[0][1:]
