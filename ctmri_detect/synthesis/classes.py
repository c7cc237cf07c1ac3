"""Fluid, grey and white matter of a pair, and the MRI sequence that shows them so.

References
----------
.. [1] Zhang, Brady, Smith (2001), "Segmentation of brain MR images through a hidden Markov random
   field model", IEEE Trans. Med. Imaging 20(1):45-57: tissue classes as a Gaussian mixture (here
   without the field).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from ctmri_detect.exceptions import InjectionError
from ctmri_detect.synthesis.signals import make_protocol
from ctmri_detect.synthesis.tissues import TISSUES
from ctmri_detect.validation import CT, MRI

__all__ = ["TISSUE_NAMES", "Classes", "find_classes"]

TISSUE_NAMES: tuple[str, ...] = ("csf", "wm", "gm")
_MOST_PIXELS = 6000  # more only cost time
_CT_RANGE = (-5.0, 75.0)  # HU of brain and its fluid; beyond lie fat, blood and bone


@dataclass(frozen=True)
class Classes:
    """Three classes of pixels.

    Parameters
    ----------
    shares : ndarray of shape (3, height, width)
        Probability of each class; 0 outside the brain.
    means : ndarray of shape (3, 2)
        CT (HU) and MRI of each class; NaN for a missing plane.
    """

    shares: NDArray[np.float32]
    means: NDArray[np.float64]

    def agreement(self, sequence: str) -> tuple[float, tuple[str, ...]]:
        """How well the best naming of the classes agrees with physics, and that naming.

        The sum of the correlations of CT and MRI with the levels that the tissues should have.
        """
        healthy = make_protocol(sequence).healthy
        expected = np.array([[TISSUES[t].hu, healthy[t]] for t in TISSUE_NAMES])
        best, naming = -np.inf, tuple(TISSUE_NAMES)
        for order in permutations(range(3)):
            total = sum(
                _correlation(self.means[:, plane], expected[list(order), plane])
                for plane in (CT, MRI)
            )
            if total > best:
                best, naming = total, tuple(TISSUE_NAMES[k] for k in order)
        return best, naming

    def named(self, sequence: str) -> dict[str, NDArray[np.float32]]:
        """Share of each tissue by name."""
        _, naming = self.agreement(sequence)
        return {name: self.shares[naming.index(name)] for name in TISSUE_NAMES}

    def likeliest_sequence(self, sequences: Sequence[str]) -> str:
        """The sequence with the best agreement."""
        return max(sequences, key=lambda name: self.agreement(name)[0])


def _correlation(measured: NDArray, expected: NDArray) -> float:
    """Pearson's; 0 for a plane that is missing or does not vary."""
    if not np.isfinite(measured).all() or np.ptp(measured) == 0:
        return 0.0
    return float(np.corrcoef(measured, expected)[0, 1])


def find_classes(calm: NDArray, brain: NDArray[np.bool_], core: NDArray[np.bool_]) -> Classes:
    """Three classes of brain pixels by a Gaussian mixture [1]_ of both planes.

    Parameters
    ----------
    calm : ndarray of shape (2, height, width)
        The pair without noise, CT in HU.
    brain, core : bool ndarray of shape (height, width)
        Where classes are wanted, and where they are learned.

    Returns
    -------
    Classes

    Raises
    ------
    InjectionError
        Where there is nothing to tell apart.
    """
    planes = {CT: np.clip(calm[CT], *_CT_RANGE), MRI: calm[MRI]}
    used = [k for k, plane in planes.items() if np.isfinite(plane[core]).all()]
    if not any(np.ptp(planes[k][core]) > 0 for k in used):
        raise InjectionError("its brain shows nothing but one value")
    values = np.stack([planes[k][brain] for k in used], axis=1)
    inner = np.stack([planes[k][core] for k in used], axis=1)
    centre, scale = inner.mean(axis=0), np.maximum(inner.std(axis=0), 1e-6)
    mixture = GaussianMixture(3, reg_covar=1e-3, random_state=0)
    mixture.fit(((inner - centre) / scale)[:: max(1, len(inner) // _MOST_PIXELS)])
    known = np.isfinite(values).all(axis=1)
    found = np.zeros((known.size, 3), np.float32)
    found[known] = mixture.predict_proba((values[known] - centre) / scale)
    shares = np.zeros((3, *brain.shape), np.float32)
    shares[:, brain] = found.T
    means = np.full((3, 2), np.nan)
    means[:, used] = mixture.means_ * scale + centre
    return Classes(shares, means)
