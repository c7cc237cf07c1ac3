"""Folders with one odd slice, its partner, and a good pair beside them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .case import Case, Check, Outcomes
from .expect import differs, plane_of, slice_is

Array = NDArray[Any]

# what the EXIF and TIFF orientation tag asks to be done (TIFF 6.0, page 36)
TURNS = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: lambda image: np.rot90(image, 1),
}


def noise(case: Case, dtype: Any = np.uint8, shape: tuple[int, ...] = ()) -> Array:
    """Random values over the type's whole range, 3 to 24 pixels a side."""
    shape = shape or (case.whole(3, 24), case.whole(3, 24))
    kind = np.dtype(dtype)
    if kind.kind == "b":
        image = case.rng.random(shape) < 0.5
        image.flat[:2] = (False, True)
        return image
    if kind.kind == "f":
        return (case.rng.normal(size=shape) * case.choice(1, 1000)).astype(kind)
    info = np.iinfo(kind)
    image = case.rng.integers(info.min, info.max, size=shape, dtype=kind, endpoint=True)
    image.flat[:2] = (info.min, info.max)
    return image


def smooth(case: Case, shape: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """A slow slope, which lossy compression keeps."""
    height, width = shape or (case.whole(16, 40), case.whole(16, 40))
    rows, columns = np.mgrid[:height, :width]
    slope = rows * case.rng.uniform(0.2, 1) + columns * case.rng.uniform(0.2, 1)
    return (40 + 170 * slope / slope.max()).astype(np.uint8)


def place(case: Case, ending: str, shape: tuple[int, ...]) -> str:
    """The name of the odd file; its partner and a good pair of this shape are written."""
    odd, other = case.choice(("CT", "MRI"), ("MRI", "CT"))
    partner = case.choice(np.uint8, np.float32, np.int16)
    case.write(f"{other}/1.npy", npy(noise(case, partner, shape[:2])))
    good = noise(case, np.int16, shape[:2])
    for name in ("CT/2.npy", "MRI/2.npy"):
        case.write(name, npy(good))
    case.expect(_rest_is_loaded("CT/2.npy", good), known=False)
    return f"{odd}/1{ending}"


def _rest_is_loaded(path: str, right: Array) -> Check:
    def check(out: Outcomes) -> Iterator[str]:
        outcome = out["load_pairs"]
        if outcome.value is None:
            if "pass size=" not in outcome.text:  # the odd one is readable, of another size
                yield f"the good pair beside it is lost: {outcome.text[:200]}"
            return
        found = plane_of(outcome, path)
        if found is None:
            yield "the good pair beside it is not loaded"
        elif wrong := differs(found, right, 0):
            yield f"the good pair beside it: {wrong}"

    return check


def npy(image: Array) -> bytes:
    """An array as numpy saves it."""
    file = io.BytesIO()
    np.save(file, image)
    return file.getvalue()


def odd_slice(case: Case, ending: str, content: bytes, right: Array, tolerance: float = 0) -> None:
    """A case whose odd file has a known value."""
    name = place(case, ending, right.shape)
    case.write(name, content)
    case.expect(slice_is(name, right, tolerance))
