"""Laws of the checks that results make sense."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from heads import make_heads, plant
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, Pairs, ThresholdDetector
from ctmri_detect.evaluation import (
    as_detector,
    check_not_seen,
    check_orientation,
    warn_if_labels_look_mirrored,
)
from ctmri_detect.evaluation.orientation import ORIENTATIONS
from ctmri_detect.exceptions import InvalidPairsError, LabelsWarning
from ctmri_detect.preprocessing import Resize

SIZE, N, EACH = 48, 30, 3
PATIENT = np.arange(N) // EACH


def lopsided_heads(seed):
    """Heads with a corner cut off, so that all eight orientations differ; lesions and masks."""
    rng = np.random.default_rng(seed)
    X = make_heads(2 * N, size=SIZE, seed=seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    X[:, :, rows + 2 * columns < 58] = np.nan
    masks = np.zeros((N, SIZE, SIZE), bool)
    for i in range(N):
        at = rng.integers(13, 36, size=2)
        X[N + i], masks[i] = plant(X[N + i], 1, amount=rng.choice([-0.6, 0.6]), at=at, radius=3)
    return X[:N], X[N:], masks


@pytest.fixture(scope="module", params=[100, 101, 102])
def found(request):
    """Maps of two detectors, where they were observed, masks."""
    healthy, X, masks = lopsided_heads(request.param)
    detectors = AtlasDetector(), ThresholdDetector()
    maps = [each.fit(healthy, groups=PATIENT).anomaly_map(X) for each in detectors]
    return maps, ~np.isnan(X).all(axis=1), masks


def test_right_maps_pass(found):
    maps, observed, masks = found
    for each in maps:
        check_orientation(each, observed, masks, PATIENT)
        check_orientation(each, observed)
        check_orientation(np.nan_to_num(each), observed, masks, PATIENT)


@pytest.mark.parametrize("wrong", ORIENTATIONS[1:], ids=lambda each: each.name)
def test_each_wrong_orientation_is_found_and_its_cure_is_right(found, wrong):
    (right, of_a_weak_detector), observed, masks = found
    turned, everywhere = wrong.turn(right), np.ones_like(observed)
    for given, maps in (
        (right, (turned, observed, masks, PATIENT)),
        (right, (turned, everywhere, masks, PATIENT)),  # lesions alone tell
        (right, (turned, observed)),  # NaN alone tell
        (of_a_weak_detector, (wrong.turn(of_a_weak_detector), observed, masks, PATIENT)),
    ):
        with pytest.raises(InvalidPairsError, match="against their images") as error:
            check_orientation(*maps)
        line = str(error.value).rpartition("Turn them: ")[2].removesuffix(".")
        np.testing.assert_array_equal(eval(line, {"maps": maps[0], "np": np}), given)


def test_weak_and_broken_detectors_are_no_error():
    _, X, masks = lopsided_heads(103)
    observed, rng = ~np.isnan(X).all(axis=1), np.random.default_rng(0)
    noise = rng.normal(size=masks.shape)
    hot = np.broadcast_to(rng.normal(size=(SIZE, SIZE)), masks.shape)
    for maps in (noise, hot, np.zeros(masks.shape), masks[::-1] * 1.0, -1.0 * masks):
        check_orientation(np.where(observed, maps, np.nan), observed, masks, PATIENT)


def test_a_symmetric_head_may_lie_either_way():
    heads = np.isnan(make_heads(6, size=SIZE)).all(axis=1)
    maps = np.where(heads, np.nan, 1.0)[:, :, ::-1]
    check_orientation(maps, ~heads)


def test_a_shift_by_a_pixel_is_no_turn():
    rows, columns = np.mgrid[:64, :64] - 31.0  # symmetric about (31, 31), half a pixel off
    observed = np.broadcast_to((rows / 26) ** 2 + (columns / 20) ** 2 < 1, (4, 64, 64))
    for axis in (1, 2):
        maps = np.where(np.roll(observed, 1, axis=axis), 1.0, np.nan)
        check_orientation(maps, observed)


def test_one_lucky_patient_does_not_decide():
    masks = np.zeros((3, SIZE, SIZE), bool)
    masks[:, 4:8, 20:24] = True
    maps = np.random.default_rng(0).normal(size=masks.shape)
    maps[0] += 20 * masks[0, ::-1]
    everywhere = np.ones_like(masks)
    check_orientation(maps, everywhere, masks)
    all_three = maps + 20 * masks[:, ::-1]
    with pytest.raises(InvalidPairsError, match="upside down"):
        check_orientation(all_three, everywhere, masks)
    check_orientation(all_three, everywhere, masks, groups=[0, 0, 1])  # two patients


def test_a_wrong_sign_is_no_wrong_orientation():
    masks = np.zeros((4, SIZE, SIZE), bool)
    masks[:, 4:8, 20:24] = True
    noise = 0.01 * np.random.default_rng(0).normal(size=masks.shape)
    lower = np.arange(SIZE)[:, None] >= SIZE // 2  # hotter, where no lesion is
    check_orientation(noise + lower - masks, np.ones_like(masks), masks)


def test_rectangles_are_turned_within_their_shape():
    observed = np.zeros((4, 20, 30), bool)
    observed[:, 2:9, 3:14] = True
    maps = np.where(observed, 1.0, np.nan)
    check_orientation(maps, observed)
    for wrong in ORIENTATIONS[1:4]:
        with pytest.raises(InvalidPairsError, match=wrong.name):
            check_orientation(wrong.turn(maps), observed)
    with pytest.raises(InvalidPairsError, match=r"expected \(4, 20, 30\).*swapaxes\(1, 2\)"):
        check_orientation(maps.swapaxes(1, 2), observed)
    with pytest.raises(InvalidPairsError, match=r"shape \(20, 30\); expected \(n_samples"):
        check_orientation(maps[0], observed)


def labels_and_decisions(n_patients, skill, seed=0):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_patients), 6)
    y = np.where(np.arange(len(groups)) % 3, 1, -1)
    own = rng.normal(size=n_patients)[groups]
    return y, {k: skill * y + own + rng.normal(size=len(y)) for k in ("threshold", "atlas")}, groups


@pytest.mark.parametrize("seed", range(100, 104))
def test_exchanged_labels_are_noticed(seed):
    y, decisions, groups = labels_and_decisions(12, 1.5, seed)
    with pytest.warns(LabelsWarning, match=r"threshold 0.*, atlas 0.* over 12 patients"):
        warn_if_labels_look_mirrored(-y, decisions, groups)
    perfect = dict.fromkeys(decisions, y + 0.0)
    with pytest.warns(LabelsWarning, match="exchanged"):
        warn_if_labels_look_mirrored(-y, perfect, groups)


@pytest.mark.parametrize("seed", range(100, 104))
def test_right_and_unsure_labels_are_left_in_peace(seed):
    y, decisions, groups = labels_and_decisions(12, 1.5, seed)
    _, by_chance, _ = labels_and_decisions(12, 0, seed)
    few = groups < 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_labels_look_mirrored(y, decisions, groups)
        warn_if_labels_look_mirrored(y, by_chance, groups)
        warn_if_labels_look_mirrored(-y, decisions | {"atlas": by_chance["atlas"]}, groups)
        warn_if_labels_look_mirrored(-y, {"atlas": decisions["atlas"]}, groups)
        warn_if_labels_look_mirrored(
            -y[few], {k: d[few] for k, d in decisions.items()}, groups[few]
        )


X = make_heads(40, size=16)
PAIRS = Pairs(X, groups=[f"p{i // 2}" for i in range(40)])
TRAIN, TEST = slice(None, 30), slice(30, None)


def fitted_in_all_ways():
    detector = AtlasDetector()
    search = GridSearchCV(detector, {"map_scoring__clip": [3.0]}, scoring=lambda *_: 0.0, cv=2)
    pipe = make_pipeline(Resize(8), detector).fit(PAIRS[TRAIN])
    yield AtlasDetector().fit(PAIRS[TRAIN])
    yield pipe
    yield make_pipeline(Resize(8), search).fit(PAIRS[TRAIN])
    yield FrozenEstimator(pipe)
    yield make_pipeline(FrozenEstimator(pipe[0]), FrozenEstimator(pipe[1]))


def test_what_was_seen_in_fit_is_refused():
    for model in fitted_in_all_ways():
        check_not_seen(model, PAIRS[TEST])
        with pytest.raises(InvalidPairsError, match=r"on 1 of the 11 .* on 1 of their 6 .*: p14;"):
            check_not_seen(model, PAIRS[29:])
        with pytest.raises(InvalidPairsError, match=r"on 2 of the 12 test samples; expected"):
            check_not_seen(model, X[28:])  # slices alone
        others = Pairs(X[TEST], groups=["p3", "p4", *["new"] * 8])
        with pytest.raises(InvalidPairsError, match=r"0 of the 10 .* on 2 of their 3 .*: p3, p4;"):
            check_not_seen(model, others)
        with pytest.raises(InvalidPairsError, match=r"on 1 of their 2 patients: p3;"):
            check_not_seen(model, X[TEST], groups=["p3", *["new"] * 9])


def test_what_keeps_nothing_of_its_training_passes():
    class Own(BaseEstimator):
        def fit(self, X, y=None):
            return self

        def decision_function(self, X):
            return np.zeros(len(X))

    check_not_seen(Own().fit(PAIRS), PAIRS)
    check_not_seen(as_detector(lambda X: np.zeros(len(X)), gives="decision"), PAIRS)


def test_a_detector_that_is_not_fitted_can_not_be_asked():
    for model in (AtlasDetector(), FrozenEstimator(AtlasDetector())):
        with pytest.raises(NotFittedError):
            check_not_seen(model, PAIRS)
