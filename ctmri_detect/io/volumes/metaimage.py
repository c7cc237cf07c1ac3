"""Read MetaImage (.mha, .mhd), the format of SynthRAD2025, with SimpleITK."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._extras import require
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.volumes.metaimage_header import Header, read_header
from ctmri_detect.io.volumes.volume import Volume, canonical, check_grid, check_packing

_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # ITK's axes run to the patient's left, back and top
_EITHER = 47  # zlib's code for "zlib or gzip format"
_PACKED = 1100  # zlib never compresses by a larger factor


def read_metaimage(path: Path) -> Volume:
    """Read one MetaImage file as a `Volume`; the voxels are in it or in one file beside it.

    Raises
    ------
    DataLoadingError
        If it holds no usable volume. The message is a short reason.
    ImportError
        If SimpleITK is not installed.
    """
    sitk = require("SimpleITK", extra="itk")
    header = read_header(path)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("MetaImageIO")
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:  # its messages hold paths
        raise DataLoadingError("not a MetaImage file, or its header is damaged") from None
    affine = _check(reader)
    dtype = sitk.GetArrayFromImage(
        sitk.Image([1] * reader.GetDimension(), reader.GetPixelID())
    ).dtype
    needed = int(np.prod([float(side) for side in reader.GetSize()])) * dtype.itemsize
    stored = header.voxels.stat().st_size
    if needed > (_PACKED if header.packed else 1) * stored:
        raise DataLoadingError("cut off: its header promises more than the file holds")
    check_packing(reader.GetSize(), stored)
    if header.packed:
        values = _unpacked(header, needed).view(dtype.newbyteorder(header.order))
        values = values.reshape(reader.GetSize()[::-1])
    else:
        try:
            values = sitk.GetArrayFromImage(reader.Execute())
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


def _unpacked(header: Header, needed: int) -> NDArray[np.uint8]:
    """Compressed voxels, unpacked here, because ITK returns random memory for damaged ones.

    Raises
    ------
    DataLoadingError
        If there are not exactly `needed` bytes, or their checksum is wrong.
    """
    unpack = zlib.decompressobj(_EITHER)
    with header.voxels.open("rb") as file:
        file.seek(header.start)
        packed = file.read()
    try:
        data = unpack.decompress(packed, needed) + unpack.decompress(unpack.unconsumed_tail, 1)
    except zlib.error:
        data = b""
    if len(data) != needed or not unpack.eof:
        raise DataLoadingError("its voxels can't be read: cut off or damaged")
    return np.frombuffer(data, dtype=np.uint8)


def _check(reader: Any) -> NDArray[np.float64]:
    """The affine from index to RAS+ mm.

    Raises
    ------
    DataLoadingError
        If it has several values per voxel, is no single volume of three axes, or has no valid
        grid.
    """
    shape = tuple(int(side) for side in reader.GetSize())
    if reader.GetNumberOfComponents() != 1:
        n = reader.GetNumberOfComponents()
        raise DataLoadingError(f"has {n} values per voxel; expected one")
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
