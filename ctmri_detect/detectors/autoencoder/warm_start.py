"""A `fit` that trains the network of the last fit further."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ctmri_detect.scoring import MapScoring
from ctmri_detect.scoring.calibration import ENOUGH_PATIENTS


def check_warm_start(
    network: Any, asked: Any, n_patients: int, *scorings: MapScoring | None
) -> None:
    """Raise a ValueError if a fitted network can't be trained further.

    Parameters
    ----------
    network, asked : PairNetwork
        The fitted network, and a new one for the present parameters and pairs.
    n_patients : int
        Patients in the training pairs.
    *scorings : MapScoring or None
        That of the next fit, and that of the last one.
    """
    if n_patients < ENOUGH_PATIENTS:
        raise ValueError(
            f"warm_start=True, but there are {n_patients} patients; expected at least "
            f"{ENOUGH_PATIENTS}. With fewer, each patient is left out in turn, but the fitted "
            "network has seen all of them. Set warm_start=False."
        )
    if any(scoring is not None and scoring.cross_fits(cheap=False) for scoring in scorings):
        raise ValueError(
            "warm_start=True with MapScoring(cross_fit=True), now or in the last fit: the fitted "
            "network has seen the patients that would be left out in turn. Set warm_start=False, "
            "or use cross_fit=False in both fits."
        )
    if asked.config != network.config:
        raise ValueError(
            f"warm_start=True, but the fitted network has the settings {network.config}, and the "
            f"parameters ask for {asked.config}; expected equal settings. Set warm_start=False."
        )


def joined(before: pd.DataFrame | None, history: pd.DataFrame) -> pd.DataFrame:
    """The history `before`, then `history` with its epochs numbered onwards."""
    if before is None:
        return history
    further = history.assign(epoch=history["epoch"] + len(before))
    return pd.concat([before, further], ignore_index=True)
