"""Reading one NIfTI volume, and refusing what is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._extras import require
from ctmri_detect.datasets._volumes.volume import Volume, canonical, check_grid, check_values
from ctmri_detect.exceptions import DataLoadingError


def read_nifti(path: str | Path) -> Volume:
    """Read one NIfTI file as a `Volume`, in the numbers it holds.

    The whole volume is read, as float32; nothing else of the file is kept, so that the text
    fields of the header (``descrip``, ``aux_file``, ``db_name``) stay where they are.

    Parameters
    ----------
    path : str or Path
        ``.nii`` or ``.nii.gz``. A fourth axis of length one is dropped.

    Returns
    -------
    Volume
        Turned so that slices run upwards, rows from front to back, columns from the patient's
        right to left.

    Raises
    ------
    DataLoadingError
        With a short reason, where the file holds no usable volume: unreadable, cut off, not
        three-dimensional, no affine or a singular one, nothing observed, constant, infinite.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import nibabel as nib
    >>> import numpy as np
    >>> from ctmri_detect.datasets._volumes.nifti import read_nifti
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "ct.nii.gz"
    ...     stored = np.arange(24, dtype=np.int16).reshape(2, 3, 4)  # right, front, top
    ...     nib.save(nib.Nifti1Image(stored, np.diag([1.0, 1.0, 5.0, 1.0])), path)
    ...     volume = read_nifti(path)
    >>> volume.values.shape, volume.spacing
    ((4, 3, 2), (5.0, 1.0, 1.0))
    >>> float(volume.values[0, 0, 0]), float(stored[1, 2, 0])  # bottom, front, right
    (20.0, 20.0)
    """
    image = _open(Path(path))
    volume = _canonical(image)
    check_values(volume.values)
    return volume


def read_nifti_mask(path: str | Path) -> Volume:
    """Read a NIfTI mask of the patient: 1 inside, 0 outside. An empty mask is refused.

    Raises
    ------
    DataLoadingError
        With a short reason.
    """
    volume = read_nifti_lesion(path)
    if not volume.values.any():
        raise DataLoadingError("the mask is empty")
    return volume


def read_nifti_lesion(path: str | Path) -> Volume:
    """Read a NIfTI segmentation: 1 in any lesion, 0 elsewhere; it may be empty.

    Raises
    ------
    DataLoadingError
        With a short reason.
    """
    volume = _canonical(_open(Path(path)))
    return Volume((volume.values > 0.5).astype(np.float32), volume.affine)


def _open(path: Path) -> Any:
    """The image with its header checked and its voxels still on disk."""
    nibabel = require("nibabel", extra="volumes")
    try:
        image = nibabel.load(path)
        shape = tuple(int(side) for side in image.shape)
        affine = np.asarray(image.affine, dtype=np.float64)
        header = image.header
    except Exception as error:  # nibabel raises whatever the damage makes it raise; its messages
        raise DataLoadingError(f"not a NIfTI file ({type(error).__name__})") from None  # hold paths
    if not isinstance(header, nibabel.Nifti1Header):  # NIfTI-2 derives from it
        raise DataLoadingError(f"is {type(image).__name__}; expected NIfTI")
    if len(shape) > 3 and max(shape[3:]) > 1:
        raise DataLoadingError(f"has shape {shape}; expected one volume, not a series of them")
    if image.get_data_dtype().kind not in "uif":
        raise DataLoadingError(f"holds {image.get_data_dtype()}; expected real numbers")
    if not header["qform_code"] and not header["sform_code"]:
        raise DataLoadingError(
            "says nothing of its orientation (qform_code and sform_code are 0), so that left "
            "and right can't be told; set the affine with nibabel if you know it"
        )
    check_grid(shape[:3] if len(shape) > 3 else shape, affine)
    return image


def _canonical(image: Any) -> Volume:
    try:
        values: NDArray[np.float32] = image.get_fdata(dtype=np.float32, caching="unchanged")
    except Exception as error:  # gzip, zlib, the file system: each has its own
        raise DataLoadingError(
            f"its voxels can't be read: cut off or damaged ({type(error).__name__})"
        ) from None
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    eight_bit = image.get_data_dtype() == np.uint8 and (slope, intercept) == (1, 0)
    affine = np.asarray(image.affine, dtype=np.float64)
    return canonical(values.reshape(values.shape[:3]), affine, eight_bit=eight_bit)
