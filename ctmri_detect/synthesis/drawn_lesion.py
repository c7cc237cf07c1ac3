"""A lesion that was drawn and is not yet put into a slice."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import NDArray

from ctmri_detect.synthesis.tissues import Tissue


@dataclass(frozen=True)
class Lesion:
    """A drawn lesion: all that is needed to put it into a slice.

    Parameters
    ----------
    kind : str
        Key of `LESION_KINDS`.
    tissue : Tissue
        What it is made of; its ``hu`` is a change for kinds with ``hu_relative``.
    centre : (x, y)
        mm from the middle of the image, x to the right, y downwards.
    radius : (float, float)
        Half axes in mm; for layers under the skull half of the length, and the thickness.
    angle : float
        Direction of the first half axis, radians.
    waves : ndarray of shape (5, 2)
        Cosine and sine amplitudes of the outline's 2nd to 6th harmonic.
    strength : float
        Share of the tissue that is replaced in the middle, 0..1.
    """

    kind: str
    tissue: Tissue
    centre: tuple[float, float]
    radius: tuple[float, float]
    angle: float
    waves: NDArray
    strength: float
