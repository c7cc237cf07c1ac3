"""Write the maps of one scan as files that open over its CT, or else over its first volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.io.volumes.grid import Grid, read_grid
from ctmri_detect.io.volumes.map_volume import map_volume
from ctmri_detect.io.volumes.straight import moved, straight
from ctmri_detect.io.volumes.write_nifti import write_nifti
from ctmri_detect.modalities import Roles
from ctmri_detect.pairs import Pairs

_NEEDED = ("volume", "z_mm", "grid")
_STEPS = 1024  # steps in a standard deviation: rounded values compress well
_AIR = -1024  # HU
_OTHER_GRID = "not on the {name}'s own grid, because {why}: open it over the {name} beside it"
_CT_KIND, _OTHER_KIND = "ct", "image"
IMAGE_KINDS = (_CT_KIND, _OTHER_KIND)
"""Kinds of files that are images, not maps."""


class WrittenMap(NamedTuple):
    """One file with maps.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        "anomaly", "z_ct", "z_mri" and the like; "ct" for a CT that was written beside its map, and
        "image" for another volume.
    samples : tuple of int
        The rows of X that it shows.
    note : str
        Why its grid is not the scan's own; "" where it is.

    Examples
    --------
    >>> WrittenMap(Path("p1_anomaly.nii.gz"), "anomaly", (0, 1), "").path.name
    'p1_anomaly.nii.gz'
    """

    path: Path
    kind: str
    samples: tuple[int, ...]
    note: str


@dataclass(frozen=True)
class Scan:
    """The rows of X that were cut from one scan; `patient` is its file if no patient is known."""

    patient: str
    rows: NDArray[np.int64]
    grid: Grid


def scans_of(X: Pairs) -> list[Scan]:
    """The scans from which samples were cut, in the order of the samples.

    Raises
    ------
    InvalidPairsError
        If the pairs have no places in a volume.
    DataLoadingError
        If these are damaged.
    """
    frame = X.frame
    if frame is None or X.spacing is None or any(name not in frame for name in _NEEDED):
        raise InvalidPairsError(
            "X has no places in a volume (columns volume, z_mm and grid of its frame, and a "
            "spacing); expected pairs of load_volume_pairs. Write slices with form='npy' or "
            "form='tiff'."
        )
    table = frame[list(_NEEDED)].reset_index(drop=True)
    lacking = np.flatnonzero(table.isna().any(axis=1))
    if len(lacking):
        raise InvalidPairsError(
            f"{len(lacking)} samples have no place in a volume, such as sample {lacking[0]}; "
            "expected only pairs of load_volume_pairs. Leave the others out."
        )
    names = table["volume"].to_numpy() if X.groups is None else X.groups
    table["patient"] = np.asarray(names).astype(str)
    scans = []
    for (patient, _, text), own in table.groupby(["patient", "volume", "grid"], sort=False):
        scans.append(Scan(str(patient), own.index.to_numpy(), read_grid(str(text))))
    return scans


def write_scan(
    X: Pairs,
    scan: Scan,
    rows: NDArray[np.int64],
    maps: Mapping[str, Sequence[NDArray[np.floating]]],
    stem: Path,
    outside: float,
) -> list[WrittenMap]:
    """Write the maps of these rows, one file for each kind: ``stem_kind.nii.gz``."""
    assert X.frame is not None
    assert X.spacing is not None
    z_mm, spacing = X.frame["z_mm"].to_numpy(dtype=np.float64)[rows], X.spacing[rows]
    to, samples = straight(scan.grid), tuple(int(row) for row in rows)
    i = _of_grid(X.roles)
    is_ct, name = X.roles[i] == "ct", X.modalities[i]
    note = to.why and _OTHER_GRID.format(name=name, why=to.why)
    written = []

    def write(kind: str, images: Sequence[NDArray[np.floating]]) -> None:
        volume = moved(map_volume(images, z_mm, spacing, scan.grid, to.ends), to)
        image = kind in IMAGE_KINDS
        units = X.ct_units if is_ct else None
        values = _as_image(volume, units) if image else _as_map(volume, outside)
        path = stem.with_name(f"{stem.name}_{kind}.nii.gz")
        content = name if image else f"{kind} map, standard deviations"
        write_nifti(path, *scan.grid.as_stored(values, to.affine), f"ctmri_detect: {content}"[:79])
        written.append(WrittenMap(path, kind, samples, note))

    for kind, images in maps.items():
        write(kind, images)
    if to.why:
        write(_CT_KIND if is_ct else _OTHER_KIND, [X[int(row)][i] for row in rows])
    return written


def _of_grid(roles: Roles) -> int:
    """The plane on whose grid the volumes lie: the CT, or else the first."""
    return roles.index("ct") if "ct" in roles else 0


def _as_map(volume: NDArray[np.float32], outside: float) -> NDArray[np.float32]:
    rounded = np.rint(volume * np.float32(_STEPS)) / np.float32(_STEPS)
    return np.where(np.isnan(rounded), np.float32(outside), rounded)


def _as_image(volume: NDArray[np.float32], units: str | None) -> NDArray[np.int16 | np.float32]:
    """A CT in whole HU, with air for pixels not observed; other images with their lowest value."""
    if units != "hu":
        least = np.nanmin(volume, initial=np.float32(np.inf))
        return np.where(np.isnan(volume), least if np.isfinite(least) else 0, volume)
    limits = np.iinfo(np.int16)
    whole = np.rint(np.where(np.isnan(volume), _AIR, volume))
    return np.clip(whole, limits.min, limits.max).astype(np.int16)
