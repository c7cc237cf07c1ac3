"""Masked arrays and torch tensors as plain numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def plain_array(values: Any) -> Any:
    """Masked arrays and torch tensors as plain numpy arrays; anything else as it is.

    Parameters
    ----------
    values : object
        A masked value of a `numpy.ma` array becomes NaN (None if the dtype is not numeric). A
        torch tensor is detached and taken to the CPU; bfloat16, which numpy doesn't have, becomes
        float32. A list or tuple of such arrays becomes a list of plain ones.

    Examples
    --------
    >>> plain_array(np.ma.masked_equal([1, 2, 9], 9))
    array([ 1.,  2., nan])
    """
    if isinstance(values, list | tuple):
        plain = [plain_array(v) for v in values]
        return plain if any(a is not b for a, b in zip(plain, values, strict=True)) else values
    if isinstance(values, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(values)
        if not hidden.any():
            return np.asarray(values.data)
        nothing: Any = np.nan if values.dtype.kind in "fiub" else None
        return np.where(hidden, nothing, values.data)
    if _is_tensor(values):
        values = values.detach().cpu().resolve_conj().resolve_neg()
        return (values.float() if str(values.dtype) == "torch.bfloat16" else values).numpy()
    return values


def _is_tensor(values: object) -> bool:
    """Whether it is a torch tensor; torch is not imported for the question."""
    return any((c.__module__, c.__name__) == ("torch", "Tensor") for c in type(values).__mro__)


def evenly_spaced(n: int, most: int) -> npt.NDArray[np.int64]:
    """At most `most` rows of n samples: the first, the last, and others evenly between them.

    Examples
    --------
    >>> evenly_spaced(9, 3).tolist(), evenly_spaced(2, 3).tolist()
    ([0, 4, 8], [0, 1])
    """
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))
