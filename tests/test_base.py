"""Laws of the base classes, seen through a detector that remembers what it was shown."""

from __future__ import annotations

import re
import warnings
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from ctmri_detect.base import BasePairedDetector, BasePairedTransformer, PairedTags, Traits
from ctmri_detect.exceptions import FewPatientsWarning, InvalidPairsError, MissingModalityError
from ctmri_detect.scoring import MapScoring

RNG = np.random.default_rng(0)
N = 30
X = RNG.normal(size=(N, 2, 12, 12)).astype(np.float32)
X[:, 0, 0, 0] = np.arange(N)  # so that a row can be told
PATIENT = RNG.permutation(np.repeat([f"p{i}" for i in range(10)], 3))
FEW = np.where(np.arange(N) % 3 == 0, "a", np.where(np.arange(N) % 3 == 1, "b", "c"))


FITS, SCORED, STARTS = (WeakKeyDictionary() for _ in range(3))  # a fit doesn't see what others left


def rows_of(pairs):
    return np.nan_to_num(pairs[:, 0, 0, 0]).astype(int)


class Spy(BasePairedDetector):
    """The difference to the training mean; remembers rows and the shapes of blocks."""

    def __init__(self, amount=1.0, map_scoring=None):
        self.amount = amount
        self.map_scoring = map_scoring

    def _default_map_scoring(self):
        return MapScoring(reference="position", symmetry=False, false_positive_rate=0.25)

    @property
    def fits(self):
        """Rows of each fit."""
        return FITS.setdefault(self, [])

    @property
    def scored(self):
        """Rows that each fit's model was asked about."""
        return SCORED.setdefault(self, [])

    def _fit(self, X):
        self.fits.append(rows_of(X[:]))
        self.scored.append([])
        self.shapes = []
        self.mean_ = np.nan_to_num(X[:]).mean(axis=0)

    def _residual(self, X):
        assert X.dtype == np.float32
        self.scored[-1].extend(rows_of(X))
        self.shapes.append(X.shape)
        return (X - self.mean_) * self.amount


class Cheap(Spy):
    traits = Traits(cheap=True)


class Untrained(Spy):
    traits = Traits(trains=False)


class GoesOn(Spy):
    """Remembers what each fit started from."""

    def _fit(self, X):
        STARTS.setdefault(self, []).append(getattr(self, "mean_", None))
        super()._fit(X)


class Half(Spy):
    traits = Traits(missing_modality=True, localizes=False)


class Broken(Spy):
    """Residuals of a wrong kind in one corner."""

    def _residual(self, X):
        residual = (X - self.mean_).astype(np.float64)
        residual[:, :, :4, :4] = self.amount
        return residual


class Failing(Spy):
    def _fit(self, X):
        raise ValueError("the fit went wrong")


class Halve(BasePairedTransformer):
    def _transform(self, X):
        return X / 2


class Centre(BasePairedTransformer):
    def _fit(self, X):
        self.mean_ = np.mean([block.mean() for block in X.blocks(1)])

    def _transform(self, X):
        return X - np.float32(self.mean_)


@pytest.fixture(scope="module")
def fitted():
    return Spy().fit(X, groups=PATIENT)


# fit ----------------------------------------------------------------------------------------


def test_fit_returns_the_detector_with_what_it_learned():
    spy = Spy()
    assert spy.fit(X, groups=PATIENT) is spy
    assert spy.image_shape_ == (12, 12)
    assert spy.n_samples_fit_ == N
    assert spy.offset_ == spy.map_scoring_.offset_
    assert spy.map_scoring is None


@pytest.mark.parametrize("kind", [Spy, Cheap])
@pytest.mark.parametrize("groups", [PATIENT, FEW], ids=["ten patients", "three patients"])
def test_no_patient_judges_a_model_that_saw_them(kind, groups):
    spy = kind().fit(X, groups=groups)
    judged = set()
    for seen, scored in zip(spy.fits, spy.scored, strict=True):
        assert not set(groups[seen]) & set(groups[scored])
        judged |= set(scored)
    if kind is Spy and groups is PATIENT:
        assert len(spy.fits) == 1
        assert len(set(groups[list(judged)])) == 2
    else:
        assert judged == set(range(N))
        assert_array_equal(spy.fits[-1], np.arange(N))
    assert len(spy.map_scoring_.calibration_scores_) == len(judged)
    # the references know their patients, too
    assert len(np.unique(spy.map_scoring_.codes_)) == len(set(groups[list(judged)]))


def test_each_fit_starts_from_the_detector_as_it_was():
    spy = GoesOn().fit(X, groups=FEW)
    assert STARTS[spy] == [None] * 4  # three patients in turn, and all
    before = spy.mean_
    spy.fit(X[3:], groups=FEW[3:])
    assert all(start is before for start in STARTS[spy][4:])
    assert len(STARTS[spy]) == 8


def test_an_untrained_detector_learns_from_and_judges_all():
    spy = Untrained().fit(X, groups=PATIENT)
    assert len(spy.fits) == 1
    assert_array_equal(spy.fits[0], np.arange(N))
    assert set(spy.scored[0]) == set(range(N))


def test_without_groups_no_block_of_rows_is_on_both_sides():
    spy = Spy().fit(X)
    block = 8 * np.arange(N) // N
    assert not set(block[spy.fits[0]]) & set(block[spy.scored[0]])


def test_labels_leave_the_anomalous_out_of_all_learning():
    y = np.where(RNG.random(N) < 0.3, -1, 1)
    for labels in (y, y.astype(float), list(y), pd.Series(y, index=np.arange(N)[::-1])):
        spy = Spy().fit(X, labels, groups=FEW)
        assert spy.n_samples_fit_ == (y == 1).sum()
        touched = set(np.concatenate(spy.fits)) | set(np.concatenate(spy.scored))
        assert touched == set(np.flatnonzero(y == 1))
        alone = Spy().fit(X[y == 1], groups=FEW[y == 1])
        assert_array_equal(spy.score_samples(X), alone.score_samples(X))
        assert spy.offset_ == alone.offset_


@pytest.mark.parametrize(
    "y",
    [np.arange(N) % 2, np.full(N, "normal"), np.arange(N), np.arange(N) % 3 - 1, np.zeros(3),
     np.full(N, np.nan), [None] * N],
    ids=["0/1", "names", "numbers", "-1/0/1", "short", "NaN", "None"],
)  # fmt: skip
def test_labels_of_any_other_coding_are_ignored(y, fitted):
    spy = Spy().fit(X, y, groups=PATIENT)
    assert spy.n_samples_fit_ == N
    assert spy.offset_ == fitted.offset_


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(InvalidPairsError, match=r"labels have shape \(29,\); expected \(30,\)"):
        Spy().fit(X, np.ones(N - 1))
    with pytest.raises(InvalidPairsError, match=r"leaves 1 sample\(s\) labelled \+1"):
        Spy().fit(X, np.where(np.arange(N) == 4, 1, -1))
    with pytest.raises(InvalidPairsError, match="groups has shape"):
        Spy().fit(X, groups=PATIENT[1:])


def test_one_patient_is_warned_of_at_the_callers_line():
    with pytest.warns(FewPatientsWarning, match="Give pairs of more patients") as caught:
        spy = Spy().fit(X, groups=["a"] * N)
    assert caught[0].filename == __file__
    assert spy.offset_ == Spy().fit(X).offset_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Spy().fit(X, groups=FEW)


def test_one_patient_left_by_the_labels_is_warned_of_too():
    with pytest.warns(FewPatientsWarning):
        Spy().fit(X, np.where(FEW == "a", 1, -1), groups=FEW)


def test_two_samples_are_enough_and_one_is_not():
    assert np.isfinite(Spy().fit(X[:2]).score_samples(X)).all()
    with pytest.raises(InvalidPairsError, match="minimum of 2"):
        Spy().fit(X[:1])


def test_a_failed_fit_leaves_the_detector_unfitted():
    failing = Failing()
    with pytest.raises(ValueError, match="the fit went wrong"):
        failing.fit(X)
    with pytest.raises(NotFittedError):
        failing.predict(X)


# scoring ------------------------------------------------------------------------------------


def test_an_unfitted_detector_says_so():
    for verb in ("residual_map", "anomaly_map", "score_samples", "decision_function", "predict",
                 "explain"):  # fmt: skip
        with pytest.raises(NotFittedError):
            getattr(Spy(), verb)(X)
    with pytest.raises(NotFittedError):
        Spy().rescore(clip=2.0)


def test_another_image_size_names_both(fitted):
    with pytest.raises(InvalidPairsError, match=r"\(10, 12\) pixels; Spy was fitted on \(12, 12\)"):
        fitted.predict(X[:, :, 2:])


def test_a_missing_modality_is_refused_by_name_or_scored():
    half = X.copy()
    half[3, 0], half[7, 1] = np.nan, np.nan
    with pytest.raises(MissingModalityError, match=r"samples 3 \(CT\), 7 \(MRI\); Spy"):
        Spy().fit(half)
    with pytest.raises(MissingModalityError, match=r"samples 3 \(CT\), 7 \(MRI\); Spy"):
        Spy().fit(X).predict(half)
    with pytest.raises(MissingModalityError, match=r"9 \(MRI\) \.\.\."):
        Spy().fit(np.where(np.arange(2)[:, None, None] == 1, np.nan, X))
    scores = Half().fit(half).score_samples(half)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("n", [1, 15, 16, 17, N])
def test_every_block_has_one_shape_and_company_changes_nothing(n, fitted):
    fitted.shapes = []
    scores = fitted.score_samples(X[:n])
    assert set(fitted.shapes) == {(16, 2, 12, 12)}
    assert len(fitted.shapes) == -(-n // 16)
    assert_array_equal(scores, fitted.score_samples(X)[:n])
    assert_array_equal(scores[::-1], fitted.score_samples(X[:n][::-1]))


@pytest.mark.parametrize("amount", [np.nan, np.inf, -np.inf, 1e300])
def test_a_broken_residual_does_not_reach_the_user(amount):
    hole = X.copy()
    hole[:, 1, 5:8, 5:8] = np.nan
    broken = Broken(amount).fit(hole, groups=PATIENT)
    assert_array_equal(np.isnan(broken.residual_map(hole)), np.isnan(hole))
    assert np.isfinite(broken.residual_map(hole)[~np.isnan(hole)]).all()
    assert np.isfinite(broken.anomaly_map(hole)).all()
    assert np.isfinite(broken.score_samples(hole)).all()
    assert np.isfinite(broken.offset_)


def test_residuals_are_unobserved_where_the_pixel_is(fitted):
    hole = X[:4].copy()
    hole[:, 0, 2:4] = np.nan
    hole[:, :, 8:] = np.nan
    assert_array_equal(np.isnan(fitted.residual_map(hole)), np.isnan(hole))
    assert_array_equal(np.isnan(fitted.anomaly_map(hole)), np.isnan(hole).all(axis=1))
    assert_allclose(fitted.residual_map(X), X - fitted.mean_)


def test_the_verbs_agree_with_each_other(fitted):
    scores = fitted.score_samples(X)
    assert_array_equal(fitted.decision_function(X), scores - fitted.offset_)
    assert_array_equal(fitted.predict(X), np.where(scores < fitted.offset_, -1, 1))
    assert (scores <= 0).all()
    found = fitted.explain(X, threshold=2.0, spacing=0.5)
    assert (found.regions["peak"].abs() >= 2).all()
    assert len(found.regions)
    for region in found.regions.itertuples():
        planes = found.z_maps[region.sample]
        assert np.isclose(planes[["CT", "MRI"].index(region.modality)], region.peak).any()
        assert region.area_mm2 == region.area_px / 4


def test_fit_predict_is_fit_and_predict(fitted):
    assert_array_equal(Spy().fit_predict(X, groups=PATIENT), fitted.predict(X))


def test_an_outlier_scores_lower_and_is_flagged(fitted):
    odd = X[:1].copy()
    odd[0, 1, 4:8, 4:8] += 9
    assert fitted.score_samples(odd)[0] < fitted.score_samples(X).min()
    assert fitted.predict(odd)[0] == -1


# parameters ---------------------------------------------------------------------------------


def test_nested_parameters_reach_into_the_default():
    spy = Spy().set_params(map_scoring__clip=3.0, amount=2.0)
    assert spy.map_scoring.clip == 3.0
    assert spy.map_scoring.reference == "position"  # the detector's default, not MapScoring's
    assert spy.amount == 2.0
    assert spy.fit(X).map_scoring_.clip == 3.0
    assert Spy().map_scoring is None
    spy.set_params(map_scoring__smoothing=0.0)
    assert (spy.map_scoring.clip, spy.map_scoring.smoothing) == (3.0, 0.0)
    spy.set_params(map_scoring=None, map_scoring__smoothing=1.0)
    assert (spy.map_scoring.clip, spy.map_scoring.smoothing) == (MapScoring().clip, 1.0)
    own = MapScoring(clip=2.0)
    spy.set_params(map_scoring=own, map_scoring__fusion="max")
    assert (spy.map_scoring.clip, spy.map_scoring.fusion) == (2.0, "max")
    with pytest.raises(ValueError, match="nonsense"):
        Spy().set_params(map_scoring__nonsense=1)


def test_clones_and_parameters_are_scikit_learns(fitted):
    copy = clone(fitted)
    assert not hasattr(copy, "map_scoring_")
    assert copy.get_params() == fitted.get_params()
    nested = Spy(map_scoring=MapScoring(clip=2.0))
    assert nested.get_params()["map_scoring__clip"] == 2.0
    assert clone(nested).map_scoring is not nested.map_scoring
    scored = nested.fit(X)
    assert not hasattr(scored.map_scoring, "offset_")


def test_rescore_moves_the_threshold_without_the_model(fitted):
    spy = Spy().fit(X, groups=PATIENT)
    fits = len(spy.fits)
    offsets = [spy.rescore(false_positive_rate=rate).offset_ for rate in (0.0, 0.2, 0.5, 0.9)]
    assert offsets == sorted(offsets)
    assert offsets[0] < offsets[-1]
    assert spy.rescore(false_positive_rate=0.25) is spy
    assert len(spy.fits) == fits
    assert spy.offset_ == fitted.offset_
    fresh = Spy(
        map_scoring=MapScoring(
            symmetry=True, reference="similar", n_neighbors=3, false_positive_rate=0.25
        )
    )
    spy.rescore(symmetry=True, reference="similar", n_neighbors=3)
    assert_array_equal(spy.decision_function(X), fresh.fit(X, groups=PATIENT).decision_function(X))
    with pytest.raises(ValueError, match="clip"):
        spy.rescore(clip=-1)
    assert spy.map_scoring_.clip == MapScoring().clip  # a refused change changes nothing


def test_tags_are_of_pairs():
    tags = get_tags(Spy())
    assert isinstance(tags, PairedTags)
    assert (tags.missing_modality, tags.localizes) == (False, True)
    assert (get_tags(Half()).missing_modality, get_tags(Half()).localizes) == (True, False)
    assert tags.estimator_type == "outlier_detector"
    assert tags.input_tags.allow_nan
    assert not tags.input_tags.two_d_array
    assert get_tags(Halve()).missing_modality


# transformers and pipelines -----------------------------------------------------------------


def test_a_transformer_works_in_blocks_and_leaves_its_input(tmp_path):
    many = RNG.normal(size=(130, 2, 4, 4))
    np.save(tmp_path / "many.npy", many)
    stored = np.load(tmp_path / "many.npy", mmap_mode="r")
    step = Centre()
    assert step.fit(stored, y="ignored") is step
    out = step.transform(stored)
    assert out.dtype == np.float32
    assert_allclose(out, many - many.mean(), atol=1e-5)
    assert_array_equal(stored, many)
    assert_array_equal(step.transform(stored[70:71]), out[70:71])
    assert_array_equal(Centre().fit_transform(many), out)


def test_a_transformer_checks_pairs_and_fit():
    with pytest.raises(NotFittedError, match="Centre learns from training pairs"):
        Centre().transform(X)
    with pytest.raises(InvalidPairsError, match="expected"):
        Halve().fit(X[:, 0])
    with pytest.raises(InvalidPairsError, match="expected"):
        Halve().fit(X).transform(X[:, 0])
    half = X.copy()
    half[:, 1] = np.nan
    assert np.isnan(Halve().fit_transform(half)[:, 1]).all()


def test_pandas_output_leaves_pairs_alone():
    with sklearn.config_context(transform_output="pandas"):
        out = make_pipeline(Halve(), Centre()).fit_transform(X)
        scores = make_pipeline(Halve(), Spy()).fit(X).score_samples(X)
    assert type(out) is type(scores) is np.ndarray
    assert out.shape == X.shape
    assert not hasattr(Halve(), "get_feature_names_out")


def test_routing_carries_the_patients_through_a_pipeline(fitted):
    pipe = make_pipeline(Halve(), Spy(amount=2.0))
    with sklearn.config_context(enable_metadata_routing=True):
        pipe.fit(X, groups=PATIENT)
    by_name = make_pipeline(Halve(), Spy(amount=2.0)).fit(X, spy__groups=PATIENT)
    seen = fitted.fits[0]
    for each in (pipe, by_name):
        assert_array_equal(2 * each[-1].mean_[0, 0, 0], X[seen, 0, 0, 0].mean())
        assert_allclose(each.decision_function(X), fitted.decision_function(X), rtol=1e-4)


def test_the_html_form_of_a_fitted_detector_says_what_it_was_fitted_on():
    detector = Spy()
    assert not hasattr(detector, "n_patients_fit_")
    detector.fit(X, groups=PATIENT)
    rows = re.sub(r"<[^>]+>|\s+", " ", detector._repr_html_()).split("Fitted attributes")[1]
    for name, value in (
        ("n_samples_fit_", "30"),
        ("n_patients_fit_", "10"),
        ("image_shape_", "(12, 12)"),
        ("modalities_", "(&#x27;CT&#x27;, &#x27;MRI&#x27;)"),
        ("offset_", f"{detector.offset_:.4g}"),
    ):
        assert value in rows.split(name)[1][:60], name
    assert not set(PATIENT) & set(rows.split()), "names of patients are kept nowhere"


def test_where_patients_are_unknown_a_fitted_detector_has_no_number_of_them():
    with pytest.warns(UserWarning, match="patients"):
        detector = Spy().fit(X)
    assert detector.n_patients_fit_ is None
