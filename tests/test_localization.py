"""Laws of localisation: a map lies on the caller's grid, whatever the steps did to the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from heads import make_heads, plant
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ctmri_detect import (
    AtlasDetector,
    MapScoring,
    Pairs,
    anomaly_map,
    detect,
    explain,
    residual_map,
)
from ctmri_detect.base import BasePairedTransformer
from ctmri_detect.exceptions import InvalidPairsError, ThresholdWarning
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.pipelines import ct_units_taken, decisions, has_threshold, last_step

X = make_heads(24, mask=False)


def atlas():
    scoring = MapScoring(reference="position", symmetry=False, clip=50)  # nothing saturates
    return AtlasDetector(map_scoring=scoring)


class Crop(BasePairedTransformer):
    """Cuts more on one side than on the other, so that a mix-up of axes shows."""

    def _transform(self, X):
        return X[:, :, 2:-4, 1:-6].copy()

    def inverse_transform_map(self, maps, X):
        out = np.full((*maps.shape[:-2], *X.shape[2:]), np.nan, np.float32)
        out[..., 2:-4, 1:-6] = maps
        return out


class Turn(BasePairedTransformer):
    """Rolls each sample by what its own first pixel says, as HeadAligner poses each head."""

    @staticmethod
    def _steps(X):
        return (np.abs(X[:, 0, 0, 0]) * 1000).astype(int) % 7

    def _transform(self, X):
        return np.stack([np.roll(x, k, -1) for x, k in zip(X, self._steps(X), strict=True)])

    def inverse_transform_map(self, maps, X):
        pairs = zip(maps, self._steps(X), strict=True)
        return np.stack([np.roll(m, -k, -1) for m, k in pairs])


class Scale(BasePairedTransformer):
    """Moves no pixel, so it has nothing to walk back."""

    def __init__(self, factor=3.0):
        self.factor = factor

    def _transform(self, X):
        return X * np.float32(self.factor)


def by_hand(fitted_steps, detector, pairs, verb):
    inputs = []
    for step in fitted_steps:
        inputs.append(pairs)
        pairs = step.transform(pairs)
    maps = getattr(detector, verb)(pairs)
    for step, before in list(zip(fitted_steps, inputs, strict=True))[::-1]:
        maps = step.inverse_transform_map(maps, before)
    return maps


def test_a_detector_alone_gives_its_own_maps():
    detector = AtlasDetector().fit(X)
    assert_array_equal(anomaly_map(detector, X), detector.anomaly_map(X))
    assert_array_equal(residual_map(detector, X), detector.residual_map(X))
    own = detector.explain(X, threshold=2, spacing=0.5)
    same = explain(detector, X, threshold=2, spacing=0.5)
    assert_array_equal(own.z_maps, same.z_maps)
    assert own.regions.equals(same.regions)
    assert "area_mm2" in own.regions


@pytest.mark.parametrize("steps", [[Crop()], [Turn()], [Crop(), Turn()], [Turn(), Crop()]], ids=str)
def test_geometry_is_walked_back_step_by_step(steps):
    pipe = make_pipeline(*steps, atlas()).fit(X)
    moved = [step for _, step in pipe.steps[:-1]]
    for verb, ask in (("anomaly_map", anomaly_map), ("residual_map", residual_map)):
        maps = ask(pipe, X)
        assert maps.dtype == np.float32
        assert maps.shape[0] == len(X)
        assert maps.shape[-2:] == X.shape[-2:]
        assert_array_equal(maps, by_hand(moved, pipe[-1], X, verb))


@pytest.mark.parametrize("at", [(10, 9), (14, 20), (22, 13)])
def test_a_lesion_is_found_where_the_caller_sees_it(at):
    pipe = make_pipeline(Scale(), Turn(), Crop(), atlas()).fit(X)
    pair, disc = plant(X[5], 1, amount=2, at=at)
    heat = anomaly_map(pipe, pair[None])[0]
    assert disc[np.unravel_index(np.nanargmax(heat), heat.shape)]
    found = explain(pipe, pair[None])
    assert found.z_maps.shape == (1, 2, *X.shape[2:])
    strongest = found.regions.iloc[0]
    assert (strongest.modality, strongest.sign) == ("MRI", "brighter")
    assert disc[round(strongest.y), round(strongest.x)]


def test_what_a_crop_cut_off_is_unknown():
    pipe = make_pipeline(Crop(), atlas()).fit(X)
    kept = np.zeros(X.shape[2:], bool)
    kept[2:-4, 1:-6] = True
    for maps in (anomaly_map(pipe, X), residual_map(pipe, X), explain(pipe, X).z_maps):
        assert_array_equal(np.isnan(maps), np.broadcast_to(~kept, maps.shape))


@pytest.mark.parametrize(
    "nest",
    [
        lambda: make_pipeline(make_pipeline(Scale(), Crop()), Turn(), atlas()),
        lambda: make_pipeline(make_pipeline(Scale(), make_pipeline(Crop(), Turn())), atlas()),
        lambda: make_pipeline(Scale(), make_pipeline(Crop(), make_pipeline(Turn(), atlas()))),
        lambda: make_pipeline(Scale(), "passthrough", Crop(), None, Turn(), atlas()),
        lambda: make_pipeline(make_pipeline(Scale(), "passthrough", Crop()), Turn(), atlas()),
    ],
    ids=["inner", "inner of inner", "last", "passthrough", "passthrough within"],
)
def test_nesting_changes_nothing(nest):
    flat = make_pipeline(Scale(), Crop(), Turn(), atlas()).fit(X)
    nested = nest().fit(X)
    assert_array_equal(anomaly_map(nested, X), anomaly_map(flat, X))
    assert_array_equal(explain(nested, X).z_maps, explain(flat, X).z_maps)
    assert isinstance(last_step(nested), AtlasDetector)


def test_a_fitted_search_answers_with_its_best():
    y = np.where(np.arange(24) % 5 == 0, -1, 1)
    pairs = np.stack([plant(x, 1, amount=2)[0] if k < 0 else x for x, k in zip(X, y, strict=True)])
    search = GridSearchCV(
        make_pipeline(Scale(), Crop(), atlas()),
        {"atlasdetector__map_scoring__clip": [2.0, 5.0]},
        scoring="roc_auc",
        cv=NormalOnlyGroupKFold(2),
    ).fit(pairs, y, groups=np.arange(24) // 2)
    maps = anomaly_map(search, pairs)
    assert_array_equal(maps, anomaly_map(search.best_estimator_, pairs))
    assert maps.shape == (24, 32, 32)
    assert last_step(search) is search.best_estimator_[-1]
    inner = GridSearchCV(atlas(), {"map_scoring__clip": [3.0]}, scoring="roc_auc", cv=2)
    pipe = make_pipeline(Crop(), inner).fit(pairs, y)
    by_best = Pipeline([("crop", pipe[0]), ("best", pipe[1].best_estimator_)])
    assert_array_equal(anomaly_map(pipe, pairs), anomaly_map(by_best, pairs))


@pytest.mark.parametrize(
    "frozen",
    [
        lambda pipe: FrozenEstimator(pipe),
        lambda pipe: make_pipeline(pipe[0], FrozenEstimator(pipe[1:])),
        lambda pipe: make_pipeline(FrozenEstimator(pipe[:2]), FrozenEstimator(pipe[2])),
        lambda pipe: FrozenEstimator(FrozenEstimator(pipe)),
    ],
    ids=["whole", "the rest", "each", "twice"],
)
def test_frozen_is_the_same_and_never_fitted_again(frozen):
    pipe = make_pipeline(Turn(), Crop(), atlas()).fit(X)
    before = pipe[2].mean_.copy()
    model = frozen(pipe).fit(2 * X[:8], None)
    assert last_step(model) is pipe[2]
    assert_array_equal(pipe[2].mean_, before)
    assert_array_equal(anomaly_map(model, X), anomaly_map(pipe, X))
    assert_array_equal(explain(model, X).z_maps, explain(pipe, X).z_maps)
    assert_array_equal(detect(model, X).decision, detect(pipe, X).decision)


def test_a_frozen_search_answers_with_its_best():
    search = GridSearchCV(atlas(), {"map_scoring__clip": [3.0]}, scoring=lambda *_: 0.0, cv=2)
    search.fit(X)
    assert last_step(FrozenEstimator(search)) is search.best_estimator_
    assert_array_equal(anomaly_map(FrozenEstimator(search), X), anomaly_map(search, X))


class InUnits(Scale):
    """Says which units it takes."""

    def __init__(self, factor=1.0, units="hu"):
        super().__init__(factor)
        self.units = units


def test_units_and_thresholds_are_known_of_frozen_ones():
    pipe = make_pipeline(InUnits(), atlas()).fit(X)
    for model in (FrozenEstimator(pipe), make_pipeline(FrozenEstimator(pipe[0]), pipe[1])):
        assert ct_units_taken(model) == "hu"
        assert has_threshold(model)
        assert_array_equal(decisions(model, X), pipe.decision_function(X))
    few = make_pipeline(InUnits(), atlas())
    with pytest.warns(ThresholdWarning):
        few.fit(Pairs(X[:6], groups=range(6)))
    assert not has_threshold(FrozenEstimator(few))
    assert np.isfinite(decisions(FrozenEstimator(few), X)).all()


def test_a_step_of_scikit_learn_is_no_obstacle():
    pipe = make_pipeline(FunctionTransformer(np.negative), atlas()).fit(X)
    plain = make_pipeline(atlas()).fit(X)
    assert_allclose(anomaly_map(pipe, X), anomaly_map(plain, X), atol=1e-5)
    assert_allclose(residual_map(pipe, X), -residual_map(plain, X), atol=1e-5)


def test_what_has_no_maps_is_refused_by_name():
    for ask in (anomaly_map, residual_map, explain):
        with pytest.raises(TypeError, match=r"IsolationForest.*expected a detector"):
            ask(IsolationForest(), X)
    flat = make_pipeline(FunctionTransformer(lambda X: X.reshape(len(X), -1)), IsolationForest())
    with pytest.raises(TypeError, match=r"IsolationForest.*end of the Pipeline"):
        anomaly_map(flat.fit(X), X)
    with pytest.raises(TypeError, match="expected a detector"):
        anomaly_map(make_pipeline(Crop(), Turn()).fit(X), X)


def test_what_is_not_fitted_says_so():
    with pytest.raises(TypeError, match=r"GridSearchCV has no best_estimator_.*Fit it first"):
        anomaly_map(GridSearchCV(atlas(), {}), X)
    with pytest.raises(TypeError, match="RandomizedSearchCV"):
        anomaly_map(RandomizedSearchCV(atlas(), {}), X)
    unrefitted = GridSearchCV(
        atlas(), {"map_scoring__clip": [3.0]}, refit=False, cv=2, scoring=lambda e, X, y=None: 0.0
    ).fit(X)
    with pytest.raises(TypeError, match="refit=True"):
        anomaly_map(unrefitted, X)
    with pytest.raises(NotFittedError):
        anomaly_map(AtlasDetector(), X)
    with pytest.raises(NotFittedError):
        anomaly_map(make_pipeline(Crop(), AtlasDetector()), X)


# steps of somebody else ---------------------------------------------------------------------


def halved(X):
    return X[..., ::2, ::2]


def first_half(X):
    return X[: len(X) // 2]


@pytest.mark.parametrize("change", [halved, first_half, lambda X: X[..., :-1]])
@pytest.mark.parametrize("verb", [anomaly_map, residual_map, explain])
def test_a_strange_step_that_changes_the_grid_is_refused(change, verb):
    pairs = np.random.default_rng(0).normal(size=(24, 2, 16, 16)).astype(np.float32)
    step = FunctionTransformer(change)
    changed = change(pairs)
    pipe = make_pipeline(step, AtlasDetector().fit(changed, groups=range(len(changed))))
    with pytest.raises(InvalidPairsError, match=r"FunctionTransformer turns shape .* inverse_tran"):
        verb(pipe, pairs)


def test_a_strange_step_that_keeps_the_grid_is_walked_over():
    pairs = np.random.default_rng(0).normal(size=(24, 2, 16, 16)).astype(np.float32)
    detector = AtlasDetector().fit(2 * pairs, groups=range(24))
    pipe = make_pipeline(FunctionTransformer(lambda X: 2 * X), detector)
    np.testing.assert_array_equal(anomaly_map(pipe, pairs), detector.anomaly_map(2 * pairs))


def test_the_spacing_of_pairs_gives_areas_on_their_grid():
    """Pixels of 0.5 by 0.8 mm before the steps; a sample's own where they differ."""
    spacing = np.tile([0.5, 0.8], (24, 1))
    spacing[3] = [1.0, 2.0]
    lesions = np.stack([plant(x, 1, amount=2)[0] for x in X])
    pairs = Pairs(lesions, groups=range(24), spacing=spacing)
    pipe = make_pipeline(Crop(), atlas()).fit(Pairs(X, groups=range(24)))
    regions = explain(pipe, pairs).regions
    of_a_pixel = spacing.prod(axis=1)[regions["sample"]]
    assert_allclose(regions["area_mm2"], regions["area_px"] * of_a_pixel)
    assert {3, 4} <= set(regions["sample"])
    found = detect(pipe, pairs, include=["regions"])
    assert set(found) == {"regions"}
    assert found.regions.equals(regions)
    assert "area_mm2" not in explain(pipe, lesions).regions
    detector = atlas().fit(X, groups=range(24))
    own = detector.explain(pairs).regions
    assert own.equals(detector.detect(pairs).regions)
    assert own.equals(explain(detector, pairs).regions)
    assert_allclose(own["area_mm2"], own["area_px"] * spacing.prod(axis=1)[own["sample"]])
    told = explain(pipe, pairs, spacing=2.0).regions
    assert_allclose(told["area_mm2"], 4 * told["area_px"])
