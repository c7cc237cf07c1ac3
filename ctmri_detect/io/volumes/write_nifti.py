"""Write one volume as NIfTI."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctmri_detect._extras import require
from ctmri_detect.storage.whole import whole_file

_LEVEL = 4  # of gzip: faster than the default
_SCANNER = 1  # NIfTI's code for scanner coordinates


def write_nifti(
    path: Path, values: NDArray[Any], affine: NDArray[np.float64], description: str
) -> None:
    """Write a volume whole or not at all; sform and qform both give its place.

    Parameters
    ----------
    path : Path
        Ends in ``.nii.gz``; its folder exists.
    values : array of shape (i, j, k)
    affine : ndarray of float64, shape (4, 4)
        From (i, j, k, 1) to millimetres towards the patient's right, front and top; its axes are
        perpendicular.
    description : str
        At most 79 characters; "?" replaces those that are not in ASCII.
    """
    nibabel = require("nibabel", extra="volumes")
    image = nibabel.Nifti1Image(values, affine)
    image.set_qform(affine, code=_SCANNER)
    image.set_sform(affine, code=_SCANNER)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii", "replace")
    with (
        whole_file(path) as file,
        gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed,  # the same bytes in every run
    ):
        image.to_stream(packed)
