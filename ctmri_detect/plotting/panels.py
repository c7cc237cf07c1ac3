"""Images for HTML pages, as data URIs, and outlines over them."""

from __future__ import annotations

import base64
import io
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage.measure import find_contours

from ctmri_detect.imageops.coverage import resize_mask
from ctmri_detect.plotting.canvas import grey, new_axes, style
from ctmri_detect.plotting.heat import VMAX, VMIN, heat_rgb, opacity
from ctmri_detect.plotting.marks import OUTLINE

Plane = npt.NDArray[Any]
RGB = npt.NDArray[np.uint8]
_SIDE = 256  # pixels: sharp on a phone, and about 5 kB
_QUALITY = 85
_LEVELS = 64  # of a map: steps of 0.14 SD can't be seen, and take a third of the bytes of 256


def grey_panel(plane: Plane, bounds: tuple[float, float]) -> str:
    """A plane as a JPEG, from black to white; "" where nothing was observed."""
    if not np.isfinite(plane).any():
        return ""
    shade = (255 * grey(plane, *bounds)).round().astype(np.uint8)
    return jpeg_source(to_display_size(shade))


def heat_layer(plane: Plane) -> str:
    """An anomaly map to lay over an image: a PNG on the fixed scale, small values transparent."""
    steps = np.linspace(VMIN, VMAX, _LEVELS)
    share = np.nan_to_num((np.asarray(plane, dtype=float) - VMIN) / (VMAX - VMIN))
    levels = (np.clip(share, 0, 1) * (_LEVELS - 1)).round().astype(np.uint8)
    if max(levels.shape) > _SIDE:
        levels = to_display_size(levels)
    image = Image.fromarray(levels).convert("P")
    image.putpalette(heat_rgb(steps[None]).tobytes())
    alpha = (255 * opacity(steps)).round().astype(np.uint8).tobytes()
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", transparency=alpha, optimize=True)
    return _uri(buffer.getvalue(), "png")


def outline_path(mask: Any) -> str:
    """The outlines of a mask as the `d` of an SVG path, one unit per pixel; "" for none.

    Examples
    --------
    >>> outline_path(np.zeros((4, 4), dtype=bool))
    ''
    >>> outline_path(np.eye(3, dtype=bool)[:1])
    'M0.5 1L0 0.5L0.5 0L1 0.5Z'
    """
    if mask is None or not np.any(mask):
        return ""
    padded = np.pad(np.asarray(mask, dtype=float), 1)
    path = []
    for line in find_contours(padded, 0.5):
        # the centre of a pixel lies at a half; the padding moved it by one
        points = (f"{x - 0.5:g} {y - 0.5:g}" for y, x in line[:-1])
        path.append(f"M{'L'.join(points)}Z")
    return "".join(path)


def chart(display: Any, figsize: tuple[float, float] | None) -> dict[str, str]:
    """A display drawn for light and for dark pages; without a size, it makes its own figure."""
    return {theme: _drawn(display, figsize, theme) for theme in ("light", "dark")}


def _drawn(display: Any, figsize: tuple[float, float] | None, theme: str) -> str:
    with style(theme):
        ax = None if figsize is None else new_axes(None, figsize)
        drawn = display.plot(ax)
        figure = drawn.figure_ if ax is None else ax.figure
        buffer = io.BytesIO()
        figure.savefig(buffer, dpi=130, format="png")
    return _uri(buffer.getvalue(), "png")


def to_display_size(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Scale an image so that its longer side has 128 to 256 pixels."""
    height, width = image.shape[:2]
    factor = min(1.0, _SIDE / max(height, width))
    if max(height, width) < _SIDE // 2:
        factor = _SIDE / 2 / max(height, width)
    if factor == 1.0:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)


def outlined(image: RGB, mask: Any) -> RGB:
    """An RGB image with the outline of a mask of any size; unchanged if there is no lesion."""
    if mask is None or not np.any(mask):
        return image
    fitted = resize_mask(np.asarray(mask), image.shape[:2]).astype(np.uint8)
    contours, _ = cv2.findContours(fitted, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    color = tuple(int(OUTLINE[i : i + 2], 16) for i in (1, 3, 5))
    drawn = cv2.drawContours(np.ascontiguousarray(image), contours, -1, color, 1)
    return np.asarray(drawn, dtype=np.uint8)


def jpeg_source(image: npt.NDArray[np.uint8]) -> str:
    """A grey or RGB image as a JPEG in a data URI, for the ``src`` of an ``img``."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    if image.ndim == 3:
        image = np.ascontiguousarray(image[..., ::-1])  # OpenCV writes blue first
        # 4:4:4 keeps thin coloured outlines sharp
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    _, data = cv2.imencode(".jpg", image, options)
    return _uri(data.tobytes(), "jpeg")


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
