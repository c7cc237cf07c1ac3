"""The sentences of a report: which detector is best, and how far to trust the results."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from ctmri_detect.evaluation import BenchmarkResult, standings
from ctmri_detect.evaluation.samples import ALL
from ctmri_detect.evaluation.standings import FEW_PATIENTS, SIGNIFICANT
from ctmri_detect.evaluation.table import leaderboard
from ctmri_detect.exceptions import FewPatientsWarning

FEW_SLICES = 20  # healthy slices; with fewer, 5 % of them is less than one slice


def quiet_standings(result: BenchmarkResult) -> pd.DataFrame:
    """The standings, by detector, without their warnings: these are written on the page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewPatientsWarning)
        return standings(result.scores).set_index("detector")


def leading_group(sure: pd.DataFrame) -> list[str]:
    """The best detector and all that do not differ significantly from it; empty if untested."""
    if not sure["p_to_best"].notna().any():
        return []
    tied = sure.index[sure["p_to_best"] >= SIGNIFICANT]
    return [str(name) for name in [sure.index[0], *tied]]


def summary(result: BenchmarkResult, sure: pd.DataFrame) -> str:
    """The best detector, its AUROC, the data, and whether the others are significantly worse."""
    counts = result.table[result.table["kind"] == ALL].iloc[0]
    tested = f"{counts['n_anomalous']} anomalous and {counts['n_normal']} normal slices"
    if sure.empty or np.isnan(sure["image_auroc"].iloc[0]):
        return f"No detector could be measured on {tested}."
    best, first = sure.index[0], sure.iloc[0]
    interval = f"95 % interval over patients {first['low']:.3f} to {first['high']:.3f}"
    if np.isnan(first["low"]):
        interval = "no interval: too few patients"
    n = len(leaderboard(result.table))
    lead = f"Of {n} detectors, {best} has the highest image AUROC" if n > 1 else f"{best}: AUROC"
    n_patients = f"{first['n_patients']:.0f} patient{'s' if first['n_patients'] > 1 else ''}"
    return (
        f"{lead}: {first['image_auroc']:.3f} ({interval}), on {tested} of {n_patients}. "
        f"{_rivals(sure)}Detectors were trained on normal slices of other patients only."
    )


def _rivals(sure: pd.DataFrame) -> str:
    if len(sure) < 2:
        return ""
    tied = leading_group(sure)[1:]
    if sure["p_to_best"].isna().all():
        return "Whether the others are worse could not be tested. "
    if not tied:
        return "It differs significantly from all others. "
    if len(tied) == len(sure) - 1:
        return "No other differs significantly from it. "
    return f"No significant difference from it: {', '.join(tied)}. "


def cautions(result: BenchmarkResult, sure: pd.DataFrame) -> list[str]:
    """Reasons not to trust the results, one or two sentences each."""
    found: list[str] = []
    if sure.empty:
        return found
    n = int(sure["n_patients"].min())
    if n < FEW_PATIENTS:
        found.append(
            f"Only {n} patient{'s were' if n > 1 else ' was'} tested, fewer than {FEW_PATIENTS}: "
            "intervals are too narrow, and the order of the detectors means little."
        )
    slices, patients = training_size(result.scores)
    if slices < FEW_SLICES or patients < FEW_PATIENTS:
        found.append(
            f"Thresholds were set by as few as {slices} healthy slices of {patients} "
            f"patient{'s' if patients != 1 else ''}. From so few, the share of normal slices that "
            "is flagged can't be trusted: among new patients it may be several times as high."
        )
    return found


def training_size(scores: pd.DataFrame) -> tuple[int, int]:
    """Numbers of healthy slices and of their patients in the smallest training set.

    Examples
    --------
    >>> scores = pd.DataFrame({"detector": "a", "seed": 0, "fold": [0, 0, 1, 1, 1], "target": 1,
    ...                        "patient": ["p", "p", "q", "r", "r"]})
    >>> training_size(scores)
    (2, 1)
    """
    first = scores[scores["detector"] == scores["detector"].iloc[0]]
    healthy = first[first["target"] == 1]
    outside = [
        part[(part["seed"] == seed) & (part["fold"] != fold)]
        for (seed, fold), _ in first.groupby(["seed", "fold"])
        for part in [healthy]
    ]
    return min(len(o) for o in outside), min(o["patient"].nunique() for o in outside)
