"""Detectors whose processes die, stop or are counted, for runs that have to go on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from ctmri_detect import score_to
from ctmri_detect.base import BasePairedDetector, Traits


class FragileDetector(BasePairedDetector):
    """The mean of the training pairs.

    `folder` gets a file for each load in a process, one for each block that is begun, and says
    what happens: the process is killed ("kill"), or the program is stopped ("stop"), where a file
    of that name is there (it is removed first, so that it happens once; "plague" stays).
    """

    traits = Traits(trains=False)

    def __init__(self, map_scoring=None, folder=None, seconds=0.0):
        self.map_scoring = map_scoring
        self.folder = folder
        self.seconds = seconds

    def _fit(self, X):
        self.mean_ = np.nan_to_num(np.asarray(X)).mean(axis=0)

    def _residual(self, X):
        if self.folder is not None:
            self._event("begun")
            if self._happens("kill") or (Path(self.folder) / "plague").exists():
                os.kill(os.getpid(), signal.SIGKILL)
            if self._happens("stop"):
                raise KeyboardInterrupt
        time.sleep(self.seconds)
        return X - self.mean_

    def _event(self, name):
        (Path(self.folder) / f"{name}-{os.getpid()}-{time.perf_counter_ns()}").touch()

    def _happens(self, name):
        try:
            (Path(self.folder) / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def __setstate__(self, state):
        super().__setstate__(state)
        if state.get("folder") is not None:
            self._event("loaded")


def events(folder, name):
    """The processes of all events of this name, one entry each."""
    return [int(path.name.split("-")[1]) for path in Path(folder).glob(f"{name}-*")]


def score_slowly(detector, X, folder):
    """A run for a process that is killed meanwhile."""
    score_to(detector, X, folder, block_size=4)
