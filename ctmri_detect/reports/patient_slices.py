"""The slices of one patient for the page: images, labels, regions."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from ctmri_detect.modalities import Roles
from ctmri_detect.pairs import Pairs
from ctmri_detect.plotting import panels
from ctmri_detect.plotting.canvas import shown_units
from ctmri_detect.plotting.heat import VMAX, VMIN, heat_rgb, opacity
from ctmri_detect.plotting.marks import height_of, height_text
from ctmri_detect.plotting.shown import range_of
from ctmri_detect.preprocessing import CT_WINDOWS
from ctmri_detect.reports.examples import head_box
from ctmri_detect.reports.patient_volume import volume_of
from ctmri_detect.reports.region_words import region_words, side_of

WINDOWS = {name: CT_WINDOWS[name] for name in ("brain", "stroke", "bone")}
"""Level and width, in HU."""
MOST_SLICES = 60
_STRONGEST = 5
_MOST_REGIONS = 8
_LEVELS = 255  # of a map in 8 bits; 0 is "not observed"

Maps = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.floating]]


@dataclass(frozen=True)
class Shown:
    """What the page needs of all samples.

    `names` are labels of samples, or None.
    """

    X: Pairs
    score: npt.NDArray[np.float64]
    p_value: npt.NDArray[np.float64] | None
    regions: pd.DataFrame | None
    maps: Maps
    names: Sequence[str] | None
    orientation: str | None
    ct_units: str | None


def patient_slices(shown: Shown, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    """The slices of these rows in order of height, the number of the strongest, and regions."""
    kept = kept_rows(in_order(shown.X, rows), shown.score)
    maps = np.asarray(shown.maps(kept))
    samples = np.stack([np.asarray(shown.X[int(row)]) for row in kept])
    box = _box(samples, shown.X.roles, shown.ct_units)
    regions, more = _regions(shown, kept, maps, box)
    samples, maps = samples[:, :, *box], maps[:, *box]
    images = zip(
        *[_images(samples[:, i], role, shown.ct_units) for i, role in enumerate(shown.X.roles)],
        strict=True,
    )
    slices = [
        _about(shown, int(row)) | {"planes": each, "heat": heat_image(plane), "peak": _peak(plane)}
        for row, each, plane in zip(kept, images, maps, strict=True)
    ]
    return {
        "slices": slices,
        "volume": volume_of(shown.X, kept, maps.shape[1:]),
        "first": int(np.argmax(shown.score[kept])),
        "regions": regions,
        "more_regions": more,
        "left_out": len(rows) - len(kept),
    }


def in_order(X: Pairs, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rows of one patient, scan by scan, from the lowest slice up; as they came if unknown."""
    frame = X.frame
    if frame is None or "z_mm" not in frame:
        return rows
    place = frame.loc[rows, [name for name in ("volume", "z_mm") if name in frame]]
    return place.sort_values(list(place), kind="stable").index.to_numpy()


def kept_rows(
    rows: npt.NDArray[np.int64], score: npt.NDArray[np.float64], most: int = MOST_SLICES
) -> npt.NDArray[np.int64]:
    """At most `most` rows: evenly spaced ones, and the five with the highest scores.

    Examples
    --------
    >>> kept_rows(np.arange(100), np.arange(100.0), most=8).tolist()
    [0, 49, 95, 96, 97, 98, 99]
    """
    if len(rows) <= most:
        return rows
    even = np.linspace(0, len(rows) - 1, max(most - _STRONGEST, 1)).astype(int)
    strongest = np.argsort(-score[rows], kind="stable")[:_STRONGEST]
    return rows[np.union1d(even, strongest)]


def heat_image(plane: npt.NDArray[Any]) -> str:
    """A map as a grey PNG: 0 is "not observed", 1 to 255 the fixed scale of all maps."""
    share = np.clip((np.asarray(plane, dtype=float) - VMIN) / (VMAX - VMIN), 0, 1)
    levels = np.rint(1 + np.nan_to_num(share) * (_LEVELS - 1))
    levels = np.where(np.isnan(plane), 0, levels).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def heat_colours() -> list[list[int]]:
    """Red, green, blue and opacity of each level of `heat_image`, from 0 to 255."""
    steps = np.linspace(VMIN, VMAX, _LEVELS)
    alpha = np.rint(255 * opacity(steps)).astype(int)
    colours = np.column_stack([heat_rgb(steps[None])[0], alpha])
    return [[0, 0, 0, 0], *colours.tolist()]


def _box(samples: npt.NDArray[Any], roles: Roles, ct_units: str | None) -> tuple[slice, slice]:
    """The part of the images that holds the head in all of these samples."""
    boxes = [head_box(planes, roles, ct_units) for planes in samples]
    ends = [(min(b[i].start for b in boxes), max(b[i].stop for b in boxes)) for i in (0, 1)]
    return slice(*ends[0]), slice(*ends[1])


def _images(
    slices: npt.NDArray[Any], role: str | None, ct_units: str | None
) -> list[dict[str, str]]:
    """One plane of all slices: for a CT in HU an image per window, else one; none if missing.

    A plane without units has the same range in all slices, so that slices and the views across
    them fit together.
    """
    if role != "ct":
        ends = range_of(slices, role)
        return [_kept({"": panels.grey_panel(plane, ends)}) for plane in slices]
    windows = {
        name: (level - width / 2, level + width / 2) for name, (level, width) in WINDOWS.items()
    }
    found = []
    for plane in slices:
        hu = shown_units(plane, ct_units) == "hu"
        every = windows if hu else {"": range_of(plane, role, ct_units)}
        found.append(_kept({name: panels.grey_panel(plane, e) for name, e in every.items()}))
    return found


def _kept(images: dict[str, str]) -> dict[str, str]:
    return {name: image for name, image in images.items() if image}


def _peak(plane: npt.NDArray[Any]) -> list[float]:
    """Where a map is highest, as shares of the height and of the width."""
    place = np.unravel_index(np.argmax(np.nan_to_num(plane, nan=-np.inf)), plane.shape)
    return [round((float(at) + 0.5) / size, 4) for at, size in zip(place, plane.shape, strict=True)]


def _about(shown: Shown, row: int) -> dict[str, str]:
    p_value = "" if shown.p_value is None else f", p = {shown.p_value[row]:.3f}"
    return {"label": _label(shown, row), "score": f"score {shown.score[row]:.1f}{p_value}"}


def _label(shown: Shown, row: int) -> str:
    """The name of a slice, and its height where that is known."""
    height = height_of(shown.X, row)
    name = [] if shown.names is None else [str(shown.names[row])]
    return ", ".join([*name, *([] if height is None else [height_text(height)])])


def _regions(
    shown: Shown,
    kept: npt.NDArray[np.int64],
    maps: npt.NDArray[np.floating],
    box: tuple[slice, slice],
) -> tuple[list[dict[str, Any]], int]:
    """The strongest regions of the shown slices in words, and how many more there are."""
    if shown.regions is None:
        return [], 0
    table = shown.regions[shown.regions["sample"].isin(kept)]
    order = ["strength", "area_px"]  # many reach the end of the scale
    table = table.assign(strength=table["peak"].abs()).sort_values(order, ascending=False)
    number = {int(row): i for i, row in enumerate(kept)}
    found = []
    for region in table.head(_MOST_REGIONS).to_dict("records"):
        place = number[int(region["sample"])]
        side = side_of(float(region["x"]), maps[place], shown.orientation)
        label = _label(shown, int(region["sample"]))
        words = region_words(region, side)
        where = {"slice": place, "place": _place(region, box)}
        found.append(where | {"words": f"{words}; {label}" if label else words})
    return found, max(len(table) - len(found), 0)


def _place(region: dict[Hashable, Any], box: tuple[slice, slice]) -> list[float] | None:
    """The middle of a region, as shares of the height and of the width of the shown image."""
    if "y" not in region:
        return None
    ends = zip((region["y"], region["x"]), box, strict=True)
    shares = [(float(at) + 0.5 - part.start) / (part.stop - part.start) for at, part in ends]
    return [round(min(max(share, 0.0), 1.0), 4) for share in shares]
