"""One person's slices, from a seed: draw everything, then cut, change and render."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.datasets._phantom import physics
from ctmri_detect.datasets._phantom.anatomy import (
    FIELD_OF_VIEW,
    Subject,
    draw_subject,
    load_template,
)
from ctmri_detect.datasets._phantom.slices import TissueSlice, cut_slice
from ctmri_detect.synthesis.lesions import Lesion, draw_lesion, lesion_layers
from ctmri_detect.synthesis.tissues import TISSUES

LOWEST, HIGHEST = -8.0, 56.0  # mm, MNI: from the midbrain to the centrum semiovale and above
_LEVEL_JITTER = 2.0  # mm, between subjects


@dataclass(frozen=True)
class Person:
    """Everything about one subject that was drawn, but for lesions and noise."""

    subject: Subject
    scanner: physics.Scanner
    levels: NDArray[np.float64]
    slice_seeds: tuple[np.random.SeedSequence, ...]


@dataclass(frozen=True)
class PairedSlice:
    """A rendered pair with its truth."""

    pair: NDArray[np.float32]
    mask: NDArray[np.bool_]
    contrast: tuple[float, float]


def draw_person(seed: np.random.SeedSequence, n_slices: int) -> Person:
    """Draw one subject; each slice gets a stream of its own, so that slices don't interact."""
    anatomy, scanner, *slices = seed.spawn(2 + n_slices)
    rng = np.random.default_rng(anatomy)
    subject = draw_subject(rng)
    middle = [0.5 * (LOWEST + HIGHEST)]
    levels = middle if n_slices == 1 else np.linspace(LOWEST, HIGHEST, n_slices)
    return Person(
        subject,
        physics.draw_scanner(np.random.default_rng(scanner)),
        np.asarray(levels) + rng.uniform(-_LEVEL_JITTER, _LEVEL_JITTER),
        tuple(slices),
    )


def render_slice(
    person: Person, index: int, size: int, sequence: str, kind: str | None, severity: str
) -> PairedSlice:
    """CT and MRI of slice `index`, healthy (`kind` None) or with a lesion."""
    noise_seed, lesion_seed = person.slice_seeds[index].generate_state(2)
    z = float(person.levels[index])
    tissue = cut_slice(load_template(), person.subject, z, size)
    timing = physics.SEQUENCES[sequence]
    ct = physics.ct_values(tissue.fractions, tissue.depth, person.scanner)
    mri = physics.mri_values(tissue.fractions, timing)
    acquisition = physics.draw_acquisition(np.random.default_rng(noise_seed), size)
    bias = person.subject.bias.at(z, size)[..., 0]
    healthy = _render(ct, mri, acquisition, tissue, person.scanner, bias, timing)
    if kind is None:
        return PairedSlice(healthy, np.zeros((size, size), bool), (np.nan, np.nan))
    layers = dict(zip(TISSUES, tissue.fractions, strict=True))
    rng = np.random.default_rng(lesion_seed)
    lesion = draw_lesion(kind, severity, layers, tissue.depth, tissue.spacing, rng)
    ct, mri, mask = _put(lesion, layers, tissue, ct, mri, timing)
    pair = _render(ct, mri, acquisition, tissue, person.scanner, bias, timing)
    noise = (physics.CT_NOISE, physics.mri_noise_sd(timing, person.scanner))
    change = (pair - healthy)[:, mask].mean(axis=1)
    return PairedSlice(pair, mask, (float(change[0] / noise[0]), float(change[1] / noise[1])))


def _put(
    lesion: Lesion,
    layers: dict[str, NDArray],
    tissue: TissueSlice,
    ct: NDArray,
    mri: NDArray,
    timing: physics.Sequence,
) -> tuple[NDArray, NDArray, NDArray[np.bool_]]:
    """Put a lesion into the ideal images; its mask is where more than half is lesion."""
    field = np.zeros_like(tissue.depth)
    for field, made_of, relative in lesion_layers(lesion, layers, tissue.depth, tissue.spacing):
        share = np.float32(lesion.strength) * field
        ct = ct + share * (np.float32(made_of.hu) - (0 if relative else ct))
        mri = mri + share * (np.float32(physics.spin_echo(made_of, timing)) - mri)
    return ct, mri, field > 0.5


def _render(
    ct: NDArray,
    mri: NDArray,
    acquisition: physics.Acquisition,
    tissue: TissueSlice,
    scanner: physics.Scanner,
    bias: NDArray,
    timing: physics.Sequence,
) -> NDArray[np.float32]:
    sd = physics.mri_noise_sd(timing, scanner)
    return np.stack(
        [
            physics.render_ct(ct, acquisition, tissue.spacing),
            physics.render_mri(mri, acquisition, tissue.spacing, scanner, bias, sd),
        ]
    )


def pixel_spacing(size: int) -> float:
    """mm per pixel of an image of `size` pixels."""
    return FIELD_OF_VIEW / size
