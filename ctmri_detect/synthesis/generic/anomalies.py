"""Draw generic anomalies, and put them into samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from ctmri_detect._floats import with_default_floats
from ctmri_detect._parameters import (
    CheckedParameters,
    Constraints,
    OneOf,
    SequenceOf,
    Such,
    check_parameters,
    number,
)
from ctmri_detect.synthesis.generic.changes import put, visible_change
from ctmri_detect.synthesis.generic.record import MODES, SHAPES, GenericAnomaly
from ctmri_detect.synthesis.generic.shapes import edge_distance, soft_shape

_ALL_PLANES = 0.6  # how often all planes change; otherwise one of them
_AT_THE_EDGE = 4.0  # pixels: the centre of a "rim" lies no deeper
_JITTER = 4  # pixels: a patch of another patient comes from about the same place


def _range(words: str) -> Such:
    """Two rising numbers above 0."""
    two = SequenceOf(words, number(above=0), least=2, most=2)
    return Such(words, lambda value: two.is_satisfied_by(value) and value[0] <= value[1])


def _some(names: Mapping[str, float]) -> SequenceOf:
    return SequenceOf(f"a tuple of one or more of {', '.join(names)}", OneOf(*names))


class GenericAnomalies(CheckedParameters, BaseEstimator):
    """Anomalies that imitate no disease: any shape, any change, in one plane or in all.

    A detector can learn healthy heads by learning to find these anomalies. They are not the kinds
    of `inject_anomalies`, which are for testing: training on those would make test results too
    good. All randomness is in `draw`; `apply` is a pure function. The object only holds parameters,
    and no call changes it.

    Parameters
    ----------
    shapes : sequence of {"ellipse", "rim", "noise"}, default=all of them
        "ellipse": with a noisy outline and a soft edge (73 %). "rim": such an ellipse, limited to
        the edge of the brain (15 %). "noise": scattered grains (12 %). A shape that is left out is
        never drawn; the others are drawn more often.
    modes : sequence of {"add", "replace", "texture", "patch", "warp", "elsewhere"}, default=all
        "add": brighter or darker (37 %). "replace": one level, under the slice's own noise
        (37 %). "texture": grains of noise (9 %). "patch": tissue of another patient (6 %).
        "warp": tissue pulled together or pushed apart (4 %). "elsewhere": tissue of another place
        of the same head, in all planes (7 %).
    radius : (float, float), default=(1.5, 14)
        Least and largest mean radius in pixels, both above 0; drawn log-uniformly.
    aspect : float, default=4
        Largest ratio of the axes, at least 1. A higher value gives longer shapes.
    amplitude : (float, float), default=(0.25, 3)
        Least and largest change, in standard deviations of the plane's observed pixels, both above
        0. Drawn log-uniformly for each plane, with a random sign.
    threshold : float, default=0.12
        The least change that counts as anomalous in the label: standard deviations of the plane,
        after a Gaussian of 1 pixel. A higher value gives smaller labels.

    References
    ----------
    Zavrtanik, Kristan and Skocaj (2021), DRAEM - a discriminatively trained reconstruction
    embedding for surface anomaly detection, ICCV. Tan, Hou, Batten, Qiu and Kainz (2020),
    Detecting outliers with foreign patch interpolation, arXiv:2011.04197. Schlueter, Tan, Hou and
    Kainz (2022), Natural synthetic anomalies for self-supervised anomaly detection and
    localization, ECCV.

    Examples
    --------
    >>> from ctmri_detect.synthesis import GenericAnomalies
    >>> from ctmri_detect.testing import make_heads
    >>> anomalies, sample = GenericAnomalies(modes=("add",), radius=(4, 5)), make_heads(1)[0]
    >>> drawn = anomalies.draw(sample, np.random.default_rng(0))
    >>> changed, label = anomalies.apply(sample, drawn)
    >>> drawn.mode, changed.shape, bool(label.any())
    ('add', (2, 32, 32), True)
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "shapes": [_some(SHAPES)],
        "modes": [_some(MODES)],
        "radius": [_range("two rising numbers above 0, pixels")],
        "aspect": [number(1)],
        "amplitude": [_range("two rising numbers above 0, standard deviations")],
        "threshold": [number(0)],
    }

    def __init__(
        self,
        *,
        shapes: Sequence[str] = tuple(SHAPES),
        modes: Sequence[str] = tuple(MODES),
        radius: Sequence[float] = (1.5, 14.0),
        aspect: float = 4.0,
        amplitude: Sequence[float] = (0.25, 3.0),
        threshold: float = 0.12,
    ) -> None:
        self.shapes = shapes
        self.modes = modes
        self.radius = radius
        self.aspect = aspect
        self.amplitude = amplitude
        self.threshold = threshold

    @with_default_floats
    def draw(
        self,
        sample: NDArray[np.float32],
        rng: np.random.Generator,
        *,
        donor: NDArray[np.float32] | None = None,
    ) -> GenericAnomaly:
        """Draw an anomaly for a sample.

        Parameters
        ----------
        sample : float32 ndarray of shape (n_planes, height, width)
            NaN where nothing was observed; one plane or more, not all NaN.
        rng : numpy.random.Generator
            The only source of randomness.
        donor : float32 ndarray of the shape of `sample`, default=None
            A sample of another patient, on the same grid. Without it no "patch" is drawn.

        Returns
        -------
        GenericAnomaly
            For `apply`.

        Raises
        ------
        ValueError
            For a parameter out of its range, a sample without an observed pixel, or if `modes` is
            "patch" alone and there is no donor.
        """
        check_parameters(self)
        modes = [mode for mode in self.modes if mode != "patch" or donor is not None]
        seen = np.isfinite(sample)
        if not modes or not seen.any():
            raise ValueError(
                "The sample is all NaN; expected observed pixels. Leave it out."
                if modes
                else "modes is 'patch' alone and donor is None; expected a sample of another "
                "patient: draw(sample, rng, donor=donor)."
            )
        shape, mode = _choice(rng, self.shapes, SHAPES), _choice(rng, modes, MODES)
        there = np.flatnonzero(seen.any(axis=(1, 2)))
        together = rng.random() < _ALL_PLANES or mode == "elsewhere"
        planes = there if together else there[[rng.integers(len(there))]]
        radius, stretch = _log_uniform(rng, *self.radius), _log_uniform(rng, 1, self.aspect) ** 0.5
        signs = rng.choice([-1.0, 1.0], len(planes))
        brain = np.asarray(seen[planes].any(axis=0))
        centre = _place(rng, brain, _AT_THE_EDGE if shape == "rim" else np.inf)
        offset = rng.integers(-_JITTER, _JITTER + 1, 2)
        if mode == "elsewhere":
            offset = np.subtract(_place(rng, brain, np.inf), centre)
        return GenericAnomaly(
            shape=shape,
            mode=mode,
            planes=tuple(planes.tolist()),
            amplitudes=tuple(float(s * _log_uniform(rng, *self.amplitude)) for s in signs),
            centre=centre,
            radii=(radius * stretch, radius / stretch),
            angle=float(rng.uniform(0, np.pi)),
            edge=float(rng.uniform(0.5, 3.0)),
            depth=_log_uniform(rng, 2.0, 8.0),
            offset=(int(offset[0]), int(offset[1])),
            grain=float(rng.uniform(0.5, 2.5)),
            seed=int(rng.integers(2**31)),
        )

    @with_default_floats
    def apply(
        self,
        sample: NDArray[np.float32],
        anomaly: GenericAnomaly,
        *,
        donor: NDArray[np.float32] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Put a drawn anomaly into a sample.

        Parameters
        ----------
        sample : float32 ndarray of shape (n_planes, height, width)
            The sample that it was drawn for; it is not changed.
        anomaly : GenericAnomaly
            What `draw` returned.
        donor : float32 ndarray of the shape of `sample`, default=None
            The donor that it was drawn with.

        Returns
        -------
        changed : float32 ndarray of shape (n_planes, height, width)
            NaN where the sample is NaN; the same bits outside the shape.
        label : bool ndarray of shape (height, width)
            Where the change can be seen: inside the shape, and above `threshold` in some plane.

        Raises
        ------
        ValueError
            Where the anomaly needs a donor and `donor` is None.
        """
        sample = np.asarray(sample, dtype=np.float32)
        share = soft_shape(anomaly, np.asarray(np.isfinite(sample).any(axis=0)))
        changed = put(sample, anomaly, share, donor)
        label = (share > 0) & (visible_change(sample, changed) > self.threshold)
        return changed, label


def _choice(rng: np.random.Generator, names: Sequence[str], parts: Mapping[str, float]) -> str:
    weights = np.array([parts[name] for name in names])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _place(rng: np.random.Generator, brain: NDArray[np.bool_], deepest: float) -> tuple[int, int]:
    """A random pixel of the brain, no deeper below its edge than asked."""
    able = brain if np.isinf(deepest) else brain & (edge_distance(brain) <= deepest)
    places = np.flatnonzero(able)
    row, column = divmod(int(places[rng.integers(len(places))]), brain.shape[1])
    return row, column
