"""Pairs from a folder with CT/ and MRI/ and equal file names."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ctmri_detect.datasets._images import read_grey
from ctmri_detect.datasets._labels import patients_of, read_labels, target_of
from ctmri_detect.datasets._listing import EXPECTED, Skipped, file_name, list_plane, match_stems
from ctmri_detect.exceptions import DataLoadingError, SkippedFilesWarning
from ctmri_detect.imageops.warp import resize_observed

Slices = tuple[NDArray[Any], NDArray[Any]]


def load_pairs(
    folder: str | Path,
    *,
    patient: str | None = None,
    labels: str | Path | None = None,
    size: int | tuple[int, int] | None = None,
) -> Bunch:
    r"""Load CT-MRI pairs from a folder with ``CT/`` and ``MRI/`` and equal file names.

    Names are compared without their ending, so ``CT/a.png`` goes with ``MRI/a.jpg``; the case
    of the two folders' names does not matter. That equal names mean the same patient, level
    and grid is taken on trust: see `check_pairing`. A file that can't be used is
    listed in `skipped` with the reason, a warning says how many, and the rest is loaded.

    When it fails: 16-bit CT are taken as Hounsfield units; files that store HU + 1024 have to be
    shifted by the caller. A slice cut out of a DICOM series as PNG has lost its spacing.

    Parameters
    ----------
    folder : str or Path
        Holds ``CT/`` and ``MRI/``.
    patient : str, default=None
        A column of the labels file, or else a regular expression that is searched for in each
        file name: its first group, or the whole match, names the patient. Without it `groups`
        is None: detectors and splitters then don't know which slices belong to one patient,
        contiguous rows stand for patients in `fit`, and no held-out figure can be trusted.
    labels : str or Path, default=None
        A csv (looked for in `folder` too) with a column ``file`` (name or stem) and either
        ``lesion`` (1 or True = lesion), or ``target`` or ``label`` coded +1 (normal) and -1
        (anomalous). Columns ``slice``, ``spacing`` (mm), ``sequence`` and ``kind`` are carried
        into `frame`.
    size : int or (int, int), default=None
        Height and width to resize all slices to (area when shrinking, linear else).

    Returns
    -------
    Bunch
        `data` float32 ``(n, 2, height, width)``; `target` int ``(n,)`` or None; `masks` None;
        `groups` or None; `frame` DataFrame with ct, mri (paths), patient, slice (the last number
        in the name), spacing, sequence, kind; `paired` True; `ct_units` "uint8" where all CT
        files hold 8-bit integers, else "hu"; `skipped` list of (file, reason); `DESCR`. In
        natural order of the names.

    Raises
    ------
    DataLoadingError
        Where the folder, its parts or the labels are not as expected, or nothing is left.
    ValueError
        Where slices differ in size between pairs and `size` is None.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from ctmri_detect.datasets import load_pairs
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for plane in ("CT", "MRI"):
    ...         (Path(name) / plane).mkdir()
    ...         for file in ("p1_2", "p1_10", "p2_1"):
    ...             np.save(Path(name) / plane / f"{file}.npy", np.eye(8))
    ...     pairs = load_pairs(name, patient=r"(p\d+)_")
    >>> pairs.data.shape, pairs.groups.tolist(), pairs.frame["slice"].tolist()
    ((3, 2, 8, 8), ['p1', 'p1', 'p2'], [2, 10, 1])
    """
    folder = Path(folder)
    shape = _shape(size)
    table = None if labels is None else read_labels(_labels_path(folder, labels))
    skipped: Skipped = []
    files = match_stems(
        list_plane(folder, "CT", skipped), list_plane(folder, "MRI", skipped), skipped
    )
    if table is not None:
        files = _labelled(files, table, skipped)
    slices = _read(files, skipped)
    if not slices:
        raise DataLoadingError(
            f"No pair is left of {folder}; {EXPECTED}. "
            f"{len(skipped)} files were skipped{_first_reasons(skipped)}."
        )
    data = _stack(slices, shape)
    stems = list(slices)
    rows = None if table is None else table.loc[stems]
    frame = _frame({stem: files[stem] for stem in stems}, rows, patients_of(stems, patient, rows))
    if skipped:
        warnings.warn(
            f"{len(skipped)} files of {folder} were skipped{_first_reasons(skipped)}. "
            "All are listed in `skipped`.",
            SkippedFilesWarning,
            stacklevel=2,
        )
    eight_bit = all(ct.dtype == np.uint8 for ct, _ in slices.values())
    return Bunch(
        data=data,
        target=None if rows is None else target_of(rows),
        masks=None,
        groups=None if patient is None else frame["patient"].to_numpy(dtype=str),
        frame=frame,
        paired=True,
        ct_units="uint8" if eight_bit else "hu",
        skipped=skipped,
        DESCR=f"{len(data)} CT-MRI pairs from the folder {folder.name}, paired by file name.",
    )


def _shape(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    both: Any = (size, size) if isinstance(size, Integral) else size
    right = isinstance(both, tuple | list) and len(both) == 2
    if not right or not all(isinstance(s, Integral) and int(s) > 0 for s in both):
        raise ValueError(f"size is {size!r}; expected a positive int or (height, width).")
    return int(both[0]), int(both[1])


def _labels_path(folder: Path, labels: str | Path) -> Path:
    path = Path(labels)
    return folder / path if not path.exists() and (folder / path).exists() else path


def _labelled(
    files: dict[str, tuple[Path, Path]], table: pd.DataFrame, skipped: Skipped
) -> dict[str, tuple[Path, Path]]:
    without = [stem for stem in files if stem not in table.index]
    skipped += [(file_name(files[stem][0]), "no row in the labels file") for stem in without]
    return {stem: pair for stem, pair in files.items() if stem in table.index}


def _read(files: dict[str, tuple[Path, Path]], skipped: Skipped) -> dict[str, Slices]:
    """Both slices of each pair; what can't be used goes into `skipped`."""
    slices: dict[str, Slices] = {}
    for stem, paths in files.items():
        planes = []
        for path in paths:
            try:
                planes.append(read_grey(path))
            except DataLoadingError as error:
                skipped.append((file_name(path), str(error)))
        if len(planes) < 2:
            continue
        if planes[0].shape != planes[1].shape:
            reason = f"CT is {_by(planes[0].shape)}, MRI is {_by(planes[1].shape)}"
            skipped.append((file_name(paths[0]), reason))
            continue
        slices[stem] = (planes[0], planes[1])
    return slices


def _stack(slices: dict[str, Slices], shape: tuple[int, int] | None) -> NDArray[np.float32]:
    sizes = Counter(ct.shape for ct, _ in slices.values())
    if shape is None and len(sizes) > 1:
        examples = {ct.shape: stem for stem, (ct, _) in reversed(slices.items())}
        listed = "; ".join(f"{_by(s)} ({n} pairs, such as {examples[s]})" for s, n in sizes.items())
        raise ValueError(
            f"The pairs differ in size: {listed}. Expected one size; pass size=, such as "
            f"size={max(max(s) for s in sizes)}, to resize all."
        )
    height, width = shape or next(iter(sizes))
    data = np.empty((len(slices), 2, height, width), dtype=np.float32)
    for i, pair in enumerate(slices.values()):
        for plane, image in enumerate(pair):
            data[i, plane] = resize_observed(image, (height, width))
    return data


def _frame(
    files: dict[str, tuple[Path, Path]], rows: pd.DataFrame | None, patients: list[str | None]
) -> pd.DataFrame:
    numbers = [re.findall(r"\d+", stem) for stem in files]
    frame = pd.DataFrame(
        {
            "ct": [str(ct) for ct, _ in files.values()],
            "mri": [str(mri) for _, mri in files.values()],
            "patient": pd.Series(patients, dtype=object),
            "slice": pd.array([int(n[-1]) if n else None for n in numbers], dtype="Int64"),
            "spacing": np.nan,
            "sequence": None,
            "kind": None,
        }
    )
    for column in ("slice", "spacing", "sequence", "kind"):
        if rows is not None and column in rows:
            frame[column] = rows[column].to_numpy()
    return frame


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(str(s) for s in shape)


def _first_reasons(skipped: Skipped) -> str:
    if not skipped:
        return ""
    shown = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3])
    return f" ({shown}{'; ...' if len(skipped) > 3 else ''})"
