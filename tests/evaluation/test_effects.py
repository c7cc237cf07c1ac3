"""Laws of the table of effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ctmri_detect import AtlasDetector
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.evaluation import benchmark, lesion_effects
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import decision_roc_auc_score

FACTORS = ["size", "contrast", "place"]


def make_frame(n=300, seed=0):
    """A third normal; a decision that size and contrast make, and place does not."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "kind": rng.permutation(np.repeat(["normal", "bleed", "infarct"], n // 3)),
            "patient": rng.integers(n // 4, size=n),
            "diameter_mm": rng.uniform(2, 30, n),
            "cnr_ct": rng.normal(0, 10, n),
            "cnr_mri": rng.normal(0, 10, n),
            "slice": rng.uniform(-10, 60, n),
            "whole_slice": False,
        }
    )
    seen = frame["diameter_mm"] * frame[["cnr_ct", "cnr_mri"]].abs().max(axis=1) / 50
    decision = 3 - seen.where(frame["kind"] != "normal", 0) + rng.normal(size=n)
    frame.loc[frame["kind"] == "normal", ["diameter_mm", "cnr_ct", "cnr_mri"]] = np.nan
    return frame, decision.to_numpy()


FRAME, DECISION = make_frame()
ODD = (FRAME["kind"] != "normal").to_numpy()


def rows(table, factor):
    return table[table[factor] != "all"]


def test_the_first_row_is_about_all_lesions():
    row = lesion_effects(FRAME, DECISION).iloc[0]
    assert row[FACTORS].tolist() == ["all"] * 3
    assert (row["n_lesions"], row["n_found"]) == (200, (DECISION[ODD] < 0).sum())
    assert row["n_patients"] == FRAME.loc[ODD, "patient"].nunique() < 200
    assert row["rate"] == row["n_found"] / 200
    assert row["auroc"] == decision_roc_auc_score(np.where(ODD, -1, 1), DECISION)


def test_bins_hold_about_equally_many_and_each_is_what_it_says():
    table = lesion_effects(FRAME, DECISION, bins=4)
    contrast = FRAME[["cnr_ct", "cnr_mri"]].abs().max(axis=1)
    for factor, value in zip(
        FACTORS, (FRAME["diameter_mm"], contrast, FRAME["slice"]), strict=True
    ):
        part = rows(table, factor)
        assert part["n_lesions"].tolist() == [50] * 4
        assert part["n_found"].sum() == table.loc[0, "n_found"]
        for row, held in zip(
            part.itertuples(), np.array_split(value[ODD].sort_values().index, 4), strict=True
        ):
            assert row.n_found == (DECISION[held] < 0).sum()
            both = np.r_[held, np.flatnonzero(~ODD)]
            target = np.where(ODD[both], -1, 1)
            assert row.auroc == pytest.approx(decision_roc_auc_score(target, DECISION[both]))


def test_what_makes_lesions_visible_shows_and_what_does_not_stays_flat():
    table = lesion_effects(*make_frame(3000))
    for factor in ("size", "contrast"):
        part = rows(table, factor)
        assert part["rate"].is_monotonic_increasing
        assert part["auroc"].is_monotonic_increasing
        assert part["low"].iloc[-1] > part["high"].iloc[0]
    place = rows(table, "place")
    assert place["low"].max() < place["high"].min()


def test_edges_are_the_readers():
    table = lesion_effects(FRAME, DECISION, bins={"size": [0, 10, 30], "place": [-10, 60]})
    size = rows(table, "size")
    assert size["size"].tolist() == ["0 to 10", "10 to 30"]
    assert size["n_lesions"].iloc[0] == (FRAME.loc[ODD, "diameter_mm"] <= 10).sum()
    assert rows(table, "place")["n_lesions"].tolist() == [200]
    assert len(rows(table, "contrast")) == 3


def test_crossed_bins_add_up():
    table = lesion_effects(FRAME, DECISION, bins=2, crossed=True)
    assert len(table) == 8
    alone = lesion_effects(FRAME, DECISION, bins=2)
    for factor in FACTORS:
        for column in ("n_lesions", "n_found"):
            summed = table.groupby(factor)[column].sum().to_dict()
            assert summed == rows(alone, factor).set_index(factor)[column].to_dict()


def test_text_is_taken_as_it_is():
    frame = FRAME.assign(side=np.where(FRAME["slice"] > 30, "left", "right"))
    place = rows(lesion_effects(frame, DECISION, place="side"), "place")
    assert place["place"].tolist() == ["left", "right"]
    assert place["n_lesions"].iloc[0] == (frame.loc[ODD, "side"] == "left").sum()
    kinds = rows(lesion_effects(FRAME, DECISION, place="kind"), "place")
    assert kinds[["place", "n_lesions"]].to_numpy().tolist() == [["bleed", 100], ["infarct", 100]]


def test_the_contrast_of_one_plane():
    table = lesion_effects(FRAME, DECISION, contrast="cnr_ct", bins={"contrast": [0, 5, 99]})
    part = rows(table, "contrast")
    assert part["n_lesions"].iloc[0] == (FRAME.loc[ODD, "cnr_ct"].abs() <= 5).sum()


def test_slices_without_a_lesion_are_left_out_and_unknown_values_of_one_factor_are_not():
    frame = FRAME.copy()
    i, j, k = np.flatnonzero(ODD)[:3]
    frame.loc[i, "whole_slice"] = True
    frame.loc[j, "diameter_mm"] = 0
    frame.loc[k, ["cnr_ct", "cnr_mri"]] = np.nan
    table = lesion_effects(frame, DECISION)
    assert table.loc[0, "n_lesions"] == 198
    assert rows(table, "size")["n_lesions"].sum() == 198
    assert rows(table, "contrast")["n_lesions"].sum() == 197
    frame[["cnr_ct", "cnr_mri"]] = np.nan
    assert rows(lesion_effects(frame, DECISION), "contrast").empty


def test_equal_values_are_one_bin_and_close_ones_are_told_apart():
    table = lesion_effects(FRAME.assign(slice=5.0), DECISION)
    assert rows(table, "place")[["place", "n_lesions"]].to_numpy().tolist() == [["5", 200]]
    near = FRAME.assign(slice=100 + FRAME["slice"] * 1e-6)
    assert rows(lesion_effects(near, DECISION), "place")["place"].nunique() == 3


def test_wilsons_interval_by_hand():
    frame = FRAME[~ODD | (FRAME["kind"] == "bleed")].reset_index(drop=True)
    odd = (frame["kind"] == "bleed").to_numpy()
    decision = np.ones(len(frame))
    decision[np.flatnonzero(odd)[:20]] = -1
    row = lesion_effects(frame, decision).iloc[0]
    assert (row["n_found"], row["n_lesions"]) == (20, 100)
    assert [row["low"], row["high"]] == pytest.approx([0.1334, 0.2888], abs=1e-4)
    narrow = lesion_effects(frame, decision, confidence_level=0.5).iloc[0]
    assert row["low"] < narrow["low"] < 0.2 < narrow["high"] < row["high"]


def test_without_normal_slices_there_is_a_rate_and_no_auroc():
    table = lesion_effects(FRAME[ODD], DECISION[ODD])
    assert table["auroc"].isna().all()
    assert table["rate"].notna().all()


def test_a_benchmark_on_phantoms_gives_what_it_needs():
    data = make_phantom_pairs(8, 4, size=64, random_state=0)
    found = benchmark({"atlas": AtlasDetector()}, data, progress=False)
    one = found.scores.sample(frac=1, random_state=0)
    table = lesion_effects(data.frame.iloc[one["sample"]], one["decision"])
    assert table.loc[0, "n_lesions"] == 16
    whole = found.table.query("kind == 'all'")["image_auroc"].iloc[0]
    assert table.loc[0, "auroc"] == pytest.approx(whole)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"place": "lobe"}, "frame has no lobe; expected .* place=..."),
        ({"contrast": ["cnr_ct", "cnr_pet"]}, "frame has no cnr_pet"),
        ({"decision": DECISION[1:]}, r"shape \(299,\); expected .* \(300\)"),
        ({"decision": np.full(300, np.nan)}, "holds NaN"),
        ({"frame": FRAME.assign(kind="normal")}, "no slice with a lesion of known size"),
        ({"bins": 0}, "bins of size are 0; expected an int of 1 or more"),
        ({"bins": {"size": [5]}}, r"bins of size are \[5\]"),
        ({"bins": {"size": [5, 1]}}, "increasing edges"),
        ({"bins": {"place": [0, 60]}}, r"bins of place leave out \d+ lesion"),
        ({"bins": {"depth": [0, 60]}}, r"bins names \['depth'\]; expected some of size"),
        ({"confidence_level": 95}, "confidence_level is 95"),
    ],
)
def test_what_makes_no_table_is_refused(changes, match):
    with pytest.raises(ValueError, match=match):
        lesion_effects(**{"frame": FRAME, "decision": DECISION} | changes)
    if {"decision", "frame", "place", "contrast"} & set(changes):
        with pytest.raises(InvalidPairsError):
            lesion_effects(**{"frame": FRAME, "decision": DECISION} | changes)
