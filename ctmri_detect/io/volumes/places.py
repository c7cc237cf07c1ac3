"""Whether two volumes share coordinates, as far as their files say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.io.volumes.volume import Volume

_APART = 2.0  # mm between sform and qform: about two pixels, which detectors tolerate
LEAST_OVERLAP = 0.5
"""Share of the head in the CT that the MRI should show."""


class Place(NamedTuple):
    """What the file of a volume says about its place; see `Volume`."""

    centre: NDArray[np.float64]
    placeholder: bool
    disagreement: float


def place_of(volume: Volume) -> Place:
    """The place of a volume; its centre is in mm towards the patient's right, front and top."""
    middle = (np.array(volume.values.shape) - 1) / 2
    middle[0] = volume.layers.places[[0, -1]].mean()
    centre = volume.affine[:3, :3] @ middle + volume.affine[:3, 3]
    return Place(centre, volume.placeholder, volume.disagreement)


def doubts(places: dict[str, Place]) -> list[str]:
    """Why the volumes may not share coordinates.

    Parameters
    ----------
    places : dict of str to Place
        By the name of the file; the others are resampled on the grid of the first.

    Returns
    -------
    list of str
        One clause for each reason, with the file and a distance.
    """
    found = [
        f"{name}: its sform and qform place it {place.disagreement:.0f} mm apart (the sform is "
        "used)"
        for name, place in places.items()
        if place.disagreement > _APART
    ]
    (first, main), *others = places.items()
    for name, place in others:
        if place.placeholder != main.placeholder:
            bare, other = (name, first) if place.placeholder else (first, name)
            off = float(np.linalg.norm(place.centre - main.centre))
            found.append(
                f"{bare}: its affine gives only the size of a voxel and no position; that of "
                f"{other} gives one (their centres are {off:.0f} mm apart)"
            )
    return found


def say(found: list[str]) -> str:
    """A message with the first three of these reasons.

    Examples
    --------
    >>> say(["a", "b", "c", "d"])[:12]
    'a; b; c; ...'
    """
    return (
        f"{'; '.join(found[:3])}{'; ...' if len(found) > 3 else ''}. Equal coordinates may then be "
        "different positions: correct the headers, register the volumes, or run check_pairing."
    )


@dataclass
class Overlap:
    """How much of the head in the first volume was observed in another, slice by slice."""

    head: int = 0
    seen: int = 0

    def add(self, first: NDArray[np.float32], other: NDArray[np.float32], threshold: float) -> None:
        """Count one slice; pixels above `threshold` in the first volume are head."""
        head = first > threshold  # NaN compares as False
        self.head += int(np.count_nonzero(head))
        self.seen += int(np.count_nonzero(head & ~np.isnan(other)))

    @property
    def share(self) -> float:
        """The share of the head that was observed; 1 where there is no head."""
        return self.seen / self.head if self.head else 1.0
