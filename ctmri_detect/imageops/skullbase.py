"""Whether a CT slice lies below the skull base, by its brain and head masks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect.ct_units import CTUnits, check_ct_units

LEAST_BRAIN_SHARE = {"hu": 0.47, "uint8": 0.5}
"""Least share of the head that is brain, above the skull base. In the 8-bit window fat is black and
not of the head: the share of the same slice is .95 times as large in HU (a head template: .94)."""

MOST_OFF_CENTRE = 1 / 3
"""Most that a small brain lies off the centre near the vertex, as a share of what its size allows.
In 249 real slices of 32 patients: at most .28 near the vertex, .43 to 1.07 at the skull base."""

LEAST_PIECE = 0.05
"""Pieces of the brain mask smaller than this share of it are not counted."""


def brain_share(brain: NDArray[np.bool_], head: NDArray[np.bool_]) -> float:
    """Area of the brain as a share of the head's area: 0 to 1, NaN without a head.

    Examples
    --------
    >>> import numpy as np
    >>> brain, head = np.zeros((2, 8, 8), bool)
    >>> head[1:7, 1:7], brain[3:6, 1:7] = True, True
    >>> brain_share(brain, head)
    0.5
    """
    area = int(head.sum())
    return int((brain & head).sum()) / area if area else float("nan")


def is_below_skull_base(
    brain: NDArray[np.bool_], head: NDArray[np.bool_], units: CTUnits = "hu"
) -> bool:
    """Whether a slice shows the skull base, the face or the neck: little brain in a large head.

    That is so if no brain was found. It is also so if brain is less than
    `LEAST_BRAIN_SHARE` of the head, and lies off the head's centre or in several pieces. At the
    skull base the face lies in front of the brain, and bone divides it. Near the vertex the brain
    is small too, but it is one piece in the middle of a small head.

    Two discs of the same areas say how far off-centre a brain can lie: by the difference of their
    radii. The distance of the two centres is divided by it, so size and rotation do not matter.

    When it fails: at a level with half of the head brain, a slice can fall on either side. The
    rule was set on 8-bit slices (95 of 5 patients, 154 of 27); of slices in HU only phantoms and
    one template were at hand. A head that the image cuts off, or a large part of the brain that
    the mask misses, moves the centres. No label was looked at.

    Parameters
    ----------
    brain : bool array of shape (height, width)
        As `brainmask.brain_mask` gives it.
    head : bool array of shape (height, width)
        As `brainmask.head_mask` gives it.
    units : {"hu", "uint8"}, default="hu"
        Units of the CT that the masks are of.

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[-1:1:64j, -1:1:64j]
    >>> head = np.hypot(y, x) < 0.9
    >>> vertex, cerebellum = np.hypot(y, x) < 0.4, np.hypot(y - 0.4, x) < 0.4
    >>> is_below_skull_base(vertex, head), is_below_skull_base(cerebellum, head)
    (False, True)
    """
    check_ct_units(units, "units")
    if not brain.any():
        return True
    share = brain_share(brain, head)
    if not share < LEAST_BRAIN_SHARE[units]:
        return False
    return _off_centre(brain, head, share) > MOST_OFF_CENTRE or _pieces(brain) > 1


def _off_centre(brain: NDArray[np.bool_], head: NDArray[np.bool_], share: float) -> float:
    """Distance of the centres, as a share of the largest that the two areas allow."""
    radius = np.sqrt(head.sum() / np.pi)
    centres = [np.mean(np.nonzero(mask), axis=1) for mask in (brain, head)]
    return float(np.linalg.norm(centres[0] - centres[1]) / (radius * (1 - np.sqrt(share))))


def _pieces(brain: NDArray[np.bool_]) -> int:
    _, _, stats, _ = cv2.connectedComponentsWithStats(brain.astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    return int((areas >= LEAST_PIECE * areas.sum()).sum())
