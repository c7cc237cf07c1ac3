"""Position of a head in its slice: centre, rotation and size, from that slice alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.mirror_axis import mirror_axis, turn_matrix
from ctmri_detect.imageops.percentiles import percentiles_of

WORKING_SIZE = 96
"""The rotation is searched on a guide image of this size (pixels)."""

DETAIL = 2.0
"""Weight of the grey values relative to the outline in the guide image. On 95 real pairs aligned
by their CT alone, the correlation of the MRI with its mirror image was .44 without rotation, .48
with the outline alone, .51 with weight 1, .53 with 2 and 3; more lowers the overlap of the
outlines."""


@dataclass(frozen=True)
class HeadPose:
    """Position of a head in a slice.

    Attributes
    ----------
    y, x : float
        Centre of the box, in pixels of the slice; it lies on the midline.
    angle : float
        Rotation of the head from upright, degrees, counter-clockwise as displayed (y down).
    extent : float
        The larger of height and width of the upright head, in pixels of the slice.
    """

    y: float
    x: float
    angle: float
    extent: float

    def matrix(self, size: int, fill: float = 0.9) -> NDArray[np.float64]:
        """The affine matrix from the slice to a square box with the head upright.

        Parameters
        ----------
        size : int
            Height and width of the box in pixels.
        fill : float, default=0.9
            Share of the box that the larger extent of the head takes.

        Returns
        -------
        ndarray of float64, shape (2, 3)
            Maps (x, y, 1) of the slice to (x, y) of the box, with one scale for both axes. The
            midline falls on the centre column, (size - 1) / 2.

        Examples
        --------
        >>> from ctmri_detect.imageops.headpose import HeadPose
        >>> matrix = HeadPose(y=50.0, x=60.0, angle=0.0, extent=90.9).matrix(101, fill=0.9)
        >>> (matrix @ [60.0, 50.0, 1.0]).round(3).tolist()
        [50.0, 50.0]
        """
        return turn_matrix((self.x, self.y), self.angle, fill * size / self.extent, size)


def estimate_pose(
    mask: NDArray[np.bool_],
    image: NDArray[np.floating] | None = None,
    max_angle: float = 30.0,
) -> HeadPose:
    """Estimate the pose of a head from its mask and grey values.

    The midline is the mirror axis of largest correlation between the slice and its mirror image.
    For each angle, the products of all pairs of columns give the correlation at all shifts. The
    search goes in steps of 5 degrees, then 1, then by a parabola, and prefers upright heads. Box
    and scale are the extents of the mask in the upright frame.

    When it fails: a round mask without inner structure has no best angle; a mask that
    misses one side of the brain shifts the midline to the other; a head rotated by
    more than `max_angle` is not found.

    Parameters
    ----------
    mask : bool array of shape (height, width)
        Brain or head, at least one pixel.
    image : array of shape (height, width), default=None
        Grey values in any unit, NaN where unknown; None uses the mask alone.
    max_angle : float, default=30.0
        Largest rotation from upright that is searched, degrees. Keep it well below 90: heads
        are nearly symmetric about the other axis too.

    Returns
    -------
    HeadPose

    Raises
    ------
    ValueError
        If the mask is empty.

    References
    ----------
    Reflection as a peak of the correlation of an image with its mirror image: Y. Keller,
    Y. Shkolnisky, "A signal processing approach to symmetry detection", IEEE Trans.
    Image Processing 15 (2006).

    Examples
    --------
    >>> from ctmri_detect.imageops.headpose import estimate_pose
    >>> y, x = np.mgrid[:100, :100]
    >>> pose = estimate_pose(np.hypot((y - 52) / 40, (x - 45) / 30) < 1)
    >>> round(pose.y), round(pose.x), abs(round(pose.angle))
    (52, 45, 0)
    """
    outline = _outline(mask)
    if outline.size == 0:
        raise ValueError(
            "The mask is empty; expected at least one pixel of head. Leave out slices without one."
        )
    centre = (_mean_place(mask.sum(axis=0)), _mean_place(mask.sum(axis=1)))
    spread = float(np.hypot(outline[1] - centre[1], outline[0] - centre[0]).max()) + 1.0
    guide = _guide(mask, image)
    to_work = turn_matrix(centre, 0.0, (WORKING_SIZE / 2 - 2) / spread, WORKING_SIZE)
    small = cv2.warpAffine(guide, to_work, (WORKING_SIZE, WORKING_SIZE), flags=cv2.INTER_AREA)
    angle, offset = mirror_axis(np.asarray(small, np.float32), max_angle)
    return _box(outline, centre, angle, offset * spread / (WORKING_SIZE / 2 - 2))


def _mean_place(counts: NDArray[np.integer]) -> float:
    return float(counts @ np.arange(len(counts))) / float(counts.sum())


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Columns and rows of the first and last pixel of each row, ``(2, n)``."""
    rows = np.flatnonzero(mask.any(axis=1))
    mirrored: NDArray[Any] = cv2.flip(mask.view(np.uint8), 1)
    first, last = mask.argmax(axis=1), mask.shape[1] - 1 - mirrored.argmax(axis=1)
    return np.stack([np.concatenate([first[rows], last[rows]]), np.tile(rows, 2)])


def _guide(mask: NDArray[np.bool_], image: NDArray[np.floating] | None) -> NDArray[np.float32]:
    """1 in the mask, plus the grey values scaled to -1..1 around their median."""
    guide = mask.astype(np.float32)
    if image is None:
        return guide
    known = mask & np.isfinite(image)
    values = image[known]
    if not values.size:
        return guide
    low, middle, high = percentiles_of(values, [5, 50, 95])
    if high > low:
        grey = np.clip((values - middle) / (high - low), -1, 1)
        guide[known] = 1 + np.float32(DETAIL) * grey.astype(np.float32)
    return guide


def _box(
    outline: NDArray[np.intp], centre: tuple[float, float], angle: float, offset: float
) -> HeadPose:
    """The pose whose box holds all of the mask, with the midline in its middle."""
    turn = turn_matrix(centre, angle, 1.0, 1)
    x, y = turn[:, :2] @ outline + turn[:, 2:]
    half_width = float(np.abs(x - offset).max()) + 0.5
    height = float(y.max() - y.min()) + 1.0
    back = cv2.invertAffineTransform(turn)
    middle = back @ np.array([offset, (y.max() + y.min()) / 2, 1.0])
    return HeadPose(
        y=float(middle[1]),
        x=float(middle[0]),
        angle=angle,
        extent=max(2 * half_width, height),
    )
