"""The volumes of one head, which are not read yet, and how they are to be cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ctmri_detect.io.volumes.volume import Volume


@dataclass(frozen=True)
class VolumeSet:
    """The volumes of one head, which are not read yet.

    Attributes
    ----------
    patient : str or None
    planes : tuple of str
        All planes of a sample, such as "ct" and "mri".
    files : dict of str to str
        The name of each existing volume, by its plane, in the order of the planes. The others
        are resampled on the grid of the first: the CT, if there is one.
    readers : dict of str to callable
        Functions that read them, by plane.
    sequence : str or None
        The sequence of the only MRI.
    whole : bool
        Whether all of them are needed. If not, one that can't be read is a missing plane.
    read_mask, read_lesion : callable or None
        Functions that read the mask and the lesion file, if there are any.
    same_space : bool
        False if the frames of reference in DICOM headers differ.
    burned_in : bool
        Whether a header says that text is burned into the images.
    two_people : tuple of str
        Tags by which the volumes may be of two people.
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
        """The name of the first file."""
        return next(iter(self.files.values()))


@dataclass(frozen=True)
class Cut:
    """How volumes are cut, by the parameters of `load_volume_pairs`."""

    slice_spacing: float | None
    size: tuple[int, int] | None
    skip_empty: bool
    keep_gaps: bool = False
