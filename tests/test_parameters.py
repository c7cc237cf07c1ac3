"""One gate for the parameters of all estimators: in `fit`, before anything is read."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
from detector_list import DETECTORS
from heads import make_heads
from public_names import parameters_of, public_objects
from sklearn.base import BaseEstimator, clone, is_outlier_detector
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression

from ctmri_detect import (
    AtlasDetector,
    ConvAutoencoderDetector,
    CrossModalDetector,
    EnsembleDetector,
    MapScoring,
    SyntheticAnomalyDetector,
    VolumeDetector,
)
from ctmri_detect.augmentation import Augmentation
from ctmri_detect.features import FeatureConditioning, LatentFeatures
from ctmri_detect.networks import Training
from ctmri_detect.synthesis import GenericAnomalies


def _is_estimator(value):
    kind = inspect.isclass(value) and not value.__module__.startswith("ctmri_detect.base")
    return kind and (issubclass(value, BaseEstimator) or hasattr(value, "split"))


ESTIMATORS = {name: value for name, value in public_objects() if _is_estimator(value)}
PARAMETERS = [(cls, name) for cls in ESTIMATORS.values() for name in parameters_of(cls)]
IDS = [f"{cls.__name__}-{name}" for cls, name in PARAMETERS]
every = pytest.mark.parametrize(("cls", "name"), PARAMETERS, ids=IDS)

WRONG = {
    "int": [True, np.bool_(True), 400.0, np.float64(3), "3", np.array([3]), float("nan"), 3j],
    "float": [True, np.bool_(True), "0.5", np.array([0.5]), float("nan"), float("inf"), 0.5j],
    "bool": ["no", 1, 0.0, None, np.array([True])],
    "str": ["nonsense", 3, True, np.array(["auto"]), ("hu",), b"hu"],
}


class Unreadable:
    """Pairs that nobody may look at."""

    def _refuse(self, *args):
        raise AssertionError("X was read")

    __len__ = __getitem__ = __iter__ = __array__ = _refuse

    @property
    def shape(self):
        self._refuse()


NEEDED = {
    LatentFeatures: {"estimator": ConvAutoencoderDetector()},
    VolumeDetector: {"detector": AtlasDetector()},
    EnsembleDetector: {"detectors": [AtlasDetector(), ConvAutoencoderDetector()]},
}


def make(cls, **params):
    """An estimator; the first parameter of some has no default."""
    return cls(**{**NEEDED.get(cls, {}), **params})


def use(cls, **params):
    """Where the parameters of each kind of estimator come to be checked."""
    made, X = make(cls, **params), Unreadable()
    if isinstance(made, MapScoring):
        made.fit(X, X)
    elif isinstance(made, Training):
        CrossModalDetector(training=made).fit(X)
    elif isinstance(made, Augmentation):
        ConvAutoencoderDetector(training=Training(augmentation=made)).fit(X)
    elif isinstance(made, GenericAnomalies):
        SyntheticAnomalyDetector(anomalies=made).fit(X)
    elif isinstance(made, FeatureConditioning):
        made.fit(None, X)
    elif hasattr(made, "split"):
        next(made.split(X))
    else:
        made.fit(X)


def kind_of(cls, name):
    return str(parameters_of(cls)[name].annotation)


def test_the_walk_finds_them_all():
    assert len(ESTIMATORS) >= 22
    some = {"AtlasDetector", "MapScoring", "Training", "Augmentation", "CTWindow"}
    assert some | {"BackboneFeatures", "NormalOnlyGroupKFold"} <= set(ESTIMATORS)


@every
def test_a_value_of_a_wrong_type_is_named_before_anything_is_read(cls, name):
    values = [object(), {"a": 1}, lambda x: x, MapScoring, *WRONG.get(kind_of(cls, name), [])]
    if kind_of(cls, name) == "str" and name == "device":  # any name may be torch's
        values.remove("nonsense")
    if (cls, name) == (MapScoring, "clip"):  # infinity is no bound
        values.remove(float("inf"))
    if name == "verbose":  # may be a bool, as everywhere
        values = [value for value in values if not isinstance(value, (bool, np.bool_))]
    for value in values:
        with pytest.raises(
            ValueError, match=rf"^{cls.__name__}'s {name} is .+; expected "
        ) as error:
            use(cls, **{name: value})
        assert isinstance(error.value, TypeError)


@every
def test_the_default_and_numpys_numbers_pass(cls, name):
    default = parameters_of(cls)[name].default
    if default is inspect.Parameter.empty:  # has to be given
        return
    values = [default]
    if type(default) in (int, float):
        values += [np.float64(default)] if kind_of(cls, name) == "float" else [np.int32(default)]
        values += [np.int64(default)] if default == int(default) else [np.float32(default)]
    if isinstance(default, bool):
        values += [np.bool_(default)]
    if isinstance(default, str):
        values += [np.str_(default)]
    for value in values:
        if cls is Training and name == "resume" and value:
            continue
        with pytest.raises((AssertionError, ValueError), match=r"X was read|groups is None"):
            use(cls, **{name: value})


@every
def test_no_value_breaks_what_a_notebook_shows(cls, name):
    if not issubclass(cls, BaseEstimator):
        return
    for value in (object(), np.array(["mismatch", "within"]), np.arange(3.0), cls):
        estimator = make(cls, **{name: value})
        assert cls.__name__ in repr(estimator)
        assert cls.__name__ in estimator._repr_html_()


@pytest.mark.parametrize("name", ["atlas", "autoencoder", "cross-modal", "deep-ocsvm"])
def test_numpys_numbers_change_no_score(name):
    X = make_heads(8, seed=3)

    def as_numpy(value):
        kinds = {int: np.int64, float: np.float64, bool: np.bool_, str: np.str_}
        return kinds[type(value)](value) if type(value) in kinds else value

    plain, other = clone(DETECTORS[name]), clone(DETECTORS[name])
    other.set_params(**{k: as_numpy(v) for k, v in other.get_params().items()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = [each.fit(X).score_samples(X[:3]) for each in (plain, other)]
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize("kind", [tuple, list, np.array], ids=["tuple", "list", "array"])
def test_evidence_may_be_any_sequence(kind):
    X = make_heads(8, seed=3)
    detector = CrossModalDetector(evidence=kind(["within"]))
    assert detector.__sklearn_tags__().missing_modality
    scores = detector.fit(X).score_samples(X)
    np.testing.assert_array_equal(
        scores, CrossModalDetector(evidence=("within",)).fit(X).score_samples(X)
    )


@pytest.mark.parametrize("other", [LogisticRegression(), KMeans(), IsolationForest()], ids=str)
def test_what_predicts_classes_is_no_regressor(other):
    with pytest.raises(ValueError, match=r"predictor is .*a scikit-learn regressor"):
        CrossModalDetector(predictor=other).fit(Unreadable())


def test_settings_within_settings_are_checked_too():
    for params, said in [
        (
            {"map_scoring": MapScoring(symmetry="no")},
            "MapScoring's symmetry is 'no'; expected True",
        ),
        ({"training": Training(lr="fast")}, "Training's lr is 'fast'; expected a number above 0"),
        ({"training": Training(augmentation=Augmentation(zoom=2))}, "Augmentation's zoom is 2;"),
        ({"training": Training(callbacks=[3])}, r"Training's callbacks is \[3\]; expected a list"),
    ]:
        with pytest.raises(ValueError, match=said):
            CrossModalDetector(**params).fit(Unreadable())
    assert is_outlier_detector(CrossModalDetector())


def test_a_long_value_does_not_fill_the_screen():
    with pytest.raises(ValueError, match="MapScoring's clip") as error:
        MapScoring(clip=list(range(10_000))).fit(Unreadable(), Unreadable())
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("cls", ESTIMATORS.values(), ids=ESTIMATORS)
def test_main_parameters_come_by_position_and_all_others_by_name(cls):
    by_position = [
        name
        for name, one in inspect.signature(cls).parameters.items()
        if one.kind is one.POSITIONAL_OR_KEYWORD
    ]
    assert len(by_position) <= 2
