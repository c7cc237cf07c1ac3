"""Controls find what tells labels without any lesion, and nothing where nothing tells them."""

from __future__ import annotations

import numpy as np
import pytest

from ctmri_detect import Pairs
from ctmri_detect.evaluation import controls
from ctmri_detect.exceptions import InvalidPairsError

PATIENT = np.arange(120) // 4
Y = np.where(np.arange(120) % 4 == 0, -1, 1)


def noise():
    X = np.random.default_rng(0).normal(size=(120, 2, 16, 16))
    size = np.random.default_rng(1).integers(1, 5, size=120)
    for i, edge in enumerate(size):
        X[i, :, :edge] = np.nan
    return X


def figures(X, y=Y, groups=PATIENT):
    return controls(X, y, groups=groups).set_index("control")


def test_nothing_is_found_in_noise():
    table = figures(noise())
    assert table.index.tolist() == [
        "observed area",
        "mean intensity, CT",
        "mean intensity, MRI",
        "patient identity",
    ]
    assert table["auroc"].between(0.5, 0.65).all()
    assert (table["low"] < 0.55).all()


@pytest.mark.parametrize("lost", [4, 8])
def test_the_area_tells_whichever_way_it_goes(lost):
    X = noise()
    X[(Y == -1) == (lost == 8), :, :8] = np.nan
    table = figures(X)
    assert table["auroc"]["observed area"] == 1
    assert table["auroc"].drop("observed area").max() < 0.7


def test_the_brightness_of_one_plane_tells():
    X = noise()
    X[Y == -1, 1] += 1
    table = figures(X)
    assert table["auroc"]["mean intensity, MRI"] > 0.99
    assert table["auroc"].drop("mean intensity, MRI").max() < 0.7


def test_whose_slice_it_is_tells_where_patients_have_one_kind():
    y = np.where(PATIENT < 10, -1, 1)
    assert figures(noise(), y)["auroc"]["patient identity"] == 1


def test_a_missing_plane_is_an_average_one():
    X = noise()
    X[::3, 1] = np.nan
    assert figures(X)["auroc"]["mean intensity, MRI"] < 0.65
    X[:, 1] = np.nan
    assert "mean intensity, MRI" not in figures(X).index


def test_pairs_know_patients_and_planes():
    X = noise()
    pairs = Pairs(X, groups=PATIENT, modalities=("T1", "FLAIR"))
    got, expected = controls(pairs, Y), controls(X, Y, groups=PATIENT)
    assert got["control"].tolist()[1:3] == ["mean intensity, T1", "mean intensity, FLAIR"]
    np.testing.assert_allclose(got[["auroc", "low", "high"]], expected[["auroc", "low", "high"]])
    unknown = controls(X, Y)
    assert "patient identity" not in unknown["control"].tolist()


def test_labels_of_one_kind_and_other_codings_are_refused():
    with pytest.raises(InvalidPairsError, match="All 120 labels in y are 1; expected both"):
        controls(noise(), np.ones(120, int))
    with pytest.raises(InvalidPairsError, match=r"\+1"):
        controls(noise(), np.arange(120) % 2)
