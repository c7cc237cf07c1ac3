"""Grey values on common scales: the CT window and the scaling of the MRI."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.base import BasePairedTransformer
from ctmri_detect.preprocessing._checks import check_ct_units, check_number
from ctmri_detect.validation import CT, MRI

IQR_PER_SD = 1.349
"""Interquartile range of a normal distribution with standard deviation 1."""


class CTWindow(BasePairedTransformer):
    """Bring the CT plane to 0..1 through a display window.

    Everything below the window becomes 0, everything above it 1: the contrast of brain
    (about 20 to 45 HU) would drown beside bone and air otherwise. The MRI is left as it
    is.

    When it fails: with ``units="uint8"`` the window was chosen when the images were
    exported, `level` and `width` then mean nothing, and two exports with different
    windows are not comparable.

    Parameters
    ----------
    level : float, default=40
        Centre of the window, HU. Ignored for 8-bit data.
    width : float, default=80
        Width of the window, HU, above 0. A wider window shows calcification and bone
        apart, and costs contrast between grey and white matter.
    units : {"hu", "uint8"}, default="hu"
        What the CT plane holds: Hounsfield units, or an exported window as 0..255.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import CTWindow
    >>> X = np.zeros((1, 2, 1, 4))
    >>> X[0, 0] = [-1000, 0, 40, 1000]
    >>> CTWindow().fit_transform(X)[0, 0]
    array([[0. , 0. , 0.5, 1. ]], dtype=float32)
    """

    def __init__(self, level: float = 40, width: float = 80, units: str = "hu") -> None:
        self.level = level
        self.width = width
        self.units = units

    def _fit(self, X: Any) -> None:
        check_ct_units(self.units, "units")
        check_number(self.level, "level", -np.inf)
        check_number(self.width, "width", 0, open_end=True)

    def _transform(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        low, width = (0.0, 255.0)
        if self.units == "hu":
            low, width = self.level - self.width / 2, float(self.width)
        out = X.astype(np.float32)
        out[:, CT] = np.clip((out[:, CT] - np.float32(low)) / np.float32(width), 0, 1)
        return out


class MRIScaler(BasePairedTransformer):
    """Bring the MRI plane of each sample to a common scale, robustly.

    MRI has no absolute unit. In each sample the median of the observed pixels becomes 0.5
    and a robust standard deviation (interquartile range / 1.349) becomes ``0.5 / clip``,
    so that the result lies in 0..1 as a windowed CT does, at a similar contrast. Any
    change of brightness and positive contrast of the input changes nothing.

    The equation: ``0.5 + z / (2 clip)``, ``z = (x - median) / (IQR / 1.349)`` clipped to
    ``-clip .. clip``. A slice of which more than half has one and the same value uses its
    standard deviation; a constant slice becomes 0.5 everywhere.

    When it fails: a lesion that covers a quarter of the slice moves the quartiles and
    hides part of itself; a bias field is not removed; put `BrainMask` before it, or air
    and skull set the scale.

    Parameters
    ----------
    clip : float, default=5.0
        Largest distance from the median that is kept, in robust standard deviations,
        above 0. Lower values spend more of the range on brain and saturate fluid.

    References
    ----------
    Median and interquartile range, as in `sklearn.preprocessing.RobustScaler`.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import MRIScaler
    >>> X = np.random.default_rng(0).normal(size=(2, 2, 8, 8))
    >>> scaled = MRIScaler().fit_transform(X)
    >>> brighter = MRIScaler().fit_transform(3 * X + 100)
    >>> np.allclose(scaled[:, 1], brighter[:, 1], atol=1e-4)
    True
    """

    def __init__(self, clip: float = 5.0) -> None:
        self.clip = clip

    def _fit(self, X: Any) -> None:
        check_number(self.clip, "clip", 0, open_end=True)

    def _transform(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        out = X.astype(np.float32)
        for plane in out[:, MRI]:
            self._scale(plane)
        return out

    def _scale(self, plane: NDArray[np.float32]) -> None:
        """Scale one plane in place."""
        observed = np.isfinite(plane)
        values = plane[observed].astype(np.float64)
        if values.size == 0:
            return
        low, middle, high = np.percentile(values, [25, 50, 75])
        spread = (high - low) / IQR_PER_SD or values.std()
        z = (values - middle) / spread if spread > 0 else np.zeros_like(values)
        plane[observed] = 0.5 + np.clip(z, -self.clip, self.clip) / (2 * self.clip)
