"""Put a drawn lesion into a pair of images: push tissue aside, then replace it.

References
----------
.. [1] Prastawa, Bullitt, Gerig (2009), "Simulation of brain tumors in MR images for evaluation of
   segmentation efficacy", Medical Image Analysis 13(2):297-311: a tumour as displacement of
   tissue, then infiltration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.gaps import nearest
from ctmri_detect.synthesis.kinds import LESION_KINDS
from ctmri_detect.synthesis.lesions import Lesion, lesion_layers
from ctmri_detect.synthesis.outlines import layer_thickness, outline
from ctmri_detect.synthesis.scene import Scene
from ctmri_detect.synthesis.tissues import Tissue
from ctmri_detect.validation import CT

__all__ = ["POINT_SPREAD", "Look", "displacement", "move", "push_aside", "replace_tissue"]

POINT_SPREAD = (0.6, 0.5)
"""Gaussian sigma of the point spread of CT and MRI in mm, for the phantom and for injection."""

_REACH = 14.0  # mm, least distance over which displaced tissue is compressed
_GIVE = 0.6  # of the distance to the skull: tissue moves no further, and bone never moves
_SHIFT = 0.6  # of the mean half axis: how far the MRI of a shifted region is moved
_EDGE = 1.0  # mm: width of the skull's border, which must not be pulled inwards
_SMOOTH = 1.5  # mm, Gaussian sigma that smooths the displacement


@dataclass(frozen=True)
class Look:
    """How tissue looks in the CT and in each MRI of a slice.

    Parameters
    ----------
    hu_slope, hu_offset : float
        Value in the CT plane = ``hu_offset + hu_slope * HU``.
    signals : tuple of callable
        For each MRI plane, a function from a tissue (at 1.5 T) to its value there: a number, or an
        image where the receiver's sensitivity varies.
    """

    hu_slope: float
    hu_offset: float
    signals: tuple[Callable[[Tissue], float | NDArray], ...]


def displacement(lesion: Lesion, scene: Scene, scale: float = 1.0) -> NDArray[np.float32] | None:
    """Where the tissue of each pixel comes from, in mm from the pixel; None if nothing moves.

    Parameters
    ----------
    lesion : Lesion
    scene : Scene
    scale : float, default=1.0
        Size of the lesion in this slice relative to its middle.

    Returns
    -------
    float32 ndarray of shape (2, height, width) or None
        x and y; exactly 0 beyond the reach of the lesion and at the skull.
    """
    spec = LESION_KINDS[lesion.kind]
    around = outline(lesion, scene, scale)
    if spec.shape == "shift":
        size = _SHIFT * float(np.mean(lesion.radius)) * scale
        inside = np.clip(0.5 - around / (4.0 * size), 0, 1)
        direction = np.array([np.cos(lesion.angle), np.sin(lesion.angle)])
        return _tethered(size * direction[:, None, None] * inside, scene, inside > 0)
    if not spec.push:
        return None
    smaller = min(lesion.radius) * scale
    reach = max(_REACH, 5.0 * spec.push * smaller)  # gentle: the map has to stay one to one
    if spec.shape == "blob":
        smooth, sigma = np.clip(around, -smaller, reach), max(_SMOOTH, 0.4 * smaller)
        amount = spec.push * smaller * np.clip(1.0 + around / smaller, 0, 1)
    else:  # a layer under the skull pushes inwards, everywhere by its thickness there
        thickness = layer_thickness(lesion, scene, scale)
        around, smooth, sigma = -scene.depth - thickness, -scene.depth, _SMOOTH
        amount = spec.push * np.maximum(thickness, 0)
    size = amount * np.clip(1.0 - np.maximum(around, 0) / reach, 0, 1) ** 2
    return _tethered(-size * _uphill(smooth, sigma / scene.spacing), scene, around < reach)


def _uphill(image: NDArray, sigma: float) -> NDArray:
    """Unit vectors (x, y) along which the smoothed image grows fastest."""
    down, right = np.gradient(cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma))
    length = np.maximum(np.hypot(right, down), 1e-6)
    return np.stack([right / length, down / length])


def _tethered(field: NDArray, scene: Scene, where: NDArray) -> NDArray[np.float32]:
    """The field, smoothed, fixed at the skull, and exactly 0 outside `where`."""
    sigma = _SMOOTH / scene.spacing
    smooth = np.stack([cv2.GaussianBlur(axis.astype(np.float32), (0, 0), sigma) for axis in field])
    slack = _GIVE * np.clip(-scene.depth - _EDGE - scene.spacing, 0, None)
    held = np.minimum(1.0, slack / np.maximum(np.hypot(*smooth), 1e-6))
    return (smooth * (held * where)).astype(np.float32)


def move(image: NDArray, field: NDArray[np.float32], spacing: float, order: int) -> NDArray:
    """The image with its tissue moved; bit for bit the same where the field is 0.

    Parameters
    ----------
    image : ndarray of shape (height, width)
    field : ndarray of shape (2, height, width)
        What `displacement` returned, mm.
    spacing : float
        mm per pixel.
    order : int
        Interpolation: ``cv2.INTER_LINEAR`` for smooth images, ``cv2.INTER_LANCZOS4`` for images
        with noise, because it keeps the strength of the noise.

    Returns
    -------
    ndarray of shape (height, width)
    """
    height, width = image.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    from_x, from_y = x + field[0] / np.float32(spacing), y + field[1] / np.float32(spacing)
    moved = cv2.remap(
        image.astype(np.float32), from_x, from_y, order, borderMode=cv2.BORDER_REPLICATE
    )
    still = (field == 0).all(axis=0)
    return np.where(still, image, moved)


def push_aside(
    lesion: Lesion,
    scene: Scene,
    images: Sequence[NDArray],
    scale: float = 1.0,
    order: int = cv2.INTER_LINEAR,
) -> tuple[Scene, list[NDArray]]:
    """The slice after the lesion's mass effect.

    `images` are the CT, then each MRI. All move in the same way, except that the kind
    "shifted_region" moves only the MRI.
    """
    field = displacement(lesion, scene, scale)
    if field is None:
        return scene, list(images)
    shift = LESION_KINDS[lesion.kind].shape == "shift"
    moved = [
        image if shift and plane == CT else move(image, field, scene.spacing, order)
        for plane, image in enumerate(images)
    ]
    if shift:
        return scene, moved
    fractions = {
        name: move(layer, field, scene.spacing, cv2.INTER_LINEAR)
        for name, layer in scene.fractions.items()
    }
    return replace(scene, fractions=fractions), moved


def _nearest_within(scene: Scene) -> tuple[NDArray, NDArray]:
    """Indices of the nearest pixel without bone.

    A lesion replaces only the soft part of a pixel, not the bone in it.
    """
    soft = (scene.intracranial() > 0.9) & (scene.depth < -scene.spacing)
    if not soft.any():
        soft = scene.depth < 0
    return nearest(soft)


def replace_tissue(
    lesion: Lesion, scene: Scene, images: Sequence[NDArray], look: Look, scale: float = 1.0
) -> tuple[list[NDArray], NDArray[np.bool_]]:
    """Ideal images with the lesion, and its mask: pixels of which more than half is lesion.

    Parameters
    ----------
    lesion : Lesion
    scene, images
        The slice after `push_aside`: CT, then each MRI, without noise.
    look : Look
        How the lesion's tissue looks in them.
    scale : float, default=1.0
        Size of the lesion in this slice relative to its middle.

    Returns
    -------
    images : list of ndarray of shape (height, width)
    mask : bool ndarray of shape (height, width)
        The lesion with its oedema, without tissue that is only displaced.
    """
    if LESION_KINDS[lesion.kind].shape == "shift":
        return list(images), (outline(lesion, scene, scale) < 0) & (scene.depth < 0)
    place = _nearest_within(scene)
    spared = np.ones_like(scene.depth)
    ct, *mris = images
    for layer in lesion_layers(lesion, scene, scale):
        share = np.float32(lesion.strength) * layer.field
        hu = np.float32(look.hu_slope * layer.tissue.hu)
        to = hu if layer.hu_relative else hu + np.float32(look.hu_offset) - ct[place]
        ct = ct + share * to
        mris = [
            mri + share * (signal(layer.tissue) - mri[place])
            for mri, signal in zip(mris, look.signals, strict=True)
        ]
        spared = spared * (1.0 - layer.field)
    return [image.astype(np.float32) for image in (ct, *mris)], spared < 0.5
