"""How certain the order of detectors is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from ctmri_detect._warnings import warn_user
from ctmri_detect.evaluation.sample_measures import SAMPLE_MEASURES, Resampling
from ctmri_detect.evaluation.scored import Scored
from ctmri_detect.exceptions import FewPatientsWarning, InvalidPairsError
from ctmri_detect.metrics import pairwise_delong

FEW_PATIENTS = 10
SIGNIFICANT = 0.05
_SHOWN = {
    "image_auroc": "auroc",
    "inside_patients": "auroc_inside_patients",
    "patient_identity": "auroc_of_patient_identity",
    "normal_flagged": "false_positive_rate",
}


def standings(
    scores: pd.DataFrame, *, n_resamples: int = 500, confidence_level: float = 0.95
) -> pd.DataFrame:
    """The detectors in order, with intervals over patients and tests of their differences.

    Parameters
    ----------
    scores : DataFrame
        `BenchmarkResult.scores`.
    n_resamples, confidence_level
        As in `evaluate`. With several seeds, the ends of an interval are means over seeds. So the
        interval shows what other patients would change, not what another training would.

    Returns
    -------
    DataFrame
        One row per detector that was measured, the best first:

        - image_auroc, low, high: mean over seeds, and the interval over patients.
        - inside_patients: mean AUROC inside patients who have normal and anomalous samples, and
          n_inside, the number of these patients. Where it is much lower than image_auroc, the
          detector tells patients apart rather than samples.
        - patient_identity: AUROC of a score that knows only the patient of each sample.
        - normal_flagged: share of normal samples below the threshold; NaN without one.
        - n_patients, n_normal_patients (with a normal sample), n_anomalous_patients.
        - p_to_best: p-value of DeLong's test over patients against the first detector, with
          Holm's correction for all pairs; NaN for the first, and with too few patients. From 0.05
          on the two do not differ significantly. With several seeds, mean ranks are compared.

    Warns
    -----
    FewPatientsWarning
        Below ten patients: then intervals and order mean little.

    References
    ----------
    DeLong, DeLong, Clarke-Pearson, Biometrics 44(3), 1988; over patients: Obuchowski, Biometrics
    53(2), 1997. Holm, Scandinavian Journal of Statistics 6(2), 1979.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> patient = np.repeat(np.arange(30), 4)
    >>> y = np.where(np.arange(120) % 3, 1, -1)
    >>> common = {"seed": 0, "fold": 0, "sample": np.arange(120), "patient": patient, "target": y}
    >>> parts = [
    ...     pd.DataFrame(common | {"detector": name, "decision": y + noise * rng.normal(size=120)})
    ...     for name, noise in (("good", 0.7), ("bad", 5.0))
    ... ]
    >>> table = standings(pd.concat(parts).assign(has_threshold=True))
    >>> table["detector"].tolist(), bool(table["p_to_best"][1] < 0.001)
    (['good', 'bad'], True)
    """
    by = Resampling(n_resamples, confidence_level)
    rows = []
    for name, of_detector in scores.groupby("detector", sort=False):
        seeds = [_row(_scored(part), by) for _, part in of_detector.groupby("seed")]
        rows.append({"detector": name} | pd.DataFrame(seeds).mean().to_dict())
    columns = ["detector", "image_auroc", "low", "high", *list(_SHOWN)[1:], "n_inside"]
    columns += ["n_patients", "n_normal_patients", "n_anomalous_patients"]
    table = pd.DataFrame(rows, columns=columns)
    table = table.sort_values("image_auroc", ascending=False, kind="stable", ignore_index=True)
    whole = ["n_inside", "n_patients", "n_normal_patients", "n_anomalous_patients"]
    table[whole] = table[whole].astype(int)
    if len(table) and table["n_patients"].min() < FEW_PATIENTS:
        warn_user(
            f"The scores are of {table['n_patients'].min()} patients, fewer than {FEW_PATIENTS}: "
            "intervals are too narrow, and the order of the detectors means little. Measure on "
            "more patients, or report no order.",
            FewPatientsWarning,
        )
    return table.assign(p_to_best=_p_to_best(scores, table["detector"].tolist()))


def _scored(rows: pd.DataFrame) -> Scored:
    codes = np.unique(rows["patient"].astype(str), return_inverse=True)[1]
    return Scored(
        rows["target"].to_numpy(),
        rows["decision"].to_numpy(),
        codes,
        rows["fold"].to_numpy(),
        rows["has_threshold"].to_numpy(dtype=bool),
        float("nan"),
    )


def _row(data: Scored, by: Resampling) -> dict[str, Any]:
    figures = {name: SAMPLE_MEASURES[metric][1](data, by) for name, metric in _SHOWN.items()}
    kinds = [set(data.patients[data.target == label]) for label in (1, -1)]
    return {
        **{name: figure.value for name, figure in figures.items()},
        "low": figures["image_auroc"].low,
        "high": figures["image_auroc"].high,
        "n_inside": len(kinds[0] & kinds[1]),
        "n_patients": data.n_patients,
        "n_normal_patients": len(kinds[0]),
        "n_anomalous_patients": len(kinds[1]),
    }


def _p_to_best(scores: pd.DataFrame, names: list[str]) -> npt.NDArray[np.float64]:
    p = np.full(len(names), np.nan)
    ranks = {name: _mean_ranks(scores[scores["detector"] == name]) for name in names}
    if len(names) < 2 or any(not r.index.equals(ranks[names[0]].index) for r in ranks.values()):
        return p
    about = scores.drop_duplicates("sample").set_index("sample").loc[ranks[names[0]].index]
    decisions = {name: r.to_numpy() for name, r in ranks.items()}
    try:
        pairs = pairwise_delong(about["target"], decisions, about["patient"].to_numpy())
    except InvalidPairsError:  # fewer than two patients with normal, or with anomalous samples
        return p
    p[1:] = pairs.loc[pairs["a"] == names[0], "p_holm"]
    return p


def _mean_ranks(rows: pd.DataFrame) -> pd.Series:
    """Mean over seeds of the rank of each sample, from 0 to 1, by its number."""
    ranked = rows.groupby("seed")["decision"].transform(lambda d: rankdata(d) / len(d))
    return ranked.groupby(rows["sample"]).mean().sort_index()
