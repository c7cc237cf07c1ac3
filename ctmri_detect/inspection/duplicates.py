"""Duplicate images: with equal pixels, or nearly equal ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

COARSE = 0.98
"""Correlation of 16 x 16 thumbnails below which two images are not compared further. Copies that
were compressed (JPEG quality 50), halved, windowed or made noisy stayed above .986."""

NEAR = 0.98
"""Smallest correlation of sharpened 64 x 64 thumbnails of near-duplicates. On 95 real CT-MRI pairs
and 314 unpaired slices, such copies reached .98 in all but a few of the smallest MRI (halved from
200 pixels: .976), and neighbouring slices at most .972 (CT, 5 mm) and .82 (MRI)."""

NEAR_IN_PATIENT = 0.995
"""The same within one patient, where thin neighbouring slices are really alike."""

COLUMNS = ["file", "other", "modality", "kind", "correlation", "same_patient", "splits"]

_SIDE = 16
_SIGMA = 4.0  # pixels of a thumbnail: structures wider than a ventricle are left out
_ROWS = 1024  # images that are compared with all others at a time: 20 MiB for 5,000 files
_MOST_BLANK = 0.97  # slices with more background are alike because they show nothing
_MOST = 10_000  # rows of the table

Floats = npt.NDArray[np.float32]


def find_duplicates(
    files: pd.DataFrame, digests: list[str], thumbs: list[npt.NDArray[np.uint8] | None]
) -> pd.DataFrame:
    """Pairs of files of the same modality that show the same image.

    Exact: equal pixels, also in different file formats; each further file is listed with the
    first. Near: the sharpened thumbnails correlate. Compressed, resized and re-windowed copies are
    found; shifted, cropped, rotated and mirrored ones are not.

    Parameters
    ----------
    files : DataFrame
        With file, modality, patient, split and blank.
    digests : list of str
        Hashes of the pixels; "" where a file could not be read.
    thumbs : list of uint8 array or None
        Thumbnails of the same shape, (64, 64) for slices.

    Returns
    -------
    DataFrame
        Columns file, other, modality, kind ("exact", "near"), correlation, same_patient (None
        where a patient is unknown), splits ("train, test" where they differ, else ""). Those
        across splits or patients come first, then by correlation. At most 10,000 rows.
    """
    found: list[tuple[int, int, str, float]] = []
    for _, rows in files.groupby("modality", sort=False):
        first: dict[str, int] = {}
        for i in rows.index:
            if not digests[i]:
                continue
            if digests[i] in first:
                found.append((first[digests[i]], int(i), "exact", 1.0))
            else:
                first[digests[i]] = int(i)
        shown = [i for i in first.values() if files["blank"][i] < _MOST_BLANK]
        stack = [thumb for i in shown if (thumb := thumbs[i]) is not None]
        found += [(shown[i], shown[j], "near", c) for i, j, c in _near(np.array(stack))]
    return _table(files, found)


def _near(thumbs: npt.NDArray[np.uint8]) -> Iterator[tuple[int, int, float]]:
    """Index pairs (i < j) whose sharpened thumbnails correlate, with the correlation."""
    if len(thumbs) < 2:
        return
    small = _unit(
        np.stack(
            [
                cv2.resize(t.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
                for t in thumbs
            ]
        )
    )
    for start in range(0, len(thumbs), _ROWS):
        likeness = small[start : start + _ROWS] @ small[start:].T
        i, j = np.nonzero(np.triu(likeness > COARSE, k=1))
        for part in range(0, len(i), _ROWS):
            a, b = start + i[part : part + _ROWS], start + j[part : part + _ROWS]
            fine = (_sharp(thumbs[a]) * _sharp(thumbs[b])).sum(axis=1)
            for k in np.flatnonzero(fine >= NEAR):
                yield int(a[k]), int(b[k]), float(fine[k])


def _sharp(thumbs: npt.NDArray[np.uint8]) -> Floats:
    """Thumbnails without their coarse shape, which is alike in all heads."""
    images = thumbs.astype(np.float32)
    return _unit(np.stack([t - cv2.GaussianBlur(t, (0, 0), _SIGMA) for t in images]))


def _unit(images: Floats) -> Floats:
    """Rows of mean 0 and length 1, so that their product is the correlation."""
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _table(files: pd.DataFrame, found: list[tuple[int, int, str, float]]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for i, j, kind, correlation in found:
        a, b = files.loc[i], files.loc[j]
        known = pd.notna(a["patient"]) and pd.notna(b["patient"])
        same = bool(a["patient"] == b["patient"]) if known else None
        if kind == "near" and same and correlation < NEAR_IN_PATIENT:
            continue
        apart = a["split"] != b["split"]
        splits = f"{a['split'] or 'none'}, {b['split'] or 'none'}" if apart else ""
        names = {"file": a["file"], "other": b["file"], "modality": a["modality"]}
        facts = {"kind": kind, "correlation": round(correlation, 4)}
        rows.append(names | facts | {"same_patient": same, "splits": splits})
    rows.sort(key=lambda r: (not r["splits"], r["same_patient"] is not False, -r["correlation"]))
    table = pd.DataFrame(rows[:_MOST], columns=COLUMNS)
    return table.astype({"correlation": float, "same_patient": object})
