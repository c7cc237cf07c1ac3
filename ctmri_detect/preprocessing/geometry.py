"""The head upright, centred and scaled to a common box."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._parameters import Constraints, integer, number
from ctmri_detect.base import Block
from ctmri_detect.imageops.headpose import HeadPose, estimate_pose
from ctmri_detect.imageops.warp import unwarp_observed, warp_observed
from ctmri_detect.modalities import Roles
from ctmri_detect.preprocessing._grid import GridStep


class HeadAligner(GridStep):
    """Turn each head upright, with the midline on the centre column, in a box of one size.

    Comparisons with the mirrored hemisphere, and with other patients at the same place, need
    this. The midline is the line about which the observed pixels resemble their mirror image most
    (`ctmri_detect.imageops.headpose.estimate_pose`). It is looked for in the CT; where a sample
    has none, in its first plane. All planes are warped by the same matrix, with the same scale in
    both directions. Pixels that were not observed don't spread.

    How a sample is moved depends on that sample alone, so `inverse_transform_map` needs no fit.

    When it works: after `BrainMask`. Without a mask the air counts as observed, and the box holds
    the whole slice.

    When it fails: a mass that pushes the midline aside, or a mask that misses one side, turns the
    head a little wrongly.

    Parameters
    ----------
    size : int, default=128
        Height and width of the box, in pixels, at least 8. Larger keeps finer detail; time and
        memory of all later steps grow with its square.
    fill : float, default=0.9
        The larger side of the observed area, as a share of the side of the box, above 0 and at
        most 1. Higher uses more pixels for the head and leaves less room around it.

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing import HeadAligner
    >>> y, x = np.mgrid[:100, :100]
    >>> brain = np.hypot((y - 60) / 30, (x - 40) / 24) < 1
    >>> X = np.where(brain, 1.0, np.nan) * np.ones((1, 2, 1, 1))
    >>> aligner = HeadAligner(size=64).fit(X)
    >>> boxed = aligner.transform(X)
    >>> boxed.shape, float(np.isfinite(boxed[0, 0]).any(axis=1).mean().round(1))
    ((1, 2, 64, 64), 0.9)
    >>> aligner.inverse_transform_map(boxed, X).shape
    (1, 2, 100, 100)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "size": [integer(8)],
        "fill": [number(above=0, most=1)],
    }

    def __init__(self, size: int = 128, *, fill: float = 0.9) -> None:
        self.size = size
        self.fill = fill

    def _grid(self) -> tuple[int, int]:
        return (self.size, self.size)

    def _transform(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._transform_spaced(X, (), None)[0].values

    def _transform_spaced(
        self, X: NDArray[np.float32], roles: Roles, spacing: NDArray[np.float64] | None
    ) -> tuple[Block, NDArray[np.float64] | None]:
        matrices = [self._learn(pair, roles) for pair in X]
        if spacing is not None:  # each matrix is a rotation and one scale
            spacing = (
                spacing / np.sqrt(np.abs(np.linalg.det(np.array(matrices)[:, :, :2])))[:, None]
            )
        warped = (warp_observed(*each, self._grid()) for each in zip(X, matrices, strict=True))
        return Block(np.stack(list(warped)), learnt=matrices), spacing

    def _back(
        self, image: NDArray[np.floating], grid: tuple[int, int], learnt: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        return unwarp_observed(image, learnt, grid)

    def _learn(self, pair: NDArray[np.float32], roles: Roles) -> NDArray[np.float64]:
        return head_pose(pair, roles=roles).matrix(self.size, self.fill)


def head_pose(pair: NDArray[np.floating], *, roles: Roles = ()) -> HeadPose:
    """The pose of one sample: from the pixels observed in any plane, with the midline of the CT.

    Parameters
    ----------
    pair : array of shape (n_planes, height, width)
        NaN where not observed; at least one pixel observed.
    roles : tuple of str or None, default=()
        The role of each plane. The midline is looked for in the first plane with the role "ct"
        that has values; where there is none, in the first plane that has values.

    Returns
    -------
    HeadPose

    Examples
    --------
    >>> import numpy as np
    >>> from ctmri_detect.preprocessing.geometry import head_pose
    >>> pair = np.full((2, 50, 50), np.nan)
    >>> pair[0, 10:31, 15:36] = 1.0
    >>> round(head_pose(pair).y), round(head_pose(pair).x)
    (20, 25)
    """
    seen = np.isfinite(pair)
    observed = np.flatnonzero(seen.any(axis=(1, 2)))
    ct = [i for i in observed if i < len(roles) and roles[i] == "ct"]
    return estimate_pose(seen.any(axis=0), pair[ct[0] if ct else observed[0]])
