"""Several detectors whose evidence is added up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch

from ctmri_detect._parameters import RANDOM_STATE, Constraints, Such, check_parameters
from ctmri_detect._random import own_random_state, seeded
from ctmri_detect._types import PairsLike, RandomState
from ctmri_detect.base import BasePairedDetector, Traits
from ctmri_detect.detectors.ensemble.healthy import healthy_evidence
from ctmri_detect.detectors.ensemble.joint import joint_parts
from ctmri_detect.detectors.ensemble.members import fit_member
from ctmri_detect.detectors.ensemble.named import Named, are_members, named, unfrozen
from ctmri_detect.detectors.ensemble.patients import EnsembleFingerprints
from ctmri_detect.detectors.ensemble.shares import member_shares, strongest_members
from ctmri_detect.scoring.calibration import HeldOut
from ctmri_detect.scoring.fused_scoring import FusedScoring
from ctmri_detect.scoring.fusion import Fusion
from ctmri_detect.validation import PairReader, missing_planes

Maps = npt.NDArray[np.float32]


class EnsembleDetector(BasePairedDetector):
    """Several detectors whose evidence is added up.

    Detectors that are wrong in different slices are better together than the best of them: a
    lesion shows for most of them, a false alarm for one. Each member is fitted and calibrated as
    by itself. Its anomaly map says, in standard deviations of healthy slices, how unusual each
    pixel is; the squares of these maps are the evidence, and are fused pixel by pixel. One
    threshold is set from the fused scores of slices that no member saw, so the share of healthy
    slices that is flagged is what `false_positive_rate` says.

    It doesn't help where one member is much worse than the others (with equal weights it spoils
    them), nor where all members look at the same thing. It takes the time of all members.

    Parameters
    ----------
    detectors : list of detectors, or of (name, detector)
        Any detectors of this library. Put one that is fitted already into scikit-learn's
        `FrozenEstimator`; it is taken as it is, and the threshold is set from patients that it has
        not seen. Parameters of members can be set by name, as in a Pipeline:
        ``atlasdetector__map_scoring__clip``.
    weights : {"equal", "calibrated"} or sequence of float, default="equal"
        Of each member's evidence. "calibrated" divides each by the mean of its scores in healthy
        slices that it did not see, so that all members weigh the same there. No labels are used.
    fusion : {"sum", "max", "quantile"}, default="sum"
        "sum" is the weighted mean of the evidence, "max" the largest. "quantile" first replaces
        the evidence by how rare it is in healthy slices (``-2 log p``, as in Fisher's method),
        which makes members comparable whose evidence grows in different ways.
    pool_fraction : float, default=0.005
        Share of the observed pixels, the most anomalous ones, whose mean is the score.
    false_positive_rate : float, default=0.05
        Share of healthy slices that `predict` may flag.
    random_state : int, RandomState or None, default=None
        Seeds every `random_state` of the members that is None. Fitted members stay as they are.

    Attributes
    ----------
    members_ : list of detectors
        Fitted.
    names_ : list of str
        Their names.
    map_scoring_ : FusedScoring
        Weights (`weights_`) and thresholds.
    offset_ : float
        Score below which `predict` says -1.

    Notes
    -----
    With ``e_m`` the evidence of member m at a pixel (the square of its anomaly map) and weights
    ``w_m``, the fused evidence is ``sum w_m e_m / sum w_m`` over the members that saw something
    there. The anomaly map is its root, the score minus the mean of its top `pool_fraction`. A
    z-map is the root of the mean square with sign. `residual_map` gives these z-maps: residuals
    of different members have no common unit.

    A sample with a missing plane is scored by the members that can; each pattern of observed
    planes has a threshold of its own. If samples with missing planes train, members that can't
    take them learn from the others.

    `explain` has two more entries: a column `member` of the regions, the member with the most
    evidence there, and a table `members` with each member's share of each sample's score.

    References
    ----------
    Kittler, Hatef, Duin and Matas (1998), On combining classifiers, IEEE TPAMI 20:226. Fisher
    (1925), Statistical methods for research workers, for "quantile".

    Examples
    --------
    >>> from ctmri_detect import AtlasDetector, ThresholdDetector
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 2, 16, 16))
    >>> both = EnsembleDetector([AtlasDetector(), ThresholdDetector()], weights="calibrated")
    >>> both = both.fit(X, groups=np.arange(40) // 2)
    >>> odd = rng.normal(size=(1, 2, 16, 16)); odd[:, :, 4:7, 4:7] += 5
    >>> bool(both.predict(odd)[0] == -1), both.explain(odd).members["member"].tolist()
    (True, ['atlasdetector', 'thresholddetector'])
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "detectors": [
            Such(
                "a list of detectors of this library (no ensembles), or of (name, detector) with "
                "different names without '__'; fitted ones in a FrozenEstimator",
                are_members,
            )
        ],
        **FusedScoring._parameter_constraints,
        "random_state": RANDOM_STATE,
    }
    _resolved: ClassVar[dict[str, str]] = {}

    fingerprints_: EnsembleFingerprints

    def __init__(
        self,
        detectors: Sequence[Any],
        *,
        weights: Literal["equal", "calibrated"] | Sequence[float] = "equal",
        fusion: Fusion = "sum",
        pool_fraction: float = 0.005,
        false_positive_rate: float = 0.05,
        random_state: RandomState = None,
    ) -> None:
        self.detectors = detectors
        self.weights = weights
        self.fusion = fusion
        self.pool_fraction = pool_fraction
        self.false_positive_rate = false_positive_rate
        self.random_state = random_state

    @property
    def traits(self) -> Traits:  # type: ignore[override]
        """What all members can; missing planes, if any member can."""
        each = [unfrozen(one).traits for _, one in self._named()]
        return Traits(
            trains=any(traits.trains for traits in each),
            threadsafe=all(traits.threadsafe for traits in each),
            missing_modality=any(traits.missing_modality for traits in each),
            localizes=all(traits.localizes for traits in each),
        )

    def _named(self) -> Named:
        return named(self.detectors)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters, and with `deep` the members by name with their parameters."""
        found = super().get_params(deep=False)
        for name, detector in self._named() if deep else []:
            found[name] = detector
            inner = detector.get_params(deep=True).items()
            found |= {f"{name}__{key}": value for key, value in inner}
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters, members by their name, and parameters of members (``name__key``)."""
        if "detectors" in params:
            self.detectors = params.pop("detectors")
        members = self._named()
        given = isinstance(self.detectors[0], tuple) if members else False
        for i, (name, _) in enumerate(members):
            if name in params:
                members[i] = (name, params.pop(name))
                self.detectors = members if given else [detector for _, detector in members]
        return super().set_params(**params)

    def _check_parameters(self) -> None:
        for _, detector in self._named():
            if not isinstance(detector, FrozenEstimator):
                check_parameters(detector)

    def _fit_all(
        self,
        reader: PairReader,
        groups: npt.NDArray[np.int64] | None,
        names: npt.NDArray[np.str_] | None,
        *,
        keeps_models: bool = False,
    ) -> list[HeldOut]:
        self._about_fit(reader)
        rng = own_random_state(self.random_state)
        members = []
        for _, given in self._named():
            frozen = isinstance(given, FrozenEstimator)
            one = given if frozen else seeded(clone(given), rng)
            members.append(fit_member(one, reader, groups, names))
        self.members_ = [member.detector for member in members]
        self.names_ = [name for name, _ in self._named()]
        fitted = [member.fingerprints for member in members]
        self.fingerprints_ = EnsembleFingerprints(reader, names, fitted)
        scoring = FusedScoring(self.weights, self.fusion, self.pool_fraction)
        scoring.set_params(false_positive_rate=self.false_positive_rate)
        healthy = healthy_evidence(members, reader, scoring)
        self._take(
            scoring.fit([m.map_scoring_ for m in self.members_], self.fingerprints_, healthy)
        )
        return joint_parts(members, reader) if keeps_models else []

    def _residual_block(
        self, block: npt.NDArray[np.float32], codes: npt.NDArray[np.int64] | None
    ) -> npt.NDArray[np.float32]:
        """Residuals of all members: ``(n, n_members, n_planes, height, width)``."""
        complete = ~missing_planes(block).any(axis=1)
        shape = len(block), len(self.members_), *block.shape[1:]
        out = np.full(shape, np.nan, np.float32)
        known = self.fingerprints_.of_members(codes)
        for m, (member, own) in enumerate(zip(self.members_, known, strict=True)):
            able = complete | member.traits.missing_modality
            if able.any():  # another sample takes the place of one it can't score: equal lengths
                rows = np.where(able, np.arange(len(block)), np.argmax(able))
                own = None if own is None else own[rows]
                out[able, m] = member._residual_block(block[rows], own)[able]
        return out

    def _unlike(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        return np.any([member._unlike(X) for member in self.members_], axis=0)

    def _residual_of(self, reader: PairReader) -> npt.NDArray[np.float32]:
        return np.concatenate(self._each(reader, self._scoring.z_maps))

    def _explaining(self, X: PairsLike) -> tuple[Maps, Maps, Maps | None]:
        parts = self._each(self._ready(X), self._scoring.explaining)
        maps, unclipped, evidence = map(np.concatenate, zip(*parts, strict=True))
        return maps, unclipped, evidence

    def _explained(
        self, found: Bunch, more: Maps | None, back: Callable[[Maps], Maps] | None = None
    ) -> Bunch:
        scoring, evidence = self._scoring, np.asarray(more)
        found.members = member_shares(evidence, scoring, self.names_)
        evidence = evidence if back is None else back(evidence)
        found.regions["member"] = strongest_members(evidence, scoring, found.regions, self.names_)
        return found
