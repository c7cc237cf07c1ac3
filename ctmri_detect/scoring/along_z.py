"""Z smoothed along a scan, in the unit of a single slice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ctmri_detect.scoring.correlation import Correlation

REACH = 3.0  # standard deviations of the Gaussian; what lies further is left out

Layers = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


class AlongZ:
    """Adds up z of neighbouring slices, in the unit of a single slice.

    Parameters
    ----------
    width_mm : float
        Standard deviation of the Gaussian.
    correlation : Correlation
        Of z in healthy scans.

    Notes
    -----
    With distances ``d_j`` to the slices in which a pixel was observed, itself among them, and
    their correlations ``rho_jk`` in healthy scans::

        w_j = exp(-d_j^2 / (2 width^2)),  0 beyond 3 width
        sd  = sqrt(sum_jk w_j w_k rho_jk)
        z   = sum_j w_j z_j / (sd e(r)),  e(r) = (sqrt(1 - r^2) + r (pi / 2 + arcsin r)) / pi

    ``sd`` is the standard deviation of the sum in healthy scans, and ``r`` its correlation with z
    of the slice alone. ``e(r)`` is the mean of ``max(x y, 0)`` of two normal numbers with unit
    variance and that correlation: so the geometric mean of z alone and this z has the spread of z
    alone, whatever the spacing, at the ends of a scan and beside a gap. A slice without neighbours
    keeps its z.

    Examples
    --------
    >>> along = AlongZ(5.0, Correlation(np.array([5.0]), np.array([[0.0]])))  # noise alone
    >>> layers = np.float32([2, 2, 2]).reshape(3, 1, 1, 1)
    >>> float(along.smooth(layers[:1], np.array([0.0]), 0)[0, 0, 0])
    2.0
    >>> round(float(along.smooth(layers, np.array([0.0, 5.0, 10.0]), 1)[0, 0, 0]), 2)
    4.23
    """

    def __init__(self, width_mm: float, correlation: Correlation) -> None:
        self.width_mm, self.correlation = width_mm, correlation

    @property
    def reach(self) -> float:
        """Distance in mm of the furthest slice that counts."""
        return REACH * self.width_mm

    def smooth(self, layers: Layers, z_mm: Floats, at: int) -> Layers:
        """The layers of one slice, with its neighbours.

        Parameters
        ----------
        layers : float32 array (m, n_layers, height, width)
            Of the slices within reach, ascending; NaN where nothing was observed.
        z_mm : float array (m,)
            Their heights.
        at : int
            Which of them is smoothed.

        Returns
        -------
        float32 array (n_layers, height, width)
            NaN where this slice was not observed.
        """
        if len(z_mm) == 1:
            return np.array(layers[at])
        weights = np.exp(-0.5 * ((z_mm - z_mm[at]) / self.width_mm) ** 2)
        total = np.zeros(layers.shape[1:], np.float32)
        for weight, one in zip(weights.astype(np.float32), layers, strict=True):
            total += weight * np.nan_to_num(one, nan=0.0)
        scale = self._scale(~np.isnan(layers), weights, self.correlation.between(z_mm), at)
        return np.where(np.isnan(layers[at]), np.float32(np.nan), total / scale)

    def _scale(self, seen: npt.NDArray[np.bool_], weights: Floats, rho: Floats, at: int) -> Layers:
        """The divisor of the sum at each pixel; 1 where nothing was seen."""
        out = np.empty(seen.shape[1:], np.float32)
        for k in range(seen.shape[1]):
            if k == 0 or not np.array_equal(seen[:, k], seen[:, k - 1]):
                patterns, which = _patterns(seen[:, k])
                given = patterns * weights
            power = np.einsum("um,mn,un->u", given, rho[..., k], given, optimize=True)
            sd = np.sqrt(np.maximum(power, 1e-12))
            agreement = _agreement(given @ rho[:, at, k] / sd)
            out[k] = np.where(power > 0, sd * agreement, 1.0).astype(np.float32)[which]
        return out


def _agreement(r: Floats) -> Floats:
    """Mean of ``max(x y, 0)`` of normal numbers with unit variance and this correlation.

    Examples
    --------
    >>> _agreement(np.array([1.0, 0.0])).round(3).tolist()
    [1.0, 0.318]
    """
    r = np.clip(r, -1.0, 1.0)
    return np.asarray((np.sqrt(1 - r**2) + r * (np.pi / 2 + np.arcsin(r))) / np.pi)


def _patterns(
    seen: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Which slices ``(n_patterns, m)`` any pixel was observed in, and the pattern of each pixel."""
    packed = np.ascontiguousarray(np.packbits(seen.reshape(len(seen), -1), axis=0).T)
    keys = packed.view([("", np.uint8)] * packed.shape[1]).reshape(-1)
    first, which = np.unique(keys, return_index=True, return_inverse=True)[1:]
    return seen.reshape(len(seen), -1)[:, first].T, which.reshape(seen.shape[1:])
