"""Linear filters along an axis, as products with banded matrices in single precision."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

_TRUNCATE = 4.0  # where a Gaussian ends, in sigmas
_BLOCK = 16  # rows of an operator in one product: few zeros outside the band, few calls

Planes = npt.NDArray[np.float32]
# of each block of rows: the rows, the columns in their reach, that part and its transpose
Operator = tuple[tuple[slice, slice, Planes, Planes], ...]


def blurred(planes: Planes, sigma: float) -> Planes:
    """Gaussian of planes ``(..., height, width)``, reflected at the border; `sigma` in pixels.

    For many planes and few sigmas: the matrices of a sigma are cached. The result of a plane does
    not depend on the other planes, to the last bit.
    """
    if sigma <= 0:
        return planes
    height, width = planes.shape[-2:]
    return across(down(operator(height, sigma), planes), operator(width, sigma))


@lru_cache(maxsize=128)
def operator(size: int, sigma: float, kind: str = "gaussian") -> Operator:
    """Banded matrix of a filter along an axis, cut into blocks of rows.

    A block's product is so short that BLAS uses one thread and one order of summation. The cost
    grows with the band, not with `size`.
    """
    order = 1 if kind == "slope" else 0
    matrix = ndimage.gaussian_filter1d(
        np.eye(size), sigma, axis=0, order=order, mode="reflect", truncate=_TRUNCATE
    )
    if kind == "curvature":
        matrix = sigma**2 * ndimage.correlate1d(matrix, [1, -2, 1], axis=0, mode="mirror")
    reach = int(_TRUNCATE * sigma + 0.5) + 1  # scipy's radius, and one for the curvature
    blocks = []
    for start in range(0, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        rows, columns = slice(start, stop), slice(max(start - reach, 0), stop + reach)
        part = np.ascontiguousarray(matrix[rows, columns], dtype=np.float32)
        blocks.append((rows, columns, part, np.ascontiguousarray(part.T)))
    return tuple(blocks)


def down(operator: Operator, planes: Planes) -> Planes:
    """``A @ plane`` for each plane."""
    out = np.empty(planes.shape, np.float32)
    for rows, columns, part, _ in operator:
        np.matmul(part, planes[..., columns, :], out=out[..., rows, :])
    return out


def across(planes: Planes, operator: Operator, out: Planes | None = None) -> Planes:
    """``plane @ A.T`` for each plane."""
    out = np.empty(planes.shape, np.float32) if out is None else out
    for rows, columns, _, part in operator:
        np.matmul(planes[..., columns], part, out=out[..., rows])
    return out
