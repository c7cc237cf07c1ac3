"""Read one NIfTI volume, in one file or in two; refuse files that are none."""

from __future__ import annotations

import gzip
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._extras import require
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.quiet import quiet
from ctmri_detect.io.volumes.volume import Volume, canonical, check_grid, check_packing

_MILLIMETRES = {1: 1000.0, 3: 0.001}  # a metre, a micrometre; else the unit is millimetres
_SPACE = 7  # bits of xyzt_units that hold the unit of length
_PIECE = 2**20
_MOST_BEHIND = 2**26  # most bytes after the voxels
_MOST_BEFORE = 2**26  # most bytes before them: extensions of the header
_HEADER = 540  # bytes of a NIfTI-2 header; NIfTI-1 has 348


def read_nifti(path: Path) -> Volume:
    """Read one NIfTI file as a `Volume`, with its own values.

    The whole volume is read, as float32. The text fields of the header (``descrip``, ``aux_file``,
    ``db_name``), which may hold names, are not kept. The first bytes decide whether the file is
    gzipped and on its version, not its ending. Lengths are scaled to millimetres by
    ``xyzt_units``.

    Parameters
    ----------
    path : Path
        ``.nii``, ``.nii.gz``, or the ``.hdr`` of a pair. A fourth axis of length one is dropped.

    Returns
    -------
    Volume

    Raises
    ------
    DataLoadingError
        If it holds no usable volume. The message is a short reason.
    """
    with ExitStack() as files:
        image, file, stored = _open(path, files)
        header = image.header
        unit = _MILLIMETRES.get(int(header["xyzt_units"]) & _SPACE, 1.0)
        affine = np.array(image.affine, dtype=np.float64)
        affine[:3] *= unit
        shape = tuple(int(side) for side in image.shape)
        check_grid(shape[:3] if len(shape) > 3 else shape, affine)
        check_packing(shape, stored)
        slope, intercept = image.dataobj.slope, image.dataobj.inter
        dtype = image.get_data_dtype()
        return canonical(
            voxels(image, file),
            affine,
            eight_bit=dtype == np.uint8 and (slope, intercept) == (1, 0),
            dtype=str(dtype.newbyteorder("=")),
            placeholder=is_placeholder(affine),
            disagreement=unit * _between_forms(header, shape[:3]),
        )


def stream(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked if its first two bytes are those of gzip.

    Raises
    ------
    DataLoadingError
        If it can't be opened.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise DataLoadingError(f"unreadable: {error.strerror or type(error).__name__}") from None


def voxels(image: Any, file: IO[bytes]) -> NDArray[np.float32]:
    """The values of a nibabel image with three axes, read slice by slice.

    They are read from `file`, which is then read to its end: gzip checks its checksum there.

    Raises
    ------
    DataLoadingError
        If they can't be read.
    """
    values = np.empty(image.shape[:3], dtype=np.float32, order="F")
    rest = (0,) * (len(image.shape) - 3)
    try:
        with np.errstate(all="ignore"):  # values too large for float32 become infinite
            for k in range(values.shape[2]):
                values[..., k] = image.dataobj[(slice(None), slice(None), k, *rest)]
        for _ in range(_MOST_BEHIND // _PIECE):
            if not file.read(_PIECE):
                return values
    except Exception as error:  # gzip, zlib and the file system raise different errors
        raise DataLoadingError(
            f"its voxels can't be read: cut off or damaged ({type(error).__name__})"
        ) from None
    raise DataLoadingError("holds far more than its header says: damaged")


def is_placeholder(affine: NDArray[np.float64]) -> bool:
    """Whether an affine holds only the size of a voxel: some programs lose the position."""
    steps = affine[:3, :3]
    return not affine[:3, 3].any() and bool(
        (np.diag(steps) > 0).all() and np.allclose(steps, np.diag(np.diag(steps)), atol=1e-6)
    )


def _open(path: Path, files: ExitStack) -> tuple[Any, IO[bytes], int]:
    """The image with its header checked, the file of its voxels, and that file's size."""
    nibabel = require("nibabel", extra="volumes")
    file = files.enter_context(stream(path))
    try:
        head = file.read(_HEADER)
        file.seek(0)
    except Exception as error:  # gzip and zlib raise different errors
        raise DataLoadingError(f"not a NIfTI file ({type(error).__name__})") from None
    kind, holders = _kind(nibabel, head), {"image": nibabel.FileHolder(fileobj=file)}
    if len(kind.files_types) == 2:
        beside = next((p for p in _image_files(path) if p.is_file()), None)
        if beside is None or path.suffix.lower() != ".hdr":
            raise DataLoadingError("is the header of a pair, and its .img is missing")
        holders["header"] = holders["image"]
        path, file = beside, files.enter_context(stream(beside))
        holders["image"] = nibabel.FileHolder(fileobj=file)
    try:
        size = kind.header_class.template_dtype.itemsize
        before = float(kind.header_class(head[:size], check=False)["vox_offset"])
        if not 0 <= before < _MOST_BEFORE:  # nibabel would read all of it
            raise ValueError("its voxels begin nowhere")
        with quiet():
            image = kind.from_file_map(holders)
        shape, dtype = tuple(int(side) for side in image.shape), image.get_data_dtype()
        header = image.header
    except Exception as error:  # damaged files make nibabel raise all kinds; messages hold paths
        raise DataLoadingError(f"not a NIfTI file ({type(error).__name__})") from None
    if len(shape) > 3 and max(shape[3:]) > 1:
        raise DataLoadingError(f"has shape {shape}; expected one volume, not a series of them")
    if dtype.kind not in "uif":
        raise DataLoadingError(f"holds {dtype}; expected real numbers")
    if not header["qform_code"] and not header["sform_code"]:
        raise DataLoadingError(
            "has no orientation (qform_code and sform_code are 0), so that left and right are "
            "not known; set the affine with nibabel if you know it"
        )
    return image, file, path.stat().st_size


def _kind(nibabel: Any, head: bytes) -> Any:
    """The nibabel class for a header; the classes named Pair have the voxels in a second file."""
    if head[344:347] == b"n+1":
        return nibabel.Nifti1Image
    if head[344:347] == b"ni1":
        return nibabel.Nifti1Pair
    if head[4:7] == b"n+2":
        return nibabel.Nifti2Image
    if head[4:7] == b"ni2":
        return nibabel.Nifti2Pair
    if int.from_bytes(head[:4], "little") == 348 or int.from_bytes(head[:4], "big") == 348:
        raise DataLoadingError(
            "is Analyze 7.5, which does not store left and right; convert it to NIfTI with a "
            "program that knows how it was stored"
        )
    raise DataLoadingError("not a NIfTI file (its first bytes are another format's)")


def _image_files(header: Path) -> list[Path]:
    return [header.with_suffix(ending) for ending in (".img", ".IMG")]


def _between_forms(header: Any, shape: tuple[int, ...]) -> float:
    """The largest distance between a corner placed by the sform and the same by the qform.

    0 where the file has only one of the two.
    """
    try:
        qform, sform = header.get_qform(coded=True)[0], header.get_sform(coded=True)[0]
    except Exception:  # invalid quaternions: only the sform is used
        return 0.0
    if qform is None or sform is None or not np.isfinite(qform).all():
        return 0.0
    corners = np.array(list(product(*((0, side - 1) for side in shape), (1,))))
    with np.errstate(all="ignore"):  # a damaged qform may be infinitely far away
        return float(np.linalg.norm(corners @ (sform - qform)[:3].T, axis=1).max())
