"""Grey values on common scales: the CT window and the scaling of the MRI."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._parameters import Constraints, OneOf, SequenceOf, Such, number, percentiles
from ctmri_detect.base import BasePairedTransformer, Traits
from ctmri_detect.ct_units import IS_CT_UNITS
from ctmri_detect.imageops.ct_values import check_ct_values
from ctmri_detect.imageops.percentiles import percentiles_of
from ctmri_detect.modalities import Roles, planes_with

CT_WINDOWS = {
    "brain": (40.0, 80.0),
    "subdural": (75.0, 215.0),
    "stroke": (40.0, 40.0),
    "soft tissue": (40.0, 375.0),
    "bone": (600.0, 2800.0),
}
"""Level and width in HU of the usual windows of head CT. Where Radiopaedia gives a range
(subdural W 130-300 L 50-100, soft tissue W 350-400 L 20-60), this is its middle."""

IQR_PER_SD = 1.349
"""Interquartile range of a normal distribution with standard deviation 1."""

_PAIR = SequenceOf("a pair (level, width)", number(), number(), least=2, most=2)
_WINDOW = [OneOf(*CT_WINDOWS), Such(str(_PAIR), lambda w: _is_pair(w) and w[1] > 0)]
_WINDOWS = SequenceOf("a sequence of these", *_WINDOW)


def _is_pair(value: Any) -> bool:
    return _PAIR.is_satisfied_by(value)


class CTWindow(BasePairedTransformer):
    """Bring the CT planes to 0..1 through a display window, or several at once.

    Everything below the window becomes 0, everything above it 1. Without a window, the contrast of
    brain (about 20 to 45 HU) would be lost beside bone and air. MRI and PET are left as they are.

    Several windows are averaged. Each is a clipped ramp, so their mean is one rising curve
    from HU to 0..1: steep where windows overlap, and never flat inside any of them.
    ``window=("brain", "bone")`` gives brain half of the range and still tells calcification
    from metal. What it costs: each of k windows keeps one k-th of its own contrast.

    When it fails: with ``units="uint8"`` the window was chosen when the images were exported.
    Then `level` and `width` mean nothing, and two exports with different windows can't be
    compared. `transform` raises an `InvalidPairsError` for values that can't be in the units: with
    ``units="uint8"`` more than 1 % of a sample's pixels below 0 or above 255, with either units
    all of them between 0 and 1.

    Parameters
    ----------
    level : float, default=40
        Centre of the window, in HU. Not used with ``units="uint8"``.
    width : float, default=80
        Width of the window, in HU, above 0. A wider window tells calcification from bone, and
        costs contrast between grey and white matter. Not used with ``units="uint8"``.
    units : {"hu", "uint8"}, default="hu"
        Units of the CT, see `ctmri_detect.ct_units`.
    window : str, (level, width), or a sequence of these, default=None
        A name of `CT_WINDOWS` ("brain", "subdural", "stroke", "soft tissue", "bone"), a pair
        of numbers, or several of either, which are averaged. It replaces `level` and `width`, and
        needs ``units="hu"``. None uses `level` and `width`.

    References
    ----------
    The values are the usual ones for the head: Radiopaedia, "Windowing (CT)"; the stroke
    window: P. J. Turner, G. Holdsworth, "CT stroke window settings", Br. J. Radiol. 84 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import CTWindow
    >>> X = np.zeros((1, 2, 1, 4))
    >>> X[0, 0] = [-1000, 0, 40, 1000]
    >>> CTWindow().fit_transform(X)[0, 0]
    array([[0. , 0. , 0.5, 1. ]], dtype=float32)
    >>> CTWindow(window=("brain", "bone")).transform(X)[0, 0].round(2)
    array([[0.  , 0.14, 0.4 , 0.82]], dtype=float32)
    """

    traits = Traits(threadsafe=True, missing_modality=True)
    _parameter_constraints: ClassVar[Constraints] = {
        "level": [number()],
        "width": [number(above=0)],
        "units": [IS_CT_UNITS],
        "window": [*_WINDOW, _WINDOWS, None],
    }

    def __init__(
        self, level: float = 40, width: float = 80, *, units: str = "hu", window: Any = None
    ) -> None:
        self.level = level
        self.width = width
        self.units = units
        self.window = window

    def _check_parameters(self) -> None:
        if self.window is not None and self.units == "uint8":
            raise ValueError(
                f"CTWindow's window is {self.window!r}; expected None with units='uint8': the "
                "window was chosen when the images were exported. Start from Hounsfield units."
            )

    def _units_taken(self) -> str:
        return self.units

    def _units_after(self, ct_units: str | None) -> None:
        return None  # the output, from 0 to 1, is in no units

    def _windows(self) -> list[tuple[float, float]]:
        """Level and width of each window."""
        if self.units == "uint8":
            return [(127.5, 255.0)]
        if self.window is None:
            return [(self.level, self.width)]
        one = isinstance(self.window, str) or _is_pair(self.window)
        given = [self.window] if one else self.window
        return [CT_WINDOWS[w] if isinstance(w, str) else (float(w[0]), float(w[1])) for w in given]

    def _transform_planes(self, X: NDArray[np.float32], roles: Roles) -> NDArray[np.float32]:
        planes = planes_with(roles, "ct")
        check_ct_values(X, self.units, planes=planes)
        out, windows = X.astype(np.float32), self._windows()
        for plane in planes:
            ct = out[:, plane]
            ct[...] = sum(_shown(X[:, plane], *window) for window in windows)
            if len(windows) > 1:
                ct /= np.float32(len(windows))
        return out


def _shown(ct: NDArray[np.float32], level: float, width: float) -> NDArray[np.float32]:
    """From 0 to 1 through one window."""
    shown = ct - np.float32(level - width / 2)
    shown /= np.float32(width)
    return np.clip(shown, 0, 1, out=shown)


class MRIScaler(BasePairedTransformer):
    """Bring the MRI planes of each sample to a common scale, each plane by itself.

    MRI has no absolute unit. By default (``method="iqr"``), in each sample the median of the
    observed pixels becomes 0.5, and a robust standard deviation (interquartile range / 1.349)
    becomes ``0.5 / clip``. So the result lies in 0..1, as a windowed CT does, at a similar
    contrast. It does not depend on gain (above 0) and offset of the input.

    The equation: ``0.5 + z / (2 clip)``, ``z = (x - median) / (IQR / 1.349)`` clipped to
    ``-clip .. clip``. Where the IQR is 0, because more than half of a slice has one value, its
    standard deviation is used; a constant slice becomes 0.5 everywhere.

    When it works: after `BrainMask`, else air and skull set the scale.

    When it fails: a lesion that covers a quarter of the slice moves the quartiles and hides part
    of itself. A bias field is not removed (see `BiasFieldCorrector`).

    Parameters
    ----------
    clip : float, default=5.0
        Values further than this from the median are clipped; in (robust) standard deviations,
        above 0. Lower values give brain more of the range and clip fluid. Not used for
        ``method="percentile"``, unless both percentiles of a slice are equal.
    method : {"iqr", "zscore", "percentile"}, default="iqr"
        "iqr" as above. "zscore" uses mean and standard deviation instead, which a large lesion
        moves more. "percentile" brings two percentiles to 0 and 1 and clips what lies beyond: a
        lesion brighter than the upper percentile can't be told from it. Where both are equal, the
        slice is scaled as by "iqr".
    percentiles : (float, float), default=(1, 99)
        Two rising numbers from 0 to 100, for ``method="percentile"``; ``(0, 100)`` is minimum and
        maximum. Closer ones give brain more of the range and clip more.

    References
    ----------
    Median and interquartile range, as in `sklearn.preprocessing.RobustScaler`. A comparison of
    such methods: J. C. Reinhold et al., "Evaluating the impact of intensity normalization on MR
    image synthesis", SPIE Medical Imaging 2019.

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

    traits = Traits(threadsafe=True, missing_modality=True)
    _parameter_constraints: ClassVar[Constraints] = {
        "clip": [number(above=0)],
        "method": [OneOf("iqr", "zscore", "percentile")],
        "percentiles": [percentiles("two rising numbers from 0 to 100", most=2)],
    }

    def __init__(
        self, *, clip: float = 5.0, method: str = "iqr", percentiles: tuple[float, float] = (1, 99)
    ) -> None:
        self.clip = clip
        self.method = method
        self.percentiles = percentiles

    def _transform_planes(self, X: NDArray[np.float32], roles: Roles) -> NDArray[np.float32]:
        out = X.astype(np.float32)
        for modality in planes_with(roles, "mri"):
            for plane in out[:, modality]:
                self._scale(plane)
        return out

    def _scale(self, plane: NDArray[np.float32]) -> None:
        """Scale one plane in place."""
        observed = np.isfinite(plane)
        values = plane[observed]
        if values.size == 0:
            return
        middle, spread, reach = self._middle_and_spread(values)
        z = (values - middle) / spread if spread > 0 else np.zeros_like(values)
        plane[observed] = 0.5 + np.clip(z, -reach, reach) / (2 * reach)

    def _middle_and_spread(self, values: NDArray[np.float32]) -> tuple[float, float, float]:
        """The value that becomes 0.5, the unit, and how many units lie between 0.5 and 1."""
        if self.method == "zscore":
            return values.mean(dtype=np.float64), values.std(dtype=np.float64), self.clip
        if self.method == "percentile":
            low, high = percentiles_of(values, self.percentiles)
            if high > low:
                return (low + high) / 2, (high - low) / 2, 1.0
        low, middle, high = percentiles_of(values, [25, 50, 75])
        return middle, (high - low) / IQR_PER_SD or values.std(dtype=np.float64), self.clip
