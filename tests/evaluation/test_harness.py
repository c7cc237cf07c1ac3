import pickle

import numpy as np
import pytest
import sklearn
from counting import CountingDetector
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Bunch

from ctmri_detect import AtlasDetector, MapScoring, Pairs, ThresholdDetector
from ctmri_detect.base import BasePairedTransformer
from ctmri_detect.evaluation import Noise, as_detector, benchmark
from ctmri_detect.exceptions import (
    DetectorFailedWarning,
    InvalidPairsError,
    LabelsWarning,
    PatientsUnknownWarning,
    ThresholdWarning,
)
from ctmri_detect.metrics import anomaly_map_average_precision_score, decision_roc_auc_score
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.reports import write_figures, write_report

APART = np.random.default_rng(0).permutation(32)  # the rows of a patient no longer together
SEEN = []  # what the spy was shown: (labels, patients) in fit, patients in decision_function


class Oracle(BaseEstimator):
    """Reads the label from the corner of the CT."""

    def fit(self, X, y=None):
        return self

    def decision_function(self, X):
        return np.asarray(X)[:, 0, 0, 0].astype(float)


class Spy(Oracle):
    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.trained_on_ = set(X[:, 0, 0, 1].astype(int).tolist())
        SEEN.append((X[:, 0, 0, 0], y, X.groups, self.trained_on_, self.random_state))
        return self

    def decision_function(self, X):
        SEEN[-1] += (set(X[:, 0, 0, 1].astype(int).tolist()),)
        return super().decision_function(X)


class Failing(Oracle):
    def fit(self, X, y=None):
        raise RuntimeError("no luck")


class Guess(Oracle):
    """A pixel of noise for a decision."""

    def decision_function(self, X):
        return np.asarray(X)[:, 1, 0, 0].astype(float)


class Wanderer(Oracle):
    def decision_function(self, X):
        return np.full(len(X), np.nan)


class Flip(BasePairedTransformer):
    """Turns slices upside down, and maps back; counts the slices."""

    used = 0

    def _transform(self, X):
        Flip.used += len(X)
        return X[:, :, ::-1]

    def inverse_transform_map(self, maps, X):
        return maps[..., ::-1, :]


@pytest.fixture(autouse=True)
def fresh_spy():
    SEEN.clear()


def run(detectors, data, **kwargs):
    return benchmark(detectors, data, progress=False, **kwargs)


def test_one_row_per_detector_kind_and_seed(data):
    result = run({"a": Oracle(), "b": AtlasDetector()}, data, seeds=(0, 1))
    keys = result.table[["detector", "kind", "seed"]].apply(tuple, axis=1)
    expected = {(d, k, s) for d in "ab" for k in ("all", "bleed", "in_farct") for s in (0, 1)}
    assert set(keys) == expected
    assert len(keys) == len(expected)


def test_a_perfect_detector_has_auroc_one_and_no_pixel_figure(data):
    table = run({"oracle": Oracle()}, data).table
    assert (table["image_auroc"] == 1).all()
    assert (table["image_ap"] == 1).all()
    assert table["pixel_ap"].isna().all()


def test_a_failing_detector_is_a_row_and_the_others_are_measured(data):
    with pytest.warns(DetectorFailedWarning, match="1 of 2 detectors failed.*bad: Runtime.*luck"):
        result = run({"bad": Failing(), "good": Oracle()}, data)
    bad = result.table[result.table["detector"] == "bad"]
    assert bad["image_auroc"].isna().all()
    assert (bad["error"] == "RuntimeError: no luck").all()
    assert (bad["n_normal"] == 24).all()
    good = result.table[result.table["detector"] == "good"]
    assert (good["error"] == "").all()
    assert (good["image_auroc"] == 1).all()
    assert set(result.scores["detector"]) == {"good"}


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_warning_names_the_detectors_and_comes_once(data, n_jobs):
    usual, rare = (
        AtlasDetector(map_scoring=MapScoring(false_positive_rate=p)) for p in (0.2, 0.01)
    )
    with pytest.warns(ThresholdWarning) as caught:
        run({"usual": usual, "rare": rare, "again": clone(rare)}, data, n_jobs=n_jobs)
    said = [str(w.message) for w in caught if w.category is ThresholdWarning]
    assert len(said) == 1
    assert said[0].startswith("again, rare: ")
    assert "0.01" in said[0]
    assert caught[0].filename == __file__


@pytest.mark.filterwarnings("always")
def test_warnings_that_differ_in_numbers_only_come_once(data):
    grouped = [row for row in range(32) if row not in (1, 2, 3, 5)]  # folds of unlike size
    part = Bunch(**{n: v[grouped] for n, v in data.items() if n in ("data", "target", "groups")})
    with pytest.warns(ThresholdWarning) as caught:
        run({"a": AtlasDetector()}, part)
    said = [str(w.message) for w in caught if w.category is ThresholdWarning]
    assert len(said) == 1
    assert said[0].endswith("(and 1 more such warnings)")


def test_when_all_fail_the_tables_keep_their_form(data):
    result = run({"bad": Failing()}, data)
    assert result.scores.empty
    assert len(result.table) == 3
    assert result.maps == {"bad": {}}


def test_a_nan_decision_is_an_error_that_names_the_samples(data):
    error = run({"nan": Wanderer()}, data).table["error"].iloc[0]
    assert "not finite for samples" in error
    assert "InvalidPairsError" in error


def test_no_patient_on_both_sides_and_no_anomaly_in_training(data):
    run({"spy": Spy()}, data, seeds=(0, 1, 2))
    assert len(SEEN) == 6
    for labels, y, groups, trained, _, tested in SEEN:
        assert (labels == 1).all()
        assert (y == 1).all()
        assert {f"p{i}" for i in trained} == set(groups)
        assert not trained & tested


@pytest.mark.parametrize("wrap", [lambda e: e, make_pipeline])
def test_groups_reach_the_detector(data, wrap):
    run({"spy": wrap(Spy())}, data)
    assert all(len(groups) == len(labels) for labels, _, groups, *_ in SEEN)


def test_seeds_reach_every_random_state_and_the_folds(data):
    estimator = make_pipeline(Spy(random_state=99))
    run({"spy": estimator}, data, seeds=(3, 4))
    assert [seen[4] for seen in SEEN] == [3, 3, 4, 4]
    assert SEEN[0][5] != SEEN[2][5]
    assert estimator[-1].random_state == 99


def test_anomalies_never_train_even_under_a_plain_splitter(data):
    run({"spy": Spy()}, data, cv=GroupKFold(4))
    assert len(SEEN) == 4
    assert all((seen[0] == 1).all() for seen in SEEN)


def test_an_int_is_the_number_of_folds(data):
    run({"spy": Spy()}, data, cv=4)
    assert len(SEEN) == 4


@pytest.mark.parametrize(
    ("cv", "match"),
    [
        (KFold(3), "both sides"),
        (ShuffleSplit(3, random_state=0), "both sides"),
    ],
)
def test_a_splitter_that_splits_patients_is_refused(data, cv, match):
    with pytest.raises(InvalidPairsError, match=match):
        run({"oracle": Oracle()}, data, cv=cv)


def test_a_sample_tested_twice_is_refused(data):
    class_of_two = [(np.arange(16, 32), np.arange(8)), (np.arange(16, 32), np.arange(8))]
    with pytest.raises(InvalidPairsError, match="2 times"):
        run({"oracle": Oracle()}, data, cv=_Fixed(class_of_two))


class _Fixed:
    def __init__(self, folds):
        self.folds = folds

    def split(self, X, y=None, groups=None):
        return iter(self.folds)


def test_untested_samples_are_in_no_figure(data):
    result = run({"oracle": Oracle()}, data, cv=_Fixed([(np.arange(16, 32), np.arange(8))]))
    assert result.scores["sample"].tolist() == list(range(8))
    row = result.table.iloc[0]
    assert (row["n_normal"], row["n_anomalous"]) == (6, 2)
    assert set(result.examples) <= set(range(8))
    with pytest.raises(AttributeError, match="named examples now"):
        result.cases  # noqa: B018
    assert pickle.loads(pickle.dumps(result)).scores.equals(result.scores)


def test_scores_have_one_row_per_sample_and_give_the_table(data):
    result = run({"guess": Guess(), "atlas": AtlasDetector()}, data)
    for name, rows in result.scores.groupby("detector"):
        assert sorted(rows["sample"]) == list(range(len(data.target)))
        assert np.array_equal(rows["target"], data.target[rows["sample"]])
        assert np.array_equal(rows["patient"], data.groups[rows["sample"]])
        table = result.table[result.table["detector"] == name].set_index("kind")
        for kind in ("bleed", "in_farct"):
            used = rows[(rows["target"] == 1) | (rows["kind"] == kind)]
            area = decision_roc_auc_score(used["target"], used["decision"])
            assert table.loc[kind, "image_auroc"] == area
            assert table.loc[kind, "n_normal"] == (data.target == 1).sum()


def test_pixel_figures_are_those_of_the_maps_on_the_callers_grid(data):
    """A step that moves pixels changes nothing, and runs once for all detectors."""
    detector = AtlasDetector(map_scoring=MapScoring(symmetry=False))
    Flip.used = 0
    moved = run({"a": detector, "b": detector}, data, preprocessor=Flip(), n_examples=100)
    assert Flip.used == len(data.target)
    plain = run({"a": detector}, data, n_examples=100)
    first = moved.table[moved.table["detector"] == "a"]
    assert np.allclose(first["pixel_ap"], plain.table["pixel_ap"], atol=1e-3)
    bleeds_and_normals = np.flatnonzero(data.frame["kind"] != "in_farct")
    maps = np.stack([plain.maps["a"][s] for s in bleeds_and_normals]).astype(float)
    exact = anomaly_map_average_precision_score(data.masks[bleeds_and_normals], maps)
    row = plain.table.set_index("kind").loc["bleed"]
    assert row["pixel_ap"] == pytest.approx(exact, abs=1e-9)
    assert exact > 0.3


def test_a_pipeline_with_its_own_geometry_gives_the_same_maps(data):
    detector = AtlasDetector(map_scoring=MapScoring(symmetry=False))
    inside = run({"a": make_pipeline(Flip(), detector)}, data)
    before = run({"a": detector}, data, preprocessor=Flip())
    assert inside.maps["a"].keys() == before.maps["a"].keys()
    for sample, plane in inside.maps["a"].items():
        assert np.array_equal(plane, before.maps["a"][sample])


def test_the_order_of_samples_does_not_matter(data):
    order = np.random.default_rng(1).permutation(len(data.target))
    other = in_order(data, order)
    one, two = run({"a": AtlasDetector()}, data), run({"a": AtlasDetector()}, other)
    metrics = ["n_normal", "n_anomalous", "image_auroc", "image_ap", "pixel_ap"]
    assert np.allclose(one.table[metrics], two.table[metrics], atol=2e-3)
    back = two.scores.set_index("sample").loc[np.argsort(order), "decision"]
    assert np.allclose(one.scores["decision"], back, atol=1e-3)


def test_maps_are_few_small_and_of_chosen_or_wrong_samples(data):
    result = run({"a": AtlasDetector(), "o": Oracle()}, data, n_examples=6)
    assert result.maps["o"] == {}
    assert set(result.examples) <= set(result.maps["a"])
    assert len(result.maps["a"]) <= 6 + 2 * 2
    kinds = set(data.frame["kind"].iloc[result.examples])
    assert kinds == {"normal", "bleed", "in_farct"}
    assert all(m.dtype == np.float16 and m.shape == (32, 32) for m in result.maps["a"].values())
    assert run({"a": AtlasDetector()}, data, n_examples=0).maps == {"a": {}}


def test_without_masks_and_frame(data):
    bare = Bunch(data=data.data, target=data.target, groups=data.groups)
    result = run({"a": AtlasDetector()}, bare, n_examples=4)
    assert result.table["pixel_ap"].isna().all()
    assert set(result.table["kind"]) == {"all", "anomaly"}
    assert set(result.examples) <= set(result.maps["a"])


def test_a_memmap_is_read_and_left_unharmed(data, tmp_path):
    path = tmp_path / "pairs.npy"
    np.save(path, data.data)
    mapped = Bunch(**{**data, "data": np.load(path, mmap_mode="r")})
    one, two = run({"a": AtlasDetector()}, data), run({"a": AtlasDetector()}, mapped)
    assert np.allclose(one.scores["decision"], two.scores["decision"], atol=1e-5)


def test_costs_are_measured(data):
    row = run({"a": AtlasDetector()}, data).table.iloc[0]
    assert row["fit_seconds"] > 0
    assert row["score_seconds"] > 0
    assert not row["peak_memory_mb"] < 0


def test_global_generators_are_left_as_they_were(data):
    before = np.random.get_state()[1].copy()
    run({"a": AtlasDetector()}, data)
    assert np.array_equal(before, np.random.get_state()[1])


def test_the_progress_bar_goes_to_stderr_and_counts_folds(data, capsys):
    benchmark({"bad": Failing(), "good": Oracle()}, data, cv=4)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "8/8" in captured.err
    run({"good": Oracle()}, data)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("detectors", "match"),
    [
        ([AtlasDetector()], "detectors is list; expected a dict"),
        ({}, "empty"),
        ({"a": AtlasDetector}, "AtlasDetector is a class; expected an object"),
        ({"a": "atlas"}, r"detectors\['a'\]: str has no fit, .*; expected a detector"),
    ],
)
def test_detectors_that_are_none(data, detectors, match):
    with pytest.raises(TypeError, match=match):
        run(detectors, data)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"target": None}, "data.target is None"),
        ({"groups": None}, "data.groups is None"),
        ({"target": np.ones(32, int)}, "holds no -1"),
        ({"target": -np.ones(32, int)}, r"holds no \+1"),
        ({"target": np.arange(32) % 2}, r"expected \+1"),
        ({"masks": np.zeros((32, 8, 8), bool)}, "masks has shape"),
    ],
)
def test_data_that_lack_something(data, change, match):
    with pytest.raises(InvalidPairsError, match=match):
        run({"a": Oracle()}, Bunch(**{**data, **change}))


def test_other_errors(data):
    with pytest.raises(InvalidPairsError, match="expected a Bunch"):
        run({"a": Oracle()}, data.data.tolist())
    data.frame.loc[0, "kind"] = "all"
    with pytest.raises(InvalidPairsError, match="Rename it"):
        run({"a": Oracle()}, data)


@pytest.mark.parametrize(
    ("seeds", "match"),
    [
        (3, r"^seeds is 3; expected a sequence.*seeds=range\(3\)"),
        ((), "^seeds is .*expected"),
        ("012", "^seeds is '012'; expected"),
        (None, "^seeds is None; expected"),
        ((0.5, 1.5), "^seeds is .*expected"),
        ((True, 0), "^seeds is .*expected"),
        ((-1, 0), "of 0 or more"),
        ((2**32,), "^seeds is .*expected"),
        ((0, 1, 1), "different ones"),
    ],
)
def test_seeds_that_are_none_are_refused(seeds, match, data):
    with pytest.raises(ValueError, match=match):
        run({"a": Oracle()}, data, seeds=seeds)


@pytest.mark.slow
def test_any_sequence_of_whole_numbers_is_a_sequence_of_seeds(data):
    expected = run({"a": Oracle()}, data, seeds=(0, 1)).scores
    for seeds in (range(2), np.arange(2), (s for s in (0, 1))):
        assert run({"a": Oracle()}, data, seeds=seeds).scores.equals(expected)


@pytest.mark.parametrize("cv", [1, 0, -3, True])
def test_folds_are_at_least_two(cv, data):
    with pytest.raises(ValueError, match=f"^cv is {cv}; expected .*at least 2"):
        run({"a": Oracle()}, data, cv=cv)


def test_more_folds_than_patients_are_refused_in_the_librarys_words(data):
    n = len(set(data.groups.tolist()))
    with pytest.raises(InvalidPairsError, match=rf"has {n} patient\(s\), and there are {n + 1}"):
        run({"a": Oracle()}, data, cv=n + 1)
    data.groups = np.zeros(len(data.data), dtype=int)
    with pytest.raises(InvalidPairsError, match=r"has 1 patient\(s\), and there are 2 folds"):
        run({"a": Oracle()}, data)


def test_a_spoilt_whole_slice_stays_out_of_the_pixels(data):
    """An anomalous sample without a mask says nothing of where; its pixels are not healthy."""
    whole = np.flatnonzero(data.target == -1)[0]
    data.masks[whole] = False
    detector = AtlasDetector(map_scoring=MapScoring(symmetry=False))
    result = run({"a": detector}, data, n_examples=100)
    kept = np.flatnonzero(np.arange(len(data.masks)) != whole)
    maps = np.stack([result.maps["a"][s] for s in kept]).astype(float)
    exact = anomaly_map_average_precision_score(data.masks[kept], maps)
    row = result.table.set_index("kind").loc["all"]
    assert row["pixel_ap"] == pytest.approx(exact, abs=1e-9)


KNOWN = pytest.mark.filterwarnings("error::ctmri_detect.exceptions.PatientsUnknownWarning")


def in_order(data, rows):
    parts = {name: data[name][rows] for name in ("data", "target", "groups", "masks")}
    return Bunch(**parts, frame=data.frame.iloc[rows])


@KNOWN
def test_patients_that_the_pairs_know_need_no_second_name(data):
    """Whatever order they stand in, and also behind steps of the library."""
    plain = in_order(data, APART)
    known = Bunch(**{**plain, "data": Pairs(plain.data, groups=plain.groups), "groups": None})
    atlas = AtlasDetector(map_scoring=MapScoring(false_positive_rate=0.3))
    detectors = {"atlas": atlas, "piped": make_pipeline(Copy(), make_pipeline(Copy(), atlas))}
    one, two = run(detectors, plain), run(detectors, known)
    assert (one.table["error"] == "").all()
    assert one.scores.equals(two.scores)
    decisions = two.scores.groupby("detector")["decision"].apply(list)
    assert decisions["atlas"] == decisions["piped"]
    known.groups = np.roll(plain.groups, 1)
    with pytest.raises(InvalidPairsError, match="disagree about the patients"):
        run(detectors, known)


@KNOWN
@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: make_pipeline(Copy(), e)])
def test_every_detector_is_given_exactly_its_patients(data, wrap, routing):
    """From bare arrays and groups, alone and in a Pipeline; the CT's corner tells the patient."""
    with sklearn.config_context(enable_metadata_routing=routing):
        result = run({"witness": wrap(Witness())}, in_order(data, APART), preprocessor=Copy())
    assert (result.table["error"] == "").all()


def test_a_strange_step_that_gives_arrays_loses_the_patients_and_says_so(data):
    lossy = make_pipeline(FunctionTransformer(np.asarray), AtlasDetector())
    with pytest.warns(PatientsUnknownWarning, match="patients of the samples are unknown"):
        run({"lossy": lossy}, data)


def test_arrays_of_a_strange_preprocessor_keep_the_names_of_their_planes(data):
    planes = {"modalities": ("T1", "FDG"), "roles": {"FDG": "pet"}}
    data.data = Pairs(data.data, groups=data.groups, **planes)
    seen = []

    class Looks(Oracle):
        def fit(self, X, y=None):
            seen.append((X.modalities, X.roles))
            return self

        def decision_function(self, X):
            seen.append((X.modalities, X.roles))
            return super().decision_function(X)

    arrays = FunctionTransformer(np.asarray)
    found = run({"looks": Looks()}, data, preprocessor=arrays, conditions=[Noise(0.1)]).conditions
    assert (found["error"] == "").all()
    assert len(seen) == 6  # of two folds: a fit, the samples as they are, and noisy ones
    assert set(seen) == {(("T1", "FDG"), ("mri", "pet"))}


class Copy(BasePairedTransformer):
    """A step of the library's kind that changes nothing."""

    def _transform(self, X):
        return X.copy()


class Witness(CountingDetector):
    """Refuses to be fitted where two names stand for a patient, or one for two."""

    def _fit(self, X):
        corner = np.asarray(X)[:, 0, 0, 1].round().astype(int)
        told = {(int(c), int(g)) for c, g in zip(corner, X.groups, strict=True)}
        if not len(told) == len(set(corner.tolist())) == len(set(X.groups.tolist())) == 4:
            raise RuntimeError(f"corners and patients differ: {told}")
        super()._fit(X)


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: make_pipeline(Flip(), e)])
def test_scores_maps_pixels_and_gallery_come_from_one_pass(data, wrap, masks, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    data.masks = data.masks if masks else None
    CountingDetector.asked.clear()
    result = run({"counting": wrap(CountingDetector())}, data)
    write_report(result, data, tmp_path / "report.html")
    write_figures(result, data, tmp_path)
    assert (result.table["error"] == "").all()
    assert len(result.maps["counting"]) >= 12
    # once in the test; a normal sample once more, in the training of the other fold
    assert sorted(CountingDetector.asked.values()) == [1] * 8 + [2] * 24


@KNOWN
def test_a_search_in_a_benchmark_knows_the_patients(data):
    search = GridSearchCV(
        AtlasDetector(), {"map_scoring__clip": [3.0, 6.0]}, cv=NormalOnlyGroupKFold(2),
        scoring=lambda model, X, y: model.score_samples(X).mean(), error_score="raise",
    )  # fmt: skip
    preprocessed = run({"search": search}, data, preprocessor=Flip())
    for result in (run({"search": search}, data), preprocessed):
        assert (result.table["error"] == "").all()
        assert result.table["image_auroc"].notna().all()


def middle(X):
    """Deviation of the MRI from 0: a map for a function's detector."""
    return np.abs(np.asarray(X)[:, 1])


def upside_down(X):
    return middle(X)[:, ::-1]


def in_rows(X):
    return middle(X).swapaxes(1, 2)


def test_detectors_of_others_are_measured_beside_ours(data):
    fitted = AtlasDetector().fit(data.data + 1e-3, groups=[f"q{i}" for i in data.groups])
    detectors = {
        "ours": AtlasDetector(),
        "fitted": FrozenEstimator(fitted),
        "function": as_detector(middle, gives="anomaly_map"),
        "rows": IsolationForest(n_estimators=20),
    }
    table = run(detectors, data).table.set_index(["detector", "kind"])
    assert (table["error"] == "").all()
    assert table.loc[("function", "all"), "pixel_ap"] > 0.3
    assert table.loc[("function", "all"), "image_auroc"] > 0.8
    assert table.loc[("fitted", "all"), "pixel_ap"] > 0.3
    assert np.isnan(table.loc[("rows", "all"), "pixel_ap"])


@pytest.mark.parametrize("turned", [upside_down, in_rows])
def test_maps_of_another_orientation_are_refused(data, turned):
    with pytest.raises(InvalidPairsError, match="Maps of mine: "):
        run({"mine": as_detector(turned, gives="anomaly_map")}, data)


def test_a_fitted_model_that_has_seen_the_data_is_refused(data):
    fitted = AtlasDetector().fit(data.data[::4], groups=data.groups[::4])
    with pytest.raises(InvalidPairsError, match=r"detectors\['seen'\]"):
        run({"seen": FrozenEstimator(fitted)}, data)


class Only:
    """Tests these patients, learns from the others."""

    def __init__(self, patients):
        self.patients = patients

    def split(self, X, y=None, groups=None):
        tested = np.isin(groups, self.patients)
        yield np.flatnonzero(~tested), np.flatnonzero(tested)


def test_a_fitted_model_may_have_seen_what_no_fold_tests(data):
    names = np.unique(data.groups)
    seen, others = names[: len(names) // 2], names[len(names) // 2 :]
    learned = np.isin(data.groups, seen)
    fitted = AtlasDetector().fit(data.data[learned], groups=data.groups[learned])
    table = run({"fitted": FrozenEstimator(fitted)}, data, cv=Only(others)).table
    assert (table["error"] == "").all()
    with pytest.raises(InvalidPairsError, match=r"on 1 of their \d+ patients"):
        run({"fitted": FrozenEstimator(fitted)}, data, cv=Only([*others, seen[0]]))


def test_exchanged_labels_are_noticed(data):
    rng, n = np.random.default_rng(2), 96
    X = rng.normal(size=(n, 2, 32, 32)).astype(np.float32)
    target = np.where(np.arange(n) % 4, 1, -1)
    for i in np.flatnonzero(target == 1):  # what sticks out is called normal
        y, x = rng.integers(2, 24, 2)
        X[i, :, y : y + 6, x : x + 6] += 6
    mirrored = Bunch(data=X, target=target, groups=np.arange(n) // 6, masks=None, frame=None)
    detectors = {"atlas": AtlasDetector(), "threshold": ThresholdDetector()}
    with pytest.warns(LabelsWarning):
        run(detectors, mirrored)
