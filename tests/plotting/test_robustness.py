"""A metric against levels: one panel a condition, one line a detector."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ctmri_detect.plotting import RobustnessDisplay

TABLE = pd.DataFrame(
    [
        {
            "condition": condition,
            "level": level,
            "detector": detector,
            "auroc": 0.9 - 0.05 * level - 0.1 * (detector == "cross_modal"),
        }
        for condition in ("shift (mm)", "noise")
        for detector in ("atlas", "cross_modal")
        for level in (4, 0, 2)  # in no order
    ]
)
BANDS = TABLE.assign(low=TABLE["auroc"] - 0.05, high=TABLE["auroc"] + 0.05)


def rows(table, condition, detector):
    chosen = (table["condition"] == condition) & (table["detector"] == detector)
    return table[chosen].sort_values("level")


def test_one_panel_a_condition_and_one_line_a_detector():
    display = RobustnessDisplay(TABLE, "auroc").plot()
    assert [ax.get_xlabel() for ax in display.ax_] == ["shift (mm)", "noise"]
    for ax, condition in zip(display.ax_, ("shift (mm)", "noise"), strict=True):
        assert [line.get_label() for line in ax.lines] == ["atlas", "cross_modal"]
        assert not ax.collections
        for line in ax.lines:
            expected = rows(TABLE, condition, line.get_label())[["level", "auroc"]]
            np.testing.assert_allclose(line.get_xydata(), expected)
    (legend,) = display.figure_.legends
    assert [text.get_text() for text in legend.get_texts()] == ["atlas", "cross_modal"]
    assert len({ax.get_ylim() for ax in display.ax_}) == 1


def test_bands_lie_between_low_and_high():
    display = RobustnessDisplay(BANDS, "auroc").plot()
    for ax, condition in zip(display.ax_, ("shift (mm)", "noise"), strict=True):
        for line, band in zip(ax.lines, ax.collections, strict=True):
            expected = rows(BANDS, condition, line.get_label())
            corners = {tuple(np.round(xy, 6)) for xy in band.get_paths()[0].vertices}
            for end in ("low", "high"):
                assert {
                    tuple(np.round(xy, 6)) for xy in expected[["level", end]].to_numpy()
                } <= corners


def test_a_missing_value_leaves_a_gap_and_a_missing_detector_its_colour():
    gap = TABLE.assign(auroc=TABLE["auroc"].where(TABLE["level"] != 2))
    line = RobustnessDisplay(gap, "auroc").plot().ax_[0].lines[0]
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False]
    fewer = TABLE[(TABLE["condition"] != "noise") | (TABLE["detector"] != "atlas")]
    display = RobustnessDisplay(fewer, "auroc").plot()
    (alone,) = display.ax_[1].lines
    assert alone.get_label() == "cross_modal"
    assert alone.get_color() == display.ax_[0].lines[1].get_color()


def test_levels_may_be_names_in_their_order():
    named = TABLE.assign(level=TABLE["level"].map({4: "severe", 0: "mild", 2: "moderate"}))
    ax = RobustnessDisplay(named, "auroc").plot().ax_[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["severe", "mild", "moderate"]
    assert ax.lines[0].get_xdata().tolist() == [0, 1, 2]


def test_it_draws_on_the_users_axes():
    axes = Figure().subplots(1, 2)
    display = RobustnessDisplay(TABLE, "auroc")
    assert display.plot(axes) is display
    assert display.ax_.tolist() == axes.tolist()
    assert axes[0].get_legend() is not None
    one = TABLE[TABLE["condition"] == "noise"]
    alone = Figure().subplots()
    assert RobustnessDisplay(one, "auroc").plot(alone).ax_.tolist() == [alone]


def test_bad_tables_are_named():
    with pytest.raises(TypeError, match="expected a DataFrame"):
        RobustnessDisplay({"level": [1]}).plot()
    with pytest.raises(ValueError, match="no column 'image_auroc'"):
        RobustnessDisplay(TABLE).plot()
    with pytest.raises(ValueError, match="table is empty"):
        RobustnessDisplay(TABLE[:0], "auroc").plot()
    with pytest.raises(ValueError, match="two rows for"):
        RobustnessDisplay(pd.concat([TABLE, TABLE[:1]]), "auroc").plot()
    with pytest.raises(ValueError, match=r"shape \(3,\); expected .* shape \(2,\)"):
        RobustnessDisplay(TABLE, "auroc").plot(Figure().subplots(1, 3))
