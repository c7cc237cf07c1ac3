"""Laws of the table of regions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from ctmri_detect.scoring import region_table

COLUMNS = ["sample", "region", "modality", "sign", "y", "x", "area_px", "peak"]


def blank(n=3):
    return np.zeros((n, 2, 20, 24), np.float32)


def several():
    z = blank()
    z[0, 0, 2:5, 3:7] = 5.0
    z[0, 0, 3, 4] = 6.5
    z[0, 1, 10:14, 15:17] = -8.0
    z[2, 1, 1:3, 1:3] = 4.5
    z[2, 0, 15:19, 20:24] = -5.5
    z[2, 0, 0:2, 0:2] = 5.2
    return z


def test_each_region_says_which_where_how_large_and_how_strong():
    table = region_table(several())
    assert list(table.columns) == COLUMNS
    assert [tuple(row) for row in table.itertuples(index=False)] == [
        (0, 1, "MRI", "darker", 11.5, 15.5, 8, -8.0),
        (0, 2, "CT", "brighter", 3.0, 4.5, 12, 6.5),
        (2, 1, "CT", "darker", 16.5, 21.5, 16, -5.5),
        (2, 2, "CT", "brighter", 0.5, 0.5, 4, np.float32(5.2)),
        (2, 3, "MRI", "brighter", 1.5, 1.5, 4, 4.5),
    ]


def test_the_strongest_come_first_and_are_counted_in_each_sample():
    z = np.random.default_rng(0).normal(size=(4, 2, 40, 40)).astype(np.float32) * 3
    table = region_table(z, threshold=2, min_area=2)
    assert len(table) > 50
    assert table["sample"].is_monotonic_increasing
    assert_array_equal(table.index, np.arange(len(table)))
    for _, rows in table.groupby("sample"):
        assert (np.diff(rows["peak"].abs()) <= 0).all()
        assert_array_equal(rows["region"], np.arange(1, len(rows) + 1))
    assert (table["peak"].abs() >= 2).all()
    assert (table["area_px"] >= 2).all()
    assert_array_equal(np.where(table["sign"] == "brighter", 1, -1), np.sign(table["peak"]))
    for row in table.itertuples():
        assert row.peak in z[row.sample, ["CT", "MRI"].index(row.modality)]


def test_the_negative_swaps_the_signs_and_nothing_else():
    plain, negative = region_table(several()), region_table(-several())
    assert_array_equal(negative["peak"], -plain["peak"])
    assert (negative["sign"] != plain["sign"]).all()
    same = ["sample", "region", "modality", "y", "x", "area_px"]
    assert negative[same].equals(plain[same])


def test_swapped_planes_swap_the_modalities():
    z = several()[:1]
    assert region_table(z[:, ::-1])["modality"].tolist() == ["CT", "MRI"]
    assert region_table(z)["modality"].tolist() == ["MRI", "CT"]


def test_bright_and_dark_neighbours_are_two_regions():
    z = blank(1)
    z[0, 0, 4:8, 4:8], z[0, 0, 4:8, 8:12] = 6, -5
    assert region_table(z)[["sign", "area_px"]].to_numpy().tolist() == [
        ["brighter", 16],
        ["darker", 16],
    ]


def test_the_threshold_and_the_least_area_are_inclusive():
    z = blank(1)
    z[0, 0, 4:6, 4:6] = 3
    assert len(region_table(z, threshold=3.0, min_area=4)) == 1
    assert len(region_table(z, threshold=3.01)) == 0
    assert len(region_table(z, threshold=3.0, min_area=5)) == 0


def test_a_table_without_regions_has_the_types_of_one_with_them():
    types = region_table(several(), spacing=0.5).dtypes
    empty = region_table(blank(), spacing=0.5)
    assert len(empty) == 0
    assert empty.dtypes.equals(types)
    assert empty.nlargest(2, "peak").empty


def test_what_was_not_observed_is_inconspicuous():
    z = several()
    hidden = z.copy()
    hidden[1] = np.nan
    hidden[2, 0, 10:13] = np.nan
    assert region_table(hidden).equals(region_table(z))
    hidden[0, 1] = np.nan
    assert (region_table(hidden)["peak"] != -8).all()


def test_area_in_millimetres_needs_and_follows_the_spacing():
    plain = region_table(several())
    one = region_table(several(), spacing=0.5)
    assert list(one.columns) == [*COLUMNS[:-1], "area_mm2", "peak"]
    assert_array_equal(one["area_mm2"], one["area_px"] * 0.25)
    each = region_table(several(), spacing=[0.5, 7.0, 2.0])
    assert_array_equal(each["area_mm2"], each["area_px"] * np.where(each["sample"] == 0, 0.25, 4))
    assert one.drop(columns="area_mm2").equals(plain)
    with pytest.raises(ValueError):
        region_table(several(), spacing=[0.5, 0.7, 1.0, 2.0])


def test_pixels_need_not_be_square():
    square = region_table(several(), spacing=[0.5, 7.0, 2.0])
    oblong = region_table(several(), spacing=[[0.25, 1.0], [7.0, 7.0], [1.0, 4.0]])
    pd.testing.assert_frame_equal(oblong, square)


@pytest.mark.parametrize("spacing", [None, 0.5, [1.0, 1.0, 1.0]])
def test_nothing_found_is_a_table_with_the_same_columns(spacing):
    empty = region_table(blank(), spacing=spacing)
    assert len(empty) == 0
    assert list(empty.columns) == list(region_table(several(), spacing=spacing).columns)


def test_peaks_are_those_of_the_unclipped_maps_and_rank_what_the_clip_made_equal():
    whole = blank(1)
    whole[0, 0, 2:6, 2:6], whole[0, 0, 3, 3] = 10.0, 14.0
    whole[0, 1, 8:12, 8:12], whole[0, 1, 9, 9] = -10.0, -30.0
    whole[0, 0, 14:18, 14:20] = 14.0
    clipped = np.clip(whole, -9, 9)
    table = region_table(clipped, unclipped=whole)
    assert table[["modality", "peak", "area_px"]].to_numpy().tolist() == [
        ["MRI", -30.0, 16],
        ["CT", 14.0, 24],  # of equal peaks, the larger one first
        ["CT", 14.0, 16],
    ]
    same = ["sample", "sign", "y", "x", "area_px"]
    bounded = region_table(clipped)
    assert (bounded["peak"].abs() == 9).all()
    assert bounded["area_px"].tolist() == [24, 16, 16]
    columns = ["y", "x"]
    assert (
        table[same]
        .sort_values(columns, ignore_index=True)
        .equals(bounded[same].sort_values(columns, ignore_index=True))
    )
