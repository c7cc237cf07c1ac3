"""Another grid: resized, or cut and padded."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._parameters import SIZE, Constraints, OneOf, height_and_width
from ctmri_detect.imageops.warp import resize_observed
from ctmri_detect.modalities import Roles
from ctmri_detect.preprocessing._grid import GridStep


class Resize(GridStep):
    """Resize all planes to one height and width.

    When shrinking, a pixel becomes the mean over the area that it covers; otherwise values are
    interpolated linearly. Only observed pixels count, so gaps don't spread: a pixel is observed
    where at least half of its area was.

    When it fails: the aspect ratio changes with the shape, so make pairs square with `CropOrPad`
    first. Observed areas smaller than half an output pixel vanish. Heads keep their own size and
    place in the image: `HeadAligner` brings them to common ones.

    Parameters
    ----------
    size : int or (int, int), default=128
        Height and width of the output, in pixels, at least 1; one number means both. Larger keeps
        finer detail; time and memory of all later steps grow with its square.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import Resize
    >>> X = np.arange(16.0).reshape(1, 1, 4, 4) * np.ones((1, 2, 1, 1))
    >>> small = Resize(2).transform(X)
    >>> small[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    >>> Resize(2).inverse_transform_map(small, X).shape
    (1, 2, 4, 4)
    """

    _parameter_constraints: ClassVar[Constraints] = {"size": SIZE}

    def __init__(self, size: int | tuple[int, int] = 128) -> None:
        self.size = size

    def _grid(self) -> tuple[int, int]:
        return height_and_width(self.size)

    def _transform(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([resize_observed(pair, self._grid()) for pair in X])

    def _scale(self, pair: NDArray[np.float32]) -> tuple[float, float]:
        height, width = self._grid()
        return height / pair.shape[1], width / pair.shape[2]

    def _back(
        self, image: NDArray[np.floating], grid: tuple[int, int], learnt: None
    ) -> NDArray[np.float32]:
        return resize_observed(image, grid)


class CropOrPad(GridStep):
    """Cut or pad all planes to one height and width; no value changes.

    Added pixels are NaN, "not observed". Pixels move by whole numbers, so nothing is interpolated
    and maps come back exactly.

    When it fails: what lies outside the cut is lost, and the next step refuses a sample that has
    no observed pixel left. With ``centre="observed"`` a few stray pixels (a headrest) move the
    cut.

    Parameters
    ----------
    size : int or (int, int), default=256
        Height and width of the output, in pixels, at least 1; one number means both. Larger cuts
        off less; time and memory of all later steps grow with its square.
    centre : {"image", "observed"}, default="image"
        What is put in the middle. "image": the middle of the image, the same cut for all samples.
        "observed": for each sample, the bounding box of the pixels observed in any plane.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import CropOrPad
    >>> X = np.full((1, 2, 3, 5), 7.0)
    >>> squared = CropOrPad(5).transform(X)
    >>> squared.shape, int(np.isnan(squared[0, 0]).sum())
    ((1, 2, 5, 5), 10)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "size": SIZE,
        "centre": [OneOf("image", "observed")],
    }

    def __init__(self, size: int | tuple[int, int] = 256, *, centre: str = "image") -> None:
        self.size = size
        self.centre = centre

    def _grid(self) -> tuple[int, int]:
        return height_and_width(self.size)

    def _transform(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([_moved(pair, self._shift(pair), self._grid()) for pair in X])

    def _back(
        self, image: NDArray[np.floating], grid: tuple[int, int], learnt: tuple[int, int]
    ) -> NDArray[np.float32]:
        down, right = learnt
        return _moved(image, (-down, -right), grid)

    def _learn(self, pair: NDArray[np.float32], roles: Roles) -> tuple[int, int]:
        return self._shift(pair)

    def _shift(self, pair: NDArray[np.float32]) -> tuple[int, int]:
        """Rows down and columns right that a pixel moves."""
        spans = [(0, side) for side in pair.shape[1:]]
        if self.centre == "observed":
            indices = np.nonzero(np.isfinite(pair).any(axis=0))
            spans = [(int(i.min()), int(i.max()) + 1) for i in indices]
        down, right = (
            (side - first - last) // 2
            for side, (first, last) in zip(self._grid(), spans, strict=True)
        )
        return down, right


def _moved(
    image: NDArray[np.floating], shift: tuple[int, int], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """The image on another grid, moved by whole pixels; NaN where it doesn't reach."""
    out = np.full(image.shape[:-2] + shape, np.nan, dtype=np.float32)
    target, source = [], []
    for move, new, old in zip(shift, shape, image.shape[-2:], strict=True):
        first, last = max(0, move), max(0, min(new, old + move))
        last = max(first, last)
        target.append(slice(first, last))
        source.append(slice(first - move, last - move))
    out[..., target[0], target[1]] = image[..., source[0], source[1]]
    return out
