"""Image, reconstruction and residual, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from ctmri_detect._types import StoredArray
from ctmri_detect.pairs import Pairs
from ctmri_detect.pipelines import Route, unwrapped
from ctmri_detect.plotting.canvas import check_axes, new_axes
from ctmri_detect.plotting.marks import height_of, mark_height, mark_sides
from ctmri_detect.plotting.reconstruction_row import draw_row, scales_of
from ctmri_detect.plotting.shown import GivenRoles, named

Planes = npt.NDArray[Any]
_COLUMNS = ("Image", "Reconstruction", "Residual")
_WIDTH = 5.6  # inches: the text can still be read on a phone
_ROW_HEIGHT = 1.5


class ReconstructionDisplay:
    """What a detector expects of each plane: image, reconstruction and residual in a row.

    All samples have the same scales. Each plane has one grey scale for image and reconstruction,
    and one scale for the residual, symmetric around 0. A detector that also reconstructs the
    lesion shows no residual there.

    Parameters
    ----------
    images, reconstructions, residuals : array of shape (n_samples, n_planes, height, width)
        In a residual, positive = brighter than expected. NaN = not observed.
    samples : sequence, default=None
        Name of each sample, such as its row in X; None numbers them.
    modalities : sequence of str, default=None
        Names of the planes; two without names are CT and MRI.
    roles : dict of str to {"ct", "mri", "pet"}, or tuple, default=None
        As in `PairDisplay`.
    ct_units : {"hu", "uint8"} or None, default=None
        As in `PairDisplay`.
    limit : float, default=None
        End of the residual's scale, above 0, the same for all planes. None: for each plane the
        99.5th percentile of the absolute residual of all shown samples.
    orientation : str or None, default=None
        As in `PairDisplay`.
    z_mm : sequence of float or None, default=None
        Height of each sample in mm.

    Attributes
    ----------
    images, reconstructions, residuals
        As above.
    ax_ : array of Axes of shape (n_samples * n_planes, 3)
    figure_ : Figure

    Raises
    ------
    ValueError
        In `plot`, for unequal shapes or lengths, or where a parameter is unknown.

    Examples
    --------
    >>> images = np.random.default_rng(0).normal(size=(1, 2, 16, 16))
    >>> display = ReconstructionDisplay(images, 0 * images, images).plot()
    >>> [ax.get_title() for ax in display.ax_[0]], [ax.get_ylabel() for ax in display.ax_[:, 0]]
    (['Image', 'Reconstruction', 'Residual'], ['CT', 'MRI'])
    """

    def __init__(
        self,
        images: Any,
        reconstructions: Any,
        residuals: Any,
        *,
        samples: Sequence[Any] | None = None,
        modalities: Sequence[str] | None = None,
        roles: GivenRoles = None,
        ct_units: str | None = None,
        limit: float | None = None,
        orientation: str | None = None,
        z_mm: Sequence[float | None] | None = None,
    ) -> None:
        self.images = images
        self.reconstructions = reconstructions
        self.residuals = residuals
        self.samples = samples
        self.modalities = modalities
        self.roles = roles
        self.ct_units = ct_units
        self.limit = limit
        self.orientation = orientation
        self.z_mm = z_mm

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: StoredArray,
        samples: Sequence[int] = (0,),
        *,
        ct_units: str | None = None,
        limit: float | None = None,
        orientation: str | None = None,
    ) -> ReconstructionDisplay:
        """Let a fitted detector reconstruct some samples.

        The residual is the detector's own (`residual_map`), in the unit that it scores: for most
        detectors standard deviations of what it expects.

        Parameters
        ----------
        estimator : detector, or Pipeline or search object that ends in one
            One that has ``reconstruct(X)``: `ConvAutoencoderDetector`, or `CrossModalDetector`,
            which predicts each plane from the others.
        X : array-like of shape (n, n_planes, height, width)
            What the estimator takes. With a Pipeline, the display shows the images that its last
            step gets.
        samples : sequence of int, default=(0,)
            Rows of X.
        ct_units : {"hu", "uint8"} or None, default=None
            Units of what the detector gets. None takes those of its `Pairs`, or the values decide.
        limit, orientation
            As in the class.

        Raises
        ------
        TypeError
            Where the detector has no reconstruction.
        """
        steps, detector = unwrapped(estimator)
        if not hasattr(detector, "reconstruct"):
            raise TypeError(
                f"{detector} can't reconstruct images; expected a detector with reconstruct(X): a "
                "ConvAutoencoderDetector, or a CrossModalDetector whose evidence is more than "
                "'within'. AnomalyMapDisplay shows the map of any detector."
            )
        rows = [int(i) for i in np.atleast_1d(np.asarray(samples))]
        part = X[rows] if isinstance(X, Pairs) else np.stack([np.asarray(X[i]) for i in rows])
        seen = Route(part).walk(steps).X
        known = seen.ct_units if isinstance(seen, Pairs) else None
        return cls(
            np.asarray(seen),
            detector.reconstruct(seen),
            detector.residual_map(seen),
            samples=rows,
            modalities=detector.modalities_,
            roles=seen.roles if isinstance(seen, Pairs) else None,
            ct_units=ct_units or known,
            limit=limit,
            orientation=orientation,
            z_mm=[height_of(X, i) for i in rows],
        )

    def plot(self, ax: Any = None) -> ReconstructionDisplay:
        """Draw on the given axes, or on a new figure.

        Parameters
        ----------
        ax : array of Axes of shape (n_samples * n_planes, 3), default=None
            None makes a new figure.

        Returns
        -------
        self
        """
        images, rebuilt, residuals = self._checked()
        n_samples, n_planes = images.shape[:2]
        names, roles = named(n_planes, self.modalities, self.roles)
        shape = (n_samples * n_planes, len(_COLUMNS))
        if ax is None:
            size = (_WIDTH, _ROW_HEIGHT * shape[0] + 0.3)
            ax = np.reshape(new_axes(None, size, shape[1], shape[0]), shape)
            ax[0, 0].figure.set_layout_engine("compressed")  # scales as high as the images
        self.ax_ = check_axes(ax, shape)
        self.figure_ = self.ax_[0, 0].figure
        rows = self.ax_.reshape(n_samples, n_planes, 3)
        for plane, (name, role) in enumerate(zip(names, roles, strict=True)):
            shown = [part[:, plane] for part in (images, rebuilt, residuals)]
            scales = scales_of(shown[0], shown[2], role, self.ct_units, self.limit)
            for sample in range(n_samples):
                row = rows[sample, plane]
                draw_row(row, [part[sample] for part in shown], scales)
                row[0].set_ylabel(name, parse_math=False)
        self._label(rows)
        return self

    def _checked(self) -> list[Planes]:
        parts = [np.asarray(p) for p in (self.images, self.reconstructions, self.residuals)]
        if parts[0].ndim != 4 or len({part.shape for part in parts}) > 1:
            shapes = ", ".join(str(part.shape) for part in parts)
            raise ValueError(
                f"images, reconstructions and residuals have the shapes {shapes}; expected one "
                "shape (n_samples, n_planes, height, width) for all three."
            )
        for name in ("samples", "z_mm"):
            given = getattr(self, name)
            if given is not None and len(given) != len(parts[0]):
                raise ValueError(
                    f"{name} has {len(given)} entries; expected {len(parts[0])}, one per sample."
                )
        return parts

    def _label(self, rows: npt.NDArray[Any]) -> None:
        """Write titles, the samples' names if there are several, sides and heights."""
        for ax, title in zip(rows[0, 0], _COLUMNS, strict=True):
            ax.set_title(title, fontsize="medium")
        for i, row in enumerate(rows):
            if len(rows) > 1:
                name = i if self.samples is None else self.samples[i]
                label = f"sample {name}\n{row[0, 0].get_ylabel()}"
                row[0, 0].set_ylabel(label, parse_math=False)
            mark_height(row[0, 0], None if self.z_mm is None else self.z_mm[i])
            for ax in row[:, 0]:
                mark_sides(ax, self.orientation)
