"""A CT and an MRI volume that belong together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ctmri_detect.io.volumes.volume import Volume


@dataclass(frozen=True)
class VolumePair:
    """A CT and an MRI volume of one patient, still on the disk."""

    patient: str | None
    ct: str
    mri: str
    sequence: str | None
    read_ct: Callable[[], Volume]
    read_mri: Callable[[], Volume]
    read_mask: Callable[[], Volume] | None = None
    read_lesion: Callable[[], Volume] | None = None
    same_space: bool = True
    burned_in: bool = False
