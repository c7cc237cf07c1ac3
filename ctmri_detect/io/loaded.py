"""The Bunch that every loader returns."""

from __future__ import annotations

from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ctmri_detect.pairs import Pairs


def loaded(
    array: Any,
    frame: pd.DataFrame,
    *,
    modalities: tuple[str, ...] | None = None,
    ct_units: str | None,
    paired: bool | None,
    skipped: list[tuple[str, str]],
    description: str,
    target: NDArray[Any] | None = None,
    masks: NDArray[Any] | None = None,
    places: pd.DataFrame | None = None,
    scale: NDArray[Any] | float = 1.0,
    pairing: Any = None,
    orientation: str | None = None,
) -> Bunch:
    """The Bunch of a loader: `Pairs` over an array or memmap, and what is known of them.

    Parameters
    ----------
    array : float32 array or memmap of shape (n, n_planes, height, width)
        It is not copied.
    frame : DataFrame
        One row for each sample. Its `patient` is used if every row has one, and so is its
        `spacing` (mm per pixel of the file).
    modalities : tuple of str, default=None
        Names of the planes. None: those of `array` if it is `Pairs`, else CT and MRI.
    ct_units, paired, skipped, target, masks
        Entries of the Bunch, see ``docs/data.md``.
    description : str
        Becomes `DESCR`.
    places : DataFrame, default=None
        `volume`, `z_mm` and `grid` of each sample, for the frame of the `Pairs`.
    scale : float or array of shape (n, 2), default=1.0
        Pixels of the file in one pixel of `array`, along rows and columns.
    pairing : Verdict or None, default=None
        What `pairing_verdict` returned, if the images were compared.
    orientation : "radiological" or None, default=None
        "radiological": the patient's right is on the left of each image. None: unknown.

    Examples
    --------
    >>> import numpy as np
    >>> frame = pd.DataFrame({"patient": ["p1", "p2"], "spacing": [0.5, 1.0]})
    >>> found = loaded(np.zeros((2, 2, 8, 8)), frame, ct_units="hu", paired=True, skipped=[],
    ...     description="nothing")
    >>> found.data.spacing.tolist(), found.groups.tolist()
    ([[0.5, 0.5], [1.0, 1.0]], ['p1', 'p2'])
    """
    groups = spacing = None
    if frame["patient"].notna().all():
        groups = frame["patient"].to_numpy(dtype=str)
    if frame["spacing"].notna().all():
        spacing = frame["spacing"].to_numpy(dtype=float)[:, None] * scale
    known: dict[str, Any] = {"groups": groups, "spacing": spacing, "frame": places}
    return Bunch(
        data=Pairs(array, modalities=modalities, ct_units=ct_units, **known),
        target=target,
        masks=masks,
        groups=groups,
        frame=frame,
        paired=paired,
        pairing=pairing,
        ct_units=ct_units,
        orientation=orientation,
        skipped=skipped,
        DESCR=description,
    )
