"""Conditions that spoil the test samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ctmri_detect.augmentation.variants import KNOTS, surface
from ctmri_detect.ct_units import UINT8_TO_HU
from ctmri_detect.evaluation.conditions import Condition, Image
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.imageops.warp import warp_observed
from ctmri_detect.pairs import Pairs
from ctmri_detect.validation import CT, MODALITIES, MRI

_WINDOW_HU = 80.0  # width of the usual brain window


@dataclass(frozen=True)
class Noise(Condition):
    """Gaussian noise on both planes.

    `level` is its standard deviation: as a share of 80 HU for the CT (255 for 8-bit images, the
    largest value for other units), and of the slice's 99th percentile for other planes.
    """

    name: ClassVar[str] = "noise"

    def change(self, sample: Image, rng: np.random.Generator, pairs: Pairs) -> Image:
        """See `Condition.change`."""
        noise = rng.standard_normal(sample.shape, dtype=np.float32)
        for plane, values in enumerate(sample):
            if not np.isnan(values).all():
                values += np.float32(self.level * _range(values, plane, pairs)) * noise[plane]
        return sample


@dataclass(frozen=True)
class BiasField(Condition):
    """A smooth change of brightness over the MRI, as of a receive coil.

    `level` is the largest natural logarithm of the gain: .3 makes places between .74 and 1.35
    times as bright.
    """

    name: ClassVar[str] = "bias field"

    def change(self, sample: Image, rng: np.random.Generator, pairs: Pairs) -> Image:
        """See `Condition.change`."""
        coefficients = rng.uniform(-1, 1, (KNOTS, KNOTS))
        gain = surface(coefficients / np.abs(coefficients).max(), sample.shape[1:])
        sample[MRI] *= np.exp(self.level * gain)
        return sample


@dataclass(frozen=True)
class Misregistration(Condition):
    """The MRI shifted against the CT, in a random direction.

    `level` is in mm where the pairs know their spacing, else in pixels. Masks of lesions stay
    with the CT.
    """

    name: ClassVar[str] = "misregistration"

    def change(self, sample: Image, rng: np.random.Generator, pairs: Pairs) -> Image:
        """See `Condition.change`."""
        angle = rng.uniform(0, 2 * np.pi)
        spacing = (1.0, 1.0) if pairs.spacing is None else pairs.spacing[0]
        y, x = self.level * np.sin(angle) / spacing[0], self.level * np.cos(angle) / spacing[1]
        shift = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
        sample[MRI] = warp_observed(sample[MRI], shift, sample.shape[1:])
        return sample


@dataclass(frozen=True)
class MissingModality(Condition):
    """One plane of every test sample is missing.

    Parameters
    ----------
    level : float, default=1.0
        The share of the test samples that lack it.
    modality : str, default="MRI"
        Name of the plane.
    """

    level: float = 1.0
    modality: str = MODALITIES[MRI]

    @property
    def name(self) -> str:  # type: ignore[override]
        """Such as "without MRI"."""
        return f"without {self.modality}"

    def change(self, sample: Image, rng: np.random.Generator, pairs: Pairs) -> Image:
        """See `Condition.change`."""
        names = list(pairs.modalities or MODALITIES)
        if self.modality not in names:
            raise InvalidPairsError(
                f"There is no plane {self.modality!r}; expected one of {', '.join(names)}."
            )
        if rng.random() < self.level:
            sample[names.index(self.modality)] = np.nan
        return sample


def _range(values: Image, plane: int, pairs: Pairs) -> float:
    units = pairs.ct_units
    if plane == CT and (pairs.modalities or MODALITIES)[CT] == MODALITIES[CT] and units:
        return _WINDOW_HU if units == "hu" else _WINDOW_HU / UINT8_TO_HU
    return float(np.nanpercentile(np.abs(values), 99))
