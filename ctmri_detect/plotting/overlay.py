"""One PNG of one sample: CT, MRI and heat map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ctmri_detect._extras import require
from ctmri_detect.plotting.canvas import new_axes, style
from ctmri_detect.plotting.maps import VMAX, VMIN, AnomalyMapDisplay
from ctmri_detect.plotting.pair import PairDisplay


def overlay_png(
    ct: Any,
    mri: Any,
    anomaly_map: Any,
    path: str | Path,
    *,
    title: str | None = None,
    mask: Any = None,
    ct_units: str | None = None,
    vmin: float = VMIN,
    vmax: float = VMAX,
) -> Path:
    """Write CT, MRI and the anomaly map over the CT, side by side, as a PNG.

    Parameters
    ----------
    ct, mri : array of shape (height, width)
        NaN where nothing was observed; a plane of NaN is labelled.
    anomaly_map : array of shape (height, width)
        On the same grid; drawn over the CT, on black where the CT is missing.
    path : str or Path
        File to write; its folder is made.
    title : str, default=None
        Such as file name, rank and score.
    mask : bool array of shape (height, width), default=None
        True lesion, outlined.
    ct_units : {"hu", "uint8"} or None, default=None
        As in `PairDisplay`.
    vmin, vmax : float, default=0.0 and 6.0
        Ends of the colour scale, the same for all samples.

    Returns
    -------
    Path
        The file.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plane = np.zeros((32, 32))
    ...     overlay_png(plane, plane, plane, f"{folder}/pair.png", title="a_001").name
    'pair.png'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    require("matplotlib", extra="plot")
    with style():
        axes = new_axes(None, (11.0, 3.9), columns=3)
        PairDisplay(ct, mri, ct_units=ct_units).plot(axes[:2])
        AnomalyMapDisplay(anomaly_map, ct, mask=mask, ct_units=ct_units, vmin=vmin, vmax=vmax).plot(
            axes[2]
        )
        if title:
            axes[0].figure.suptitle(title, fontsize="large", parse_math=False)
        axes[0].figure.savefig(path, dpi=110, format="png")
    return path
