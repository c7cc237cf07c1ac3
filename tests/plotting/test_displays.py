import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.integrate import trapezoid
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, MapScoring, Pairs
from ctmri_detect.exceptions import ThresholdWarning
from ctmri_detect.plotting import (
    AnomalyMapDisplay,
    FrocDisplay,
    PairDisplay,
    PrecisionRecallDisplay,
    ReconstructionDisplay,
    RobustnessDisplay,
    RocDisplay,
    ScoreDistributionDisplay,
    overlay_png,
)
from ctmri_detect.plotting.canvas import ct_range, grey, line_style, style
from ctmri_detect.plotting.heat import heat_rgb
from ctmri_detect.preprocessing import CTWindow

RNG = np.random.default_rng(0)
X = RNG.uniform(0, 80, size=(16, 2, 32, 32))
Y = np.where(np.arange(16) % 4, 1, -1)


def test_no_pyplot_and_no_lasting_settings(tmp_path):
    before = dict(matplotlib.rcParams)
    scoring = MapScoring(false_positive_rate=0.2)
    detector = AtlasDetector(map_scoring=scoring).fit(X, groups=range(16))
    PairDisplay.from_pairs(X).plot()
    AnomalyMapDisplay.from_estimator(detector, X, 2).plot()
    ScoreDistributionDisplay.from_estimator(detector, X, Y).plot()
    RocDisplay.from_estimator({"a": detector}, X, Y).plot()
    PrecisionRecallDisplay.from_estimator(detector, X, Y).plot()
    FrocDisplay.from_estimator(detector, X, X[:, 0] > 70).plot()
    ReconstructionDisplay(X[:1], X[:1], X[:1] - 40).plot()
    table = pd.DataFrame({"condition": "a", "level": [0, 1], "detector": "b", "image_auroc": 0.5})
    RobustnessDisplay(table).plot()
    overlay_png(X[0], X[0, 0], tmp_path / "a.png")
    with style("dark"):
        pass
    assert dict(matplotlib.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_a_normal_and_an_anomalous_map_share_one_scale():
    faint, strong = np.full((8, 8), 0.5), np.full((8, 8), 40.0)
    norms = [AnomalyMapDisplay(m).plot().im_.norm for m in (faint, strong)]
    assert [(n.vmin, n.vmax) for n in norms] == [(0.0, 9.0)] * 2
    assert heat_rgb(faint).max() < 80
    assert np.array_equal(heat_rgb(strong), heat_rgb(np.full((8, 8), 9.0)))


def test_brightness_grows_with_the_map_and_nan_is_black():
    light = heat_rgb(np.linspace(0, 9, 50)[None]).astype(int) @ [2126, 7152, 722]
    assert (np.diff(light[0]) > 0).all()
    assert not heat_rgb(np.full((2, 2), np.nan)).any()


def test_the_map_hides_the_ct_only_where_it_is_high():
    plane = np.array([[np.nan, 0.0], [3.0, 9.0]])
    alpha = AnomalyMapDisplay(plane, np.zeros((2, 2))).plot().im_.get_alpha()
    assert alpha.tolist() == [[0, 0], [0.5, 1]]


def test_a_mask_is_outlined_and_an_empty_one_is_not():
    plane, mask = np.zeros((16, 16)), np.zeros((16, 16), bool)
    without = AnomalyMapDisplay(plane, mask=mask).plot().ax_
    mask[4:8, 4:8] = True
    with_ = AnomalyMapDisplay(plane, mask=mask).plot().ax_
    assert len(with_.collections) == len(without.collections) + 1


def test_a_scale_upside_down_is_refused():
    with pytest.raises(ValueError, match="vmin < vmax"):
        AnomalyMapDisplay(np.zeros((4, 4)), vmin=6, vmax=0).plot()


def test_hounsfield_units_are_windowed_and_others_taken_as_they_are():
    hu = np.array([[-1000.0, 0.0, 40.0, 80.0, 3000.0, np.nan]])
    assert grey(hu, *ct_range(hu, "hu")).tolist() == [[0, 0, 0.5, 1, 1, 0]]
    assert ct_range(hu, "uint8") == (0, 255)
    assert ct_range(np.array([[0.0, 0.9]]), None) == (0, 1)
    assert ct_range(np.full((4, 4), np.nan), None) == (0, 1)
    with pytest.raises(ValueError, match="expected 'hu'"):
        ct_range(hu, "HU")


def _heads():
    """One head in HU, as 8-bit window, prepared, and prepared and masked: all show 0 to 80 HU."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    r = np.hypot(y / 0.9, x / 0.7)
    noise = 4 * rng.normal(size=(6, 64, 64))
    hu = np.select([r < 0.85, r < 1], [30 + noise, 1000], -1000)
    hu[:, r < 0.2] = 8  # ventricles
    window = np.clip(hu, 0, 80) / 80
    masked = np.where(r < 0.85, window, np.nan)
    mri = np.broadcast_to(r < 1, hu.shape) * 100.0 + noise
    cts = {"hu": hu, "8 bit": window * 255, "uint8": (window * 255).round().astype(np.uint8)}
    cts |= {"jpeg": window * 247, "prepared": window, "masked": masked}
    pairs = {name: np.stack([ct, mri.astype(ct.dtype)], axis=1) for name, ct in cts.items()}
    return pairs, window, r < 0.85


@pytest.mark.parametrize("kind", ["hu", "8 bit", "uint8", "jpeg", "prepared", "masked"])
def test_displays_show_one_head_alike_whatever_its_units(kind):
    pairs, window, brain = _heads()
    detector = AtlasDetector().fit(pairs[kind])
    overlay = AnomalyMapDisplay.from_estimator(detector, pairs[kind], 2).plot()
    side_by_side = PairDisplay.from_pairs(pairs[kind], 2).plot()
    title = "CT, 0 to 80 HU" if kind == "hu" else "CT"
    assert side_by_side.ax_[0].get_title() == title
    for shown in (overlay.ax_.images[0], side_by_side.ax_[0].images[0]):
        assert shown.get_clim() == (0, 1)
        np.testing.assert_allclose(shown.get_array()[brain], window[2][brain], atol=0.04)


def test_a_slice_of_bone_is_still_shown_in_the_brain_window():
    pairs, _, brain = _heads()
    vertex = pairs["hu"][0]
    vertex[0, brain] = 900  # nothing in the middle tells the units; the air does
    assert PairDisplay(*vertex).plot().ax_[0].get_title() == "CT, 0 to 80 HU"


def test_the_preprocessing_knows_the_units_better_than_the_values_tell():
    pairs, _, _ = _heads()
    dark = pairs["8 bit"]
    dark[:, 0] = np.where(dark[:, 0] > 240, 120, dark[:, 0] / 4)  # as HU, were nothing known
    pipe = make_pipeline(CTWindow(units="uint8"), AtlasDetector()).fit(dark)
    detector = pipe[-1].fit(dark)
    known = Pairs(dark, ct_units="uint8")
    for given in (
        AnomalyMapDisplay.from_estimator(detector, dark, 1, ct_units="uint8"),
        AnomalyMapDisplay.from_estimator(pipe, dark, 1),
        AnomalyMapDisplay.from_estimator(detector, known, 1),
        AnomalyMapDisplay.from_estimator(detector, known, 1 - len(known)),
        PairDisplay.from_pairs(known, 1),
    ):
        shown = np.ravel(given.plot().ax_)[0].images[0].get_array()
        np.testing.assert_allclose(shown, dark[1, 0] / 255, atol=1e-6)


def test_displays_draw_on_the_users_axes():
    axes = Figure().subplots(1, 3)
    pair = PairDisplay.from_pairs(X).plot(axes[:2])
    shown = AnomalyMapDisplay(X[0, 0]).plot(axes[2])
    assert pair.figure_ is shown.figure_ is axes[0].figure
    assert shown.ax_ is axes[2]


def test_a_missing_modality_is_labelled():
    pair = X[0].copy()
    pair[1] = np.nan
    display = PairDisplay(*pair).plot()
    assert [len(ax.texts) for ax in display.ax_] == [0, 1]


def test_a_stack_instead_of_a_plane_is_refused():
    with pytest.raises(ValueError, match=r"CT has shape \(2, 32, 32\)"):
        PairDisplay(X[0], X[0]).plot()


def test_histograms_sum_to_a_hundred_percent_each():
    decision = RNG.normal(size=40)
    target = np.array(Y.tolist() * 2 + [1] * 8)
    display = ScoreDistributionDisplay.from_predictions(target, decision).plot()
    assert len(display.ax_.patches) == 2
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    below = [np.mean(decision[target == label] < 0) for label in (1, -1)]
    assert labels == [
        f"normal (n = 32, {100 * below[0]:.0f} % called anomalous)",
        f"anomalous (n = 8, {100 * below[1]:.0f} % called anomalous)",
    ]
    assert display.flagged_ == {"normal": below[0], "anomalous": below[1]}
    for patch in display.ax_.patches:
        xy = patch.get_xy()
        heights = xy[1 : len(xy) // 2 : 2, 1]
        assert heights.sum() == pytest.approx(100)


def test_without_a_threshold_ranks_are_shown_and_no_line():
    """A decision below 0 says nothing where a detector's `offset_` is -inf."""
    with pytest.warns(ThresholdWarning):
        few = AtlasDetector().fit(X, groups=range(16))
    scores = pd.DataFrame({"detector": "a", "decision": RNG.normal(size=16), "target": Y})
    shown = [
        ScoreDistributionDisplay.from_estimator(few, X, Y),
        ScoreDistributionDisplay.from_scores(scores.assign(has_threshold=[False] * 16), "a"),
        # one fold without a threshold is enough
        ScoreDistributionDisplay.from_scores(scores.assign(has_threshold=Y == 1), "a"),
    ]
    for display in shown:
        ax = display.plot().ax_
        assert not ax.lines
        assert np.isnan(list(display.flagged_.values())).all()
        assert ax.get_xlabel() == "Rank, 1 = most anomalous\n(no threshold: too few healthy slices)"
        left, right = (f([p.get_xy()[:, 0] for p in ax.patches]) for f in (np.min, np.max))
        assert (left, right) == (1, 16)
    known = ScoreDistributionDisplay.from_scores(scores, "a").plot().ax_
    assert len(known.lines) == 1
    assert "below 0 = called anomalous" in known.get_xlabel()


def test_a_detector_that_has_no_scores_is_named():
    scores = pd.DataFrame({"detector": ["a"], "decision": [0.0], "target": [1]})
    with pytest.raises(ValueError, match="no detector 'b'; expected one of a"):
        ScoreDistributionDisplay.from_scores(scores, "b")


def test_the_area_under_the_curve_is_the_auroc():
    decision = RNG.normal(size=200)
    target = np.where(RNG.random(200) < 0.3, -1, 1)
    display = RocDisplay.from_predictions(target, {"a": decision})
    fpr, tpr = display.curves["a"]
    assert trapezoid(tpr, fpr) == pytest.approx(roc_auc_score(target == -1, -decision))
    assert display.aurocs["a"] == pytest.approx(trapezoid(tpr, fpr))


def test_seeds_are_averaged():
    target = np.tile([1, -1], 100)
    scores = pd.DataFrame(
        {
            "detector": "a",
            "seed": np.repeat([0, 1], 100),
            "target": target,
            "decision": RNG.normal(size=200) + target,
        }
    )
    display = RocDisplay.from_scores(scores)
    fpr, tpr = display.curves["a"]
    assert trapezoid(tpr, fpr) == pytest.approx(display.aurocs["a"], abs=0.01)
    assert (np.diff(fpr) >= 0).all()
    assert (np.diff(tpr) >= 0).all()
    assert (tpr[0], tpr[-1]) == (0, 1)


def test_curves_are_told_apart_by_more_than_colour():
    styles = [tuple(line_style(i).items()) for i in range(24)]
    assert len(set(styles)) == 24


def test_names_are_shown_as_they_are():
    display = RocDisplay.from_predictions([1, -1], {"_a$b$": [1, -1]}).plot()
    display.figure_.canvas.draw()
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert len(labels) == 2
    assert r"a\$b\$ (1.000)" in labels[0]


@pytest.mark.parametrize("missing", [0, 1])
def test_an_overlay_is_written_even_without_one_modality(tmp_path, missing):
    pair = X[0].copy()
    pair[missing] = np.nan
    path = overlay_png(
        pair,
        X[1, 0] / 20,
        tmp_path / "new" / "pair.png",
        title="1. a_$001$ <b>",
        mask=X[0, 0] > 60,
        ct_units="uint8",
    )
    assert path.read_bytes().startswith(b"\x89PNG")


def test_no_bar_reaches_over_the_threshold():
    decision = np.linspace(-3.3, 7.1, 40)
    target = np.where(decision < 1, -1, 1)
    display = ScoreDistributionDisplay.from_predictions(target, decision).plot()
    (bars,) = [p for p in display.ax_.patches if p.get_label().startswith("anomalous")]
    x, y = bars.get_xy().T
    assert 0 in x
    below = y[: len(y) // 2][(x[: len(x) // 2] < 0)]
    share = np.mean(decision[target == -1] < 0)
    assert below[1::2].sum() == pytest.approx(100 * share)
    assert display.flagged_["anomalous"] == pytest.approx(share)
