"""Read the images of the Kaggle set; each becomes a sample with one plane."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ctmri_detect.datasets.kaggle.manifest import changed, is_intact
from ctmri_detect.datasets.kaggle.store import KaggleImage
from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.imageops.warp import resize_observed
from ctmri_detect.io.images import read_grey
from ctmri_detect.io.listing import Skipped
from ctmri_detect.storage.pair_store import PairStore
from ctmri_detect.validation import CT, MRI


def read_images(
    images: Sequence[KaggleImage],
    folder: Path,
    manifest: dict[str, Any],
    size: int,
    store: PairStore,
    hide_bar: bool | None,
) -> tuple[list[KaggleImage], Skipped]:
    """Write a sample for each image to the store; return the images, and what was skipped.

    Raises
    ------
    DataLoadingError
        If a file is not the one that was fetched, or none can be read.
    """
    loaded: list[KaggleImage] = []
    skipped: Skipped = []
    with store:
        for image in tqdm(images, desc="reading", unit="image", disable=hide_bar):
            if not is_intact(folder, manifest, image.file):
                raise changed(folder, image.file)
            try:
                plane = read_grey(folder / image.file)
            except DataLoadingError as error:
                skipped.append((image.file, str(error)))
                continue
            sample = np.full((1, 2, size, size), np.nan, dtype=np.float32)
            modality = CT if image.plane == "ct" else MRI
            sample[0, modality] = resize_observed(_square(plane), (size, size))
            store.append(sample)
            loaded.append(image)
    if not loaded:
        raise DataLoadingError("No image of the chosen subset can be read. Fetch the set again.")
    return loaded, skipped


def _square(image: NDArray[Any]) -> NDArray[Any]:
    """Pad an image to a square with NaN, so that the head keeps its proportions."""
    height, width = image.shape
    if height == width:
        return image
    side = max(height, width)
    padded = np.full((side, side), np.nan, dtype=np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    padded[top : top + height, left : left + width] = image
    return padded


def frame_of(images: list[KaggleImage]) -> pd.DataFrame:
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
