"""Write the maps of many slices: volumes that open over the scan, or a file for each slice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ctmri_detect._types import PairsLike
from ctmri_detect.io.map_names import file_names
from ctmri_detect.io.map_slices import write_map_slice
from ctmri_detect.io.volumes.scan_maps import Scan, WrittenMap, scans_of, write_scan
from ctmri_detect.pairs import Pairs

FORMS = {"nifti": ".nii.gz", "npy": ".npy", "tiff": ".tif"}
"""The forms in which maps can be written, and the endings of the files."""

_ANOMALY = "anomaly"


class MapWriter:
    """Writes maps in any order, as they are made; memory holds those of incomplete scans.

    Use it in a with-block. At its end, incomplete scans are written, too; not after an error.

    Parameters
    ----------
    X, folder, form, names, outside
        As in `write_maps`.

    Attributes
    ----------
    written : list of WrittenMap
        The files written so far.

    Raises
    ------
    InvalidPairsError, ValueError
        As in `write_maps`.

    Examples
    --------
    >>> import tempfile
    >>> from ctmri_detect import AtlasDetector
    >>> X = np.random.default_rng(0).normal(size=(20, 2, 16, 16))
    >>> detector = AtlasDetector().fit(X, groups=range(20))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with MapWriter(X, folder, form="npy") as writer:
    ...         for block in detector.iter_detect(X, include=["anomaly_map"]):
    ...             writer.add(block.samples, block.anomaly_map)
    >>> len(writer.written), writer.written[0].path.name
    (20, 'slice_0_anomaly.npy')
    """

    written: list[WrittenMap]

    def __init__(
        self,
        X: PairsLike,
        folder: str | Path,
        *,
        form: str = "nifti",
        names: Sequence[str] | None = None,
        outside: float = np.nan,
    ) -> None:
        if form not in FORMS:
            raise ValueError(f"form is {form!r}; expected one of {', '.join(map(repr, FORMS))}.")
        self.X = X if isinstance(X, Pairs) else Pairs(X)
        self.folder, self.form, self.outside = Path(folder), form, outside
        self.written = []
        self._scans: list[Scan] = scans_of(self.X) if form == "nifti" else []
        self._names = self._named(names)
        self._scan_of = {int(row): i for i, scan in enumerate(self._scans) for row in scan.rows}
        self._given: set[int] = set()
        self._waiting: dict[int, dict[int, list[npt.NDArray[np.float32]]]] = {}  # scan, row, maps
        self._kinds = [_ANOMALY, *(f"z_{name.lower()}" for name in file_names(self.X.modalities))]
        self.folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            for number in list(self._waiting):
                self._write_scan(number)

    def add(
        self,
        samples: Sequence[int] | npt.NDArray[Any],
        anomaly_map: npt.ArrayLike,
        z_maps: npt.ArrayLike | None = None,
    ) -> None:
        """Take the maps of these rows of X; a file is written when all of its slices have come.

        Parameters
        ----------
        samples : array-like of int, shape (n,)
            Rows of X.
        anomaly_map : array of shape (n, height, width)
            On the grid of X.
        z_maps : array of shape (n, n_planes, height, width), default=None
            Signed; on the grid of X.

        Raises
        ------
        ValueError
            If the maps are not on the grid of X, if a sample is no row of X, or if it comes twice.
        """
        maps = self._checked(np.asarray(samples), anomaly_map, z_maps)
        for row, planes in zip(np.asarray(samples).tolist(), maps, strict=True):
            if self.form != "nifti":
                self._write_slice(row, planes)
                continue
            number = self._scan_of[row]
            waiting = self._waiting.setdefault(number, {})
            waiting[row] = list(planes)
            if len(waiting) == len(self._scans[number].rows):
                self._write_scan(number)

    def _checked(
        self, samples: npt.NDArray[Any], anomaly_map: npt.ArrayLike, z_maps: npt.ArrayLike | None
    ) -> npt.NDArray[np.float32]:
        """All maps of the samples ``(n, n_kinds, height, width)``."""
        n, planes, height, width = len(samples), *self.X.shape[1:]
        parts = [np.asarray(anomaly_map, dtype=np.float32)]
        expected: list[tuple[int, ...]] = [(n, height, width)]
        if z_maps is not None:
            parts.append(np.asarray(z_maps, dtype=np.float32))
            expected.append((n, planes, height, width))
        for part, shape in zip(parts, expected, strict=True):
            if part.shape != shape:
                raise ValueError(
                    f"Maps of {n} samples have shape {part.shape}; expected {shape}, on the grid "
                    "of X. Take them from localization.anomaly_map, iter_detect or detect."
                )
        if n and not (samples.min() >= 0 and samples.max() < len(self.X)):
            ends, n = f"{samples.min()} to {samples.max()}", len(self.X)
            raise ValueError(f"samples are {ends}; expected rows of X, which has {n}.")
        rows = set(samples.tolist())
        if twice := sorted(rows & self._given):
            raise ValueError(f"Maps of sample {twice[0]} were added before; expected each once.")
        self._given |= rows
        first = parts[0][:, None]
        return first if z_maps is None else np.concatenate([first, parts[1]], axis=1)

    def _named(self, names: Sequence[str] | None) -> list[str]:
        """Names of files: one for each scan, or one for each sample."""
        if self.form == "nifti":
            return file_names(scan.patient for scan in self._scans)
        if names is None:
            return [f"slice_{row}" for row in range(len(self.X))]
        if len(names) != len(self.X):
            n = len(self.X)
            raise ValueError(f"There are {len(names)} names; expected {n}, one for each sample.")
        return file_names(names)

    def _write_slice(self, row: int, planes: npt.NDArray[np.float32]) -> None:
        for kind, plane in zip(self._kinds, planes, strict=False):
            path = self.folder / f"{self._names[row]}_{kind}{FORMS[self.form]}"
            write_map_slice(plane, path, signed=kind != _ANOMALY, outside=self.outside)
            self.written.append(WrittenMap(path, kind, (row,), ""))

    def _write_scan(self, number: int) -> None:
        waiting = self._waiting.pop(number)
        rows = np.array(sorted(waiting))
        kinds = self._kinds[: min(len(planes) for planes in waiting.values())]
        maps = {kind: [waiting[row][i] for row in rows] for i, kind in enumerate(kinds)}
        stem = self.folder / self._names[number]
        self.written += write_scan(self.X, self._scans[number], rows, maps, stem, self.outside)


def write_maps(
    anomaly_map: npt.ArrayLike,
    X: PairsLike,
    folder: str | Path,
    *,
    z_maps: npt.ArrayLike | None = None,
    form: str = "nifti",
    names: Sequence[str] | None = None,
    outside: float = np.nan,
) -> list[WrittenMap]:
    """Write the maps of slices: as volumes that open over the CT, or as one file for each slice.

    **Volumes** (``form="nifti"``): for each CT, ``<patient>_anomaly.nii.gz`` on the CT's own grid,
    with the axes in the order of the CT's file (DICOM: column, row, slice). ITK-SNAP, 3D Slicer and
    others then show it over the CT. Without a CT, the first modality takes its place in all that
    follows. A second CT of a patient gets a number. Where the grid of a CT has no right angles (a
    tilted gantry) or uneven slices, those programs can't show it in place. Then the map is written
    on an even box around the slices, and beside it ``<patient>_ct.nii.gz``, the CT of X on the same
    box (of another modality ``<patient>_image.nii.gz``). The `note` of the files says so.

    **Slices** (``form="npy"`` or ``"tiff"``): one file for each slice, ``<name>_anomaly.npy``, on
    the grid of X; `write_map_slice` explains the numbers of a TIFF.

    Pixels that were not observed (outside the brain mask, slices left out) are NaN, which recent
    viewers show (ITK-SNAP from 4.2 on; 3D Slicer crashed on it until 2020). Programs that can't
    read NaN need ``outside=0``. Then "not observed" looks like "as usual".

    Parameters
    ----------
    anomaly_map : array of shape (n_samples, height, width)
        On the grid of X, as `localization.anomaly_map` gives them.
    X : Pairs
        For volumes, as `load_volume_pairs` gave them; for slices, any pairs.
    folder : str or Path
        It is made if it does not exist. Files of the same names are replaced.
    z_maps : array of shape (n_samples, n_planes, height, width), default=None
        Signed maps, as `localization.explain` gives them. Their files are called
        ``<patient>_z_ct.nii.gz`` and so on, by the names of the modalities in lower case, with "_"
        for characters that file names can't hold.
    form : {"nifti", "npy", "tiff"}, default="nifti"
    names : sequence of str, default=None
        For the files of slices, one for each sample; None: ``slice_0``, ``slice_1``, ...
    outside : float, default=NaN
        The value of pixels that were not observed. In a TIFF it is always 0.

    Returns
    -------
    list of WrittenMap
        `path`, `kind`, `samples` and `note` of each file.

    Raises
    ------
    InvalidPairsError
        If X has no places in a volume, with ``form="nifti"``.
    ValueError
        For maps on another grid than that of X, a wrong number of names, and an unknown form.

    Examples
    --------
    >>> import tempfile
    >>> X = np.zeros((2, 2, 16, 16))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_maps(X[:, 0], X, folder, form="tiff", names=["a", "b"])
    >>> [file.path.name for file in files]
    ['a_anomaly.tif', 'b_anomaly.tif']
    """
    with MapWriter(X, folder, form=form, names=names, outside=outside) as writer:
        writer.add(np.arange(len(writer.X)), anomaly_map, z_maps)
    return writer.written
