"""Artefacts of the MRI, made where they arise: in k-space or at the edge of the field of view.

The input is a magnitude image, so it has no gaps and no negative values. The output is the
magnitude of what the scanner would have reconstructed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.imageops.brainmask import mri_head_mask
from ctmri_detect.synthesis.artefacts.draw import Artefact

__all__ = ["MRI_ARTEFACTS"]

_FINEST = 0.4  # cycles per pixel, chosen: stripes that the pixels can still show (below 0.5)


def ghosted(image: NDArray, artefact: Artefact, spacing: float) -> NDArray[np.complex128]:
    """The complex image after periodic motion along the phase-encoding axis.

    The head moves by ``d(t)`` while the lines of k-space are acquired one after the other. So the
    line of frequency k is multiplied by ``exp(-2 pi i k d)``. The mean (k = 0) does not change.

    Parameters
    ----------
    image : ndarray of shape (height, width)
    artefact : Artefact
        Of kind "motion_ghosting".
    spacing : float
        mm per pixel.

    Returns
    -------
    ndarray of complex128, shape (height, width)
    """
    n, values = image.shape[artefact.axis], artefact.values
    frequency = np.fft.fftfreq(n, d=spacing)
    order = np.fft.fftshift(np.arange(n))  # lines are acquired from one edge to the other
    turns = values["ghost_mm"] / spacing * np.argsort(order) / n
    moved = values["motion_mm"] * np.sin(2 * np.pi * turns + values["phase"])
    factor = np.exp(-2j * np.pi * frequency * moved)
    lines = np.fft.fft(image, axis=artefact.axis)
    return np.fft.ifft(lines * np.expand_dims(factor, 1 - artefact.axis), axis=artefact.axis)


def _motion_ghosting(image: NDArray, artefact: Artefact, spacing: float) -> NDArray:
    return np.abs(ghosted(image, artefact, spacing))


def _wrap_around(image: NDArray, artefact: Artefact, spacing: float) -> NDArray:
    """Fold the parts of the head beyond a field of view that is too short back into it.

    Every line along the axis is summed with the period of the field of view. So the total stays
    the same, and outside the field of view everything is 0.
    """
    lines = np.moveaxis(image, artefact.axis, 0)
    head = np.flatnonzero(np.moveaxis(mri_head_mask(image), artefact.axis, 0).any(axis=1))
    low, high = (head[0], head[-1] + 1) if len(head) else (0, len(lines))
    excess = min(max(1, round(artefact.values["share"] * (high - low))), high - low - 1)
    start = low + round(artefact.values["side"] * excess)
    length = high - low - excess
    folded = np.zeros_like(lines)
    np.add.at(folded, start + (np.arange(len(lines)) - start) % length, lines)
    return np.moveaxis(folded, 0, artefact.axis)


def _noise_burst(image: NDArray, artefact: Artefact, spacing: float) -> NDArray:
    """Add a run of wrong samples to one line of k-space: stripes over the whole image.

    One sample makes even stripes; several in a row make stripes that get stronger and weaker. Their
    energy is that of one sample of the drawn amplitude. The line k = 0 is never changed, so that
    the burst has no mean.
    """
    values, axis = artefact.values, artefact.axis
    cycles = min(spacing / values["period_mm"], _FINEST)
    step = (cycles * np.sin(values["direction"]), cycles * np.cos(values["direction"]))
    index = [round(s * n) for s, n in zip(step, image.shape, strict=True)]
    spectrum: NDArray = np.zeros(image.shape, complex)
    lines: NDArray = np.moveaxis(spectrum, axis, 0)  # a view
    count = int(np.clip(round(2.0 ** values["log2_samples"]), 1, min(32, lines.shape[1])))
    hit = artefact.noise[0, :count] + 1j * artefact.noise[1, :count]
    run = (index[1 - axis] + np.arange(count)) % lines.shape[1]
    lines[(index[axis] or 1) % len(lines), run] = hit / np.linalg.norm(hit)
    return np.abs(image + np.fft.ifft2(values["amplitude"] * image.sum() * spectrum))


MRI_ARTEFACTS: dict[str, Callable[[NDArray, Artefact, float], NDArray]] = {
    "motion_ghosting": _motion_ghosting,
    "wrap_around": _wrap_around,
    "noise_burst": _noise_burst,
}
