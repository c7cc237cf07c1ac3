"""Anatomy of the digital head phantom: the packaged template and one subject's warp of it.

All lengths are in millimetres. *Scanner* coordinates have their origin in the middle of the image.
A subject is a smooth map from scanner coordinates to the template (MNI) and a few thicknesses.
`draw_subject` draws all random numbers; `ctmri_detect.phantom.slices` applies them and uses none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import CubicSpline

from ctmri_detect._extras import require

FIELD_OF_VIEW = 250.0  # mm, a usual reconstruction diameter of head CT
TEMPLATE_CENTRE = np.array([0.0, -18.0, 20.0])  # MNI, middle of the head at mid-height
_SHELL_STEP = 3  # mm: the head's outline is smooth, so its distance map may be coarse
_SHELL_PAD = 14  # voxels of that map: room for skull and scalp outside the template's box
_CLOSING = 20.0  # mm: closes the fissures, which the skull does not follow
_VENTRICLE_DEPTH = 22.0  # mm below the envelope: deeper fluid counts as ventricle
_FOLD_DEPTH = 26.0  # mm below the envelope: deeper ridges of grey matter are nuclei, not cortex
_FOLD_WIDTH = 7  # voxels: a fold is two layers of cortex of about 3 mm with a sulcus between
_VENTRICLE_BOX = ((50, 147), (55, 185), (40, 125))  # template voxels
Spot = tuple[tuple[float, float, float], tuple[float, float, float], float]
_FIELD_Z = (-80.0, 120.0)  # mm, range of the fields' knots along z


@dataclass(frozen=True)
class Volume:
    """A scalar volume with the template coordinates of its first voxel and its voxel size."""

    values: NDArray
    origin: NDArray
    step: float
    outside: float

    def sample(self, points: NDArray) -> NDArray[np.float32]:
        """Values at template points (3, height, width), linearly interpolated."""
        index = (points - self.origin[:, None, None]) / self.step
        return ndimage.map_coordinates(
            self.values, index, output=np.float32, order=1, mode="constant", cval=self.outside
        )


@dataclass(frozen=True)
class Template:
    """Grey and white matter (0..255), signed distances to the envelope and the ventricles (mm).

    `folds` is high (mm, 0 to about 2) where a voxel lies midway between two layers of cortex. A
    person's brain has a sulcus there; in the average brain it is blurred.
    """

    gm: Volume
    wm: Volume
    envelope: Volume
    ventricles: Volume
    folds: Volume


@dataclass(frozen=True)
class SmoothField:
    """Smooth random function of scanner coordinates, given by knots (z, y, x, channel)."""

    knots: NDArray[np.float32]

    def at(self, z: float, size: int) -> NDArray[np.float32]:
        """The field in the axial plane `z`: (size, size, channels)."""
        heights = np.linspace(*_FIELD_Z, len(self.knots))
        plane = CubicSpline(heights, self.knots, axis=0)(z).astype(np.float32)
        field = cv2.resize(plane, (size, size), interpolation=cv2.INTER_CUBIC)
        return np.asarray(field).reshape(size, size, -1)


@dataclass(frozen=True)
class Subject:
    """One synthetic person: a warp of the template and the thicknesses of the shells.

    Parameters
    ----------
    affine : ndarray of shape (3, 3)
        Scanner to template: size (above one: a small head), aspect and tilt.
    shift : ndarray of shape (3,)
        Position of the head in the scanner, mm.
    head_warp : SmoothField
        Displacement (x, y, z) of the whole head, mm; it is very smooth, because a skull is.
    brain_warp : SmoothField
        Displacement of the inner brain on top of it, mm; it fades towards the skull.
    shells : SmoothField
        Relative change of the thickness of (fluid gap, skull, scalp).
    bias : SmoothField
        Shape of the (first) MRI's bias field, within about -1..1.
    thickness : dict
        Mean thickness of each shell, mm, from the inside to the outside.
    ventricle : float
        Growth of the ventricles, mm.
    atrophy : float
        Widening of the sulci, 0..1.
    calcified : tuple of (centre, radius, strength)
        Physiological calcifications, in template mm; they count as normal.
    """

    affine: NDArray
    shift: NDArray
    head_warp: SmoothField
    brain_warp: SmoothField
    shells: SmoothField
    bias: SmoothField
    thickness: dict[str, float]
    ventricle: float
    atrophy: float
    calcified: tuple[Spot, ...]


@lru_cache(maxsize=1)
def load_template() -> Template:
    """The ICBM152 2009a maps that nilearn packages, prepared once per process."""
    nilearn = require("nilearn.datasets", extra="phantom")
    image = nilearn.load_mni152_gm_template(resolution=1)
    origin = image.affine[:3, 3]
    gm = image.get_fdata(dtype=np.float32)
    wm = nilearn.load_mni152_wm_template(resolution=1).get_fdata(dtype=np.float32)
    brain = nilearn.load_mni152_brain_mask(resolution=1).get_fdata(dtype=np.float32) > 0
    envelope = _envelope_distance(brain, origin)
    return Template(
        gm=_as_bytes(gm, origin),
        wm=_as_bytes(wm, origin),
        envelope=envelope,
        ventricles=_ventricle_distance(gm + wm, origin, envelope),
        folds=_folds(wm, origin, envelope),
    )


def _as_bytes(fraction: NDArray, origin: NDArray) -> Volume:
    return Volume(np.rint(255 * fraction.clip(0, 1)).astype(np.uint8), origin, 1.0, 0.0)


def _signed_distance(inside: NDArray, step: float) -> NDArray:
    outwards = ndimage.distance_transform_edt(~inside)
    return step * (outwards - ndimage.distance_transform_edt(inside))


def _envelope_distance(brain: NDArray, origin: NDArray) -> Volume:
    """Signed distance (positive outside) to the closed, smoothed outline of the brain."""
    coarse = np.pad(brain[::_SHELL_STEP, ::_SHELL_STEP, ::_SHELL_STEP], _SHELL_PAD)
    edt = ndimage.distance_transform_edt
    reach = _CLOSING / _SHELL_STEP
    closed = edt(edt(~coarse) <= reach) > reach
    distance = _signed_distance(closed, _SHELL_STEP)
    smooth = ndimage.gaussian_filter(distance, 1.7).astype(np.float32)
    return Volume(smooth, origin - _SHELL_PAD * _SHELL_STEP, _SHELL_STEP, 60.0)


def _ventricle_distance(tissue: NDArray, origin: NDArray, envelope: Volume) -> Volume:
    """Signed distance (positive outside) to the deep fluid spaces."""
    box = tuple(slice(*limits) for limits in _VENTRICLE_BOX)
    corner = origin + np.array([limits[0] for limits in _VENTRICLE_BOX])
    fluid = tissue[box] < 0.5
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in fluid.shape), indexing="ij"))
    points = grid.reshape(3, fluid.shape[0], -1) + corner[:, None, None]
    deep = envelope.sample(points).reshape(fluid.shape) < -_VENTRICLE_DEPTH
    distance = ndimage.gaussian_filter(_signed_distance(fluid & deep, 1.0), 0.7)
    return Volume(distance.astype(np.float32), corner, 1.0, 20.0)


def _folds(wm: NDArray, origin: NDArray, envelope: Volume) -> Volume:
    """Ridges of the distance to white matter within the cortex, slice by slice."""
    distance = ndimage.gaussian_filter(
        ndimage.distance_transform_edt(wm < 0.5).astype(np.float32), 0.7
    )
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_FOLD_WIDTH, _FOLD_WIDTH))
    folds = np.zeros_like(distance)
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in wm.shape[:2]), indexing="ij")
    for k in range(wm.shape[2]):
        plane = np.ascontiguousarray(distance[:, :, k])
        ridge = np.asarray(cv2.morphologyEx(plane, cv2.MORPH_TOPHAT, disc))
        depth = envelope.sample(np.stack([x, y, np.full_like(x, k)]) + origin[:, None, None])
        cortex = np.clip((depth + _FOLD_DEPTH) / 4.0, 0, 1) * np.clip(plane - 1.3, 0, 1)
        folds[:, :, k] = ridge * cortex
    return Volume(folds.astype(np.float16).astype(np.float32), origin, 1.0, 0.0)


def draw_field(rng: np.random.Generator, pitch: float, sd: float, channels: int) -> SmoothField:
    across = int(np.ceil(FIELD_OF_VIEW / pitch)) + 1
    along = int(np.ceil((_FIELD_Z[1] - _FIELD_Z[0]) / pitch)) + 1
    shape = (along, across, across, channels)
    knots = np.clip(rng.standard_normal(shape), -2.5, 2.5) * sd
    return SmoothField(knots.astype(np.float32))


def _draw_affine(rng: np.random.Generator) -> NDArray:
    """Size (SD 4 %), aspect (SD 3 %) and small rotations of the head."""
    scale = np.exp(rng.normal(0, 0.035) + rng.normal(0, 0.025, 3)).clip(0.92, 1.12)
    tilt, roll, turn = np.radians(np.clip(rng.normal(0, 1, 3), -2, 2) * [4.0, 1.5, 3.0])
    rotation = np.eye(3)
    for (a, b), angle in (((1, 2), tilt), ((0, 2), roll), ((0, 1), turn)):
        plane = np.eye(3)
        plane[a, a] = plane[b, b] = np.cos(angle)
        plane[a, b], plane[b, a] = -np.sin(angle), np.sin(angle)
        rotation = rotation @ plane
    return np.diag(scale) @ rotation


def _draw_calcifications(rng: np.random.Generator) -> tuple[Spot, ...]:
    """Calcified pineal gland, choroid plexus and falx: frequent and normal in adult head CT."""
    found = []
    size, strength = rng.uniform(1.0, 2.2, 4), rng.uniform(0.4, 1.0, 4)
    present = rng.random(4) < [0.6, 0.45, 0.45, 0.15]
    front = rng.uniform(20, 50)
    places = ((0.0, -28.0, 3.0), (24.0, -42.0, 10.0), (-24.0, -42.0, 10.0), (0.0, front, 38.0))
    for k in np.flatnonzero(present):
        r = float(size[k])
        radius = (0.8, 3 * r, 3 * r) if k == 3 else (r, r, 2.0 * r)
        found.append((places[k], radius, float(strength[k])))
    return tuple(found)


def draw_subject(rng: np.random.Generator) -> Subject:
    """Draw one person; all random numbers of the anatomy are drawn here."""
    age = rng.random()  # 0 young .. 1 old: all fluid spaces widen with age
    skull = rng.normal(0, 0.12)
    thickness = {
        "gap": 0.6 + 1.6 * age + rng.uniform(0, 0.5),
        "dura": 0.8,
        "inner": 1.7 * np.exp(skull),
        "diploe": rng.uniform(1.8, 3.6) * np.exp(skull),
        "outer": 1.9 * np.exp(skull),
        "galea": rng.uniform(0.8, 1.6),
        "fat": rng.uniform(1.5, 4.0),
        "skin": rng.uniform(1.6, 2.4),
    }
    return Subject(
        affine=_draw_affine(rng),
        shift=np.clip(rng.normal(0, 3.0, 3), -7, 7) * [1.0, 1.0, 0.5],
        head_warp=draw_field(rng, 80.0, 3.0, 3),
        brain_warp=draw_field(rng, 28.0, 2.0, 3),
        shells=draw_field(rng, 70.0, 0.13, 3),
        bias=draw_field(rng, 90.0, 0.5, 1),
        thickness={name: float(value) for name, value in thickness.items()},
        ventricle=float(np.clip(-0.9 + 2.4 * age + rng.normal(0, 0.5), -1.2, 2.0)),
        atrophy=float(np.clip(age + rng.normal(0, 0.15), 0, 1)),
        calcified=_draw_calcifications(rng),
    )
