"""Slices of scans, block by block, smoothed along their scans."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ctmri_detect._threads import map_threads
from ctmri_detect.detectors.volume.scans import Rows, Scans
from ctmri_detect.scoring import MapScoring
from ctmri_detect.scoring.along_z import AlongZ
from ctmri_detect.scoring.calibration import Each
from ctmri_detect.validation import PairReader

_BLOCK = 16
_KEPT_BYTES = 256 * 2**20  # of layers, so that a slice is asked once while its scan is scored

Layers = npt.NDArray[np.float32]


class Neighbourhood:
    """Layers of slices, alone and smoothed with their neighbours.

    Parameters
    ----------
    X : PairReader
        The slices; `groups` are codes of their patients.
    scans : Scans
        Of the rows of ``X.array``: these are the neighbours that there are.
    each : callable
        Asks the model, see `scoring.calibration.Each`.
    scoring : MapScoring
        Of the model, fitted.
    """

    def __init__(self, X: PairReader, scans: Scans, each: Each, scoring: MapScoring) -> None:
        self.X, self.scans, self.each, self.scoring = X, scans, each, scoring
        self._kept: OrderedDict[int, Layers] = OrderedDict()
        self._codes: Rows | None = None
        if X.groups is not None:  # a scan is of one patient
            self._codes = np.full(int(scans.scan.max()) + 1, -1)
            self._codes[scans.scan[X.rows]] = X.groups

    def smoothed(self, along: AlongZ) -> Iterator[tuple[Layers, PairReader]]:
        """For each block its slices, and their layers: each alone, and behind them the smoothed."""
        z_mm = self.scans.z_mm
        for start in range(0, len(self.X), _BLOCK):
            block = self.X.take(np.arange(start, min(start + _BLOCK, len(self.X))))
            near = [self.scans.near(row, along.reach) for row in block.rows]
            self._ask(np.unique(np.concatenate(near)))

            def one(given: tuple[int, Rows]) -> Layers:
                row, rows = given
                layers = np.stack([self._kept[i] for i in rows])
                at = int(np.flatnonzero(rows == row)[0])
                return np.concatenate([layers[at], along.smooth(layers, z_mm[rows], at)])

            made = map_threads(one, list(zip(block.rows.tolist(), near, strict=True)))
            yield np.stack(made), PairReader(block[:], groups=block.groups)

    def whole(self, scan: int) -> tuple[Layers, npt.NDArray[np.float64]]:
        """Layers of all slices of a scan, not smoothed, and their heights; nothing is kept."""
        rows = np.flatnonzero(self.scans.scan == scan)
        return np.concatenate(self._asked(rows)), self.scans.z_mm[rows]

    def _ask(self, rows: Rows) -> None:
        """Keep the layers of these rows; if there are too many, drop those unused longest."""
        new = np.array([row for row in rows.tolist() if row not in self._kept], dtype=np.int64)
        for row in rows.tolist():
            if row in self._kept:
                self._kept.move_to_end(row)
        if len(new):
            layers = np.concatenate(self._asked(new))
            self._kept.update(
                (row, one.copy()) for row, one in zip(new.tolist(), layers, strict=True)
            )
            most = max(_KEPT_BYTES // max(layers[0].nbytes, 1), len(rows))
            while len(self._kept) > most:
                self._kept.popitem(last=False)

    def _asked(self, rows: Rows) -> list[Layers]:
        codes = None if self._codes is None else self._codes[self.scans.scan[rows]]
        return self.each(PairReader(self.X.array, rows, codes), self.scoring.layers)
