"""The kinds of artefact, how strong they are, and how one is drawn.

References
----------
.. [1] Zhuo, Gullapalli (2006), "MR artifacts, safety, and quality control", RadioGraphics
   26(1):275-297: ghosts lie along the phase-encoding direction; a field of view smaller than the
   head wraps; one spike in k-space makes a herringbone.
.. [2] Barrett, Keat (2004), "Artifacts in CT: recognition and avoidance", RadioGraphics
   24(6):1679-1691: streaks of metal, dark bands between dense objects.
.. [3] NIST, X-ray mass attenuation coefficients (Hubbell, Seltzer): at 70 keV titanium attenuates
   about 13 times and iron about 34 times as much as water, 12,000 and 33,000 HU.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.validation import CT, MRI

__all__ = ["ARTEFACT_KINDS", "Artefact", "ArtefactKind", "draw_artefact"]

Range = tuple[float, float]


@dataclass(frozen=True)
class ArtefactKind:
    """Which plane a kind of artefact spoils, and the ranges that it is drawn from.

    Parameters
    ----------
    plane : int
        0 = CT, 1 = MRI.
    severity : dict of str to dict of str to (low, high)
        For each severity, the ranges of the values that make the artefact stronger.
    form : dict of str to (low, high)
        Ranges of the values that don't depend on the severity.
    noise : tuple of int
        Shape of the standard normal numbers that it takes.

    Examples
    --------
    >>> kind = ARTEFACT_KINDS["motion_ghosting"]
    >>> kind.plane == MRI, kind.severity["mild"]["motion_mm"]
    (True, (0.3, 0.45))
    """

    plane: int
    severity: dict[str, dict[str, Range]]
    form: dict[str, Range] = field(default_factory=dict)
    noise: tuple[int, ...] = (0,)


_TURN = (0.0, 2.0 * np.pi)

# The directions of effect are in [1]_ and [2]_; all ranges are chosen, so that "mild" can just be
# seen on a phantom slice, a reader would mention "moderate", and scan again after "severe".
ARTEFACT_KINDS: dict[str, ArtefactKind] = {
    # motion_mm: amplitude of a periodic movement along the phase-encoding axis;
    # ghost_mm: distance of the first ghost, the number of periods in the scan times the pixel
    "motion_ghosting": ArtefactKind(
        MRI,
        {
            "mild": {"motion_mm": (0.3, 0.45)},
            "moderate": {"motion_mm": (0.7, 1.1)},
            "severe": {"motion_mm": (1.8, 2.8)},
        },
        {"ghost_mm": (20.0, 90.0), "phase": _TURN},
    ),
    # share: how much too short the field of view is, as a share of the head's length;
    # side: which part of that lies at the near end of the axis; the rest is at the far end
    "wrap_around": ArtefactKind(
        MRI,
        {
            "mild": {"share": (0.05, 0.08)},
            "moderate": {"share": (0.10, 0.16)},
            "severe": {"share": (0.22, 0.32)},
        },
        {"side": (0.0, 1.0)},
    ),
    # amplitude: of the burst, as a share of the maximum of k-space; period_mm, direction: of the
    # stripes; log2_samples: how many k-space samples in a row are hit (0 or less: one spike)
    "noise_burst": ArtefactKind(
        MRI,
        {
            "mild": {"amplitude": (0.10, 0.15)},
            "moderate": {"amplitude": (0.25, 0.40)},
            "severe": {"amplitude": (0.70, 1.00)},
        },
        {"period_mm": (5.0, 20.0), "direction": _TURN, "log2_samples": (-4.0, 5.0)},
        noise=(2, 32),
    ),
    # diameter_mm: of a circle of the same area; hu: titanium to steel [3]_; elongation: long
    # axis / short axis; place: 0 = middle of the head, 1 = its edge in `direction`
    "metal_streak": ArtefactKind(
        CT,
        {
            "mild": {"diameter_mm": (1.5, 2.0), "hu": (9000.0, 12000.0)},
            "moderate": {"diameter_mm": (3.0, 4.0), "hu": (12000.0, 20000.0)},
            "severe": {"diameter_mm": (5.0, 7.0), "hu": (25000.0, 33000.0)},
        },
        {"elongation": (2.0, 5.0), "angle": _TURN, "place": (0.3, 1.0), "direction": _TURN},
        noise=(128, 240),
    ),
}


@dataclass(frozen=True)
class Artefact:
    """A drawn artefact: all that is needed to put it into a pair.

    Parameters
    ----------
    kind : str
        Key of `ARTEFACT_KINDS`.
    severity : {"mild", "moderate", "severe"}
        How strong it is.
    values : dict of str to float
        The drawn numbers, by the names that `ARTEFACT_KINDS` gives them.
    axis : {0, 1}
        Phase-encoding axis of an MRI: 0 = rows (front to back), 1 = columns (left to right).
    noise : ndarray
        Standard normal numbers, for the samples of the burst or for the rays through metal.

    Examples
    --------
    >>> drawn = draw_artefact("wrap_around", "mild", np.random.default_rng(0))
    >>> drawn.kind, drawn.severity, drawn.axis in (0, 1)
    ('wrap_around', 'mild', True)
    """

    kind: str
    severity: str
    values: dict[str, float]
    axis: int
    noise: NDArray[np.float32]


def draw_artefact(kind: str, severity: str, rng: np.random.Generator) -> Artefact:
    """Draw an artefact; all its random numbers are drawn here.

    Parameters
    ----------
    kind : {"motion_ghosting", "wrap_around", "noise_burst", "metal_streak"}
    severity : {"mild", "moderate", "severe"}
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Artefact

    Raises
    ------
    ValueError
        If kind or severity is not one of these.

    Examples
    --------
    >>> artefact = draw_artefact("motion_ghosting", "severe", np.random.default_rng(0))
    >>> 1.8 <= artefact.values["motion_mm"] <= 2.8
    True
    """
    if kind not in ARTEFACT_KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {list(ARTEFACT_KINDS)}.")
    spec = ARTEFACT_KINDS[kind]
    if severity not in spec.severity:
        raise ValueError(f"severity is {severity!r}; expected one of {list(spec.severity)}.")
    ranges = spec.severity[severity] | spec.form
    values = {name: float(rng.uniform(*limits)) for name, limits in ranges.items()}
    axis = int(rng.integers(2))
    noise = rng.standard_normal(spec.noise, dtype=np.float32)
    return Artefact(kind, severity, values, axis, noise)
