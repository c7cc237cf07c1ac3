"""Read one volume from one file, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.volumes.metaimage import read_metaimage
from ctmri_detect.io.volumes.mgh import read_mgh
from ctmri_detect.io.volumes.nifti import read_nifti
from ctmri_detect.io.volumes.volume import Volume, check_values

_READERS: dict[str, Callable[[Path], Volume]] = {
    ".nii": read_nifti,
    ".nii.gz": read_nifti,
    ".hdr": read_nifti,
    ".mha": read_metaimage,
    ".mhd": read_metaimage,
    ".mgz": read_mgh,
    ".mgh": read_mgh,
}
VOLUME_SUFFIXES = tuple(_READERS)
"""Endings of the files that `read_volume` reads."""

_VOXELS = {".img": ".hdr", ".raw": ".mhd", ".zraw": ".mhd"}  # and the ending of their header


def is_volume(name: str) -> bool:
    """Whether a file is a volume, by its name.

    Examples
    --------
    >>> is_volume("p1/CT.NII.GZ"), is_volume("ct.mha"), is_volume("ct.png")
    (True, True, False)
    """
    return name.lower().endswith(VOLUME_SUFFIXES)


def without_voxel_files(names: Iterable[str]) -> list[str]:
    """The names without those of files that only hold the voxels of a header beside them.

    Examples
    --------
    >>> without_voxel_files(["a.hdr", "a.img", "b.img"])
    ['a.hdr', 'b.img']
    """
    names = list(names)
    known = {name.lower() for name in names}
    kept = []
    for name in names:
        stem, dot, ending = name.lower().rpartition(".")
        if _VOXELS.get(dot + ending) is None or stem + _VOXELS[dot + ending] not in known:
            kept.append(name)
    return kept


def read_volume(path: str | Path) -> Volume:
    """Read one volume, NIfTI, MetaImage or FreeSurfer's, with its own values.

    Parameters
    ----------
    path : str or Path
        With one of the endings in `VOLUME_SUFFIXES`.

    Returns
    -------
    Volume
        Slices run upwards, rows from front to back, columns from the patient's right to left.

    Raises
    ------
    DataLoadingError
        If the file holds no usable volume: unreadable, cut off, not three-dimensional, no affine
        or a singular one, nothing observed, constant, infinite. The message is a short reason.
    ImportError
        If the package that reads it is not installed. The message says how to install it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import nibabel as nib
    >>> import numpy as np
    >>> from ctmri_detect.io.volumes.volume_files import read_volume
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "ct.nii.gz"
    ...     stored = np.arange(24, dtype=np.int16).reshape(2, 3, 4)  # right, front, top
    ...     nib.save(nib.Nifti1Image(stored, np.diag([1.0, 1.0, 5.0, 1.0])), path)
    ...     volume = read_volume(path)
    >>> volume.values.shape, volume.spacing
    ((4, 3, 2), (5.0, 1.0, 1.0))
    >>> float(volume.values[0, 0, 0]), float(stored[1, 2, 0])  # bottom, front, right
    (20.0, 20.0)
    """
    volume = _decode(Path(path))
    check_values(volume.values)
    return volume


def read_lesion(path: str | Path) -> Volume:
    """Read a segmentation: 1 in any lesion, 0 elsewhere; it may be empty.

    Raises
    ------
    DataLoadingError
        If the file holds no readable volume. The message is a short reason.
    """
    volume = _decode(Path(path))
    return replace(volume, values=(volume.values > 0.5).astype(np.float32))


def read_mask(path: str | Path) -> Volume:
    """Read a mask of the patient: 1 inside, 0 outside.

    Raises
    ------
    DataLoadingError
        If the file holds no readable volume, or the mask is empty. The message is a short reason.
    """
    volume = read_lesion(path)
    if not volume.values.any():
        raise DataLoadingError("the mask is empty")
    return volume


def _decode(path: Path) -> Volume:
    ending = next(e for e in sorted(_READERS, key=len) if path.name.lower().endswith(e))
    return _READERS[ending](path)
