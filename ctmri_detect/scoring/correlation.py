"""How alike z is in slices of one healthy scan, by their distance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_LENGTHS = np.geomspace(0.5, 500.0, 160)  # mm
_BOUND = 9.0  # of |z|, so that one odd slice decides nothing

Floats = npt.NDArray[np.float64]


class Correlation:
    """Correlation of z between slices of one scan, for each layer.

    Parameters
    ----------
    distances : float array (n_pairs,)
        Of pairs of slices, in mm.
    found : float array (n_pairs, n_layers)
        Their correlation, see `slice_correlations`.

    Attributes
    ----------
    share : float array (n_layers,)
        Correlation of two slices that nearly touch; the rest is noise of each slice by itself.
    length : float array (n_layers,)
        Distance in mm over which it falls to 37 % of that.

    Notes
    -----
    ``rho(0) = 1`` and ``rho(d) = share exp(-d / length)``, by least squares. Without any pair,
    share is 1 and length infinite: then the mean of several slices is taken to vary as much as one.

    Examples
    --------
    >>> known = Correlation(np.array([5.0, 10.0]), np.array([[0.4], [0.2]]))
    >>> known.between(np.array([0.0, 5.0]))[..., 0].round(2).tolist()
    [[1.0, 0.4], [0.4, 1.0]]
    """

    def __init__(self, distances: Floats, found: Floats) -> None:
        self.share = np.ones(found.shape[1])
        self.length = np.full(found.shape[1], np.inf)
        if not len(distances):
            return
        fall = np.exp(-distances / _LENGTHS[:, None])
        square = np.maximum((fall**2).sum(axis=1, keepdims=True), 1e-12)
        shares = np.clip(fall @ found / square, 0.0, 1.0)
        wrong = ((found - shares[:, None] * fall[..., None]) ** 2).sum(axis=1)
        best = wrong.argmin(axis=0)
        self.share, self.length = shares[best, np.arange(len(best))], _LENGTHS[best]

    def between(self, z_mm: Floats) -> Floats:
        """Correlations of slices at these heights: float64 ``(m, m, n_layers)``."""
        apart = np.abs(z_mm[:, None] - z_mm)[..., None]
        return np.where(apart > 0, self.share * np.exp(-apart / self.length), 1.0)


def slice_correlations(
    layers: npt.NDArray[np.float32], z_mm: Floats, reach: float
) -> tuple[Floats, Floats]:
    """Distances of all pairs of slices within `reach` mm, and their correlation in each layer.

    Parameters
    ----------
    layers : float32 array (m, n_layers, height, width)
        Of the slices of one healthy scan; NaN where nothing was observed.
    z_mm : float array (m,)
    reach : float

    Returns
    -------
    distances : float64 array (n_pairs,)
    correlations : float64 array (n_pairs, n_layers)
        Over pixels observed in both, with 0 in place of the means; 0 without such pixels.

    Examples
    --------
    >>> layers = np.random.default_rng(0).normal(size=(3, 1, 8, 8)).astype(np.float32)
    >>> layers[1] = 2 * layers[0]
    >>> distances, found = slice_correlations(layers, np.array([0.0, 5.0, 20.0]), 10.0)
    >>> distances.tolist(), found.round(3).tolist()
    ([5.0], [[1.0]])
    """
    first, second = np.triu_indices(len(z_mm), 1)
    apart = np.abs(z_mm[first] - z_mm[second])
    near = (apart > 0) & (apart <= reach)
    first, second = first[near], second[near]
    found = np.zeros((len(first), layers.shape[1]))
    for k in range(layers.shape[1]):
        flat = layers[:, k].reshape(len(layers), -1)
        seen = ~np.isnan(flat)
        z = np.where(seen, np.clip(flat, -_BOUND, _BOUND), 0).astype(np.float32)
        product, power = z @ z.T, (z * z) @ seen.T.astype(np.float32)
        size = np.sqrt(np.maximum(power[first, second] * power[second, first], 1e-12))
        found[:, k] = product[first, second] / size
    return apart[near], found
