"""ROC and precision-recall curves: their areas, intervals, legends, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.integrate import trapezoid
from sklearn.metrics import average_precision_score

from ctmri_detect import AtlasDetector, MapScoring, Pairs
from ctmri_detect.exceptions import InvalidPairsError
from ctmri_detect.metrics import (
    decision_average_precision_score,
    decision_roc_auc_score,
    patient_bootstrap,
)
from ctmri_detect.plotting import PrecisionRecallDisplay, RocDisplay

BOTH = pytest.mark.parametrize(
    ("display", "metric", "values"),
    [
        (RocDisplay, decision_roc_auc_score, "aurocs"),
        (PrecisionRecallDisplay, decision_average_precision_score, "average_precisions"),
    ],
)
RNG = np.random.default_rng(0)
PATIENT = np.repeat([f"p{i}" for i in range(30)], 4)
TARGET = np.where(np.repeat(np.arange(30), 4) % 3, 1, -1)
DECISIONS = {
    "fair": TARGET + 1.5 * RNG.normal(size=120),
    "good": 2 * TARGET + RNG.normal(size=120),
    "tied": TARGET + RNG.integers(-2, 3, size=120),
}


def labels(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def steps(curve):
    """The area under a precision-recall curve, as it is drawn."""
    recall, precision = curve
    return np.sum(np.diff(recall) * precision[1:])


@BOTH
def test_the_number_of_each_detector_is_the_metric(display, metric, values):
    made = display.from_predictions(TARGET, DECISIONS)
    expected = {name: metric(TARGET, decision) for name, decision in DECISIONS.items()}
    assert getattr(made, values) == pytest.approx(expected)
    assert set(made.curves) == set(DECISIONS)
    one = display.from_predictions(TARGET, DECISIONS["good"])
    assert getattr(one, values) == {"detector": pytest.approx(expected["good"])}


def test_the_steps_of_precision_and_recall_hold_the_average_precision():
    made = PrecisionRecallDisplay.from_predictions(TARGET, DECISIONS)
    for name, decision in DECISIONS.items():
        expected = average_precision_score(TARGET == -1, -decision)
        assert steps(made.curves[name]) == pytest.approx(expected)
        assert made.plot().ax_.lines[0].get_drawstyle() == "steps-pre"


@BOTH
def test_lines_have_the_names_the_best_first_and_chance_is_a_line(display, metric, values):
    made = display.from_predictions(TARGET, DECISIONS).plot()
    numbers = getattr(made, values)
    order = sorted(DECISIONS, key=lambda name: -numbers[name])
    chance = 0.5 if display is RocDisplay else 1 / 3
    expected = [f"{name} ({numbers[name]:.3f})" for name in order]
    assert labels(made) == [*expected, f"chance ({chance:.3f})"]
    for name, line in zip(order, made.ax_.lines, strict=False):
        np.testing.assert_array_equal(line.get_xydata(), np.stack(made.curves[name], axis=1))
    drawn = made.ax_.lines[-1].get_ydata()
    assert list(drawn) == ([0, 1] if display is RocDisplay else [pytest.approx(1 / 3)] * 2)


@BOTH
def test_the_interval_is_that_of_the_bootstrap_over_patients(display, metric, values):
    made = display.from_predictions(TARGET, DECISIONS, groups=PATIENT, n_resamples=50).plot()
    for name, decision in DECISIONS.items():
        found = patient_bootstrap(TARGET, decision, PATIENT, metric, n_resamples=50, random_state=0)
        assert made.intervals[name] == pytest.approx((found.low, found.high))
        text = f"{name} ({found.estimate:.3f}, {found.low:.3f} to {found.high:.3f})"
        assert text in labels(made)
    assert "95 % interval over patients" in made.ax_.get_legend().get_title().get_text()


@BOTH
def test_without_patients_or_with_too_few_there_is_no_interval(display, metric, values):
    two = np.where(np.arange(120) < 60, "a", "b")
    for options in ({}, {"groups": two}, {"groups": PATIENT, "n_resamples": 0}):
        made = display.from_predictions(TARGET, DECISIONS, **options).plot()
        assert np.isnan(list(made.intervals.values())).all()
        assert " to " not in "".join(labels(made))
        assert "interval" not in made.ax_.get_legend().get_title().get_text()


@BOTH
def test_seeds_of_a_benchmark_are_averaged_and_their_patients_drawn_whole(display, metric, values):
    rows = [
        {"detector": name, "seed": seed, "target": t, "decision": d + seed * (t == 1), "patient": p}
        for name, decision in DECISIONS.items()
        for seed in (3, 5)
        for t, d, p in zip(TARGET, decision, PATIENT, strict=True)
    ]
    scores = pd.DataFrame(rows)
    made = display.from_scores(scores, n_resamples=50)
    for name, decision in DECISIONS.items():
        runs = [decision + seed * (TARGET == 1) for seed in (3, 5)]
        assert getattr(made, values)[name] == pytest.approx(
            np.mean([metric(TARGET, run) for run in runs])
        )
        found = patient_bootstrap(
            TARGET,
            np.stack(runs, axis=1),
            PATIENT,
            lambda y, s: np.mean([metric(y, s[:, 0]), metric(y, s[:, 1])]),
            n_resamples=50,
            random_state=0,
        )
        assert made.intervals[name] == pytest.approx((found.low, found.high))
        x, y = made.curves[name]
        assert (np.diff(x) >= 0).all()
        area = steps((x, y)) if display is PrecisionRecallDisplay else trapezoid(y, x)
        assert area == pytest.approx(getattr(made, values)[name], abs=0.01)
    alone = display.from_scores(scores.drop(columns="patient"))
    assert np.isnan(list(alone.intervals.values())).all()


@BOTH
def test_an_estimator_scores_pairs_that_know_their_patients(display, metric, values):
    X = np.random.default_rng(1).normal(size=(40, 2, 16, 16))
    X[::4, 0, 4:8, 4:8] += 2
    y = np.where(np.arange(40) % 4, 1, -1)
    detector = AtlasDetector(map_scoring=MapScoring(false_positive_rate=0.2))
    detector.fit(X[y == 1][:20], groups=range(20))
    pairs = Pairs(X, groups=np.arange(40) // 2)
    made = display.from_estimator(detector, pairs, y, n_resamples=20)
    decision = detector.decision_function(X)
    assert getattr(made, values) == {"AtlasDetector": pytest.approx(metric(y, decision))}
    low, high = made.intervals["AtlasDetector"]
    assert low <= metric(y, decision) <= high
    several = display.from_estimator({"a": detector, "b": detector}, X, y)
    assert list(several.curves) == ["a", "b"]


@BOTH
def test_it_draws_on_the_users_axes_and_returns_itself(display, metric, values):
    ax = Figure().subplots()
    made = display.from_predictions(TARGET, DECISIONS)
    assert made.plot(ax) is made
    assert made.ax_ is ax
    assert made.figure_ is ax.figure


@BOTH
def test_bad_input_is_named(display, metric, values):
    missing = np.where(np.arange(120) == 5, np.nan, DECISIONS["good"])
    with pytest.raises(InvalidPairsError, match="NaN"):
        display.from_predictions(TARGET, {"a": missing})
    with pytest.raises(InvalidPairsError, match=r"expected \+1"):
        display.from_predictions(TARGET == -1, DECISIONS)
    with pytest.raises(InvalidPairsError, match="groups has shape"):
        display.from_predictions(TARGET, DECISIONS, groups=PATIENT[:5])
    with pytest.raises(InvalidPairsError, match="needs normal and anomalous"):
        display.from_predictions([1, 1], [0.0, 1.0])
    with pytest.raises(ValueError, match="no detector to draw"):
        display.from_predictions(TARGET, {})
    with pytest.raises(ValueError, match="no column 'decision'"):
        display.from_scores(pd.DataFrame({"detector": [], "seed": [], "target": []}))
    with pytest.raises(TypeError, match="expected a DataFrame"):
        display.from_scores(DECISIONS)


def test_the_mean_of_two_precision_curves_is_that_of_their_steps():
    first = {"target": [-1, 1, -1], "decision": [1.0, 2.0, 3.0], "seed": 0}  # 1 at 1/2, 2/3 at 1
    second = {"target": [1, -1, -1], "decision": [1.0, 2.0, 3.0], "seed": 1}  # 1/2, then 2/3
    scores = pd.concat([pd.DataFrame(run) for run in (first, second)]).assign(detector="a")
    recall, precision = PrecisionRecallDisplay.from_scores(scores).curves["a"]
    np.testing.assert_allclose(precision[(recall > 0) & (recall <= 0.5)], 0.75)
    np.testing.assert_allclose(precision[recall > 0.5], 2 / 3)
