"""Panels of the inspection page that show slices and volumes of a folder."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.warp import resize_observed
from ctmri_detect.inspection.pair_images import volume_pair
from ctmri_detect.inspection.source import Source
from ctmri_detect.io.volumes.volume import Volume
from ctmri_detect.modalities import role_of
from ctmri_detect.plotting import panels
from ctmri_detect.plotting.canvas import ct_range, grey, robust_range
from ctmri_detect.plotting.shown import range_of

Plane = npt.NDArray[Any]
Panel = dict[str, str]

LEVELS = (0.3, 0.4, 0.6, 0.7, 0.8)
"""Shares of a volume's height at which axial slices are shown."""

_SQUARES = 8  # squares along each side of the checkerboard
# Blue and orange of Okabe and Ito (2008), which colour-blind readers can tell apart, too
_COOL, _WARM = np.array([86, 180, 233]), np.array([230, 159, 0])


def read_plane(source: Source, name: str, level: float = 0.5) -> Plane:
    """One slice; of a volume, the axial slice at this share of its height."""
    if source.holds_volume(name):
        volume = source.volume(name)
        return square(volume.values[int(level * (len(volume.values) - 1))], volume.spacing[1:])
    return source.grey(name)


def read_pair(
    source: Source, ct: str, mri: str, place: int | None = None
) -> tuple[Plane, Plane] | None:
    """CT and MRI on the CT's grid; of volumes one axial slice, None where the MRI has none."""
    if not source.holds_volume(ct):
        return source.slices(ct, mri)
    pair = volume_pair(source, ct, mri, place)
    return None if pair is None else (pair[0], pair[1])


def panel(plane: Plane, modality: str, units: Any, label: str, name: str) -> Panel:
    """A panel with one image, in its window."""
    known = units if isinstance(units, str) else None
    src = panels.grey_panel(plane, range_of(plane, role_of(modality), known))
    return {"label": label, "src": src, "note": name, "alt": f"{label}: {name}"}


def overlays(ct: Plane, mri: Plane, units: Any, name: str) -> list[Panel]:
    """Two panels: the checkerboard of both images, and their difference."""
    known = units if isinstance(units, str) else None
    a = grey(ct, *ct_range(ct, known))
    b = grey(mri, *robust_range(mri))
    rows, columns = (np.arange(n) * _SQUARES // n for n in a.shape)
    board = np.where((rows[:, None] + columns[None]) % 2 == 0, a, b)
    made = (("Checkerboard", _shade(board)), ("Difference", _diverging(a - b)))
    return [
        {"label": label, "src": panels.jpeg_source(panels.to_display_size(image)), "note": "",
         "alt": f"{label} of CT and MRI: {name}"}
        for label, image in made
    ]  # fmt: skip


def volume_views(volume: Volume, modality: str, units: Any) -> list[Panel]:
    """Axial, coronal and sagittal middle slices, then axial ones from below to above."""
    values, (between, row, column) = volume.values, volume.spacing
    middle = [n // 2 for n in values.shape]
    shown = [
        ("Axial", square(values[middle[0]], (row, column)), "middle, seen from below"),
        (
            "Coronal",
            square(values[::-1, middle[1]], (between, column)),
            "middle, seen from the front",
        ),
        (
            "Sagittal",
            square(values[::-1, :, middle[2]], (between, row)),
            "middle, face on the left",
        ),
    ]
    for level in LEVELS:
        plane = square(values[int(level * (len(values) - 1))], (row, column))
        shown.append(("Axial", plane, f"at {level:.0%} of the height"))
    return [panel(plane, modality, units, label, note) for label, plane, note in shown]


def square(plane: Plane, spacing: Any) -> Plane:
    """The plane resized to square pixels, so that the head keeps its proportions."""
    step = min(spacing)
    height, width = (max(1, round(n * s / step)) for n, s in zip(plane.shape, spacing, strict=True))
    return resize_observed(np.ascontiguousarray(plane), (height, width))


def _shade(image: Plane) -> panels.RGB:
    return np.repeat((255 * image).round().astype(np.uint8)[..., None], 3, axis=2)


def _diverging(difference: Plane) -> panels.RGB:
    """Black where equal, orange where the CT is brighter, blue where the MRI is."""
    strength = np.abs(np.clip(difference, -1, 1))[..., None]
    colour = np.where(difference[..., None] > 0, _WARM, _COOL)
    return np.asarray((strength * colour).round(), dtype=np.uint8)


def moved_panel(ct: Plane, mri: Plane, units: Any, name: str) -> Panel:
    """A panel with the MRI and the outline of the CT's head, which shows a shift."""
    known = units if isinstance(units, str) else None
    head = (grey(ct, *ct_range(ct, known)) > 0.15).astype(np.uint8)
    contours, _ = cv2.findContours(head, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    # only the largest piece, without the headrest
    largest = sorted(contours, key=cv2.contourArea)[-1:]
    mask = cv2.drawContours(np.zeros(head.shape, np.uint8), largest, -1, 1, cv2.FILLED)
    image = panels.outlined(panels.to_display_size(_shade(grey(mri, *robust_range(mri)))), mask)
    return {"label": "MRI, outline of the CT", "src": panels.jpeg_source(image), "note": "",
            "alt": f"MRI with the outline of the CT's head: {name}"}  # fmt: skip
