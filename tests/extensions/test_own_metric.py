"""A metric of one's own in the benchmark, written as a user would write it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from ctmri_detect import AtlasDetector, Pairs, ThresholdDetector
from ctmri_detect.evaluation import benchmark, format_table, leaderboard
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.reports import write_report

N = 32


def found_at_two_alarms(target, decision):
    """Share of anomalous samples that look more anomalous than all normal ones but two."""
    allowed = np.sort(decision[target == 1])[2]
    return np.mean(decision[target == -1] < allowed)


def needs_bleeds(target, decision):
    target[:] = 0  # what it does to its arrays is its own affair
    raise ZeroDivisionError("no bleeds")


def make_data():
    rng = np.random.default_rng(0)
    array = rng.normal(size=(N, 2, 32, 32)).astype("float32")
    target = np.where(np.arange(N) % 4, 1, -1)
    kind = np.where(target == 1, "normal", np.where(np.arange(N) % 8, "infarct", "bleed"))
    array[target == -1, 1, 8:12, 6:10] += 1.5
    pairs = Pairs(array, groups=np.arange(N) // 4)
    return Bunch(data=pairs, target=target, frame=pd.DataFrame({"kind": kind}))


DETECTORS = {"atlas": AtlasDetector(), "threshold": ThresholdDetector()}
METRICS = {"found": found_at_two_alarms, "auroc": decision_roc_auc_score}


@pytest.fixture(scope="module")
def data():
    return make_data()


@pytest.fixture(scope="module")
def result(data):
    return benchmark(DETECTORS, data, seeds=(0, 1), metrics=METRICS, progress=False)


def test_each_metric_is_a_column_of_the_decisions_in_scores(result):
    for _, row in result.table.iterrows():
        scores = result.scores.query("detector == @row.detector and seed == @row.seed")
        used = scores[scores["kind"].isin(["normal", row["kind"]]) | (row["kind"] == "all")]
        target, decision = used["target"].to_numpy(), used["decision"].to_numpy()
        assert row["found"] == found_at_two_alarms(target, decision)
    assert result.table["auroc"].equals(result.table["image_auroc"])  # high = normal
    assert result.table["image_auroc"].between(0.5, 1, inclusive="right").all()


def test_each_fold_has_its_value(result):
    assert len(result.folds) == 2 * 2 * 2  # detectors, seeds, folds
    for _, row in result.folds.iterrows():
        scores = result.scores.query("detector == @row.detector and seed == @row.seed")
        used = scores[scores["fold"] == row["fold"]]
        target, decision = used["target"].to_numpy(), used["decision"].to_numpy()
        assert row["found"] == found_at_two_alarms(target, decision)
        assert row["auroc"] == row["image_auroc"] == decision_roc_auc_score(target, decision)


def test_leaderboard_table_and_report_show_it(result, data, tmp_path):
    board = leaderboard(result.table)
    for _, row in board.iterrows():
        rows = result.table.query("detector == @row.detector and kind == 'all'")
        assert row["found"] == pytest.approx(rows["found"].mean())
    heading, first, _ = format_table(board).split("\n")
    assert heading.split()[2:6] == ["image_auroc", "image_ap", "pixel_ap", "found"]
    assert first.split()[5] == f"{board['found'].iloc[0]:.3f}"
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    page = write_report(result, data, tmp_path / "r.html").read_text(encoding="utf-8")
    assert ">found</th>" in page


def test_a_metric_that_raises_names_itself_and_the_detector_and_loses_nothing(result, data):
    metrics = {"broken": needs_bleeds, **METRICS}
    again = benchmark(DETECTORS, data, seeds=(0, 1), metrics=metrics, progress=False)
    for name in DETECTORS:
        error = f"Metric 'broken' failed on detector '{name}': ZeroDivisionError: no bleeds"
        for table in (again.table, again.folds):
            assert (table.loc[table["detector"] == name, "error"] == error).all()
    kept = ["detector", "kind", "image_auroc", "image_ap", "found", "auroc"]
    assert again.table[kept].equals(result.table[kept])
    assert again.scores.equals(result.scores)
    assert again.maps.keys() == result.maps.keys()
    board = leaderboard(again.table)
    assert (board["n_seeds"] == 2).all()
    assert board["broken"].isna().all()
    assert "Metric 'broken'" in format_table(board)


@pytest.mark.parametrize(
    ("metrics", "error", "said"),
    [
        ([found_at_two_alarms], TypeError, "metrics is list; expected a dict"),
        ({"found": 0.5}, TypeError, r"metrics\['found'\] is float; expected a name and a function"),
        ({"image_auroc": found_at_two_alarms}, ValueError, "'image_auroc'.*Rename it"),
        ({"seed": found_at_two_alarms}, ValueError, "'seed'.*Rename it"),
    ],
)
def test_what_is_no_metric_is_refused_at_once(metrics, error, said, data):
    with pytest.raises(error, match=said):
        benchmark(DETECTORS, data, metrics=metrics, progress=False)
