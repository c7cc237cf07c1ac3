"""Conspicuous regions of signed z-maps, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.measure import label, regionprops

from ctmri_detect._particulars import checked_modalities, checked_spacing

CONSPICUOUS = 4.5
"""Absolute z from which the pixels of a region count."""

TYPES = {
    "sample": "int64", "region": "int64", "modality": "str", "sign": "str",
    "y": "float64", "x": "float64", "area_px": "int64", "area_mm2": "float64", "peak": "float64",
}  # fmt: skip
COLUMNS = list(TYPES)


def region_table(
    z_maps: npt.NDArray[np.float32],
    *,
    threshold: float = CONSPICUOUS,
    min_area: int = 4,
    spacing: npt.ArrayLike | None = None,
    modalities: Sequence[str] | None = None,
    unclipped: npt.NDArray[np.float32] | None = None,
) -> pd.DataFrame:
    """Connected regions brighter or darker than expected, strongest first.

    Of regions with equal peaks, the larger one comes first.

    Parameters
    ----------
    z_maps : float32 array (n, n_planes, height, width)
        Signed; NaN counts as 0.
    threshold : float, default=4.5
        Least absolute z of a region's pixels. At 4.5 a healthy slice of a development phantom has
        about one region, at the customary 3 six: residuals have long tails.
    min_area : int, default=4
        Smaller regions, in pixels, are left out.
    spacing : float, (row, column) or array of shape (n, 2), default=None
        Distance of the pixels in mm.
    modalities : sequence of str, default=None
        Names of the planes. None: two planes are CT and MRI, others "plane 0" and so on.
    unclipped : float32 array (n, n_planes, height, width), default=None
        The z-maps without the bound `MapScoring.clip`, for the peaks: else all strong regions have
        the same. None: the peaks of `z_maps`.

    Returns
    -------
    DataFrame
        One row per region: sample, region (1 is the sample's strongest), modality (such as
        "MRI"), sign ("brighter" or "darker"), y and x (centroid, pixels), area_px, area_mm2
        (only if `spacing` is given), peak (signed z, the largest of the region).

    Examples
    --------
    >>> z = np.zeros((1, 2, 16, 16), np.float32); z[0, 1, 4:7, 8:10] = -5
    >>> region_table(z, spacing=0.5).drop(columns="sample").to_dict("records")
    [{'region': 1, 'modality': 'MRI', 'sign': 'darker', 'y': 5.0, 'x': 8.5, 'area_px': 6,
      'area_mm2': 1.5, 'peak': -5.0}]
    """
    rows, names = [], checked_modalities(modalities, z_maps.shape[1])
    sizes = z_maps if unclipped is None else unclipped
    for sample, (planes, heights) in enumerate(zip(z_maps, sizes, strict=True)):
        for modality, plane, height in zip(names, planes, heights, strict=True):
            for sign, word in ((1, "brighter"), (-1, "darker")):
                rows += [
                    (sample, modality, word, *found)
                    for found in _regions(plane, height, sign, threshold, min_area)
                ]
    columns = [c for c in COLUMNS if c not in ("region", "area_mm2")]
    table = pd.DataFrame(rows, columns=columns)
    order = np.lexsort([-table["area_px"], -table["peak"].abs(), table["sample"]])
    table = table.iloc[order].reset_index(drop=True)
    table.insert(1, "region", table.groupby("sample").cumcount() + 1)
    mm = checked_spacing(spacing, len(z_maps))
    if mm is not None:
        pixel = mm.prod(axis=1)[table["sample"].to_numpy(dtype=int)]
        table["area_mm2"] = table["area_px"] * pixel
    return table[[c for c in COLUMNS if c in table]].astype(
        {name: kind for name, kind in TYPES.items() if name in table}
    )


def _regions(
    plane: npt.NDArray[np.float32],
    height: npt.NDArray[np.float32],
    sign: int,
    threshold: float,
    min_area: int,
) -> Iterator[tuple[float, float, int, float]]:
    """Centroid (y, x), area and peak of each region of one sign."""
    known = plane if threshold > 0 else np.nan_to_num(plane)  # NaN is below any threshold above 0
    high = known >= threshold if sign > 0 else known <= -threshold
    rows, columns = np.flatnonzero(high.any(axis=1)), np.flatnonzero(high.any(axis=0))
    if not len(rows):
        return
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)  # the rest is empty
    regions = regionprops(
        label(high[box]),
        intensity_image=sign * np.nan_to_num(height[box]),
        offset=(int(rows[0]), int(columns[0])),
    )
    for region in regions:
        if region.area >= min_area:
            y, x = region.centroid
            yield y, x, int(region.area), sign * float(region.intensity_max)
