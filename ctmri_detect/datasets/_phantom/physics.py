"""How the two scanners turn tissue into pixels: signal equation, blur, bias and noise.

Each scanner draws its noise first (`draw_acquisition`) and then applies it (`render_ct`,
`render_mri`), so that a lesion changes nothing but the pixels near it.

References
----------
.. [1] Hashemi, Bradley, Lisanti, "MRI: The Basics": spin-echo signal equation, and usual TR and
   TE of T1-, T2- and proton-density-weighted images at 1.5 T.
.. [2] Kwan, Evans, Pike (1999), IEEE Trans. Med. Imaging 18(11):1085-1097 (BrainWeb): noise of
   some per cent of a reference tissue, "20 %" bias field = a factor of 0.90 to 1.10.
.. [3] Gudbjartsson, Patz (1995), "The Rician distribution of noisy MRI data", Magn. Reson. Med.
   34(6):910-914.
.. [4] Nakamura et al. (2019): noise of head CT, SD 4.02 HU at 120 kV.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ctmri_detect.synthesis.tissues import TISSUES, Tissue

CT_NOISE = 4.0  # HU, SD [4]_
MRI_NOISE = 0.03  # of the white matter's signal [2]_
BIAS = 0.10  # half range of the bias field [2]_
_CT_BLUR = 0.6  # mm, Gaussian sigma of the point spread
_CT_GRAIN = 0.8  # px, Gaussian sigma that correlates the noise (reconstruction kernel)
_MRI_BLUR = 0.5  # mm
_MISREGISTRATION = 0.5  # px, SD along each axis
_CUPPING = 1.5  # HU beside the skull: what is left of beam hardening, fades over 8 mm


@dataclass(frozen=True)
class Sequence:
    """Timing of a spin-echo sequence, ms; with `ti` it is an inversion recovery."""

    tr: float
    te: float
    ti: float | None = None


def _null_time(t1: float, tr: float) -> float:
    """Inversion time at which tissue of relaxation time `t1` gives no signal."""
    return float(t1 * np.log(2.0 / (1.0 + np.exp(-tr / t1))))


SEQUENCES: dict[str, Sequence] = {  # [1]_
    "t1": Sequence(tr=500.0, te=15.0),
    "t2": Sequence(tr=4000.0, te=100.0),
    "pd": Sequence(tr=2500.0, te=20.0),
    "flair": Sequence(tr=9000.0, te=110.0, ti=_null_time(TISSUES["csf"].t1, 9000.0)),
}


@dataclass(frozen=True)
class Scanner:
    """What stays the same over one subject's slices: HU offsets and the MRI scale."""

    hu: dict[str, float]
    mri_scale: float
    bias_strength: float


@dataclass(frozen=True)
class Acquisition:
    """What one slice adds: unit-variance noise of three channels and the MRI's shift (px)."""

    ct_noise: NDArray[np.float32]
    mri_noise: NDArray[np.float32]
    mri_shift: tuple[float, float]


def spin_echo(tissue: Tissue, sequence: Sequence) -> float:
    """Signal of a tissue, relative to fully relaxed water.

    ``PD (1 - exp(-TR/T1)) exp(-TE/T2)``; with an inversion pulse
    ``PD |1 - 2 exp(-TI/T1) + exp(-TR/T1)| exp(-TE/T2)``.
    """
    recovered = np.exp(-sequence.tr / tissue.t1)
    if sequence.ti is None:
        longitudinal = 1.0 - recovered
    else:
        longitudinal = abs(1.0 - 2.0 * np.exp(-sequence.ti / tissue.t1) + recovered)
    return float(tissue.pd * longitudinal * np.exp(-sequence.te / tissue.t2))


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Spread between subjects: calibration, haematocrit, bone density, receiver gain."""
    calibration = rng.normal(0, 1.0)
    hu = {name: tissue.hu + calibration for name, tissue in TISSUES.items()}
    hu["gm"] += 0.5 * (contrast := float(np.clip(rng.normal(0, 0.4), -0.8, 0.8)))
    hu["wm"] -= 0.5 * contrast
    hu["csf"] += rng.uniform(-3.0, 4.0)
    hu["vein"] += np.clip(rng.normal(0, 4.0), -8, 8)
    hu["fat"] += rng.uniform(-20, 20)
    hu["bone"] *= np.exp(np.clip(rng.normal(0, 0.08), -0.18, 0.18))
    hu["diploe"] *= np.exp(np.clip(rng.normal(0, 0.2), -0.4, 0.4))
    hu["air"] = -1000.0
    scale = float(np.exp(rng.uniform(np.log(300.0), np.log(3000.0))))
    return Scanner({k: float(v) for k, v in hu.items()}, scale, float(rng.uniform(0.5, 1.0)))


def draw_acquisition(rng: np.random.Generator, size: int) -> Acquisition:
    """Noise and misregistration of one slice."""
    white = rng.standard_normal((3, size, size), dtype=np.float32)
    shift = np.clip(rng.normal(0, _MISREGISTRATION, 2), -1.5, 1.5)
    grain = _blur(white[0], _CT_GRAIN)
    impulse = np.zeros((33, 33), np.float32)
    impulse[16, 16] = 1.0
    grain /= np.sqrt(np.sum(_blur(impulse, _CT_GRAIN) ** 2))  # back to unit variance
    return Acquisition(grain, white[1:], (float(shift[0]), float(shift[1])))


def _blur(image: NDArray, sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))


def ct_values(fractions: NDArray, depth: NDArray, scanner: Scanner) -> NDArray[np.float32]:
    """Ideal HU of a slice from its tissue fractions, with the cupping beside the skull."""
    values = np.array([scanner.hu[name] for name in TISSUES], np.float32)
    cupping = _CUPPING * np.exp(-np.abs(depth) / 8.0) * (depth < 0)
    return np.tensordot(values, fractions, axes=1) + cupping.astype(np.float32)


def mri_values(fractions: NDArray, sequence: Sequence) -> NDArray[np.float32]:
    """Ideal signal of a slice; voxels that hold several tissues mix their signals."""
    values = np.array([spin_echo(t, sequence) for t in TISSUES.values()], np.float32)
    return np.tensordot(values, fractions, axes=1)


def render_ct(ideal: NDArray, acquisition: Acquisition, spacing: float) -> NDArray[np.float32]:
    """Point spread, then correlated noise; HU."""
    image = _blur(ideal, _CT_BLUR / spacing) + np.float32(CT_NOISE) * acquisition.ct_noise
    return np.maximum(image, np.float32(-1024.0))


def mri_noise_sd(sequence: Sequence, scanner: Scanner) -> float:
    """SD of each of the two noise channels, in the units of the image."""
    return MRI_NOISE * scanner.mri_scale * spin_echo(TISSUES["wm"], sequence)


def render_mri(
    ideal: NDArray,
    acquisition: Acquisition,
    spacing: float,
    scanner: Scanner,
    bias: NDArray,
    noise_sd: float,
) -> NDArray[np.float32]:
    """Shift against the CT, point spread, bias field, Rician noise; arbitrary units."""
    dx, dy = acquisition.mri_shift
    move = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
    height, width = ideal.shape
    moved = cv2.warpAffine(ideal, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    field = 1.0 + BIAS * scanner.bias_strength * np.clip(bias, -1.0, 1.0)
    signal = scanner.mri_scale * field * _blur(np.asarray(moved), _MRI_BLUR / spacing)
    real, imaginary = noise_sd * acquisition.mri_noise
    return np.hypot(signal + real, imaginary).astype(np.float32)
