"""Which row of a labels file belongs to which pair."""

from __future__ import annotations

import re
from collections import defaultdict

import pandas as pd

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.io.names import ending_of
from ctmri_detect.io.words import canonical
from ctmri_detect.layouts.planes import first_file, plane_columns

_ENDINGS = {
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".npy", ".dcm", ".nii", ".nii.gz",
}  # fmt: skip


def rows_of(table: pd.DataFrame, pairs: pd.DataFrame) -> list[int | None]:
    """The row of the labels file that belongs to each pair; None where there is none.

    The column `file` holds the path or name of one image of the pair, such as the CT, with or
    without its ending. It fits a pair if it ends with the image's path relative to the folder, or
    if that path ends with it. Case does not matter, nor how accents are written.

    Raises
    ------
    DataLoadingError
        If a name fits several pairs, or several rows fit one pair.
    """
    fits = _Tails(pairs)
    rows: list[int | None] = [None] * len(pairs)
    for row, file in enumerate(table["file"]):
        if not isinstance(file, str):
            continue
        found = sorted(fits.pairs(file))
        if len(found) > 1:
            names = ", ".join(first_file(pairs.iloc[i]) for i in found[:2])
            raise DataLoadingError(
                f"The labels file names {file!r}, which fits {len(found)} pairs, such as {names}; "
                "expected a name of one pair. Write paths relative to the folder."
            )
        for pair in found:
            if rows[pair] is not None:
                raise DataLoadingError(
                    f"The labels file names {first_file(pairs.iloc[pair])} more than once, such as "
                    f"{table['file'].iloc[rows[pair]]!r} and {file!r}; expected one row for each "
                    "pair. Remove the other."
                )
            rows[pair] = row
    return rows


class _Tails:
    """Pairs by the ends of their paths, so that a name in a labels file is found at once."""

    def __init__(self, pairs: pd.DataFrame) -> None:
        self.whole: dict[str, set[int]] = defaultdict(set)
        self.tails: dict[str, set[int]] = defaultdict(set)
        columns = [pairs[name] for name in plane_columns(pairs)]
        for pair, paths in enumerate(zip(*columns, strict=True)):
            for path in (path for path in paths if isinstance(path, str)):
                key = canonical(path).casefold()
                for name in {key, _bare(key)}:
                    self.whole[name].add(pair)
                    for tail in _tails(name):
                        self.tails[tail].add(pair)

    def pairs(self, file: str) -> set[int]:
        """The pairs that a path or name in a labels file fits."""
        name = re.sub(r"^(\./)+", "", canonical(file).casefold().replace("\\", "/"))
        for form in (name, _bare(name)):  # a.jpg in the table may be called a.png in the folder
            if form in self.tails:
                return self.tails[form]
            longer = next((tail for tail in _tails(form) if tail in self.whole), None)
            if longer is not None:
                return self.whole[longer]
        return set()


def _bare(path: str) -> str:
    """A path without the ending of an image type; what follows another dot is kept."""
    ending = ending_of(path)
    return path[: -len(ending)] if ending in _ENDINGS else path


def _tails(path: str) -> list[str]:
    """The path, and the path without its first folders, the longest first."""
    parts = path.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]
