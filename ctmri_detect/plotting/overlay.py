"""One sample as one PNG: its planes and the anomaly map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ctmri_detect._extras import require
from ctmri_detect.plotting.canvas import row_of_axes, style
from ctmri_detect.plotting.heat import VMAX, VMIN
from ctmri_detect.plotting.maps import AnomalyMapDisplay
from ctmri_detect.plotting.pair import PairDisplay
from ctmri_detect.plotting.shown import GivenRoles, drawn_beneath, named

_DPI = 110
_WIDTH, _HEIGHT = 11 / 3, 3.9  # inches, of each picture in it
_COMPRESSION = 3  # of zlib: twice as fast as the default, and files no larger


def overlay_png(
    planes: Any,
    anomaly_map: Any,
    path: str | Path,
    *,
    title: str | None = None,
    mask: Any = None,
    z_mm: float | None = None,
    modalities: Sequence[str] | None = None,
    roles: GivenRoles = None,
    ct_units: str | None = None,
    vmin: float = VMIN,
    vmax: float = VMAX,
    orientation: str | None = None,
) -> Path:
    """Write the planes of one sample and its anomaly map, side by side, as a PNG.

    Parameters
    ----------
    planes : array of shape (n_planes, height, width)
        One sample of X: CT and MRI, or those that `modalities` names. NaN where nothing was
        observed; a plane of NaN is labelled.
    anomaly_map : array of shape (height, width)
        On the same grid, in standard deviations. It is drawn over the CT, or if there is none over
        the first plane that was observed.
    path : str or Path
        File to write; its folder is made.
    title : str, default=None
        Title of the image, such as file name, rank and score.
    mask : bool array of shape (height, width), default=None
        True lesion, outlined.
    z_mm, modalities, roles, ct_units
        As in `PairDisplay`.
    vmin, vmax : float, default=0.0 and 9.0
        Ends of the colour scale, the same for all samples.
    orientation : str or None, default=None
        As in `PairDisplay`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ImportError
        Without matplotlib; the message is the command that installs it.
    ValueError
        For `planes` of another shape, and as in `PairDisplay` and `AnomalyMapDisplay`.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pair = np.zeros((2, 32, 32))
    ...     overlay_png(pair, pair[0], f"{folder}/pair.png", title="a_001").name
    'pair.png'
    """
    writer = OverlayWriter(
        modalities=modalities,
        roles=roles,
        ct_units=ct_units,
        vmin=vmin,
        vmax=vmax,
        orientation=orientation,
    )
    return writer.write(planes, anomaly_map, path, title=title, mask=mask, z_mm=z_mm)


class OverlayWriter:
    """Write many overlays as `overlay_png` does, but faster: the layout is computed only once.

    Parameters
    ----------
    modalities, roles, ct_units, vmin, vmax, orientation
        As in `overlay_png`; the same for all samples.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> writer, pair = OverlayWriter(), np.zeros((2, 32, 32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [writer.write(pair, pair[0], f"{folder}/{i}.png") for i in range(2)]
    >>> [path.name for path in paths]
    ['0.png', '1.png']
    """

    def __init__(
        self,
        *,
        modalities: Sequence[str] | None = None,
        roles: GivenRoles = None,
        ct_units: str | None = None,
        vmin: float = VMIN,
        vmax: float = VMAX,
        orientation: str | None = None,
    ) -> None:
        self.modalities = modalities
        self.roles = roles
        self.ct_units = ct_units
        self.vmin = vmin
        self.vmax = vmax
        self.orientation = orientation
        self._axes: Any = None
        self._title: Any = None
        self._layout: Any = None  # what the positions of the axes depend on

    def write(
        self,
        planes: Any,
        anomaly_map: Any,
        path: str | Path,
        *,
        title: str | None = None,
        mask: Any = None,
        z_mm: float | None = None,
    ) -> Path:
        """Write one overlay; the parameters are those of `overlay_png`."""
        path, planes = Path(path), np.asarray(planes)
        if planes.ndim != 3:
            raise ValueError(
                f"planes has shape {planes.shape}; expected (n_planes, height, width), one sample: "
                "X[i], or np.stack([ct, mri])."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        agg = require("matplotlib.backends.backend_agg", extra="plot")
        layout = (planes.shape, bool(title))
        laid_out = layout == self._layout
        with style():
            self._layout = None  # if drawing fails, the next overlay gets a new figure
            if not laid_out:
                self._axes = row_of_axes(len(planes) + 1, _WIDTH, _HEIGHT)
                self._axes[0].figure.set_dpi(_DPI)
            self._draw(planes, anomaly_map, mask, z_mm, colorbar=not laid_out)
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

    def _draw(
        self, planes: Any, anomaly_map: Any, mask: Any, z_mm: float | None, *, colorbar: bool
    ) -> None:
        """Draw all images, on axes that may still hold those of another sample."""
        for ax in self._axes:
            for artist in (*ax.images, *ax.texts, *ax.collections):
                artist.remove()
        names, roles = named(len(planes), self.modalities, self.roles)
        shown: dict[str, Any] = {"ct_units": self.ct_units, "orientation": self.orientation}
        PairDisplay(*planes, z_mm=z_mm, modalities=names, roles=roles, **shown).plot(
            self._axes[:-1]
        )
        AnomalyMapDisplay(
            anomaly_map,
            mask=mask,
            vmin=self.vmin,
            vmax=self.vmax,
            **drawn_beneath(planes, names, roles),
            **shown,
        ).plot(self._axes[-1], colorbar=colorbar)
