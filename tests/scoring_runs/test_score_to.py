"""Scores in a folder: those of `detect`, and a stopped run goes on."""

from __future__ import annotations

import json
import multiprocessing
import os
import time

import numpy as np
import pytest
from counting import CountingDetector
from detector_list import DETECTORS
from fragile import FragileDetector, events, score_slowly
from heads import make_heads
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from ctmri_detect import AtlasDetector, MapScoring, Pairs, detect, score_to
from ctmri_detect.exceptions import (
    BrainNotFoundError,
    BrainNotFoundWarning,
    InvalidPairsError,
    TrainingDataWarning,
)
from ctmri_detect.persistence import load, save
from ctmri_detect.preprocessing import BrainMask, Resize
from ctmri_detect.scoring_runs import open_maps, open_scores

HEALTHY = Pairs(make_heads(40, seed=0), groups=np.arange(40) // 2)
ODD = make_heads(23, seed=1)
for _row in (2, 7, 8, 20):
    ODD[_row, 1, 12:17, 9:14] += 4
NAMES = [f"n{i // 3}" for i in range(22)] + ["0"]  # the last one is a patient of the fit
NEW = Pairs(ODD, groups=NAMES, spacing=(2.0, 0.5))
NUMBERS = ["anomaly_score", "decision", "prediction", "p_value", "seen_in_fit"]


@pytest.fixture(scope="module")
def atlas():
    return AtlasDetector().fit(HEALTHY)


@pytest.fixture(scope="module")
def pipeline():
    return make_pipeline(Resize(24), AtlasDetector()).fit(HEALTHY)


def same_as_detect(table, estimator, X, folder=None):
    """Scores, regions and maps are those of `detect`, digit for digit."""
    found = detect(estimator, X)
    for name in NUMBERS:
        assert_array_equal(table[name], found[name])
    first = found.regions[found.regions["region"] == 1].set_index("sample")
    assert_array_equal(np.flatnonzero(table["modality"].notna()), first.index)
    for name in ("modality", "sign", "y", "x", "area_px", "area_mm2", "peak"):
        if name in first:
            assert_array_equal(table.loc[first.index, name], first[name])
    if folder is not None:
        assert_array_equal(open_maps(folder), found.anomaly_map)


@pytest.mark.parametrize("block_size", [5, 16, 64])
def test_it_is_what_detect_gives_in_one_go(atlas, block_size, tmp_path):
    table = score_to(atlas, NEW, tmp_path / "run", maps=True, block_size=block_size)
    same_as_detect(table, atlas, NEW, tmp_path / "run")
    assert table["patient"].tolist() == NAMES
    assert table["modality"].notna().any()
    assert open_scores(tmp_path / "run").equals(table)


def test_a_pipeline_gives_regions_and_maps_on_the_grid_of_x(pipeline, tmp_path):
    table = score_to(pipeline, NEW, tmp_path, maps=True, block_size=7)
    same_as_detect(table, pipeline, NEW, tmp_path)
    rows = [20, 3, 3, -1]
    assert_array_equal(open_maps(tmp_path, rows), open_maps(tmp_path)[rows])


def test_a_bare_array_has_no_patients(atlas, tmp_path):
    X = np.asarray(NEW)
    table = score_to(atlas, X, tmp_path, block_size=10)
    same_as_detect(table, atlas, X)
    assert "patient" not in table
    assert "area_mm2" not in table


@pytest.mark.parametrize("stored", ["memory", "memmap"])
def test_processes_change_no_bit(pipeline, stored, tmp_path):
    X = NEW
    if stored == "memmap":
        np.save(tmp_path / "x.npy", np.asarray(NEW))
        array = np.load(tmp_path / "x.npy", mmap_mode="r")
        X = Pairs(array, groups=NAMES, spacing=(2.0, 0.5))
    table = score_to(pipeline, X, tmp_path / "run", maps=True, block_size=4, n_jobs=2)
    same_as_detect(table, pipeline, NEW, tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["blocks", "run.json"]


def test_nothing_is_scored_twice(tmp_path):
    detector = CountingDetector().fit(HEALTHY)
    CountingDetector.asked.clear()
    first = score_to(detector, NEW, tmp_path, block_size=5)
    again = score_to(detector, NEW, tmp_path, block_size=9)  # it keeps its blocks
    assert set(CountingDetector.asked.values()) == {1}
    assert len(CountingDetector.asked) == len(NEW)
    assert again.equals(first)


def fragile(tmp_path, **more):
    log = tmp_path / "log"
    log.mkdir()
    return FragileDetector(folder=str(log), **more).fit(HEALTHY), log


def test_a_stopped_run_goes_on(tmp_path):
    detector, log = fragile(tmp_path)
    before = events(log, "begun")
    score_to(detector, NEW, tmp_path / "other", block_size=16)
    assert len(events(log, "begun")) - len(before) == 2
    (log / "stop").touch()
    with pytest.raises(KeyboardInterrupt):
        score_to(detector, NEW, tmp_path / "run", block_size=4)
    with pytest.raises(ValueError, match=r"holds 0 of 6 blocks; .* continues where it stopped"):
        open_scores(tmp_path / "run")
    table = score_to(detector, NEW, tmp_path / "run", block_size=4)
    same_as_detect(table, detector, NEW)


def test_a_model_is_loaded_once_in_each_worker(tmp_path):
    detector, log = fragile(tmp_path, seconds=0.02)
    before = len(events(log, "loaded"))
    score_to(detector, NEW, tmp_path / "run", block_size=2, n_jobs=2)  # twelve blocks
    workers = events(log, "loaded")[before:]
    assert os.getpid() not in workers
    assert 1 <= len(workers) == len(set(workers)) <= 2


def test_the_blocks_of_a_killed_worker_are_scored_again(tmp_path):
    detector, log = fragile(tmp_path, seconds=0.05)
    (log / "kill").touch()
    table = score_to(detector, NEW, tmp_path / "run", block_size=4, n_jobs=2)
    assert not (log / "kill").exists()
    same_as_detect(table, detector, NEW)


@pytest.mark.slow
def test_workers_that_always_die_end_the_run_and_keep_what_is_finished(tmp_path):
    detector, log = fragile(tmp_path)
    score_to(detector, NEW, tmp_path / "run", block_size=8)
    last = max((tmp_path / "run" / "blocks").iterdir())
    last.unlink()
    (log / "plague").touch()
    with pytest.raises(RuntimeError, match=r"died 3 times .* fewer n_jobs .* stay in"):
        score_to(detector, NEW, tmp_path / "run", n_jobs=2)
    (log / "plague").unlink()
    begun = len(events(log, "begun"))
    same_as_detect(score_to(detector, NEW, tmp_path / "run"), detector, NEW)
    assert len(events(log, "begun")) - begun == 1 + 2  # the one that was lost; and `detect`


def test_a_killed_program_goes_on_with_what_is_missing(tmp_path):
    detector, log = fragile(tmp_path, seconds=0.05)
    folder = tmp_path / "run"
    processes = multiprocessing.get_context("forkserver")
    process = processes.Process(target=score_slowly, args=(detector, NEW, folder))
    process.start()
    while not len(list((folder / "blocks").glob("0*.npz"))) >= 2:
        assert process.is_alive()
        time.sleep(0.005)
    process.kill()
    process.join()
    there = {path: path.stat().st_mtime_ns for path in (folder / "blocks").glob("0*.npz")}
    assert 2 <= len(there) < 6
    (folder / "blocks" / ".000000004-000000008.npz.half.tmp").write_bytes(b"half")
    begun = len(events(log, "begun"))
    table = score_to(detector, NEW, folder)
    assert len(events(log, "begun")) - begun == 6 - len(there)
    assert all(path.stat().st_mtime_ns == then for path, then in there.items())
    same_as_detect(table, detector, NEW)


def other_data(case):
    if case == "a pixel":
        values = np.asarray(NEW).copy()
        values[3, 0, 12, 12] += 1e-3
        return Pairs(values, groups=NAMES, spacing=(2.0, 0.5))
    if case == "a patient":
        return NEW.replace(groups=["x", *NAMES[1:]])
    if case == "the spacing":
        return NEW.replace(spacing=1.0)
    return {"the order": NEW[::-1], "fewer": NEW[:-1], "no patients": np.asarray(NEW)}[case]


@pytest.mark.parametrize(
    "case", ["a pixel", "a patient", "the spacing", "the order", "fewer", "no patients"]
)
def test_other_pairs_are_refused(atlas, case, tmp_path):
    score_to(atlas, NEW, tmp_path)
    with pytest.raises(ValueError, match=r"holds scores of other pairs; .*another folder"):
        score_to(atlas, other_data(case), tmp_path)


def test_another_model_and_other_settings_are_refused(tmp_path):
    atlas = AtlasDetector().fit(HEALTHY)
    score_to(atlas, NEW, tmp_path)
    for other in (AtlasDetector().fit(HEALTHY), make_pipeline(Resize(24), atlas)):
        with pytest.raises(ValueError, match="holds scores of another model"):
            score_to(other, NEW, tmp_path)
    with pytest.raises(ValueError, match="another `maps` and of a run with another `threshold`"):
        score_to(atlas, NEW, tmp_path, maps=True, threshold=3)
    with pytest.raises(ValueError, match="another threshold"):
        score_to(atlas.rescore(false_positive_rate=0.2), NEW, tmp_path)


@pytest.mark.parametrize("name", ["cross-modal", "deep-ocsvm", "ensemble", "patch-memory"])
def test_a_model_is_known_again_after_use_and_after_saving(name, tmp_path):
    detector = clone(DETECTORS[name])
    X = Pairs(make_heads(20, size=32, seed=0), groups=np.arange(20) // 2)
    detector.fit(X)
    new = make_heads(5, size=32, seed=3)
    score_to(detector, new, tmp_path / "run")
    save(detector, tmp_path / "model.ctmri")
    again = load(tmp_path / "model.ctmri")
    assert len(score_to(again, new, tmp_path / "run")) == 5


def test_folders_that_are_no_run(atlas, tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(ValueError, match="holds other files"):
        score_to(atlas, NEW, tmp_path)
    with pytest.raises(ValueError, match="holds no scores"):
        open_scores(tmp_path)
    folder = tmp_path / "later"
    score_to(atlas, NEW, folder)
    with pytest.raises(ValueError, match="holds no maps"):
        open_maps(folder)
    about = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(about | {"format_version": 99}))
    for call in (lambda: open_scores(folder), lambda: score_to(atlas, NEW, folder)):
        with pytest.raises(ValueError, match=r"run.json says .*99.*; expected .*version"):
            call()


def test_a_damaged_block_is_named_and_can_be_scored_again(atlas, tmp_path):
    expected = score_to(atlas, NEW, tmp_path, block_size=8)
    path = sorted((tmp_path / "blocks").iterdir())[1]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=rf"{path.name} is damaged .* Delete it"):
        open_scores(tmp_path)
    path.unlink()
    assert score_to(atlas, NEW, tmp_path).equals(expected)


def test_bad_pairs_are_refused_before_a_folder_is_made(atlas, tmp_path):
    values = np.asarray(NEW).copy()
    values[20, 1, 3, 3] = np.inf
    with pytest.raises(InvalidPairsError, match="20"):
        score_to(atlas, values, tmp_path / "run", block_size=4)
    with pytest.raises(InvalidPairsError, match=r"was fitted on \(32, 32\)"):
        score_to(atlas, make_heads(6, size=24), tmp_path / "run", block_size=4)
    assert not (tmp_path / "run" / "blocks" / "000000000-000000004.npz").exists()


def test_slices_of_the_fit_are_named_and_warned_of_once(tmp_path):
    detector = AtlasDetector(map_scoring=MapScoring(bank="summary")).fit(HEALTHY)
    parts = [part.replace(spacing=1.0) for part in (NEW[:8], HEALTHY[:10], NEW[8:])]
    both = Pairs.concatenate(parts, same_patients=True)
    with pytest.warns(TrainingDataWarning) as caught:
        table = score_to(detector, both, tmp_path, block_size=4)
    assert len(caught) == 1
    assert "Samples 8 to 11" in str(caught[0].message)  # of the first block, not of "12 to 15"
    assert "2 more such warnings" in str(caught[0].message)
    assert table["seen_in_fit"].tolist() == [False] * 8 + [True] * 10 + [False] * 15


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_step_says_once_of_all_samples_what_it_says_in_one_go(n_jobs, tmp_path):
    """Eight slices without a brain are a warning, although they fill two blocks."""
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    r = np.hypot(y / 0.75, x / 0.6)
    head = np.stack([np.select([r < 1, r < 1.25], [30, 1000], -1000), 130.0 * (r < 1)])
    X = head + 3 * np.random.default_rng(0).normal(size=(24, 2, 48, 48))
    X[8:16, 0] = -1000
    X = Pairs(X, groups=np.arange(24))
    mask = BrainMask(ct_units="hu")
    with pytest.warns(BrainNotFoundWarning) as expected:
        prepared = mask.fit_transform(X)
    model = make_pipeline(mask, AtlasDetector().fit(prepared))
    with pytest.warns(BrainNotFoundWarning) as caught:
        score_to(model, X, tmp_path, block_size=4, n_jobs=n_jobs)
    assert [str(one.message) for one in caught] == [str(expected[0].message)]
    with pytest.warns(BrainNotFoundWarning) as again:
        score_to(model, X, tmp_path)
    assert len(again) == 1
    with pytest.raises(BrainNotFoundError, match="in 8 of 8 samples"):
        score_to(model, X[8:16], tmp_path / "none", block_size=4)
