"""Conditions that spoil the test samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from ctmri_detect.augmentation.variants import KNOTS, surface
from ctmri_detect.ct_units import UINT8_TO_HU
from ctmri_detect.evaluation.conditions import Condition, Image, Rows
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.imageops.warp import warp_observed
from ctmri_detect.modalities import planes_with
from ctmri_detect.pairs import Pairs
from ctmri_detect.validation import MODALITIES, MRI, listed

_WINDOW_HU = 80.0  # width of the usual brain window


@dataclass(frozen=True)
class Noise(Condition):
    """Gaussian noise on all planes.

    `level` is its standard deviation: as a share of 80 HU for the CT (255 for 8-bit images, the
    largest value for other units), and of the slice's 99th percentile for other planes.

    Examples
    --------
    >>> pairs = Pairs(np.full((1, 2, 64, 64), 40.0), ct_units="hu")
    >>> noisy = Noise(0.1).tested(pairs, np.arange(1), seed=0)
    >>> [round(float(plane.std())) for plane in noisy[0]]  # 0.1 x 80 HU, 0.1 x 40
    [8, 4]
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

    Several MRI planes get the same change, because they are taken with one coil. CT and PET stay
    as they are. `level` is the largest natural logarithm of the gain: 0.3 makes places between
    0.74 and 1.35 times as bright.

    Examples
    --------
    >>> pairs = Pairs(np.ones((1, 2, 32, 32)))
    >>> ct, mri = BiasField(0.3).tested(pairs, np.arange(1), seed=0)[0]
    >>> bool((ct == 1).all()), bool(1 < mri.max() < 1.36)
    (True, True)
    """

    name: ClassVar[str] = "bias field"

    def change(self, sample: Image, rng: np.random.Generator, pairs: Pairs) -> Image:
        """See `Condition.change`."""
        coefficients = rng.uniform(-1, 1, (KNOTS, KNOTS))
        gain = surface(coefficients / np.abs(coefficients).max(), sample.shape[1:])
        for plane in _mris(pairs, self.name):
            sample[plane] *= np.exp(self.level * gain)
        return sample


@dataclass(frozen=True)
class Misregistration(Condition):
    """The MRI shifted against the CT, in a random direction.

    `level` is in mm where the pairs know their spacing, else in pixels. Several MRI planes move
    together, because one session takes them all. Masks of lesions and PET planes stay with the CT.
    Where there is no CT, the first plane stays.

    Examples
    --------
    >>> X = np.zeros((1, 2, 9, 9))
    >>> X[:, :, 4, 4] = 1
    >>> ct, mri = Misregistration(2.0).tested(Pairs(X), np.arange(1), seed=0)[0]
    >>> float(ct[4, 4]), float(mri[4, 4])
    (1.0, 0.0)
    """

    name: ClassVar[str] = "misregistration"

    def change(self, sample: Image, rng: np.random.Generator, pairs: Pairs) -> Image:
        """See `Condition.change`."""
        angle = rng.uniform(0, 2 * np.pi)
        spacing = (1.0, 1.0) if pairs.spacing is None else pairs.spacing[0]
        y, x = self.level * np.sin(angle) / spacing[0], self.level * np.cos(angle) / spacing[1]
        shift = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
        stays = (planes_with(pairs.roles, "ct") or (0,))[0]
        moved = [plane for plane in _mris(pairs, self.name) if plane != stays]
        if not moved:
            raise InvalidPairsError(
                f"{', '.join(pairs.modalities)} has no MRI beside the plane that stays; "
                f"{self.name} needs one. Leave this condition out."
            )
        for plane in moved:
            sample[plane] = warp_observed(sample[plane], shift, sample.shape[1:])
        return sample


@dataclass(frozen=True)
class MissingModality(Condition):
    """One plane of every test sample is missing.

    Parameters
    ----------
    level : float, default=1.0
        The share of the test samples that lack it.
    modality : str, default="MRI"
        Name of the plane, such as "FLAIR": one of the `modalities` of the pairs.

    Examples
    --------
    >>> condition = MissingModality(modality="CT")
    >>> ct, mri = condition.tested(Pairs(np.ones((1, 2, 8, 8))), np.arange(1), seed=0)[0]
    >>> condition.name, bool(np.isnan(ct).all()), bool(np.isnan(mri).any())
    ('without CT', True, False)
    """

    level: float = 1.0
    modality: str = MODALITIES[MRI]

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name with the plane, such as "without MRI"."""
        return f"without {self.modality}"

    def change(self, sample: Image, rng: np.random.Generator, pairs: Pairs) -> Image:
        """See `Condition.change`."""
        names = list(pairs.modalities or MODALITIES)
        if self.modality not in names:
            raise InvalidPairsError(
                f"modality is {self.modality!r}; expected one of {', '.join(names)}."
            )
        if rng.random() < self.level:
            sample[names.index(self.modality)] = np.nan
        return sample


@dataclass(frozen=True)
class SliceThickness(Condition):
    """Thicker slices: each is the mean of the patient's slices that a thick one would cover.

    `level` is the thickness, in the unit of the column `slice` of the data's frame: mm for
    `make_phantom_pairs`, numbers of slices for `load_pairs` and `load_volume_pairs`. The thickness
    of the given slices is taken to be the smallest distance between two slices of the patient (and
    of the `volume`, where the pairs know it). Each slice has a weight: how much of it the thick
    one covers. So a level up to that distance changes nothing, and neither does any level for a
    patient's only slice. Pixels and planes that the slice itself lacks stay missing; those that
    its neighbours lack are left out of the mean. Masks of lesions stay those of the slice.

    When it fails: slices far apart show other anatomy, and their mean is no image that a scanner
    gives. A lesion of `make_phantom_pairs` lies in one slice, and its neighbours are healthy. So
    there the curve shows only how a lesion in one slice fades by partial volume, not how one that
    reaches through several slices does.

    Examples
    --------
    >>> X = np.zeros((3, 2, 8, 8))
    >>> X[1] = 3
    >>> pairs = Pairs(X, groups=["p1"] * 3, frame=pd.DataFrame({"slice": [0.0, 5.0, 10.0]}))
    >>> SliceThickness(15.0).tested(pairs, np.arange(3), seed=0)[:, 0, 0, 0].tolist()
    [1.5, 1.0, 1.5]
    """

    name: ClassVar[str] = "slice thickness"

    def tested(self, X: Pairs, rows: Rows, seed: int) -> Image:
        """See `Condition.tested`; `X` holds all tested slices of its patients."""
        place = _places(X, rows)
        out = np.empty(X.shape, dtype=np.float32)
        for _, own in place.groupby(["patient", "volume"], sort=False):
            members = own.index.to_numpy()
            images = np.asarray(X[members])
            seen = ~np.isnan(images)
            weights = _covered(own["slice"].to_numpy(), self.level).astype(np.float32)
            total = np.tensordot(weights, np.where(seen, images, np.float32(0)), axes=1)
            share = np.tensordot(weights, seen.astype(np.float32), axes=1)
            out[members] = np.where(seen, total / np.where(seen, share, np.float32(1)), np.nan)
        return out


def _places(X: Pairs, rows: Rows) -> pd.DataFrame:
    """Patient, volume and place of each sample, or an error that says what is missing."""
    frame = pd.DataFrame() if X.frame is None else X.frame
    place = pd.to_numeric(frame.get("slice", pd.Series(np.nan, range(len(X)))), errors="coerce")
    unknown = rows[place.isna().to_numpy(dtype=bool)]
    if X.groups is None or len(unknown):
        lacking = "place (column 'slice' of the frame) for samples " + listed(unknown)
        raise InvalidPairsError(
            f"The data have no {'patients' if X.groups is None else lacking}; SliceThickness needs "
            "the patient and the place of each slice, in mm or counted. Add them, or leave this "
            "condition out."
        )
    volume = frame["volume"].astype(str) if "volume" in frame else ""
    about = {"patient": X.groups.astype(str), "volume": volume}
    found = pd.DataFrame({**about, "slice": place.to_numpy(dtype=np.float64)})
    return found.sort_values("slice", kind="stable")  # sums in one order, whatever that of X


def _covered(place: npt.NDArray[np.float64], thickness: float) -> npt.NDArray[np.float64]:
    """How much of each slice (column) a thick one at each place (row) covers; rows sum to 1."""
    apart = np.abs(place[:, None] - place)
    own = apart[apart > 0].min() if apart.any() else 1.0
    covered = np.clip((max(thickness, own) + own) / 2 - apart, 0, own)
    return np.asarray(covered / covered.sum(axis=1, keepdims=True))


def _mris(pairs: Pairs, name: str) -> tuple[int, ...]:
    """The MRI planes, or an error that says that there are none."""
    planes = planes_with(pairs.roles, "mri")
    if not planes:
        raise InvalidPairsError(
            f"The planes are {', '.join(pairs.modalities)}; {name} needs an MRI plane. Leave this "
            "condition out."
        )
    return planes


def _range(values: Image, plane: int, pairs: Pairs) -> float:
    units = pairs.ct_units
    if pairs.roles[plane] == "ct" and units:
        return _WINDOW_HU if units == "hu" else _WINDOW_HU / UINT8_TO_HU
    return float(np.nanpercentile(np.abs(values), 99))
