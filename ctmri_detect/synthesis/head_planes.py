"""Which planes of a sample are its CT and its MRI, and the sequence of each MRI."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._parameters import OneOf, check_value
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.synthesis.artefacts import ARTEFACT_KINDS
from ctmri_detect.synthesis.kinds import WHOLE_SLICE_KINDS
from ctmri_detect.synthesis.signals import SEQUENCES
from ctmri_detect.validation import CT, MODALITIES, PairReader, planes_of

__all__ = ["HeadPlanes", "named_sequence"]

_NAMED = {"flair": r"flair|t2f", "t1": r"t1[a-z]*", "t2": r"t2[a-z]*", "pd": r"pdw?"}


def named_sequence(name: str) -> str | None:
    """The sequence that is in the name of a plane: "T1", "t2w", "T2-FLAIR"; None without one.

    Examples
    --------
    >>> [named_sequence(name) for name in ("T1c", "T2w FLAIR", "T2", "PD", "MRI", "DWI")]
    ['t1', 'flair', 't2', 'pd', None, None]
    """
    words = re.findall("[a-z0-9]+", name.lower())
    for sequence, pattern in _NAMED.items():
        if any(re.fullmatch(pattern, word) for word in words):
            return sequence
    return None


@dataclass(frozen=True)
class HeadPlanes:
    """The planes that get anomalies: CT first, then each MRI. Other planes stay as they are.

    Parameters
    ----------
    names : tuple of str
        Names of all planes of X.
    ct : int or None
        Number of the CT plane; None where X has no CT.
    mris : tuple of int
        Numbers of the MRI planes.
    """

    names: tuple[str, ...]
    ct: int | None
    mris: tuple[int, ...]

    @classmethod
    def of(cls, X: PairReader) -> HeadPlanes:
        """The planes of X by their roles, or an error that says what is wrong with them."""
        cts, mris = planes_of(X, "ct"), planes_of(X, "mri")
        if len(cts) > 1 or not (cts or mris):
            raise InvalidPairsError(
                f"X has {len(cts)} CT and {len(mris)} MRI planes among {', '.join(X.modalities)}; "
                "expected one CT, or MRI, or both. Select planes: X.select(('CT', 'T1'))."
            )
        return cls(X.modalities, cts[0] if cts else None, mris)

    @property
    def two(self) -> bool:
        """Whether the planes are named CT and MRI, as two planes without names are."""
        return self.names == MODALITIES

    @property
    def mri_names(self) -> list[str]:
        """Names of the MRI planes."""
        return [self.names[k] for k in self.mris]

    def take(self, sample: NDArray[np.float32]) -> NDArray[np.float32]:
        """CT, then each MRI; NaN where X has no CT or no MRI at all."""
        missing = np.full((1, *sample.shape[1:]), np.nan, np.float32)
        ct = missing if self.ct is None else sample[[self.ct]]
        return np.concatenate([ct, sample[list(self.mris)] if self.mris else missing])

    def put(self, sample: NDArray[np.float32], head: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sample with these planes in place of its own."""
        made = sample.copy()
        if self.ct is not None:
            made[self.ct] = head[CT]
        for k, plane in enumerate(self.mris, 1):
            made[plane] = head[k]
        return made

    def plane_name(self, k: int) -> str:
        """The name of the `k`-th plane that `take` returns."""
        return (
            self.names[self.mris[k - 1]] if k else "CT" if self.ct is None else self.names[self.ct]
        )

    def contrasts(self, cnr: Sequence[float]) -> dict[str, float]:
        """Columns of the frame: "cnr_" and the name of the plane, in small letters."""
        own = ([] if self.ct is None else [CT]) + list(range(1, 1 + len(self.mris)))
        return {f"cnr_{self.plane_name(k).lower()}": cnr[k] for k in own}

    def sequences(self, asked: str | Mapping[str, str] | None) -> list[str | None]:
        """The sequence of each MRI: as asked, or by its name, else None."""
        names = self.mri_names
        given: dict[str, str] = {}
        if isinstance(asked, Mapping):
            given = dict(asked)
        elif asked is not None and len(names) < 2:
            given = dict.fromkeys(names, asked)
        if (asked is not None and not given) or set(given) - set(names):
            raise ValueError(
                f"sequence is {asked!r}, but the MRI planes of X are {', '.join(names)}; expected "
                f"one for each by its name: {dict.fromkeys(names, 't1')}."
            )
        for sequence in given.values():
            check_value("sequence", sequence, [OneOf(*SEQUENCES)])
        found: list[str | None] = [given.get(name) or named_sequence(name) for name in names]
        return found or [None]

    def check_kinds(self, kinds: Sequence[str]) -> None:
        """Refuse kinds that these planes can't have."""
        lacking = []
        for kind in kinds:
            artefact = ARTEFACT_KINDS.get(kind)
            needs_ct = kind in WHOLE_SLICE_KINDS or (artefact and artefact.plane == CT)
            needs_mri = kind in WHOLE_SLICE_KINDS or (artefact and artefact.plane != CT)
            if (needs_ct and self.ct is None) or (needs_mri and not self.mris):
                lacking.append(kind)
        if lacking:
            raise InvalidPairsError(
                f"kinds has {lacking}, but X has only the planes {', '.join(self.names)}; "
                "metal_streak needs a CT, other artefacts an MRI, and an exchanged slice both. "
                "Leave these kinds out."
            )
