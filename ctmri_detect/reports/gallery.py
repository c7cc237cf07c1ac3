"""The example images of the report, as the template takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch

from ctmri_detect.evaluation import BenchmarkResult
from ctmri_detect.plotting import panels
from ctmri_detect.plotting.canvas import RANGES, shown_units
from ctmri_detect.plotting.heat import VMAX, VMIN
from ctmri_detect.plotting.marks import side_letters
from ctmri_detect.plotting.shown import plane_beneath, range_of
from ctmri_detect.reports.examples import (
    Example,
    has_threshold,
    orientation_of,
    readable,
    shown_as,
    shown_detectors,
    typical_examples,
    worst_examples,
)
from ctmri_detect.reports.tables import scale_stops


def gallery(result: BenchmarkResult, data: Bunch, n_examples: int | None) -> dict[str, Any]:
    """Misses and false alarms of the best detector, and the examples chosen before scoring."""
    units = shown_as(data)
    names = shown_detectors(result)
    missed, alarms = worst_examples(result, data, names[0]) if names else ([], [])
    typical = typical_examples(result, data, n_examples) if names else []
    every = [*missed, *alarms, *typical]
    seen = [plane for each in every for plane in _cts(each) if np.isfinite(plane).any()]
    hu = bool(seen) and all(shown_units(plane, units) == "hu" for plane in seen)
    return {
        "typical": [_shown(each, units, hu) for each in typical],
        "missed": [_shown(each, units, hu) for each in missed],
        "alarms": [_shown(each, units, hu) for each in alarms],
        "detectors": names,
        "has_threshold": bool(names) and has_threshold(result, names[0]),
        "sides": side_letters(orientation_of(data)),
        "masks": getattr(data, "masks", None) is not None,
        "windows": {k: f"{a:g} to {b:g}" for k, (a, b) in RANGES.items()} if hu else {},
        "scale": {"low": VMIN, "high": VMAX, "stops": scale_stops()},
    }


def _cts(example: Example) -> list[npt.NDArray[Any]]:
    return [p for p, role in zip(example.planes, example.roles, strict=True) if role == "ct"]


def _shown(example: Example, units: str | None, hu: bool) -> dict[str, Any]:
    """Heading, planes, outline and maps of one example."""
    parts = zip(example.names, example.planes, example.roles, strict=True)
    planes = [_plane(name, plane, role, units, hu) for name, plane, role in parts]
    beneath = plane_beneath(example.planes, example.roles)
    height, width = example.planes.shape[1:]
    return {
        "heading": example.heading,
        "planes": [plane | {"beneath": i == beneath} for i, plane in enumerate(planes)],
        "beneath": planes[beneath],
        "width": width,
        "height": height,
        "outline": panels.outline_path(example.mask),
        "maps": [
            {
                "name": name,
                "src": panels.heat_layer(plane),
                "alt": f"Anomaly map of {name} over the {example.names[beneath]}. "
                f"{readable(example.heading)}: {example.verdicts[name]}.",
                "note": example.verdicts[name],
            }
            for name, plane in example.maps.items()
        ],
    }


def _plane(
    name: str, plane: npt.NDArray[Any], role: str | None, units: str | None, hu: bool
) -> dict[str, Any]:
    """One plane: its image, and those of the other windows of a CT in HU."""
    source = panels.grey_panel(plane, range_of(plane, role, units))
    # the image for the first window is already on the page
    others = list(RANGES.items())[1:] if hu and source and role == "ct" else []
    windows = {name: panels.grey_panel(plane, ends) for name, ends in others}
    return {"name": name, "src": source, "windows": windows, "ct": role == "ct"}
