"""Images of a report, as data URIs."""

from __future__ import annotations

import base64
import io
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ctmri_detect.imageops.coverage import resize_mask
from ctmri_detect.plotting.canvas import ct_range, grey, new_axes, robust_range, style
from ctmri_detect.plotting.maps import heat_rgb
from ctmri_detect.plotting.marks import OUTLINE

RGB = npt.NDArray[np.uint8]
_SIDE = 256  # pixels: sharp on a phone, and about 10 kB
_QUALITY = 85


def ct_panel(plane: npt.NDArray[Any], units: str | None, mask: Any = None) -> str:
    """The CT in its window, with the true lesion outlined where a mask is given; "" if missing."""
    return _grey_panel(plane, ct_range(plane, units), mask)


def mri_panel(plane: npt.NDArray[Any]) -> str:
    """The MRI; "" if missing."""
    return _grey_panel(plane, robust_range(plane), None)


def heat_panel(plane: npt.NDArray[Any], mask: Any = None) -> str:
    """The anomaly map on the fixed scale, the true lesion outlined."""
    return jpeg_source(outlined(to_display_size(heat_rgb(plane)), mask))


def chart(display: Any, figsize: tuple[float, float]) -> dict[str, str]:
    """A display drawn for light and for dark pages."""
    return {theme: _drawn(display, figsize, theme) for theme in ("light", "dark")}


def _drawn(display: Any, figsize: tuple[float, float], theme: str) -> str:
    with style(theme):
        ax = new_axes(None, figsize)
        display.plot(ax)
        buffer = io.BytesIO()
        ax.figure.savefig(buffer, dpi=130, format="png")
    return _uri(buffer.getvalue(), "png")


def _grey_panel(plane: npt.NDArray[Any], bounds: tuple[float, float], mask: Any) -> str:
    if not np.isfinite(plane).any():
        return ""
    shade = (255 * grey(plane, *bounds)).round().astype(np.uint8)
    return jpeg_source(outlined(to_display_size(np.repeat(shade[..., None], 3, axis=2)), mask))


def to_display_size(image: RGB) -> RGB:
    """Scale an image: its longer side has 128 to 256 pixels afterwards."""
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
    """The image with the outline of a mask of any size; None or an empty mask draws nothing."""
    if mask is None or not np.any(mask):
        return image
    fitted = resize_mask(np.asarray(mask), image.shape[:2]).astype(np.uint8)
    contours, _ = cv2.findContours(fitted, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    color = tuple(int(OUTLINE[i : i + 2], 16) for i in (1, 3, 5))
    drawn = cv2.drawContours(np.ascontiguousarray(image), contours, -1, color, 1)
    return np.asarray(drawn, dtype=np.uint8)


def jpeg_source(image: RGB) -> str:
    """The image as a JPEG in a data URI, for the ``src`` of an ``img``."""
    bgr = np.ascontiguousarray(image[..., ::-1])  # OpenCV writes blue first
    # 4:4:4 keeps thin coloured outlines sharp
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        _QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    _, data = cv2.imencode(".jpg", bgr, options)
    return _uri(data.tobytes(), "jpeg")


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
