"""Slices with little brain: known without labels, marked or left out, rows never mixed up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from real_data import DATA
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from ctmri_detect import AtlasDetector, MapScoring, Pairs, anomaly_map
from ctmri_detect.datasets import load_pairs, make_phantom_pairs
from ctmri_detect.evaluation import benchmark
from ctmri_detect.exceptions import BrainNotFoundError, BrainNotFoundWarning, InvalidPairsError
from ctmri_detect.imageops.brainmask import brain_mask, head_mask
from ctmri_detect.imageops.skullbase import brain_share, is_below_skull_base
from ctmri_detect.preprocessing import (
    BrainMask,
    Resize,
    make_preprocessor,
    open_pairs,
    transform_to,
)

Y, XX = np.mgrid[-1:1:96j, -1:1:96j]
PLACES = {  # centre, radius of what lies in the bone, radius of the bone
    "middle": (0.0, 0.62, 0.74),
    "vertex": (0.0, 0.32, 0.7),
    "base": (0.3, 0.32, 0.4),
    "neck": (0.1, 0.08, 0.3),  # a spinal canal
}
KINDS = ["middle", "base", "vertex", "middle", "neck", "base", "middle", "vertex"]
BELOW = np.array([kind in ("base", "neck") for kind in KINDS])
SCORING = MapScoring(reference="position", symmetry=False)


def _slice(kind, seed=0):
    """A head: soft tissue, and in it a brain in a ring of bone."""
    ct = np.where(np.hypot(Y, XX) < 0.8, 45.0, -1000.0)
    centre, brain, bone = PLACES[kind]
    radius = np.hypot(Y - centre, XX)
    ct[radius < bone], ct[radius < brain] = 1000, 32
    mri = np.where(ct > -100, 100.0, 2.0)
    return np.stack([ct, mri]) + np.random.default_rng(seed).normal(0, 1, (2, 96, 96))


def _pairs(kinds=KINDS):
    array = np.stack([_slice(kind, i) for i, kind in enumerate(kinds)])
    frame = pd.DataFrame({"kind": kinds, "z_mm": np.arange(len(kinds)) * 5.0})
    names = [f"p{i // 2}" for i in range(len(kinds))]
    spacing = 1 + 0.1 * np.arange(len(kinds))
    return Pairs(array, groups=names, spacing=spacing, ct_units="hu", frame=frame)


@pytest.fixture
def X():
    return _pairs()


def prepare(what, size=32):
    return make_preprocessor(size=size, below_skull_base=what)


def masks(ct, units="hu"):
    return brain_mask(ct, units), head_mask(ct, units)


@pytest.mark.parametrize("turn", [0, 1, 2])
@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("units", ["hu", "uint8"])
def test_the_rule_tells_the_base_from_the_vertex_however_the_head_lies(turn, scale, units):
    for kind, expected in {"middle": False, "vertex": False, "base": True, "neck": True}.items():
        ct = np.rot90(_slice(kind)[0], turn).repeat(scale, 0).repeat(scale, 1)
        ct = ct if units == "hu" else np.clip(ct, 0, 80) / 80 * 255
        assert is_below_skull_base(*masks(ct, units), units) == expected, kind


def test_brain_in_several_pieces_is_at_the_base_and_crumbs_are_no_pieces():
    head = np.hypot(Y, XX) < 0.8
    middle, left = np.hypot(Y, XX) < 0.3, np.hypot(Y, XX + 0.55) < 0.15
    right, crumb = left[:, ::-1], np.hypot(Y, XX - 0.5) < 0.03
    assert is_below_skull_base(middle | left | right, head)
    assert not is_below_skull_base(middle | crumb, head)


def test_the_share_is_of_the_head_and_unknown_without_one():
    head = np.hypot(Y, XX) < 0.8
    assert brain_share(np.hypot(Y, XX) < 0.4, head) == pytest.approx(0.25, abs=0.01)
    assert brain_share(head, head) == 1
    assert np.isnan(brain_share(head, np.zeros_like(head)))


@pytest.mark.parametrize("severity", ["moderate", "severe"])
def test_no_slice_of_a_phantom_lies_below(severity):
    data = make_phantom_pairs(2, 6, severity=severity, anomalous_fraction=0.5, random_state=102)
    out = prepare("mark").fit_transform(data.data)
    assert not out.frame["below_skull_base"].any()
    assert out.frame["brain_share"].between(0.5, 0.9).all()


def test_marks_on_real_slices_are_in_the_lower_half_of_each_head():
    if not (DATA / "brain_pairs").exists():
        pytest.skip("no real images at hand")
    labels = str(DATA / "brain_pairs" / "labels.csv")
    data = load_pairs(DATA / "brain_pairs", labels=labels, patient="patient")
    frame = BrainMask("uint8", below_skull_base="mark").fit_transform(data.data).frame
    assert 10 < frame["below_skull_base"].sum() < 30
    for _, head in frame.assign(number=data.frame["slice"].astype(int)).groupby(data.groups):
        marked = head["number"][head["below_skull_base"]]
        assert marked.max() < head["number"].median()  # slices count upwards
        assert head.sort_values("number")["below_skull_base"].is_monotonic_decreasing


@pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.BrainNotFoundWarning")
def test_marking_changes_no_value_and_adds_two_columns(X):
    kept, marked = prepare("keep").fit_transform(X), prepare("mark").fit_transform(X)
    np.testing.assert_array_equal(np.asarray(marked), np.asarray(kept))
    pd.testing.assert_frame_equal(kept.frame, X.frame)
    pd.testing.assert_frame_equal(marked.frame[["kind", "z_mm"]], X.frame)
    assert marked.frame["below_skull_base"].dtype == bool
    assert marked.frame["below_skull_base"].tolist() == BELOW.tolist()
    share = marked.frame.groupby("kind")["brain_share"].mean()
    assert share["neck"] == 0 < share["base"] < 0.47 < share["middle"]
    np.testing.assert_array_equal(marked.groups, X.groups)


@pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.BrainNotFoundWarning")
def test_dropping_is_marking_and_choosing_the_others(X):
    marked, dropped = prepare("mark").fit_transform(X), prepare("drop").fit_transform(X)
    expected = marked[~BELOW]
    np.testing.assert_array_equal(np.asarray(dropped), np.asarray(expected))
    np.testing.assert_array_equal(dropped.groups, X.groups[~BELOW])
    np.testing.assert_array_equal(dropped.spacing, expected.spacing)
    assert dropped.frame["input_row"].tolist() == np.flatnonzero(~BELOW).tolist()
    pd.testing.assert_frame_equal(dropped.frame.drop(columns="input_row"), expected.frame)
    np.testing.assert_array_equal(X.groups[dropped.frame["input_row"]], dropped.groups)


@pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.BrainNotFoundWarning")
@pytest.mark.parametrize("what", ["mark", "drop"])
@pytest.mark.parametrize(("batch_size", "jobs"), [(1, None), (3, 2), (64, None)])
def test_what_is_written_is_what_fit_transform_gives(X, what, batch_size, jobs, tmp_path):
    expected = prepare(what).fit_transform(X)
    path = tmp_path / "prepared.npy"
    written = transform_to(prepare(what), X, path, batch_size=batch_size, n_jobs=jobs)
    for found in (written, open_pairs(path)):
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
        np.testing.assert_array_equal(found.groups, expected.groups)
        np.testing.assert_allclose(found.spacing, expected.spacing)
        pd.testing.assert_frame_equal(found.frame, expected.frame, check_dtype=False)
        assert found.frame["below_skull_base"].dtype == bool


def test_a_warning_after_dropping_names_rows_of_what_was_given(tmp_path):
    X = _pairs(["base", "middle", "neck", "middle"])
    for run in (
        lambda: prepare("drop").fit_transform(X),
        lambda: transform_to(prepare("drop"), X, tmp_path / "x.npy", batch_size=2),
    ):
        with pytest.warns(BrainNotFoundWarning, match=r"1 of 4 samples \(2\).*left out"):
            assert len(run()) == 2


def test_a_later_step_names_the_rows_that_were_given_too(tmp_path):
    array = np.asarray(_pairs(["base", "middle", "middle", "middle"]))
    array[2, 0] = np.nan  # without CT: stays, and the second mask names it
    steps = make_pipeline(BrainMask(below_skull_base="drop"), BrainMask(source="ct"))
    with pytest.warns(BrainNotFoundWarning, match=r"1 of 4 samples \(2\)"):
        assert len(transform_to(steps, Pairs(array), tmp_path / "x.npy")) == 3


@pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.BrainNotFoundWarning")
def test_columns_stay_through_indexing_joining_and_later_steps(X):
    marked = BrainMask(below_skull_base="mark").fit_transform(X)
    part = marked[[5, 0]]
    assert part.frame["below_skull_base"].tolist() == [True, False]
    assert Resize(8).transform(part).frame["below_skull_base"].tolist() == [True, False]
    both = Pairs.concatenate([part, marked[[1]]], same_patients=True)
    assert both.frame["below_skull_base"].dtype == bool
    with pytest.raises(InvalidPairsError, match="Only some of the sets have below_skull_base"):
        Pairs.concatenate([part, X[[1]]], same_patients=True)


@pytest.mark.parametrize("kind", ["base", "neck"])
@pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.BrainNotFoundWarning")
def test_nothing_left_is_an_error_and_no_file(kind, tmp_path):
    X = _pairs(["base", "base", kind])
    for run in (
        lambda: prepare("drop").fit_transform(X),
        lambda: transform_to(prepare("drop"), X, tmp_path / "x.npy", batch_size=1),
    ):
        with pytest.raises(InvalidPairsError, match="None of the 3 samples would be left"):
            run()
        assert list(tmp_path.iterdir()) == []


def test_wrong_units_stay_the_error_that_they_were():
    with pytest.raises(BrainNotFoundError, match="ct_units"):
        prepare("drop").fit_transform(_pairs(["neck"] * 3))


@pytest.mark.parametrize("what", ["mark", "drop"])
def test_what_has_no_place_for_a_column_is_refused(what, X, tmp_path):
    bare = np.asarray(X)
    for run in (
        lambda: prepare(what).fit_transform(bare),
        lambda: transform_to(prepare(what), bare, tmp_path / "x.npy"),
    ):
        with pytest.raises(InvalidPairsError, match=r"X is ndarray.*Give Pairs\(X\)"):
            run()
    for source in ("mri", "observed"):
        step = BrainMask(source=source, below_skull_base=what)
        with pytest.raises(InvalidPairsError, match=f"source '{source}'; expected"):
            step.fit_transform(X)


def test_without_ct_nothing_is_known_and_the_slice_stays(X):
    array = np.asarray(X[:4])
    array[1, 0] = np.nan
    frame = BrainMask(below_skull_base="drop").fit_transform(Pairs(array)).frame
    assert frame["input_row"].tolist() == [0, 1, 2, 3]
    assert np.isnan(frame["brain_share"][1])


def test_a_head_without_skull_is_all_brain():
    ct = np.where(np.hypot(Y, XX) < 0.6, 32.0, -1000.0) + np.zeros((2, 1, 1))
    X = Pairs(np.stack([ct, ct + 1100], axis=1))
    frame = BrainMask(below_skull_base="mark").fit_transform(X).frame
    assert frame["brain_share"].tolist() == [1, 1]
    assert not frame["below_skull_base"].any()


def test_growing_the_mask_changes_no_mark(X):
    X = X[:4]
    frames = [BrainMask(dilation=d, below_skull_base="mark").fit_transform(X).frame for d in (0, 4)]
    pd.testing.assert_frame_equal(*frames)


@pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.CtmriDetectWarning")
class TestInAPipeline:
    """Leaving out is safe in a fit without labels; all else is one error, or is marked."""

    @pytest.fixture
    def X(self):
        return _pairs(KINDS * 3)

    def model(self, what="drop"):
        return make_pipeline(prepare(what), AtlasDetector(map_scoring=SCORING))

    def test_fit_learns_from_the_others(self, X):
        found = self.model().fit(X)
        assert found[-1].n_samples_fit_ == 3 * (~BELOW).sum()

    def test_scoring_says_to_mark_and_then_gives_a_score_for_each_row(self, X):
        model = self.model().fit(X)
        for verb in (model.score_samples, model.predict, lambda X: anomaly_map(model, X)):
            with pytest.raises(InvalidPairsError, match="below_skull_base='mark'"):
                verb(X)
        model[0].set_params(brainmask__below_skull_base="mark")
        assert model.score_samples(X).shape == (len(X),)
        assert anomaly_map(model, X).shape == (len(X), 96, 96)

    def test_labels_and_groups_of_all_rows_are_refused(self, X):
        y = np.ones(len(X), int)
        with pytest.raises(InvalidPairsError, match=r"labels y are given.*X\[keep\] and y\[keep\]"):
            self.model().fit(X, y)
        prepared = prepare("drop").fit_transform(X)
        detector = AtlasDetector(map_scoring=SCORING)
        for beside in ({"y": y}, {"groups": X.groups}):
            with pytest.raises(InvalidPairsError, match=r"X.frame\['input_row'\]"):
                detector.fit(prepared, **beside)
        detector.fit(prepared, y[prepared.frame["input_row"]])

    def test_fit_predict_would_lose_rows(self, X):
        with pytest.raises(InvalidPairsError, match="fewer predictions"):
            self.model().fit_predict(X)
        assert self.model("mark").fit_predict(X).shape == (len(X),)

    def test_a_benchmark_needs_all_samples(self, X):
        y = np.where(np.arange(len(X)) % 5, 1, -1)
        data = Bunch(data=X, target=y, groups=X.groups, masks=None, frame=None)
        detectors = {"atlas": AtlasDetector(map_scoring=SCORING)}
        with pytest.raises(InvalidPairsError, match="leaves 15 of 24 samples"):
            benchmark(detectors, data, preprocessor=prepare("drop"), progress=False)
        table = benchmark({"own": self.model()}, data, progress=False).table
        assert table["error"].str.contains("labels y are given").all()
        done = benchmark(detectors, data, preprocessor=prepare("mark"), progress=False)
        assert (done.table["error"] == "").all()


def test_a_wrong_word_is_refused():
    with pytest.raises(ValueError, match="below_skull_base is 'remove'; expected"):
        make_preprocessor(below_skull_base="remove")
    with pytest.raises(ValueError, match="below_skull_base is 'remove'; expected"):
        BrainMask(below_skull_base="remove").fit(np.zeros((1, 2, 8, 8)))
