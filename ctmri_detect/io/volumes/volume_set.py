"""The volumes of one head on the disk, and how they are cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ctmri_detect.io.volumes.volume import Volume


@dataclass(frozen=True)
class VolumeSet:
    """The volumes of one head, still on the disk: those of the planes that are there.

    Attributes
    ----------
    patient : str or None
    planes : tuple of str
        All planes of a sample, such as "ct" and "mri".
    files : dict of str to str
        The name of each volume that is there, by its plane, in the order of the planes. The
        first is what the others are put on: the CT, where there is one.
    readers : dict of str to callable
        Read them.
    sequence : str or None
        Of the only MRI.
    whole : bool
        Whether all of them are needed; else one that can't be read is a missing plane.
    """

    patient: str | None
    planes: tuple[str, ...]
    files: dict[str, str]
    readers: dict[str, Callable[[], Volume]]
    sequence: str | None = None
    whole: bool = True
    read_mask: Callable[[], Volume] | None = None
    read_lesion: Callable[[], Volume] | None = None
    same_space: bool = True
    burned_in: bool = False
    two_people: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The first file."""
        return next(iter(self.files.values()))


@dataclass(frozen=True)
class Cut:
    """How volumes are cut."""

    slice_spacing: float | None
    size: tuple[int, int] | None
    skip_empty: bool
    keep_gaps: bool = False
