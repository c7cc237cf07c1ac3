"""Sides of the patient, height of the slice, and outlines in pictures."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ctmri_detect import AtlasDetector, Pairs
from ctmri_detect.plotting import AnomalyMapDisplay, OverlayWriter, PairDisplay

X = np.random.default_rng(0).uniform(0, 80, size=(24, 2, 32, 32))
PAIRS = Pairs(X, groups=range(24), ct_units="hu", frame=pd.DataFrame({"z_mm": 7.5 * np.arange(24)}))


def written(ax):
    """Text to its place, 0 at the left of the picture and 1 at its right."""
    return {text.get_text(): text.get_position()[0] for text in ax.texts}


@pytest.mark.parametrize(
    ("orientation", "left", "right"), [("radiological", "R", "L"), ("neurological", "L", "R")]
)
def test_the_letters_stand_on_the_sides_that_were_said(orientation, left, right):
    pair = PairDisplay(*X[0], orientation=orientation).plot()
    shown = AnomalyMapDisplay(X[0, 0], orientation=orientation).plot()
    for ax in (*pair.ax_, shown.ax_):
        places = written(ax)
        assert places[left] < 0.1
        assert places[right] > 0.9


def test_an_orientation_is_never_guessed():
    detector = AtlasDetector().fit(X, groups=range(24))
    shown = [
        *PairDisplay.from_pairs(PAIRS, 1).plot().ax_,
        AnomalyMapDisplay.from_estimator(detector, PAIRS, 1).plot().ax_,
    ]
    assert not {"L", "R"} & {text for ax in shown for text in written(ax)}


@pytest.mark.parametrize("display", [PairDisplay(*X[0], orientation="L"), None])
def test_an_unknown_orientation_is_refused(display):
    display = display or AnomalyMapDisplay(X[0, 0], orientation="LPS")
    with pytest.raises(ValueError, match="expected 'radiological'"):
        display.plot()


def test_the_height_is_said_in_millimetres_where_it_is_known():
    detector = AtlasDetector().fit(X, groups=range(24))
    for sample, text in ((3, "z = 22.5 mm"), (-1, "z = 172.5 mm")):
        assert text in written(PairDisplay.from_pairs(PAIRS, sample).plot().ax_[0])
        assert text in written(AnomalyMapDisplay.from_estimator(detector, PAIRS, sample).plot().ax_)
    unknown = PAIRS.replace(frame=pd.DataFrame({"z_mm": [np.nan] * 24}))
    for pairs in (X, unknown, PAIRS.replace(frame=None)):
        assert not written(PairDisplay.from_pairs(pairs, 3).plot().ax_[0])


def test_titles_say_which_modality_is_shown():
    named = Pairs(X, modalities=("CT", "FLAIR"), ct_units="hu")
    titles = [ax.get_title() for ax in PairDisplay.from_pairs(named, 0).plot().ax_]
    assert titles == ["CT, 0 to 80 HU", "FLAIR"]
    assert AnomalyMapDisplay(X[0, 0], X[0, 0]).plot().ax_.get_title() == "Anomaly map over CT"
    assert AnomalyMapDisplay(X[0, 0]).plot().ax_.get_title() == "Anomaly map"
    missing = AnomalyMapDisplay(X[0, 0], np.full((32, 32), np.nan)).plot()
    assert missing.ax_.get_title() == "Anomaly map"
    alone = Pairs(X[:, 1:], groups=range(24), modalities=("FLAIR",))
    detector = AtlasDetector().fit(alone)
    shown = AnomalyMapDisplay.from_estimator(detector, alone, 0).plot()
    assert shown.ax_.get_title() == "Anomaly map over FLAIR"


def test_a_first_plane_that_is_no_ct_is_not_windowed_as_one():
    plane = np.linspace(0, 400, 64).reshape(8, 8)
    shown = PairDisplay(plane, plane, modalities=("T1", "T2")).plot().ax_
    first, second = (ax.images[0].get_array() for ax in shown)
    np.testing.assert_array_equal(first, second)


def outlines(ax):
    return [part for part in ax.collections if part.get_edgecolor().size]


def test_the_threshold_is_an_outline_of_what_lies_above_it():
    plane, mask = np.zeros((16, 16)), np.zeros((16, 16), bool)
    plane[2:6, 3:9] = 5.0
    plane[10:12, 10:12] = 4.0  # at the threshold, not above it
    plane[0] = np.nan
    mask[1:5, 2:8] = True
    ax = AnomalyMapDisplay(plane, mask=mask, threshold=4.0).plot().ax_
    lesion, above = (np.vstack([p.vertices for p in part.get_paths()]) for part in outlines(ax))
    assert lesion.min(axis=0).tolist() == [1.5, 0.5]
    assert above.min(axis=0).tolist() == [2.5, 1.5]
    assert above.max(axis=0).tolist() == [8.5, 5.5]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["true lesion", "above 4"]


def test_a_threshold_that_nothing_exceeds_is_said():
    ax = AnomalyMapDisplay(np.zeros((8, 8)), threshold=4.5).plot().ax_
    assert not outlines(ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["nothing above 4.5"]
    assert AnomalyMapDisplay(np.zeros((8, 8))).plot().ax_.get_legend() is None


def test_overlays_carry_sides_and_height(tmp_path, monkeypatch):
    texts = []
    draw = Figure.draw

    def noticing(figure, *args, **kwargs):
        texts.append({t.get_text() for ax in figure.axes for t in ax.texts})
        return draw(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "draw", noticing)
    writer = OverlayWriter(orientation="radiological")
    writer.write(X[0], X[1, 0], tmp_path / "a.png", z_mm=57.5)
    writer.write(X[0], X[1, 0], tmp_path / "b.png", z_mm=12.0)
    assert texts[0] == {"L", "R", "z = 57.5 mm"}
    assert texts[-1] == {"L", "R", "z = 12 mm"}


def test_axes_that_do_not_suffice_are_refused():
    with pytest.raises(ValueError, match=r"one Axes; expected Axes in an array of shape \(2,\)"):
        PairDisplay(*X[0]).plot(Figure().subplots())
