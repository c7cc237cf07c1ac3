"""The slices of one person, from a seed: draw everything, then cut, change and render."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from ctmri_detect.phantom import physics
from ctmri_detect.phantom.anatomy import (
    FIELD_OF_VIEW,
    SmoothField,
    Subject,
    draw_subject,
    load_template,
)
from ctmri_detect.phantom.sequences import draw_further_noise, draw_scans
from ctmri_detect.phantom.slices import cut_slice
from ctmri_detect.synthesis.artefacts import beam_hardening
from ctmri_detect.synthesis.insertion import Look, push_aside, replace_tissue
from ctmri_detect.synthesis.lesions import Lesion
from ctmri_detect.synthesis.scene import Scene
from ctmri_detect.synthesis.signals import Protocol
from ctmri_detect.synthesis.tissues import TISSUES

LOWEST, HIGHEST = -8.0, 56.0  # mm, MNI: from the midbrain to the centrum semiovale and above
_LEVEL_JITTER = 2.0  # mm, between subjects


@dataclass(frozen=True)
class Setting:
    """What all slices of all subjects share; `protocols` by the name of the plane."""

    size: int
    protocols: dict[str, Protocol]
    severity: str = "moderate"
    cupping: bool = True
    streaks: bool = False

    @property
    def spacing(self) -> float:
        """mm per pixel."""
        return FIELD_OF_VIEW / self.size

    @property
    def planes(self) -> tuple[str, ...]:
        """Names of the planes as columns have them: "ct", then each MRI."""
        return ("ct", *self.protocols)


@dataclass(frozen=True)
class Person:
    """Everything that was drawn for one subject, except lesions and noise."""

    subject: Subject
    scanner: physics.Scanner
    scans: tuple[tuple[physics.Scan, SmoothField], ...]
    levels: NDArray[np.float64]
    slice_seeds: tuple[SeedSequence, ...]


@dataclass(frozen=True)
class Cut:
    """One healthy slice before the scanners: tissue, ideal images, and the drawn noise."""

    scene: Scene
    images: tuple[NDArray[np.float32], ...]
    streaks: NDArray[np.float32]
    biases: tuple[NDArray[np.float32], ...]
    acquisition: physics.Acquisition


def draw_person(
    seed: SeedSequence, n_slices: int, slice_spacing: float | None = None, n_sequences: int = 1
) -> Person:
    """Draw one subject; each slice has its own random stream, so that slices are independent.

    The levels are `slice_spacing` mm apart, around the middle; None spreads them from `LOWEST` to
    `HIGHEST`.
    """
    anatomy, scanner_seed, *slices = seed.spawn(2 + n_slices)
    rng = np.random.default_rng(anatomy)
    subject = draw_subject(rng)
    if slice_spacing is None:
        slice_spacing = (HIGHEST - LOWEST) / max(n_slices - 1, 1)
    steps = np.arange(n_slices) - (n_slices - 1) / 2
    levels = np.asarray(0.5 * (LOWEST + HIGHEST) + slice_spacing * steps, dtype=np.float64)
    scanner = physics.draw_scanner(np.random.default_rng(scanner_seed))
    return Person(
        subject,
        scanner,
        draw_scans(scanner_seed, scanner, subject.bias, n_sequences),
        levels + rng.uniform(-_LEVEL_JITTER, _LEVEL_JITTER),
        tuple(slices),
    )


def cut(person: Person, z: float, noise: SeedSequence, setting: Setting) -> Cut:
    """The healthy slice of a person at height `z` (mm); its noise comes from `noise`."""
    tissue = cut_slice(load_template(), person.subject, z, setting.size)
    ct = physics.ct_values(tissue.fractions, tissue.depth, person.scanner, setting.cupping)
    streaks = beam_hardening(ct, tissue.spacing) if setting.streaks else np.zeros_like(ct)
    mris = [physics.mri_values(tissue.fractions, each) for each in setting.protocols.values()]
    first = physics.draw_acquisition(np.random.default_rng(noise), setting.size, tissue.spacing)
    further = draw_further_noise(noise, len(mris), setting.size)
    return Cut(
        Scene(dict(zip(TISSUES, tissue.fractions, strict=True)), tissue.depth, tissue.spacing),
        (ct, *mris),
        streaks,
        tuple(field.at(z, setting.size)[..., 0] for _, field in person.scans),
        replace(first, mri_noise=(*first.mri_noise, *further)),
    )


def render(
    made: Cut,
    person: Person,
    setting: Setting,
    lesion: Lesion | None = None,
    scale: float = 1.0,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """CT and each MRI of a slice, with a lesion or without, and the lesion's mask."""
    scene, images = made.scene, list(made.images)
    mask = np.zeros(scene.depth.shape, bool)
    if lesion is not None:
        look = Look(1.0, 0.0, tuple(each.signal for each in setting.protocols.values()))
        scene, images = push_aside(lesion, scene, images, scale)
        images, mask = replace_tissue(lesion, scene, images, look, scale)
    ct, *mris = images
    planes = [physics.render_ct(ct + made.streaks, made.acquisition, scene.spacing)]
    drawn = zip(made.acquisition.mri_noise, person.scans, made.biases, strict=True)
    _, *sds = noise_sds(person, setting)
    for mri, sd, (noise, (scan, _), bias) in zip(mris, sds, drawn, strict=True):
        planes.append(physics.render_mri(mri, noise, scene.spacing, scan, bias, sd))
    return np.stack(planes), mask


def noise_sds(person: Person, setting: Setting) -> tuple[float, ...]:
    """Standard deviation of the noise of CT (HU) and of each MRI (its own units)."""
    pairs = zip(setting.protocols.values(), person.scans, strict=True)
    return physics.CT_NOISE, *(physics.mri_noise_sd(each, scan) for each, (scan, _) in pairs)
