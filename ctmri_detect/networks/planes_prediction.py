"""Inputs of a network for all planes at some pixels, and its predictions there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ctmri_detect.networks.columns import with_ones

Array = npt.NDArray[np.float32]
_CHUNK = 1024  # pixels at a time: their activations stay in the cache


class Columns(NamedTuple):
    """Inputs of the network at some pixels or cells, one after the other in the last axis.

    Attributes
    ----------
    features : float32 array (n_planes, n_features, n)
        0 where a plane was not seen.
    seen : float32 array (n_planes, n)
        1 where the plane was seen, else 0; shares of a mean in between.
    own : float32 array (n_planes, n_own, n)
    """

    features: Array
    seen: Array
    own: Array

    def table(self) -> Array:
        """A row for each pixel, ``(n, n_columns)``, as the network is trained on."""
        n = self.seen.shape[1]
        sources = np.concatenate([self.features, self.seen[:, None]], axis=1)
        parts = [part.reshape(-1, n) for part in (sources, self.own)]
        return np.ascontiguousarray(np.concatenate(parts).T)


class Layers(NamedTuple):
    """Weights for `predict_planes`, ``z / 6 + 1 / 2`` in place of each hidden ``z``."""

    shared: Array  # (n_planes, width, n_features + 1)
    first: Array  # (n_planes, width, n_own + 1), the bias last
    second: Array  # (n_planes, width, width + 1)
    last: Array  # (n_planes, 2 * n_values, width + 1)


def predict_planes(layers: Layers, columns: Columns, targets: Sequence[int]) -> tuple[Array, Array]:
    """Mean and log-variance of each target, ``(n_targets, n_values, n)`` each.

    The features of a plane don't change its own prediction by one bit.
    """
    n = columns.seen.shape[1]
    out = np.empty((len(targets), layers.last.shape[1], n), np.float32)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        here = Columns(*(array[..., part] for array in columns))
        for k, target, total in _sums_of_others(layers.shared, here, targets):
            total += layers.first[target] @ with_ones(here.own[target])
            x = _activated(total)
            y = _activated(layers.second[target] @ x)
            out[k][:, part] = layers.last[target] @ y
    mean, log_variance = np.split(out, 2, axis=1)
    return mean, np.clip(log_variance, -10, 10)


def _sums_of_others(
    shared: Array, columns: Columns, targets: Sequence[int]
) -> Iterator[tuple[int, int, Array]]:
    """For each target its place among the targets, itself, and what all others add up to.

    Sums from the left and from the right, not the sum of all minus the own: the rounding error of a
    plane of very large values would stay in it.
    """
    n_planes, n = columns.seen.shape
    width = shared.shape[1]
    last = max(targets)
    right = np.zeros((n_planes + 1, width, n), np.float32)
    each = [_embedded(shared, columns, plane) for plane in range(n_planes)]
    for plane in range(n_planes - 1, min(targets), -1):
        np.add(right[plane + 1], each[plane], out=right[plane])
    left = np.zeros((width, n), np.float32)
    for plane in range(last + 1):
        if plane in targets:
            yield targets.index(plane), plane, left + right[plane + 1]
        left += each[plane]


def _embedded(shared: Array, columns: Columns, plane: int) -> Array:
    weights = shared[plane]
    if not columns.seen[plane].any():
        return np.zeros((len(weights), columns.seen.shape[1]), np.float32)
    out: Array = weights[:, :-1] @ columns.features[plane]
    out += weights[:, -1:] * columns.seen[plane]
    return out


def _activated(u: Array) -> Array:
    """A sixth of Hardswish of z, from ``z / 6 + 1 / 2``, and a row of ones."""
    out = np.empty((len(u) + 1, u.shape[1]), np.float32)
    out[-1] = 1
    np.clip(u, 0, 1, out=out[:-1])
    u -= np.float32(0.5)
    out[:-1] *= u
    return out
