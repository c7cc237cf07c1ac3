import numpy as np
import pandas as pd
import pytest

from ctmri_detect.evaluation import standings
from ctmri_detect.exceptions import FewPatientsWarning
from ctmri_detect.metrics import decision_roc_auc_score, pairwise_delong, patient_bootstrap


def scores(noise, n_patients=24, seeds=(0,), threshold=True):
    """Scores of detectors that see the label through noise."""
    rng = np.random.default_rng(5)
    patient = np.repeat([f"p{i:02d}" for i in range(n_patients)], 4)
    y = np.where(rng.random(len(patient)) < 0.4, -1, 1)
    y[:2] = 1, -1
    common = {"fold": 0, "sample": np.arange(len(y)), "patient": patient, "target": y}
    return pd.concat(
        pd.DataFrame(
            common
            | {"detector": name, "seed": seed, "decision": y + s * rng.normal(size=len(y))}
            | {"has_threshold": threshold}
        )
        for name, s in noise.items()
        for seed in seeds
    )


def test_figures_are_those_of_the_metrics():
    rows = scores({"weak": 3.0, "good": 1.0, "same": 1.0})
    table = standings(rows).set_index("detector")
    assert table["image_auroc"].is_monotonic_decreasing
    assert table.index[-1] == "weak"
    decisions = {name: part["decision"].to_numpy() for name, part in rows.groupby("detector")}
    one = rows[rows["detector"] == "good"]
    y, patient = one["target"].to_numpy(), one["patient"].to_numpy()
    for name, decision in decisions.items():
        exact = patient_bootstrap(
            y, decision, patient, decision_roc_auc_score, n_resamples=500, random_state=0
        )
        found = table.loc[name, ["image_auroc", "low", "high"]].astype(float)
        assert np.allclose(found, [exact.estimate, exact.low, exact.high], atol=1e-12)
        assert table.loc[name, "normal_flagged"] == (decision[y == 1] < 0).mean()
    pairs = pairwise_delong(y, {name: decisions[name] for name in table.index}, patient)
    assert np.isnan(table["p_to_best"].iloc[0])
    assert np.allclose(table["p_to_best"].iloc[1:], pairs["p_holm"][:2])
    assert table["p_to_best"].iloc[1] > 0.05 > table["p_to_best"].iloc[2]


def test_several_seeds_are_averaged():
    rows = scores({"a": 1.0, "b": 2.0}, seeds=(0, 1, 2))
    table = standings(rows).set_index("detector")
    each = [standings(part).set_index("detector") for _, part in rows.groupby("seed")]
    for column in ("image_auroc", "low", "high", "inside_patients"):
        assert np.allclose(table.loc["a", column], np.mean([t.loc["a", column] for t in each]))


def test_a_few_patients_are_warned_of():
    with pytest.warns(FewPatientsWarning, match="of 6 patients"):
        standings(scores({"a": 1.0}, n_patients=6))


def test_without_a_threshold_nothing_is_said_of_flags():
    table = standings(scores({"a": 1.0}, threshold=False))
    assert table["normal_flagged"].isna().all()
    assert table["p_to_best"].isna().all()
