"""Cut one axial slice out of a subject: tissue fractions, without random numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.phantom.anatomy import FIELD_OF_VIEW, TEMPLATE_CENTRE, Subject, Template
from ctmri_detect.synthesis.tissues import TISSUES

_SOFT_EDGE = 1.2  # mm, width of a tissue border: partial volume within the slice thickness
_WARP_FADE = 15.0  # mm below the skull at which the brain's own warp has its full size
_FALX_DEPTH = 30.0  # mm, how far the falx reaches below the envelope
_NARROW_FOLD, _FOLD_RANGE = 0.75, 0.45  # mm of ridge at which a sulcus opens, young and by age
_FOLD_EDGE = 0.8  # mm of ridge from closed to open
_NAMES = list(TISSUES)


@dataclass(frozen=True)
class TissueSlice:
    """Tissue fractions of one slice.

    Parameters
    ----------
    fractions : ndarray of shape (n_tissues, height, width)
        In the order of `TISSUES`; they sum to one.
    depth : ndarray of shape (height, width)
        Signed distance to the inner skull, mm, positive outside.
    spacing : float
        mm per pixel.
    """

    fractions: NDArray[np.float32]
    depth: NDArray[np.float32]
    spacing: float

    def fraction(self, name: str) -> NDArray[np.float32]:
        """The fraction of one tissue."""
        return self.fractions[_NAMES.index(name)]


def _ramp(distance: NDArray, width: float = _SOFT_EDGE) -> NDArray:
    """1 well inside (distance << 0), 0 well outside, linear across the border."""
    return np.clip(0.5 - distance / width, 0.0, 1.0)


def head_points(subject: Subject, z: float, size: int) -> NDArray[np.float32]:
    """Template coordinates (3, size, size) of the pixels of the scanner's plane `z`."""
    offset = (np.arange(size) - (size - 1) / 2) * (FIELD_OF_VIEW / size)
    # radiological view: the face is up, the patient's right is on the left of the image
    x, y = np.meshgrid(-offset, -offset)
    scanner = np.stack([x, y, np.full_like(x, z - TEMPLATE_CENTRE[2])])
    moved = scanner - subject.shift[:, None, None]
    points = np.tensordot(subject.affine, moved, axes=1) + TEMPLATE_CENTRE[:, None, None]
    return (points + np.moveaxis(subject.head_warp.at(z, size), -1, 0)).astype(np.float32)


def cut_slice(template: Template, subject: Subject, z: float, size: int) -> TissueSlice:
    """Tissue fractions of `subject` in the plane at height `z` (mm)."""
    points = head_points(subject, z, size)
    change = np.moveaxis(1.0 + subject.shells.at(z, size).clip(-0.4, 0.4), -1, 0)
    envelope = template.envelope.sample(points)
    depth = envelope - subject.thickness["gap"] * change[0]
    fractions = np.zeros((len(_NAMES), size, size), np.float32)
    layers = dict(zip(_NAMES, fractions, strict=True))
    inside = _fill_shells(layers, subject, points, depth, change)
    fade = np.clip(-envelope / _WARP_FADE, 0.0, 1.0)
    points = points + fade * np.moveaxis(subject.brain_warp.at(z, size), -1, 0)
    _fill_brain(layers, template, subject, points, inside)
    _overlay_midline(layers, subject, points, envelope)
    return TissueSlice(fractions, depth.astype(np.float32), FIELD_OF_VIEW / size)


def _fill_shells(
    layers: dict[str, NDArray],
    subject: Subject,
    points: NDArray,
    depth: NDArray,
    change: NDArray,
) -> NDArray:
    """Skull, scalp and air; returns the fraction inside the dura."""
    thickness = subject.thickness
    _, skull, scalp = change
    temporal = np.exp(-(((points[1] - 8) / 22) ** 2) - ((points[2] + 12) / 24) ** 2)
    temporal *= np.clip((np.abs(points[0]) - 40) / 20, 0, 1)  # temporal muscle, at the sides
    shells = (
        ("dura", thickness["dura"]),
        ("bone", thickness["inner"] * skull),
        ("diploe", thickness["diploe"] * skull * (1 - 0.7 * temporal)),
        ("bone", thickness["outer"] * skull),
        ("muscle", thickness["galea"] + 7.0 * temporal),
        ("fat", thickness["fat"] * scalp),
        ("muscle", thickness["skin"]),
    )
    inside = covered = _ramp(depth)
    edge = depth
    for name, width in shells:
        edge = edge - width
        reached = _ramp(edge)
        layers[name] += reached - covered
        covered = reached
    layers["air"] += 1.0 - covered
    return inside


def _fill_brain(
    layers: dict[str, NDArray],
    template: Template,
    subject: Subject,
    points: NDArray,
    inside: NDArray,
) -> None:
    """Grey matter, white matter and fluid inside the dura."""
    gm = template.gm.sample(points) / 255
    wm = template.wm.sample(points) / 255
    low = 0.15 + 0.3 * subject.atrophy  # the average template blurs sulci: sharpen, then widen
    tissue = np.clip((gm + wm - low) / (0.85 - low), 0, 1)
    open_from = _NARROW_FOLD - _FOLD_RANGE * subject.atrophy
    tissue *= 1.0 - np.clip((template.folds.sample(points) - open_from) / _FOLD_EDGE, 0, 1)
    from_ventricle = template.ventricles.sample(points)
    near = _ramp(from_ventricle - max(subject.ventricle, 0.0) - 2.0)
    wall = 1.0 - _ramp(from_ventricle - subject.ventricle)
    tissue = inside * (near * wall + (1 - near) * tissue)
    grey = np.clip(0.5 + 1.25 * (gm / (gm + wm + 0.02) - 0.5), 0, 1)
    layers["gm"] += tissue * grey
    layers["wm"] += tissue * (1 - grey)
    layers["csf"] += inside - tissue


def _overlay_midline(
    layers: dict[str, NDArray], subject: Subject, points: NDArray, envelope: NDArray
) -> None:
    """Replace tissue by falx, superior sagittal sinus and physiological calcifications."""
    x, y, z = points
    brain = layers["gm"] + layers["wm"] + layers["csf"]
    midline = np.abs(x) - 0.6
    reach = _ramp(-envelope - _FALX_DEPTH, 4.0) * _ramp(np.where(y > 0, 2.0, 12.0) - z, 6.0)
    falx = 0.8 * brain * _ramp(midline) * reach * _ramp(30.0 - np.abs(y + 18.0), 8.0)
    high = _ramp(40.0 - z, 8.0)  # over the top the falx runs the whole length
    falx = np.maximum(falx, 0.8 * brain * _ramp(midline) * high * _ramp(-envelope - 18.0, 4.0))
    _replace(layers, "dura", falx)
    sinus = _ramp(np.hypot(x, 1.2 * (envelope + 1.5)) - 3.0, 2.0) * _ramp(8.0 - z, 6.0)
    _replace(layers, "vein", brain * sinus * _ramp(np.where(y < -30, -60.0, 55.0 - z), 10.0))
    for centre, radius, strength in subject.calcified:
        parts = [(points[k] - centre[k]) / radius[k] for k in range(3)]
        spot = strength * np.exp(-0.5 * (parts[0] ** 2 + parts[1] ** 2 + parts[2] ** 2))
        _replace(layers, "calcification", brain * np.where(spot > 0.02, spot, 0.0))


def _replace(layers: dict[str, NDArray], name: str, amount: NDArray) -> None:
    """Replace a share `amount` (0..1) of each voxel by the tissue `name`."""
    for layer in layers.values():
        layer *= 1.0 - amount
    layers[name] += amount
