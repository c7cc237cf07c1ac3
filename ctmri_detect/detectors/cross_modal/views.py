"""What the prediction of a plane may use, and where it can be made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Block = npt.NDArray[np.float32]  # (n, planes, height, width); NaN where nothing was observed
ViewSet = tuple[str, ...]

_VIEWS: dict[str, ViewSet] = {"mismatch": ("other",), "symmetry": ("mirror",)}


def view_sets_of(evidence: Iterable[str]) -> dict[str, ViewSet]:
    """The view set of each kind of evidence; without kinds that need no prediction.

    Examples
    --------
    >>> view_sets_of(["within", "symmetry", "mismatch"])
    {'mismatch': ('other',), 'symmetry': ('other', 'mirror')}
    """
    chosen, sets = set(evidence), {}
    seen: ViewSet = ()
    for kind, views in _VIEWS.items():  # in this order, so that symmetry joins the mismatch
        if kind in chosen:
            seen = sets[kind] = (*seen, *views)
    return sets


def others(plane: int, n_planes: int) -> list[int]:
    """All planes but one, in their order."""
    return [other for other in range(n_planes) if other != plane]


def predictable(
    X: Block, views: Sequence[str], inputs: Block | None = None
) -> npt.NDArray[np.bool_]:
    """Where each plane of a block can be predicted and compared with what was observed.

    Parameters
    ----------
    X : float32 array (n, planes, height, width)
    views : sequence of {"other", "mirror"}
    inputs : float32 array of the same shape, default=None
        What predictions may use, if that is less than `X`.

    Returns
    -------
    bool array of the shape of `X`
        True where the pixel itself was observed, and another plane ("other") or the mirrored
        pixel ("mirror" alone).

    Examples
    --------
    >>> X = np.array([[[[1, 2]], [[3, np.nan]]]], dtype=np.float32)
    >>> predictable(X, ("other",))[0, :, 0].tolist()
    [[True, False], [True, False]]
    """
    able = ~np.isnan(X)
    sources = able if inputs is None else ~np.isnan(inputs)
    if "other" in views:
        able = able & (sources.sum(axis=1, keepdims=True, dtype=np.int8) > sources)
    if tuple(views) == ("mirror",):
        able = able & sources[..., ::-1]
    return np.asarray(able)
