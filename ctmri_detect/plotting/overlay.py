"""One PNG of one sample: CT, MRI and heat map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ctmri_detect._extras import require
from ctmri_detect.plotting.canvas import new_axes, style
from ctmri_detect.plotting.maps import VMAX, VMIN, AnomalyMapDisplay
from ctmri_detect.plotting.pair import PairDisplay

_DPI = 110
_COMPRESSION = 3  # of zlib: twice as fast as the default, and files no larger


def overlay_png(
    ct: Any,
    mri: Any,
    anomaly_map: Any,
    path: str | Path,
    *,
    title: str | None = None,
    mask: Any = None,
    z_mm: float | None = None,
    ct_units: str | None = None,
    vmin: float = VMIN,
    vmax: float = VMAX,
    orientation: str | None = None,
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
    z_mm, ct_units
        As in `PairDisplay`.
    vmin, vmax : float, default=0.0 and 9.0
        Ends of the colour scale, the same for all samples.
    orientation : str or None, default=None
        As in `PairDisplay`.

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
    writer = OverlayWriter(ct_units=ct_units, vmin=vmin, vmax=vmax, orientation=orientation)
    return writer.write(ct, mri, anomaly_map, path, title=title, mask=mask, z_mm=z_mm)


class OverlayWriter:
    """Write many overlays, each as `overlay_png` does, on one figure that is laid out once.

    Parameters
    ----------
    ct_units, vmin, vmax, orientation
        As in `overlay_png`; the same for all samples.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> writer, plane = OverlayWriter(), np.zeros((32, 32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [writer.write(plane, plane, plane, f"{folder}/{i}.png") for i in range(2)]
    >>> [path.name for path in paths]
    ['0.png', '1.png']
    """

    def __init__(
        self,
        *,
        ct_units: str | None = None,
        vmin: float = VMIN,
        vmax: float = VMAX,
        orientation: str | None = None,
    ) -> None:
        self.ct_units = ct_units
        self.vmin = vmin
        self.vmax = vmax
        self.orientation = orientation
        self._axes: Any = None
        self._title: Any = None
        self._layout: Any = None  # what the places of the axes depend on

    def write(
        self,
        ct: Any,
        mri: Any,
        anomaly_map: Any,
        path: str | Path,
        *,
        title: str | None = None,
        mask: Any = None,
        z_mm: float | None = None,
    ) -> Path:
        """Write one overlay; the parameters are those of `overlay_png`."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        agg = require("matplotlib.backends.backend_agg", extra="plot")
        layout = (np.shape(ct), np.shape(mri), bool(title))
        laid_out = layout == self._layout
        with style():
            self._layout = None  # where drawing fails, the next overlay gets a new figure
            if not laid_out:
                self._axes = new_axes(None, (11.0, 3.9), columns=3)
                self._axes[0].figure.set_dpi(_DPI)
            for ax in self._axes:
                for artist in (*ax.images, *ax.texts, *ax.collections):
                    artist.remove()
            shown: dict[str, Any] = {"ct_units": self.ct_units, "orientation": self.orientation}
            PairDisplay(ct, mri, z_mm=z_mm, **shown).plot(self._axes[:2])
            AnomalyMapDisplay(
                anomaly_map, ct, mask=mask, vmin=self.vmin, vmax=self.vmax, **shown
            ).plot(self._axes[2], colorbar=not laid_out)
            figure = self._axes[0].figure
            if title and not laid_out:
                self._title = figure.suptitle(title, fontsize="large", parse_math=False)
            elif title:
                self._title.set_text(title)
            canvas = agg.FigureCanvasAgg(figure)
            canvas.draw()
            figure.set_layout_engine("none")
        image = np.asarray(canvas.buffer_rgba())[..., :3]
        Image.fromarray(image).save(path, format="PNG", compress_level=_COMPRESSION)
        self._layout = layout
        return path
