"""One anomaly in one real slice."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from ctmri_detect.ct_units import CT_RANGES, CTUnits
from ctmri_detect.exceptions import InjectionError
from ctmri_detect.imageops.smooth import masked_gaussian
from ctmri_detect.synthesis.artefacts import ARTEFACT_KINDS, apply_artefact, draw_artefact
from ctmri_detect.synthesis.contrast import LEAST_CNR, TRIES, contrast_to_noise
from ctmri_detect.synthesis.insertion import POINT_SPREAD, push_aside, replace_tissue
from ctmri_detect.synthesis.kinds import LESION_KINDS
from ctmri_detect.synthesis.lesions import Lesion, draw_lesion
from ctmri_detect.synthesis.reading import CALM, Reading, bone_level, read_pair
from ctmri_detect.validation import CT, MRI

_HU_RANGE = (-1024.0, 3071.0)  # what a scanner stores


@dataclass(frozen=True)
class Injected:
    """One slice with its anomaly: CT, then each MRI; `spoilt` is the plane with an artefact."""

    pair: NDArray[np.float32]
    mask: NDArray[np.bool_]
    cnr: tuple[float, ...]
    spoilt: int | None = None


@dataclass(frozen=True)
class Request:
    """The anomaly that one sample is to get, and what is known of the sample."""

    kind: str
    severity: str
    units: CTUnits
    spacing: float
    sequences: tuple[str | None, ...]
    seed: SeedSequence


def inject(pair: NDArray[np.float32], request: Request, other: NDArray | None) -> Injected:
    """Put the anomaly into CT and MRI; `other` are the MRI planes for a whole-slice kind.

    Raises
    ------
    InjectionError
        Where the anomaly would not be visible in the pair.
    """
    reading = read_pair(pair, request.units, request.spacing, request.sequences)
    if request.kind in LESION_KINDS:
        return _inject_lesion(pair, reading, request)
    spoilt = None
    if request.kind in ARTEFACT_KINDS:
        rng = np.random.default_rng(request.seed)
        artefact = draw_artefact(request.kind, request.severity, rng)
        spoilt = _spoilt_plane(pair, request.kind, rng)
        made = apply_artefact(
            artefact, pair, spacing=request.spacing, ct_units=request.units, plane=spoilt
        )
    else:
        made = pair.copy()
        made[MRI:] = other
    cnr = contrast_to_noise(pair, made, reading.scene.depth < 0, reading.noise)
    if not np.nanmax(np.abs(cnr)) > 0:
        raise InjectionError("it would change nothing within the head")
    return Injected(made, np.zeros(pair.shape[1:], bool), cnr, spoilt)


def _spoilt_plane(pair: NDArray[np.float32], kind: str, rng: np.random.Generator) -> int:
    """The CT, or an MRI plane that is not missing, drawn at random."""
    if ARTEFACT_KINDS[kind].plane == CT:
        return CT
    there = [k for k in range(MRI, len(pair)) if np.isfinite(pair[k]).any()] or [MRI]
    return there[int(rng.integers(len(there)))]


def _inject_lesion(pair: NDArray[np.float32], reading: Reading, request: Request) -> Injected:
    """The first drawn lesion that changes its pixels by more than the noise."""
    best = 0.0
    for each in request.seed.spawn(TRIES):
        rng = np.random.default_rng(each)
        lesion = draw_lesion(request.kind, request.severity, reading.scene, rng)
        made, mask = _put(pair, reading, lesion, request)
        seen = mask & np.isfinite(made).any(axis=0)
        if not seen.any():
            continue
        cnr = contrast_to_noise(pair, made, seen, reading.noise)
        visible = float(np.nanmax(np.abs(cnr)))
        if visible >= LEAST_CNR:
            return Injected(made, seen, cnr)
        best = max(best, visible)
    raise InjectionError(
        f"in {TRIES} draws the largest change was {best:.2f} noise SDs; expected {LEAST_CNR:g}"
    )


def _put(
    pair: NDArray[np.float32], reading: Reading, lesion: Lesion, request: Request
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The planes with the lesion: tissue is moved with its noise, then changed; the noise stays."""
    seen = np.isfinite(pair)
    filled = np.where(seen, pair, np.float32(0))
    scene, images = push_aside(lesion, reading.scene, list(filled), order=cv2.INTER_LANCZOS4)
    moved = np.stack(images)
    soft = seen & (scene.depth < 0) & (moved[CT] <= bone_level(request.units))
    base = masked_gaussian(np.where(soft, moved, np.nan), CALM / request.spacing)
    base = np.where(soft, base, np.float32(0))
    ideals, mask = replace_tissue(lesion, scene, list(base), reading.look)
    made = np.array(pair, dtype=np.float32)
    for plane, ideal in enumerate(ideals):
        change = np.asarray(ideal - base[plane])
        change = cv2.GaussianBlur(change, (0, 0), POINT_SPREAD[min(plane, MRI)] / request.spacing)
        new = _as_stored(moved[plane] + change, pair[plane], plane, request.units)
        touched = (new != filled[plane]) & seen[plane]
        made[plane][touched] = new[touched]
    return made, mask


def _as_stored(new: NDArray, old: NDArray, plane: int, units: CTUnits) -> NDArray[np.float32]:
    """Round and clip as in the original file, so that a detector can't find changes by that."""
    values = old[np.isfinite(old)]
    if values.size and bool(np.all(values == np.rint(values))):
        new = np.rint(new)
        if plane != CT and values.min() >= 0 and values.max() <= 255:
            new = np.clip(new, 0, 255)
    if plane == CT:
        new = np.clip(new, *(CT_RANGES[units] if units == "uint8" else _HU_RANGE))
    return np.asarray(new, dtype=np.float32)
