"""How the two scanners turn tissue into pixels: signal equation, blur, bias and noise.

The noise of each scanner is drawn first (`draw_acquisition`) and applied later (`render_ct`,
`render_mri`), so that a lesion changes only the pixels near it.

References
----------
.. [1] Riederer, Pelc, Chesler (1978), "The noise power spectrum in computed X-ray tomography",
   Phys. Med. Biol. 23(3):446-454: a ramp times the square of the kernel's transfer function.
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
from scipy import fft

from ctmri_detect.synthesis.insertion import POINT_SPREAD
from ctmri_detect.synthesis.signals import Protocol
from ctmri_detect.synthesis.tissues import TISSUES
from ctmri_detect.validation import CT, MRI

CT_NOISE = 4.0  # HU, SD [4]_
MRI_NOISE = 0.03  # of the white matter's signal [2]_
BIAS = 0.10  # half range of the bias field [2]_
_MISREGISTRATION = 0.7  # mm, SD along each axis: registered pairs are usually 1-2 mm off (chosen)
_CUPPING = 1.5  # HU beside the skull, what is left of beam hardening; it fades over 8 mm


@dataclass(frozen=True)
class Scan:
    """What all slices of one subject and sequence share: gain, bias, shift (mm)."""

    scale: float
    bias_strength: float
    shift: tuple[float, float]


@dataclass(frozen=True)
class Scanner:
    """What all slices of one subject share: HU, and the scan of the (first) MRI sequence."""

    hu: dict[str, float]
    scan: Scan


@dataclass(frozen=True)
class Acquisition:
    """The noise of one slice, with variance 1: one channel for CT, two for each MRI sequence."""

    ct_noise: NDArray[np.float32]
    mri_noise: tuple[NDArray[np.float32], ...]


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Draw what differs between subjects: calibration, haematocrit, bone density, gain."""
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
    scan = draw_scan(rng, (0.0, 0.0), _MISREGISTRATION)
    return Scanner({k: float(v) for k, v in hu.items()}, scan)


def draw_scan(rng: np.random.Generator, about: tuple[float, float], spread: float) -> Scan:
    """Draw one sequence; its shift lies around `about` (mm), with SD `spread` along each axis."""
    scale = float(np.exp(rng.uniform(np.log(300.0), np.log(3000.0))))
    x, y = np.clip(rng.normal(0, spread, 2), -2.0, 2.0)
    bias_strength = float(rng.uniform(0.5, 1.0))
    return Scan(scale, bias_strength, (about[0] + float(x), about[1] + float(y)))


def draw_acquisition(rng: np.random.Generator, size: int, spacing: float) -> Acquisition:
    """Noise of one slice of CT and of one MRI sequence."""
    white = rng.standard_normal((3, size, size), dtype=np.float32)
    return Acquisition(_grain(white[0], spacing), (white[1:],))


def _grain(white: NDArray[np.float32], spacing: float) -> NDArray[np.float32]:
    """White noise with the spectrum of a filtered back projection [1]_, with variance 1."""
    height, width = white.shape
    along = fft.rfftfreq(width, spacing)
    frequency = np.hypot(fft.fftfreq(height, spacing)[:, None], along)  # cycles per mm
    power = frequency * np.exp(-((2 * np.pi * POINT_SPREAD[CT] * frequency) ** 2))
    twice = np.full(len(along), 2.0)  # rfft returns one half of the spectrum: count it twice
    twice[0] = 1.0
    twice[-1] = 1.0 if width % 2 == 0 else 2.0
    power /= (power * twice).sum() / (height * width)
    spectrum = fft.rfft2(white) * np.sqrt(power).astype(np.float32)
    return fft.irfft2(spectrum, s=white.shape).astype(np.float32)


def _blur(image: NDArray, sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))


def ct_values(
    fractions: NDArray, depth: NDArray, scanner: Scanner, cupping: bool
) -> NDArray[np.float32]:
    """Ideal HU of a slice from its tissue fractions, with or without cupping."""
    values = np.array([scanner.hu[name] for name in TISSUES], np.float32)
    ideal = np.tensordot(values, fractions, axes=1)
    if cupping:
        ideal += (_CUPPING * np.exp(-np.abs(depth) / 8.0) * (depth < 0)).astype(np.float32)
    return ideal


def mri_values(fractions: NDArray, protocol: Protocol) -> NDArray[np.float32]:
    """Ideal signal of a slice; in voxels with several tissues, signals are mixed."""
    values = np.array(list(protocol.healthy.values()), np.float32)
    return np.tensordot(values, fractions, axes=1)


def render_ct(ideal: NDArray, acquisition: Acquisition, spacing: float) -> NDArray[np.float32]:
    """Point spread, then correlated noise; HU."""
    image = _blur(ideal, POINT_SPREAD[CT] / spacing) + np.float32(CT_NOISE) * acquisition.ct_noise
    return np.maximum(image, np.float32(-1024.0))


def mri_noise_sd(protocol: Protocol, scan: Scan) -> float:
    """SD of each of the two noise channels, in the units of the image."""
    return MRI_NOISE * scan.scale * protocol.healthy["wm"]


def render_mri(
    ideal: NDArray,
    noise: NDArray,
    spacing: float,
    scan: Scan,
    bias: NDArray,
    noise_sd: float,
) -> NDArray[np.float32]:
    """Shift against the CT, point spread, bias field, Rician noise; arbitrary units."""
    dx, dy = (float(shift) / spacing for shift in scan.shift)
    move = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
    height, width = ideal.shape
    moved = cv2.warpAffine(ideal, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    field = 1.0 + BIAS * scan.bias_strength * np.clip(bias, -1.0, 1.0)
    signal = scan.scale * field * _blur(np.asarray(moved), POINT_SPREAD[MRI] / spacing)
    real, imaginary = noise_sd * noise
    return np.hypot(signal + real, imaginary).astype(np.float32)
