"""Predictions for the patients of a scored folder."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ctmri_detect.cli._messages import one_line, tell
from ctmri_detect.evaluation import patient_predict_scores
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.pipelines import unwrapped


def decide_patients(
    model: BaseEstimator, pairs: Bunch, scored: pd.DataFrame
) -> pd.DataFrame | None:
    """What `patient_predict` says of each patient, with the model's false-positive rate.

    None where the patients of these pairs are unknown; None and a note where the model's are.
    """
    names = pairs.frame["patient"]
    if names.isna().any():
        return None
    rate = unwrapped(model)[1].map_scoring_.false_positive_rate
    try:
        found = patient_predict_scores(
            model, scored["anomaly_score"], names.to_numpy(), false_positive_rate=rate
        )
    except InvalidPairsError as error:
        tell(f"note: no patient is called anomalous: {one_line(error)}")
        return None
    if found.attrs["guarantee"] != "exact":
        tell(f"note: the rate of {rate:g} for patients is approximate: {found.attrs['why']}")
    return found


def as_columns(decided: pd.DataFrame) -> pd.DataFrame:
    """The columns for `patients.csv`, one row for each patient by name."""
    table = decided.set_index("patient")[["p_value", "q_value"]]
    called = np.where(decided["prediction"].to_numpy() == -1, "yes", "no")
    return table.assign(anomalous=called)
