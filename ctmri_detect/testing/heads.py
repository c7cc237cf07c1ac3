"""Small head-like pairs: an ellipse of brain, two ventricles, noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]


def make_heads(n: int = 24, size: int = 32, seed: int = 0, *, mask: bool = True) -> Float:
    """Make aligned pairs of CT and MRI from one simple drawing of tissues.

    They are made in milliseconds and show no real anatomy. Use them in tests only;
    `phantom.make_phantom_pairs` makes heads to measure detectors on.

    Parameters
    ----------
    n : int, default=24
        Pairs.
    size : int, default=32
        Height and width in pixels.
    seed : int, default=0
        Equal seeds give equal pairs.
    mask : bool, default=True
        Whether pixels outside the brain are NaN.

    Returns
    -------
    float32 array (n, 2, size, size)

    Examples
    --------
    >>> make_heads(3, size=16).shape
    (3, 2, 16, 16)
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / (size - 1) * 2 - 1
    out = np.empty((n, 2, size, size), np.float32)
    for pair in out:
        a, b = rng.uniform(0.68, 0.8), rng.uniform(0.85, 0.95)
        brain = (x / a) ** 2 + (y / b) ** 2 < 1
        white = (x / a) ** 2 + (y / b) ** 2 < 0.6
        v = rng.uniform(0.1, 0.16)
        csf = ((np.abs(x) - 0.2) / v) ** 2 + (y / (2 * v)) ** 2 < 1
        tissue = np.where(csf, 0.1, np.where(white, 0.35, 0.5))
        pair[0] = tissue + 0.03 * rng.normal(size=tissue.shape)
        pair[1] = 1.2 - 1.6 * tissue + 0.03 * rng.normal(size=tissue.shape)
        if mask:
            pair[:, ~brain] = np.nan
    return out


def plant(
    pair: Float,
    modality: int,
    *,
    amount: float = 0.5,
    at: tuple[int, int] = (10, 10),
    radius: int = 3,
) -> tuple[Float, npt.NDArray[np.bool_]]:
    """Put a disc of another intensity into one plane of one pair.

    Parameters
    ----------
    pair : float32 array (n_planes, height, width)
        It is left as it is.
    modality : int
        The plane.
    amount : float, default=0.5
        What is added inside the disc.
    at : (int, int), default=(10, 10)
        Row and column of the centre.
    radius : int, default=3
        Pixels.

    Returns
    -------
    pair : float32 array (n_planes, height, width)
        A copy with the disc.
    disc : bool array (height, width)

    Examples
    --------
    >>> pair, disc = plant(np.zeros((2, 20, 20), np.float32), 1, radius=1)
    >>> int(disc.sum()), float(pair[1].sum()), float(pair[0].sum())
    (5, 2.5, 0.0)
    """
    out = pair.copy()
    y, x = np.mgrid[: pair.shape[1], : pair.shape[2]]
    disc = (y - at[0]) ** 2 + (x - at[1]) ** 2 <= radius**2
    out[modality, disc] += amount
    return out, disc
