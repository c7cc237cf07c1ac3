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


def nothing_left(folder: Path, found: pd.DataFrame, skipped: Skipped) -> str:
    """Why a folder holds no pair."""
    hint = "; ".join(found.attrs["notes"]) or (
        "expected a folder with CT/ and MRI/, which hold slices under equal names, such as "
        "CT/a_001.png and MRI/a_001.png, or another layout that find_pairs knows"
    )
    return (
        f"No pair is left of {folder.name}; {hint}. {len(skipped)} files were skipped"
        f"{first_reasons(skipped)}."
    )


def warn(
    folder: Path, skipped: Skipped, frame: pd.DataFrame, read: Collected, unpaired: bool
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
    for text in (*_mixed_scales(frame, read.scales), *_mixed_sequences(frame)):
        warnings.warn(text, MixedDataWarning, stacklevel=level)
    for text in _unknown_units(frame, read):
        warnings.warn(text, UnitsWarning, stacklevel=level)
    if unpaired:
        warnings.warn(
            f"{folder.name} has CycleGAN's layout (trainA, trainB), which usually holds unpaired "
            "images: equal numbers need not mean one head. Look at check_pairing(X) before "
            "CT and MRI are compared.",
            UnpairedDataWarning,
            stacklevel=level,
        )


def scaled(read: Collected) -> list[str]:
    """A sentence where CT were brought to the scale of 8 bits."""
    if read.top is None:
        return []
    return [f"The CT hold a brain window, 0 to {read.top}; it was scaled to 0 to 255."]


def units_of(read: Collected) -> str | None:
    """The units of all CT: what most of them look like, None where they mix scales or can't be
    told. One slice alone says little: near the vertex its middle is bone."""
    scales = {ct for ct, _ in read.scales}
    if len(scales) > 1:
        return None
    if scales == {EIGHT_BIT}:
        return "uint8"
    units, n = Counter(units for units, _ in read.units).most_common(1)[0]
    return units if 2 * n > len(read.units) else None


def _unknown_units(frame: pd.DataFrame, read: Collected) -> list[str]:
    """Why the units are not known; mixed scales are told by themselves."""
    if units_of(read) is not None or len({ct for ct, _ in read.scales}) > 1:
        return []
    kinds = Counter(units or "neither" for units, _ in read.units)
    listed = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    text = f"The units of the CT are not clear ({listed} of {len(frame)}); ct_units is None."
    for row, (units, why) in enumerate(read.units):
        if units is None:
            return [f"{text} {frame['ct'].iloc[row]}: {why}."]
    return [text]


def _mixed_scales(frame: pd.DataFrame, scales: list[tuple[str, str]]) -> list[str]:
    """One sentence for each modality whose files are on several scales."""
    texts = []
    for plane, name in enumerate(("ct", "mri")):
        groups = frame[name].groupby([pair[plane] for pair in scales])
        if len(groups) > 1:
            listed = ", ".join(
                f"{len(files)} with {scale} (such as {files.iloc[0]})" for scale, files in groups
            )
            texts.append(
                f"The {name.upper()} files mix scalings: {listed}. One value then means different "
                "tissues; export all of them in one way."
            )
    return texts


def _mixed_sequences(frame: pd.DataFrame) -> list[str]:
    counts = frame["sequence"].fillna("unknown").value_counts()
    if len(counts) < 2:
        return []
    listed = ", ".join(f"{name} ({count})" for name, count in counts.items())
    return [
        f"The pairs mix MRI sequences: {listed}. A detector would learn none of them; choose "
        f"one with sequence=."
    ]
