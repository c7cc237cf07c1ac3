"""What `load_pairs` says about a folder: what was skipped, mixed or unpaired."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import pandas as pd

from ctmri_detect.exceptions import (
    MixedDataWarning,
    SkippedFilesWarning,
    UnitsWarning,
    UnpairedDataWarning,
)
from ctmri_detect.io.listing import Skipped, first_reasons
from ctmri_detect.io.reading import Collected
from ctmri_detect.io.scales import EIGHT_BIT
from ctmri_detect.layouts.planes import Planes


def nothing_left(folder: Path, found: pd.DataFrame, skipped: Skipped, planes: Planes) -> str:
    """The error for a folder that holds no usable sample."""
    hint = "; ".join(found.attrs["notes"]) or (
        "expected a folder with CT/ and MRI/, which hold slices under equal names, such as "
        "CT/a_001.png and MRI/a_001.png, or another layout that find_pairs knows"
        if planes.is_pair
        else f"expected slices of {', '.join(planes.modalities)}"
    )
    here = [name for name in ("ct", "mri") if name in found and found[name].notna().any()]
    if planes.is_pair and here:
        one = " or ".join(f"modality={name!r}" for name in here)
        hint += f". To read one modality without the other, pass {one}"
    return (
        f"No {_thing(planes)} is left of {folder.name}; {hint}. {len(skipped)} files were skipped"
        f"{first_reasons(skipped)}."
    )


def _thing(planes: Planes) -> str:
    return "pair" if planes.is_pair else "sample"


def describe(
    folder: Path, found: pd.DataFrame, frame: pd.DataFrame, read: Collected, planes: Planes
) -> str:
    """The DESCR."""
    name, layout = folder.resolve().name, f"layout: {found.attrs['layout']}"
    if planes.is_pair:
        first = f"{len(frame)} CT-MRI pairs from the folder {name}, paired by name ({layout})."
    else:
        how = "" if planes.is_alone else "joined by name, "
        first = f"{len(frame)} samples from the folder {name} ({how}{layout}):"
        counts = [f"{n} {column.upper()}" for column, n in _there(frame, planes).items()]
        first += f" {', '.join(counts)}."
    return " ".join([first, *found.attrs["notes"], *_scaled(read)])


def _there(frame: pd.DataFrame, planes: Planes) -> dict[str, int]:
    return {name: int(frame[name].notna().sum()) for name in planes.names}


def warn(
    folder: Path,
    skipped: Skipped,
    frame: pd.DataFrame,
    read: Collected,
    planes: Planes,
    *,
    cyclegan: bool,
) -> None:
    """Warn of what was skipped, mixed, unpaired or in no known units."""
    level = 3  # the caller of load_pairs
    if skipped:
        warnings.warn(
            f"{len(skipped)} files of {folder.name} were skipped{first_reasons(skipped)}. "
            "All are listed in `skipped`.",
            SkippedFilesWarning,
            stacklevel=level,
        )
    for text in (*_mixed_scales(frame, read.scales, planes), *_mixed_sequences(frame, planes)):
        warnings.warn(text, MixedDataWarning, stacklevel=level)
    for text in _unknown_units(frame, read):
        warnings.warn(text, UnitsWarning, stacklevel=level)
    if cyclegan:
        warnings.warn(
            f"{folder.name} has CycleGAN's layout (trainA, trainB), which usually holds unpaired "
            "images: equal numbers need not mean the same head. Call check_pairing(X) before you "
            "compare CT and MRI.",
            UnpairedDataWarning,
            stacklevel=level,
        )
    if text := _never_together(frame, planes):
        warnings.warn(text, UnpairedDataWarning, stacklevel=level)


def _never_together(frame: pd.DataFrame, planes: Planes) -> str:
    """The warning where several planes are wanted and each sample has one; else empty."""
    if planes.is_alone or planes.is_pair or frame[list(planes.names)].notna().sum(axis=1).max() > 1:
        return ""
    counts = ", ".join(f"{n} {name.upper()}" for name, n in _there(frame, planes).items())
    return (
        f"No sample has more than one of {', '.join(planes.modalities)} ({counts}): the file "
        "names join no two images. See find_pairs for names that do."
    )


def _scaled(read: Collected) -> list[str]:
    """A sentence for the DESCR where CT were scaled to 8 bits."""
    if read.top is None:
        return []
    return [f"The CT hold a brain window, 0 to {read.top}; it was scaled to 0 to 255."]


def units_of(read: Collected) -> str | None:
    """The units of all CT: those that most of them look like.

    None where scales are mixed, units are not clear, or there is no CT. One slice alone says
    little: near the vertex its middle is bone.
    """
    units, scales = _judged(read), _ct_scales(read)
    if len(scales) != 1:
        return None
    if scales == {EIGHT_BIT}:
        return "uint8"
    most, n = Counter(said for _, said, _ in units).most_common(1)[0]
    return most if 2 * n > len(units) else None


def _judged(read: Collected) -> list[tuple[int, str | None, str]]:
    """Row, units and why, of each CT that is there."""
    return [(row, units, why) for row, (units, why) in enumerate(read.units) if units or why]


def _ct_scales(read: Collected) -> set[str]:
    return {read.scales[row][0] for row, *_ in _judged(read)}  # the CT is always the first plane


def _unknown_units(frame: pd.DataFrame, read: Collected) -> list[str]:
    """The warning where the units are not known; mixed scales have a warning of their own."""
    judged = _judged(read)
    if not judged or units_of(read) is not None or len(_ct_scales(read)) > 1:
        return []
    kinds = Counter(units or "neither" for _, units, _ in judged)
    listed = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    text = f"The units of the CT are not clear ({listed} of {len(judged)}); ct_units is None."
    for row, units, why in judged:
        if units is None:
            return [f"{text} {frame['ct'].iloc[row]}: {why}."]
    return [text]


def _mixed_scales(frame: pd.DataFrame, scales: list[tuple[str, ...]], planes: Planes) -> list[str]:
    """One sentence for each plane whose files are on several scales."""
    texts = []
    for plane, name in enumerate(planes.names):
        groups = frame[name].dropna().groupby(pd.Series([each[plane] for each in scales]))
        if len(groups) > 1:
            listed = ", ".join(
                f"{len(files)} with {scale} (such as {files.iloc[0]})" for scale, files in groups
            )
            texts.append(
                f"The {name.upper()} files mix scalings: {listed}. One value then means different "
                "tissues in different files; export all files in the same way."
            )
    return texts


def _mixed_sequences(frame: pd.DataFrame, planes: Planes) -> list[str]:
    counts = frame["sequence"].fillna("unknown").value_counts()
    if "mri" not in planes.names or len(counts) < 2:
        return []
    listed = ", ".join(f"{name} ({count})" for name, count in counts.items())
    return [
        f"The {_thing(planes)}s mix MRI sequences: {listed}. A detector would learn none of them "
        "well; choose one with sequence=."
    ]
