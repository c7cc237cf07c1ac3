"""Findings about the files of a folder, as sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ctmri_detect.io.scales import scale_of
from ctmri_detect.layouts.planes import first_file, is_sample, is_together

Finding = tuple[str, str]

FEW_PATIENTS = 10
"""With fewer patients, a held-out half has at most five heads: too few to judge a method."""
FEW_PAIRS = 50
BLANK = 0.98
"""A slice with more background shows nothing: a head fills a quarter of a usual slice."""


def named(names: Iterable[Any], most: int = 3) -> str:
    """How many files there are, with the names of the first ones.

    Examples
    --------
    >>> named(["a.png"]), named(["a", "b", "c", "d"])
    ('1 file (a.png)', '4 files (a, b, c, ...)')
    """
    names = [str(name) for name in names]
    shown = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    return f"{len(names)} file{'s' * (len(names) != 1)} ({shown})"


def apart(found: Bunch) -> bool:
    """Whether the pairing test says that CT and MRI are not pairs, whatever the file names say."""
    return found.pairing is not None and found.pairing.paired is False


def damage(found: Bunch) -> Iterator[Finding]:
    """Files that can't be read."""
    if len(found.damaged):
        reason = found.damaged["reason"].iloc[0]
        yield (
            "warning",
            f"{named(found.damaged['file'])} can't be used; the first: {reason}.",
        )


def inverted(found: Bunch) -> Iterator[Finding]:
    """Images in which air is bright, so that masks and scales would be wrong."""
    for modality, files in found.files.groupby("modality"):
        odd = files.loc[files["inverted"].eq(True).fillna(False), "file"]
        if len(odd):
            yield (
                "error",
                f"{len(odd)} of {len(files)} {modality} files are inverted (air is bright, the "
                f"head is dark): {named(odd)}. Invert them before use: 255 - x for 8-bit files.",
            )


def sizes(found: Bunch) -> Iterator[Finding]:
    """Sizes that differ within a pair or between files."""
    unequal = found.pairs["same_size"].eq(False).fillna(False)
    volumes = found.files["depth"].notna().any()
    if unequal.any() and not volumes and not apart(found):
        n, total = int(unequal.sum()), int(is_together(found.pairs).sum())
        what = (
            "pairs have a CT and an MRI"
            if found.planes == ("CT", "MRI")
            else ("samples have images")
        )
        yield (
            "warning",
            f"{n} of {total} {what} of different size, such as "
            f"{first_file(found.pairs[unequal].iloc[0])}. Registered pairs usually have the same "
            "size, so these may not be registered.",
        )
    cure = (
        "They are resampled to the grid of the first image of each head."
        if volumes
        else "To load them, pass size=256 (in the command: --image-size 256)."
    )
    for modality, row in found.modalities.iterrows():
        if len(row["shapes"]) > 1:
            most, count = next(iter(row["shapes"].items()))
            yield (
                "note" if volumes else "warning",
                f"{modality} files have {len(row['shapes'])} sizes; the most frequent is "
                f"{most} ({count} of {row['readable']}). {cure}",
            )


def types(found: Bunch) -> Iterator[Finding]:
    """Number types, scales and MRI sequences that differ."""
    for modality, row in found.modalities.iterrows():
        if len(row["dtypes"]) > 1:
            listed = ", ".join(f"{n} {d}" for d, n in row["dtypes"].items())
            yield (
                "warning",
                f"{modality} files hold different number types ({listed}): their grey values "
                "may not be on the same scale.",
            )
        known = found.files["min"].notna() & found.files["dtype"].notna()  # not of DICOM
        read = found.files[(found.files["modality"] == modality) & known]
        scales = Counter(map(scale_of, read["dtype"], read["min"], read["max"]))
        if len(scales) > 1 and len(row["dtypes"]) == 1:
            listed = ", ".join(f"{n} {scale}" for scale, n in scales.most_common())
            yield (
                "warning",
                f"{modality} files mix scalings ({listed}): export all files in the same way.",
            )
    sequences = found.files.loc[found.files["modality"] == "MRI", "sequence"].value_counts()
    if len(sequences) > 1:
        listed = ", ".join(f"{n} {s}" for s, n in sequences.items())
        if "MRI" not in found.planes:
            yield "note", f"MRI of several sequences ({listed}): each is a plane of its own."
            return
        yield (
            "warning",
            f"MRI of several sequences ({listed}): a model learns one; choose it with sequence=.",
        )


def units(found: Bunch, why: list[str]) -> Iterator[Finding]:
    """A CT that is not in Hounsfield units; `why` holds the reasons."""
    units = found.files.loc[
        (found.files["modality"] == "CT") & found.files["min"].notna(), "units"
    ].astype(object)
    units = units.fillna("unknown")
    counts = units.value_counts()
    if len(counts) > 1 and {"hu", "uint8"} <= set(counts.index):
        listed = ", ".join(f"{n} {u}" for u, n in counts.items())
        yield "error", f"CT files have different units ({listed}): load each kind by itself."
    elif "unknown" in counts:
        share = "" if len(counts) == 1 else f" in {counts['unknown']} of {counts.sum()} files"
        yield "warning", f"The CT can't be in Hounsfield units{share}: {why[0] if why else '?'}."
    if "uint8" in counts:
        yield (
            "note",
            "The CT are 8-bit images of a brain window, not Hounsfield units; differences "
            "outside this window are lost.",
        )


def patients(found: Bunch) -> Iterator[Finding]:
    """Few patients, or unknown ones."""
    patients = found.files["patient"]
    if len(patients) < 2:  # one file: nothing to split
        return
    unknown = int(patients.isna().sum())
    if unknown == len(patients):
        yield (
            "warning",
            "The patients are not known: a patient may be both in training and in test, and then "
            "results look too good. Name them with patient= (command line: --patient).",
        )
        return
    if unknown:
        yield "warning", f"{named(found.files.loc[patients.isna(), 'file'])} without a patient."
    n = int(patients.nunique())
    if n < FEW_PATIENTS:
        yield (
            "warning",
            f"Only {n} patient{'s' * (n != 1)}: results "
            f"depend on these few; at least {FEW_PATIENTS} are needed.",
        )


def counts(found: Bunch) -> Iterator[Finding]:
    """Few samples."""
    n_pairs = int(is_sample(found.pairs).sum())
    volumes = found.files["depth"].notna().any()
    if 0 < n_pairs < FEW_PAIRS and not volumes and not apart(found):
        things = ("pair" if found.planes == ("CT", "MRI") else "sample") + "s" * (n_pairs != 1)
        yield (
            "warning",
            f"Only {n_pairs} {things}: train a model on {FEW_PAIRS} or more.",
        )


def blank(found: Bunch) -> Iterator[Finding]:
    """Slices that show nothing."""
    empty = found.files["blank"].fillna(0).astype(float) > BLANK
    if empty.any():
        yield "warning", f"{named(found.files.loc[empty, 'file'])} are nearly empty."


def colour(found: Bunch) -> Iterator[Finding]:
    """Files that hold colours, or grey stored as colour."""
    several = found.files["channels"].fillna(1).astype(float) >= 3
    coloured = found.files["colour"].eq(True).fillna(False)
    if coloured.any():
        yield (
            "warning",
            f"{named(found.files.loc[coloured, 'file'])} hold colours (drawings, text or maps "
            "over the anatomy?). They are read as grey.",
        )
    if (several & ~coloured).any():
        share = np.mean(several & ~coloured)
        yield (
            "note",
            f"{share:.0%} of the files are stored in colour but hold only grey; they are read as "
            "grey.",
        )
