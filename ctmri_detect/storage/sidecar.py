"""What `Pairs` know beside their values, in a file beside the array."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.pairs import Pairs
from ctmri_detect.storage.whole import write_whole

VERSION = 1


def sidecar_of(path: str | os.PathLike[str]) -> Path:
    """The file beside an array: ``prepared.npy`` has ``prepared.pairs.json``."""
    return Path(path).with_suffix(".pairs.json")


def write_sidecar(pairs: Pairs, path: str | os.PathLike[str]) -> None:
    """Write what the pairs know, whole or not at all."""
    frame = pairs.frame
    content: dict[str, Any] = {
        "version": VERSION,
        "shape": pairs.shape,
        "groups": None if pairs.groups is None else pairs.groups.tolist(),
        "spacing": None if pairs.spacing is None else pairs.spacing.tolist(),
        "ct_units": pairs.ct_units,
        "modalities": pairs.modalities,
        "roles": pairs.roles,
        "frame": None if frame is None else json.loads(frame.to_json(orient="table", index=False)),
    }
    write_whole(sidecar_of(path), json.dumps(content, default=str).encode())


def open_pairs(path: str | os.PathLike[str]) -> Pairs:
    """The pairs that `transform_to` wrote, as `Pairs` over a read-only memmap.

    Parameters
    ----------
    path : str or Path
        The ``.npy`` file. What the pairs know (patients, spacing, units, names of the planes,
        frame) is in the ``.pairs.json`` file beside it. Without that file none of this is known.

    Returns
    -------
    Pairs
        Of shape ``(n_samples, n_planes, height, width)``.

    Raises
    ------
    FileNotFoundError
        If there is no such array.
    DataLoadingError
        If the file beside it belongs to another array, is damaged, or was written by another
        version of this library that uses another format.

    Examples
    --------
    >>> import tempfile
    >>> from ctmri_detect.preprocessing import CTWindow, open_pairs, transform_to
    >>> pairs = Pairs(np.full((2, 2, 8, 8), 40.0), groups=["a", "b"], ct_units="hu")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = transform_to(CTWindow(), pairs, Path(folder) / "prepared.npy")
    ...     again = open_pairs(Path(folder) / "prepared.npy")
    ...     again.groups.tolist(), again.ct_units, float(again[0][0, 0, 0])
    (['a', 'b'], None, 0.5)
    """
    array = np.load(path, mmap_mode="r")
    side = sidecar_of(path)
    if not side.exists():
        return Pairs(array)
    content = _read(side)
    if tuple(content["shape"]) != array.shape:
        raise DataLoadingError(
            f"{side.name} is for pairs of shape {tuple(content['shape'])}, and "
            f"{Path(path).name} has shape {array.shape}; expected two files of the same run. Write "
            "the pairs again: transform_to(..., overwrite=True)."
        )
    frame = content["frame"]
    if frame is not None:
        frame = pd.read_json(StringIO(json.dumps(frame)), orient="table")
    names = ("groups", "spacing", "ct_units", "modalities")
    known = {name: content[name] for name in names}
    return Pairs(array, frame=frame, roles=content.get("roles"), **known)


def _read(side: Path) -> dict[str, Any]:
    try:
        content = json.loads(side.read_text(encoding="utf-8"))
        version = content["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataLoadingError(
            f"{side.name} is damaged ({type(error).__name__}: {error}). Write the pairs again: "
            "transform_to(..., overwrite=True)."
        ) from error
    if version != VERSION:
        raise DataLoadingError(
            f"{side.name} has the format {version!r}; this version reads {VERSION}. Update "
            "ctmri_detect, or write the pairs again."
        )
    return dict(content)
