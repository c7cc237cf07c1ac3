"""Reading the images of the Kaggle set, each a sample with one plane."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ctmri_detect.datasets.kaggle.manifest import changed, is_intact
from ctmri_detect.datasets.kaggle.store import Image
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.imageops.warp import resize_observed
from ctmri_detect.io.images import read_grey
from ctmri_detect.io.listing import Skipped
from ctmri_detect.storage.writer import PairWriter
from ctmri_detect.validation import CT, MRI

Sample = NDArray[np.float32]

_BLOCK = 64


def read_images(
    images: Sequence[Image],
    folder: Path,
    manifest: dict[str, Any],
    size: int,
    cache: str | os.PathLike[str] | None,
    hide_bar: bool | None,
) -> tuple[Sample, list[Image], Skipped]:
    """All samples, the images they are, and what was skipped.

    Raises
    ------
    DataLoadingError
        Where a file is not the one that was fetched, or nothing can be read.
    """
    loaded: list[Image] = []
    skipped: Skipped = []
    bar = tqdm(images, desc="reading", unit="image", disable=hide_bar)
    samples = _samples(bar, folder, manifest, size, loaded, skipped)
    first = next(samples, None)
    if first is None:
        raise DataLoadingError("No image of the chosen subset can be read. Fetch the set again.")
    data = _collect(chain([first], samples), len(images), size, cache)
    return data, loaded, skipped


def _samples(
    images: Iterable[Image],
    folder: Path,
    manifest: dict[str, Any],
    size: int,
    loaded: list[Image],
    skipped: Skipped,
) -> Iterator[Sample]:
    """One sample an image that can be read; says in `loaded` and `skipped` what became of each."""
    for image in images:
        if not is_intact(folder, manifest, image.file):
            raise changed(folder, image.file)
        try:
            plane = read_grey(folder / image.file)
        except DataLoadingError as error:
            skipped.append((image.file, str(error)))
            continue
        sample = np.full((2, size, size), np.nan, dtype=np.float32)
        sample[CT if image.plane == "ct" else MRI] = resize_observed(_square(plane), (size, size))
        loaded.append(image)
        yield sample


def _square(image: NDArray[Any]) -> NDArray[Any]:
    """Pad with NaN: heads keep their shape, and what was not imaged is not observed."""
    height, width = image.shape
    if height == width:
        return image
    side = max(height, width)
    padded = np.full((side, side), np.nan, dtype=np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    padded[top : top + height, left : left + width] = image
    return padded


def _collect(
    samples: Iterator[Sample], most: int, size: int, cache: str | os.PathLike[str] | None
) -> Sample:
    if cache is not None:
        with PairWriter(cache, (2, size, size), overwrite=True) as writer:
            while block := list(islice(samples, _BLOCK)):
                writer.append(np.stack(block))
        return writer.open()
    data, n = np.empty((most, 2, size, size), dtype=np.float32), 0
    for sample in samples:
        data[n] = sample
        n += 1
    return data[:n]


def frame_of(images: list[Image]) -> pd.DataFrame:
    """What is known of the images; paths are relative to the set's folder."""
    stems = [PurePosixPath(image.file).stem for image in images]
    numbers = [re.findall(r"\d+", stem) for stem in stems]
    paths = {
        plane: pd.Series([i.file if i.plane == plane else None for i in images], dtype=object)
        for plane in ("ct", "mri")
    }  # dtype=object: None stays None
    return pd.DataFrame(
        {
            **paths,
            "patient": None,
            "slice": pd.array([int(n[-1]) if n else None for n in numbers], dtype="Int64"),
            "spacing": np.nan,
            "sequence": None,
            "kind": None,
            "split": [image.split for image in images],
        }
    )
