import numpy as np
import pandas as pd
import pytest

from ctmri_detect import AtlasDetector, ThresholdDetector
from ctmri_detect.evaluation import benchmark, format_table, leaderboard


@pytest.fixture(scope="module")
def result(same_data):
    detectors = {"threshold": ThresholdDetector(), "atlas": AtlasDetector()}
    return benchmark(detectors, same_data, seeds=(0, 1), progress=False)


def test_the_leaderboard_is_the_mean_over_seeds_best_first(result):
    board = leaderboard(result.table)
    assert board["image_auroc"].is_monotonic_decreasing
    assert (board["n_seeds"] == 2).all()
    for _, row in board.iterrows():
        rows = result.table.query("detector == @row.detector and kind == 'all'")
        assert row["image_auroc"] == pytest.approx(rows["image_auroc"].mean())
        assert row["pixel_ap"] == pytest.approx(rows["pixel_ap"].mean())


def test_the_leaderboard_of_one_kind(result):
    board = leaderboard(result.table, kind="bleed").set_index("detector")
    rows = result.table.query("detector == 'atlas' and kind == 'bleed'")
    assert board.loc["atlas", "image_ap"] == pytest.approx(rows["image_ap"].mean())
    with pytest.raises(ValueError, match="expected one of all, bleed, in_farct"):
        leaderboard(result.table, kind="stroke")


def test_a_seed_that_failed_is_told_and_left_out_of_the_mean(result):
    table = result.table.copy()
    lost = (table["detector"] == "atlas") & (table["seed"] == 1)
    table.loc[lost, ["image_auroc", "image_ap", "pixel_ap"]] = np.nan
    table.loc[lost, "error"] = "ValueError: x"
    row = leaderboard(table).set_index("detector").loc["atlas"]
    assert row["n_seeds"] == 1
    assert row["error"] == "ValueError: x"
    kept = table.query("detector == 'atlas' and seed == 0 and kind == 'all'")
    assert row["image_auroc"] == kept["image_auroc"].iloc[0]


def test_a_detector_that_always_failed_stands_last(result):
    table = result.table.copy()
    table.loc[table["detector"] == "threshold", "image_auroc"] = np.nan
    assert leaderboard(table)["detector"].tolist() == ["atlas", "threshold"]


def test_the_text_is_aligned_and_shows_gaps_as_dashes():
    table = pd.DataFrame(
        {"detector": ["a", "long name"], "image_auroc": [0.5, np.nan], "error": ["", "x\ny"]}
    )
    lines = format_table(table).split("\n")
    assert lines[0] == "detector  image_auroc error"
    assert lines[1] == "a               0.500"
    assert lines[2] == "long name           - x y"


def test_a_column_of_empty_text_is_left_out(result):
    text = format_table(leaderboard(result.table))
    assert "error" not in text
    assert len(text.split("\n")) == 3
