"""MetaImage (.mha, .mhd), as SynthRAD2025 has it, by SimpleITK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._extras import require
from ctmri_detect.datasets._volumes.metaimage_header import voxel_file
from ctmri_detect.datasets._volumes.volume import Volume, canonical, check_grid, check_packing
from ctmri_detect.exceptions import DataLoadingError

_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # ITK's axes run to the patient's left, back and top
_PACKED = 1100  # zlib shrinks by no larger a factor


def read_metaimage(path: Path) -> Volume:
    """Read one MetaImage file as a `Volume`; the voxels are in it or in one file beside it.

    Raises
    ------
    DataLoadingError
        With a short reason.
    ImportError
        Without SimpleITK.
    """
    sitk = require("SimpleITK", extra="itk")
    stored = voxel_file(path)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("MetaImageIO")
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:  # its messages hold paths
        raise DataLoadingError("not a MetaImage file, or its header is damaged") from None
    affine = _check(reader)
    voxel = sitk.Image([1] * reader.GetDimension(), reader.GetPixelID())
    needed = float(np.prod([float(side) for side in reader.GetSize()]))
    needed *= voxel.GetSizeOfPixelComponent()
    if needed > _PACKED * stored.stat().st_size:
        raise DataLoadingError("cut off: its header promises more than the file holds")
    check_packing(reader.GetSize(), stored.stat().st_size)
    try:
        values: NDArray[Any] = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError:
        raise DataLoadingError("its voxels can't be read: cut off or damaged") from None
    values = values.reshape(values.shape[-3:]).transpose(2, 1, 0)
    placeholder = np.array_equal(affine[:3, 3], [0, 0, 0]) and np.array_equal(
        np.sign(affine[:3, :3]), np.diag([-1, -1, 1])
    )
    return canonical(
        values,
        affine,
        eight_bit=values.dtype == np.uint8,
        dtype=str(values.dtype),
        placeholder=placeholder,
    )


def _check(reader: Any) -> NDArray[np.float64]:
    """The affine from index to RAS+ mm.

    Raises
    ------
    DataLoadingError
        Where it is no volume of real numbers.
    """
    shape = tuple(int(side) for side in reader.GetSize())
    if reader.GetNumberOfComponents() != 1:
        raise DataLoadingError(f"has {reader.GetNumberOfComponents()} values a voxel; expected one")
    if len(shape) > 3 and max(shape[3:]) > 1:
        raise DataLoadingError(f"has shape {shape}; expected one volume, not a series of them")
    if len(shape) < 3:
        raise DataLoadingError(f"has shape {shape}; expected a volume of three axes")
    n = len(shape)
    affine = np.eye(4)
    direction = np.array(reader.GetDirection()).reshape(n, n)[:3, :3]
    affine[:3, :3] = direction * np.array(reader.GetSpacing())[:3]
    affine[:3, 3] = np.array(reader.GetOrigin())[:3]
    affine = _TO_RAS @ affine
    check_grid(shape[:3], affine)
    return affine
