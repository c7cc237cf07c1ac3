"""Learn to tell generic anomalies from healthy tissue, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from ctmri_detect._parameters import (
    DEVICE,
    RANDOM_STATE,
    Constraints,
    OneOf,
    SequenceOf,
    integer,
)
from ctmri_detect._random import own_random_state
from ctmri_detect._types import RandomState
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.detectors.synthetic.channels import CHANNELS, Channels
from ctmri_detect.detectors.synthetic.stages import Stages
from ctmri_detect.detectors.synthetic.typical import TypicalLook
from ctmri_detect.scoring import MapScoring
from ctmri_detect.synthesis import GenericAnomalies
from ctmri_detect.validation import PairReader


class SyntheticAnomalyDetector(BasePairedDetector):
    """Learn to tell generic anomalies from healthy tissue, pixel by pixel.

    Anomalies of any shape and any change are put into copies of the healthy training slices
    (`synthesis.GenericAnomalies`), and a small network learns where they are, from filters of the
    planes, of their mirror image, and of what remains of each plane after its prediction from the
    others. It needs no lesion and no label.

    It finds best what looks like its anomalies, and can miss what does not. So use it beside a
    detector that knows healthy heads alone, in an `EnsembleDetector` with `CrossModalDetector`.
    If training slices have lesions, it learns that these are healthy: with lesions in 40 % of
    them, "all" falls from .980 to .912 (AUROC, phantoms, one stage), "mismatch" from .973 to .933.
    Beside `CrossModalDetector` little of that is left (.984 and .980). It also suffers where the
    MRI is of a sequence that the training slices don't have: if most samples look so,
    `score_samples` warns. It needs head-aligned slices and all planes of a sample, and says nothing
    of the plane that is odd: all planes have one residual.

    Parameters
    ----------
    channels : {"planes", "mismatch", "residuals", "all"}, default="all"
        What the network sees. "planes": the planes and their mirror image. "mismatch": how each
        plane differs from its prediction by the others. "residuals": the same, and how each
        differs from the healthy mean of that place. "all": planes and residuals. On phantoms,
        "planes" takes a third of the time and adds most to the ranking by `CrossModalDetector`,
        and "all" outlines lesions best (see Notes).
    stages : {1, 2}, default=2
        2: a second network sees the filters of the first one's logits, too, so it knows what was
        found around a pixel. Outlines get better, and a fit takes twice as long.
    anomalies : GenericAnomalies, default=None
        What is put into the slices; None means ``GenericAnomalies()``.
    pixels : int, default=500_000
        Most pixels that each network learns from; more take more time and memory.
    copies : int, default=6
        Copies of each training slice, each varied in another way; fewer if `pixels` are reached.
        The second network learns from as many other copies, at most 1200 in all.
    hidden : sequence of int, default=(96, 48)
        Units of each hidden layer of a network; more take more time.
    map_scoring : MapScoring, default=None
        None means ``MapScoring(reference=None, symmetry=False, smoothing=1.0, scales=0,
        clip=numpy.inf)``, since the network has compared with healthy slices already.
    device : str, default="auto"
        Where networks are trained: "auto", "cpu", "cuda". They score on the CPU.
    random_state : int, RandomState or None, default=None
        Copies, anomalies, pixels, initial weights.

    Attributes
    ----------
    channels_ : Channels
        Fitted models of the residuals.
    stages_ : Stages
        Fitted networks.
    typical_ : TypicalLook
        What training slices look like as a whole, for the warning.
    map_scoring_ : MapScoring
        Fitted; turns residuals into maps and scores.
    offset_ : float
        Score below which `predict` says -1.

    Notes
    -----
    Each copy of a slice is mirrored or not, brightened a little and made noisier; 65 % get one to
    three anomalies. Residuals of the copies come from models that did not see the patient: one of
    each half of the patients. A third model, of all patients, is for new slices. The logits that
    the second network learns from come from networks of the other half, too. 35 % of the anomalous
    and 2 % of the other pixels are used. A network minimises the cross-entropy. With the logit
    ``l`` of each stage, the residual is ``sqrt(2 sum log(1 + exp(l)))``, the deviance residual: its
    square is minus twice the logarithm of the probability of healthy tissue.

    Development phantoms (fit on seed 130, tested on 131), AUROC / pixel AP with one stage; two;
    two beside `CrossModalDetector` (alone .977 / .783), weights "calibrated"::

        "planes"     .977 / .750    .982 / .803    .991 / .823
        "mismatch"   .973 / .832    .971 / .849    .981
        "residuals"  .981 / .836    .980 / .856    .984
        "all"        .981 / .837    .983 / .857    .985 / .854

    References
    ----------
    Zavrtanik, Kristan and Skocaj (2021), DRAEM - a discriminatively trained reconstruction
    embedding for surface anomaly detection, ICCV. Tan, Hou, Batten, Qiu and Kainz (2020),
    Detecting outliers with foreign patch interpolation, arXiv:2011.04197. Schlueter, Tan, Hou and
    Kainz (2022), Natural synthetic anomalies for self-supervised anomaly detection and
    localization, ECCV. Naval Marimont, Siomos and Tarroni (2024), DISYRE: diffusion-inspired
    synthetic restoration for unsupervised anomaly detection, ISBI.

    Examples
    --------
    >>> from ctmri_detect import SyntheticAnomalyDetector
    >>> from ctmri_detect.testing import make_heads, plant
    >>> X = make_heads(80)
    >>> detector = SyntheticAnomalyDetector(channels="planes", copies=2, random_state=0)
    >>> detector = detector.fit(X, groups=np.arange(80) // 2)
    >>> odd, _ = plant(make_heads(1, seed=1)[0], 1)
    >>> int(detector.predict(odd[None])[0])
    -1
    """

    traits = Traits(threadsafe=True)

    _parameter_constraints: ClassVar[Constraints] = {
        "channels": [OneOf(*CHANNELS)],
        "stages": [integer(1, 2)],
        "anomalies": [GenericAnomalies, None],
        "pixels": [integer(1)],
        "copies": [integer(1)],
        "hidden": [SequenceOf("a tuple of one or more integers of at least 1", integer(1))],
        "map_scoring": [MapScoring, None],
        "device": DEVICE,
        "random_state": RANDOM_STATE,
    }
    _resolved: ClassVar[dict[str, str]] = {
        "map_scoring": "_default_map_scoring",
        "anomalies": "_default_anomalies",
    }

    def __init__(
        self,
        *,
        channels: Literal["planes", "mismatch", "residuals", "all"] = "all",
        stages: Literal[1, 2] = 2,
        anomalies: GenericAnomalies | None = None,
        pixels: int = 500_000,
        copies: int = 6,
        hidden: Sequence[int] = (96, 48),
        map_scoring: MapScoring | None = None,
        device: str = "auto",
        random_state: RandomState = None,
    ) -> None:
        self.channels = channels
        self.stages = stages
        self.anomalies = anomalies
        self.pixels = pixels
        self.copies = copies
        self.hidden = hidden
        self.map_scoring = map_scoring
        self.device = device
        self.random_state = random_state

    def _default_map_scoring(self) -> MapScoring:
        return MapScoring(reference=None, symmetry=False, smoothing=1.0, scales=0.0, clip=np.inf)

    def _default_anomalies(self) -> GenericAnomalies:
        return GenericAnomalies()

    def _fit(self, X: PairReader) -> None:
        rng = own_random_state(self.random_state)
        self.channels_ = Channels(self.channels, self.device).fit(X, rng)
        self.typical_ = TypicalLook().fit(X, self.channels_.half_)
        anomalies = self._default_anomalies() if self.anomalies is None else self.anomalies
        stages = Stages(self.stages, self.hidden, self.device)
        self.stages_ = stages.fit(X, self.channels_, anomalies, self.copies, self.pixels, rng)
        self.channels_.forget_training()

    def _residual(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        logits = self.stages_.logits(self.channels_.of_new(X))
        doubt = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))  # -log p(healthy)
        deviance = np.sqrt(2 * doubt.sum(axis=1))
        return np.repeat(deviance[:, None], X.shape[1], axis=1)

    def _unlike(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        return self.typical_.unlike(X)
