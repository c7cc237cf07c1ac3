"""Read FreeSurfer's volumes (.mgz, .mgh) with nibabel."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ctmri_detect._extras import require
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.quiet import quiet
from ctmri_detect.io.volumes.nifti import is_placeholder, stream, voxels
from ctmri_detect.io.volumes.volume import Volume, canonical, check_grid, check_packing

_FLAG = 28  # the byte of goodRASFlag, which is 1 if the header gives the orientation


def read_mgh(path: Path) -> Volume:
    """Read one FreeSurfer volume, compressed or not, whatever its ending says.

    Raises
    ------
    DataLoadingError
        If it holds no usable volume. The message is a short reason.
    """
    nibabel = require("nibabel", extra="volumes")
    with stream(path) as file:
        try:
            file.seek(_FLAG)
            placed = file.read(2) == b"\0\1"  # nibabel would use a default if it is not set
            file.seek(0)
            holder = nibabel.FileHolder(fileobj=file)
            with quiet():
                image = nibabel.MGHImage.from_file_map({"image": holder})
            shape = tuple(int(side) for side in image.shape)
            affine = np.asarray(image.affine, dtype=np.float64)
        except Exception as error:  # damaged files make nibabel raise all kinds of errors
            raise DataLoadingError(f"not an .mgz file ({type(error).__name__})") from None
        if len(shape) > 3 and max(shape[3:]) > 1:
            raise DataLoadingError(f"has shape {shape}; expected one volume, not a series of them")
        if not placed:
            raise DataLoadingError(
                "has no orientation (goodRASFlag is 0), so that left and right are not known"
            )
        check_grid(shape[:3], affine)
        check_packing(shape, path.stat().st_size)
        dtype = image.get_data_dtype()
        return canonical(
            voxels(image, file),
            affine,
            eight_bit=dtype == np.uint8,
            dtype=str(dtype.newbyteorder("=")),
            placeholder=is_placeholder(affine),
        )
