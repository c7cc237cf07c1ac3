"""Rays through an image: line integrals, and the reconstruction of an image from them.

References
----------
.. [1] Kak, Slaney (1988), "Principles of Computerized Tomographic Imaging", chapter 3: the ramp
   filter as samples of its kernel, which keeps the mean.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

__all__ = ["N_ANGLES", "Rays"]

_GRID = 128  # pixels at most, chosen: fast, with streaks a few mm wide
N_ANGLES = 240  # chosen: more than 200 (pi / 2 times the grid), so that no gaps are at its edge
_FINE = 4  # chosen: parts of a detector element, for objects smaller than one
_FOCUS = 0.5  # elements, SD, chosen: blur by focal spot and crosstalk, which prevents aliasing
_WATER = 0.0193  # 1/mm at 70 keV (NIST, X-ray mass attenuation coefficients)


class Rays:
    """Forward projection and reconstruction of images of one shape, on a reduced square grid.

    A ray is a place t on the detector and an angle a, as in scikit-image: the points x, y (to the
    right and down from the middle of the grid) with ``x cos a - y sin a = t``.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the images.
    spacing : float
        mm per pixel.

    Attributes
    ----------
    size : int
        Height and width of the grid, and number of places.
    zoom : float
        Pixels of the image per pixel of the grid.
    t, angles : ndarray of shape (size,), (N_ANGLES,)
        Places in pixels of the grid from its middle; degrees.
    """

    def __init__(self, shape: tuple[int, int], spacing: float) -> None:
        side = max(shape)
        above, left = (side - shape[0]) // 2, (side - shape[1]) // 2
        self._side, self._corner = side, (above, left)
        self._window = (slice(above, above + shape[0]), slice(left, left + shape[1]))
        self.size = min(_GRID, side)
        self.zoom = side / self.size
        self._step = spacing * self.zoom * _WATER / 1000.0  # of a HU over one pixel of the grid
        self.t = np.arange(self.size, dtype=np.float32) - self.size // 2
        # half a step off the axes: rays along an axis would be the only ones without interpolation
        self.angles = (np.arange(N_ANGLES) + 0.5) * (180.0 / N_ANGLES)

    def project(self, excess: NDArray, hit: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Line integrals of an image in HU, in which 0 attenuates nothing.

        Parameters
        ----------
        excess : ndarray of shape (height, width)
        hit : ndarray of bool, shape (size, N_ANGLES)
            The rays to compute.

        Returns
        -------
        ndarray of float32, shape (size, N_ANGLES)
            No unit: attenuation times length; 0 for the other rays.
        """
        square = np.zeros((self._side, self._side), np.float32)
        square[self._window] = excess
        small = cv2.resize(square, (self.size, self.size), interpolation=cv2.INTER_AREA)
        place, angle = np.nonzero(hit)
        turn = np.deg2rad(self.angles).astype(np.float32)[angle, None]
        t, along, middle = self.t[place, None], self.t, np.float32(self.size // 2)
        x = t * (cosine := np.cos(turn)) + along * (sine := np.sin(turn)) + middle
        y = along * cosine - t * sine + middle
        line = np.asarray(cv2.remap(small, x, y, cv2.INTER_LINEAR))
        rays = np.zeros(hit.shape, np.float32)
        rays[hit] = line.sum(axis=1) * np.float32(self._step)
        return rays

    def ellipse(self, y: float, x: float, long: float, short: float, turn: float) -> NDArray:
        """Line integrals of an ellipse of 1 HU, averaged over parts of each detector element.

        Parameters
        ----------
        y, x : float
            Its middle, in pixels of the image.
        long, short : float
            Half axes, in pixels of the image.
        turn : float
            Direction of the long one, radians from x towards y.

        Returns
        -------
        ndarray of shape (size, n_parts, N_ANGLES)
        """
        a, b = long / self.zoom, short / self.zoom
        right = (x + self._corner[1] + 0.5) / self.zoom - 0.5 - self.size // 2
        down = (y + self._corner[0] + 0.5) / self.zoom - 0.5 - self.size // 2
        angle = np.deg2rad(self.angles)
        half = np.hypot(a * np.cos(angle + turn), b * np.sin(angle + turn))  # of its shadow
        middle = right * np.cos(angle) - down * np.sin(angle)
        edges = self.t[0] - 0.5 + np.arange(self.size * _FINE + 1)[:, None] / _FINE
        s = np.clip((edges - middle) / half, -1.0, 1.0)
        below = (s * np.sqrt(1.0 - s**2) + np.arcsin(s)) * a * b  # area on one side of the edge
        fine = np.diff(below, axis=0) * (_FINE * self._step)
        return fine.reshape(self.size, _FINE, N_ANGLES)

    def blur(self, fine: NDArray) -> NDArray:
        """From parts ``(size, n_parts, N_ANGLES)`` to detector elements ``(size, N_ANGLES)``."""
        rays = gaussian_filter1d(fine.reshape(-1, N_ANGLES), _FOCUS * _FINE, axis=0)
        return np.asarray(rays).reshape(fine.shape).mean(axis=1)

    def reconstruct(self, rays: NDArray) -> NDArray[np.float32]:
        """Filtered backprojection [1]_ with a Hann window.

        Parameters
        ----------
        rays : ndarray of shape (size, N_ANGLES)

        Returns
        -------
        ndarray of float32, shape (height, width)
            HU; 0 outside the circle that fits into the grid.
        """
        length = 2 * self.size  # padded: rays of one side must not spill to the other
        n = np.fft.fftfreq(length, 1.0 / length)
        kernel = np.where(n % 2 == 1, -1.0 / (np.pi * np.where(n == 0, 1.0, n)) ** 2, 0.0)
        kernel[0] = 0.25
        frequency = np.fft.rfftfreq(length)[:, None]
        ramp = np.fft.rfft(kernel).real[:, None] * (0.5 + 0.5 * np.cos(2 * np.pi * frequency))
        spectrum = np.fft.rfft(rays, length, axis=0) * ramp
        # Fourier interpolation between elements: linear interpolation would leave moire patterns
        fine = np.fft.irfft(spectrum, length * _FINE, axis=0) * (_FINE * np.pi / N_ANGLES)
        small = self._backproject(fine.T.astype(np.float32)) / np.float32(self._step)
        square = cv2.resize(small, (self._side, self._side), interpolation=cv2.INTER_LINEAR)
        return np.asarray(square, dtype=np.float32)[self._window]

    def _backproject(self, fine: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum of filtered rays ``(N_ANGLES, at least size * n_parts)`` over the grid's circle."""
        x, y = self.t, self.t[:, None]
        row, image = np.zeros((self.size, self.size), np.float32), np.zeros_like(x * y)
        for turn, line in zip(np.deg2rad(self.angles), fine, strict=True):
            t = x * np.float32(np.cos(turn)) - y * np.float32(np.sin(turn))
            place = (t + self.size // 2) * _FINE
            image += cv2.remap(line[None], place, row, cv2.INTER_LINEAR)
        return image * (x**2 + y**2 <= (self.size // 2) ** 2)
