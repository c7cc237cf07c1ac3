"""Tables over the files of a folder, and their summary in plain types."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ctmri_detect.inspection.file_findings import apart
from ctmri_detect.layouts.planes import is_sample, is_together, plane_columns

_SPLIT = re.compile(r"(train|test|val)(ing|idation|id)?s?[-_ ]?(a|b|set|ct|mri?|images?)?", re.I)


def split_of(name: str) -> str:
    """The split that a folder of the path names: "train", "val", "test", or "".

    Examples
    --------
    >>> split_of("images/trainA/ct1.png"), split_of("validation/CT/a.png"), split_of("CT/a.png")
    ('train', 'val', '')
    """
    for part in PurePosixPath(name).parts[:-1]:
        if found := _SPLIT.fullmatch(part):
            return found[1].lower()
    return ""


def pairs_with_sizes(pairs: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column `same_size`: whether all images of a sample have equal shapes.

    It is NA for a single image, and where a shape is unknown.
    """
    known = files[files["height"].notna() & (files["reason"] == "")]
    shapes = dict(zip(known["file"], map(tuple, _shapes(known)), strict=True))
    same = []
    for row in pairs[plane_columns(pairs)].to_numpy():
        there = [shapes[name] for name in row if name in shapes]
        whole = len(there) > 1 and len(there) == sum(isinstance(name, str) for name in row)
        same.append(len(set(there)) == 1 if whole else None)
    return pairs.assign(same_size=pd.array(same, dtype="boolean"))


def modality_table(files: pd.DataFrame, values: dict[str, NDArray[Any]]) -> pd.DataFrame:
    """One row for each modality: counts, shapes, types, statistics of pixels, background, units.

    `mean` and `std` are those of all pixels together, `median` is that of a sample of them.
    """
    rows = {}
    for modality in ("CT", "MRI"):
        of_one = files[files["modality"] == modality]
        read = of_one[(of_one["reason"] == "") & of_one["height"].notna()]
        if of_one.empty:
            continue
        sizes = Counter(by(shape) for shape in _shapes(read))
        rows[modality] = {
            "files": len(of_one),
            "readable": len(read),
            "patients": int(of_one["patient"].nunique()),
            "shapes": dict(sizes.most_common()),
            "dtypes": _counts(read["dtype"]),
            "formats": _counts(read["format"]),
            "bit_depth": _bits(read["dtype"]),
            **_moments(read),
            "median": float(np.median(values[modality])) if modality in values else np.nan,
            "background": float(read["blank"].mean()),
            "units": _most(read["units"]) if modality == "CT" else None,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def sequence_table(files: pd.DataFrame) -> pd.DataFrame:
    """One row for each MRI sequence, the most frequent first: files and patients."""
    mri = files[files["modality"] == "MRI"]
    groups = mri.groupby(mri["sequence"].fillna("unknown"), sort=False)
    table = pd.DataFrame({"files": groups.size(), "patients": groups["patient"].nunique()})
    return table.sort_values("files", ascending=False, kind="stable").rename_axis(None)


def by(shape: Any) -> str:
    """``"512 x 512"``, columns first; a third number counts slices."""
    return " x ".join(str(int(s)) for s in shape)


def count(n: int, thing: str) -> str:
    """``"1 pair"``, ``"2 pairs"``; "series" has no other plural."""
    return f"{n} {thing}{'s' * (n != 1 and not thing.endswith('series'))}"


def summary(found: Bunch, attributes: dict[str, Any]) -> dict[str, Any]:
    """What ``dataset_summary.json`` holds: plain types, no NaN, no name of a patient."""
    files, pairs, pairing = found.files, found.pairs, found.pairing
    samples = is_sample(pairs)
    patients = files.dropna(subset="patient").groupby("patient").size()
    result = {
        "headline": _headline(found, attributes),
        "layout": attributes["layout"],
        "kind": attributes["kind"],
        "files": len(files),
        "planes": list(attributes["planes"].modalities),
        "pairs": int(is_together(pairs).sum()),
        "left_over": int((~samples).sum()),
        "patients": len(patients),
        "files_per_patient": [] if patients.empty else [int(patients.min()), int(patients.max())],
        "modalities": found.modalities.to_dict(orient="index"),
        "sequences": found.sequences.to_dict(orient="index"),
        "damaged": len(found.damaged),
        "duplicates": {
            "exact": int((found.duplicates["kind"] == "exact").sum()),
            "near": int((found.duplicates["kind"] == "near").sum()),
            "across_splits": int((found.duplicates["splits"] != "").sum()),
            "across_patients": int((found.duplicates["same_patient"].eq(False)).sum()),
        },
        "pairing": None
        if pairing is None
        else {
            "paired": pairing.paired,
            "exchanged": pairing.exchanged,
            "p_value": pairing.p_value,
            "statistic": pairing.statistic,
            "mirrored": pairing.mirrored,
            "slip": pairing.slip,
            "compared": pairing.n_compared,
            "checked": len(pairing.pairs),
            "median_shift": float(pd.Series(pairing.shift).median()),
            "shift_unit": pairing.shift_unit,
            "badly_registered": int(pairing.pairs["bad"].sum()),
        },
        "findings": [{"severity": s, "text": t} for s, t in found.findings],
    }
    return plain(result)


def _headline(found: Bunch, attributes: dict[str, Any]) -> str:
    """What the folder holds, and whether it can be used, in two sentences."""
    table = found.modalities
    what = {"slices": "image", "volumes": "volume", "dicom": "DICOM series"}[attributes["kind"]]
    there = " and ".join(
        count(int(row["files"]), f"{name} {what}") for name, row in table.iterrows()
    )
    n_pairs, planes = int(is_together(found.pairs).sum()), attributes["planes"]
    n_patients = found.files["patient"].nunique()
    who = f" of {count(n_patients, 'patient')}" if n_patients else ""
    if n_pairs and not apart(found):
        first = (
            f"{count(n_pairs, 'CT-MRI pair')}{who}"
            if planes.is_pair
            else (f"{count(n_pairs, 'sample')} of {', '.join(planes.modalities)}{who}")
        )
        if n_pairs < len(found.pairs):
            first += f", among {there}"
    else:
        first = f"{there or 'No image'}{who}"
        first += ", which are not pairs" if apart(found) else ""
    grave = Counter(severity for severity, _ in found.findings)
    said = [count(grave[each], each) for each in ("error", "warning") if grave[each]]
    if grave["error"]:
        return f"{first}. Not ready for training: {' and '.join(said)}."
    if said:
        return f"{first}. Usable, but with {said[0]}."
    return f"{first}. No problem was found."


def plain(value: Any) -> Any:
    """Python's own types for numpy's, and None for NaN."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _shapes(read: pd.DataFrame) -> list[tuple[int, ...]]:
    columns = read[["width", "height", "depth"]].itertuples(index=False)
    return [tuple(int(s) for s in row if pd.notna(s)) for row in columns]


def _counts(column: pd.Series) -> dict[str, int]:
    return {str(k): int(v) for k, v in column.value_counts().items()}


def _bits(dtypes: pd.Series) -> int | None:
    """Bits of a stored value; the largest number where files differ."""
    bits = [int(found[0]) for d in dtypes if (found := re.search(r"\d+", str(d)))]
    return max(bits, default=None)


def _moments(read: pd.DataFrame) -> dict[str, float]:
    """Smallest and largest value, mean and standard deviation of all pixels of all files."""
    sizes = read["height"] * read["width"] * read["depth"].fillna(1)
    weights = (sizes / sizes.sum()).astype(float)
    mean = float((weights * read["mean"]).sum()) if len(read) else np.nan
    square = float((weights * (read["std"] ** 2 + read["mean"] ** 2)).sum())
    return {
        "min": float(read["min"].min()),
        "max": float(read["max"].max()),
        "mean": mean,
        "std": float(np.sqrt(max(square - mean**2, 0))) if len(read) else np.nan,
    }


def _most(column: pd.Series) -> str | None:
    counts = column.value_counts(dropna=False)
    return None if counts.empty or pd.isna(counts.index[0]) else str(counts.index[0])
