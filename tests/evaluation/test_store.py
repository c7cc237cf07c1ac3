import importlib
import json
import linecache
import multiprocessing
import shutil
import sys
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from slow_benchmark import N_CELLS, Slow, make_data, run, same

from ctmri_detect import AtlasDetector, MapScoring
from ctmri_detect.evaluation import Store, benchmark

pytestmark = pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.ThresholdWarning")


class Unlucky(BaseEstimator):
    """Fails while a file is there."""

    def __init__(self, path=""):
        self.path = path

    def fit(self, X, y=None):
        if self.path.exists():
            raise RuntimeError("no luck")
        return self

    def decision_function(self, X):
        return np.asarray(X)[:, 1].mean(axis=(1, 2)).astype(float)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return run(tmp_path_factory.mktemp("results") / "store")


def test_a_store_gives_what_no_store_gives(undisturbed):
    same(undisturbed, run(None))
    log = undisturbed.store.log()
    assert len(log) == log["cell"].nunique() == N_CELLS


def test_nothing_is_computed_twice(undisturbed):
    started = time.time()
    same(undisturbed, run(undisturbed.store.folder))
    assert len(undisturbed.store.log()) == N_CELLS
    assert (undisturbed.store.log()["time"] < started).all()


def measured(tmp_path, detectors, data=None, **kwargs):
    data = make_data() if data is None else data
    benchmark(detectors, data, store=tmp_path / "store", progress=False, **kwargs)
    return len(Store(tmp_path / "store").log())


def test_only_what_has_changed_is_computed(tmp_path):
    assert measured(tmp_path, {"a": AtlasDetector()}) == 2
    assert measured(tmp_path, {"a": AtlasDetector(), "slow": Slow(seconds=0)}) == 4
    assert measured(tmp_path, {"renamed": AtlasDetector()}) == 4  # a name changes no result
    assert measured(tmp_path, {"a": AtlasDetector(map_scoring=MapScoring(clip=5))}) == 6
    assert measured(tmp_path, {"a": AtlasDetector()}, seeds=(0, 1)) == 8
    assert measured(tmp_path, {"a": AtlasDetector()}, n_threads=3) == 10
    other = make_data()
    other.data[3, 0, 0, 0] += 1e-3
    assert measured(tmp_path, {"a": AtlasDetector()}, other) == 12
    places = make_data()
    places.frame = pd.DataFrame({"slice": np.arange(40) % 4})  # conditions read them
    assert measured(tmp_path, {"a": AtlasDetector()}, places) == 14
    masks = make_data()
    masks.masks = np.roll(masks.masks, 2, axis=1)  # what is true changes the tables, not the maps
    assert measured(tmp_path, {"a": AtlasDetector()}, masks) == 14


def test_a_class_that_is_written_anew_is_measured_anew(tmp_path, monkeypatch):
    module = tmp_path / "my_detector.py"
    monkeypatch.syspath_prepend(tmp_path)
    body = (
        "import numpy as np\nfrom sklearn.base import BaseEstimator\n"
        "class Mine(BaseEstimator):\n"
        "    def fit(self, X, y=None):\n        return self\n"
        "    def decision_function(self, X):\n"
        "        return {} * np.asarray(X).mean(axis=(1, 2, 3))\n"
    )
    counts = []
    for factor in ("-1.0", "-1.0", "-2.0"):
        module.write_text(body.format(factor))
        monkeypatch.delitem(sys.modules, "my_detector", raising=False)
        linecache.checkcache()
        importlib.invalidate_caches()
        mine = importlib.import_module("my_detector").Mine()
        counts.append(measured(tmp_path, {"mine": mine}))
    assert counts == [2, 2, 4]


def test_a_detector_that_failed_runs_again(tmp_path):
    lock = tmp_path / "lock"
    lock.touch()
    detectors = {"unlucky": Unlucky(lock), "atlas": AtlasDetector()}
    found = benchmark(detectors, make_data(), store=tmp_path / "store", progress=False)
    assert (found.table["error"] == "RuntimeError: no luck").sum() == 2
    lock.unlink()
    found = benchmark(detectors, make_data(), store=tmp_path / "store", progress=False)
    assert (found.table["error"] == "").all()
    assert len(found.store.log()) == 6


def test_killed_at_any_moment_it_goes_on_and_gives_the_same(undisturbed, tmp_path):
    """What was begun is what there is and what was lost; nothing is begun without need."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["slow_benchmark"])
    rng, kills, lost = np.random.default_rng(), 10, 0
    folder = tmp_path / "store"
    for _ in range(kills):
        before = len(Store(folder).log())
        process = processes.Process(target=run, args=(folder,))
        process.start()
        process.join(rng.uniform(0.05, 0.5))
        process.kill()
        process.join()
        begun = Store(folder).log().get("cell", [])
        lost += len(begun) > before and begun.iloc[-1] not in finished(folder)
    result = run(folder)
    same(undisturbed, result)
    log = result.store.log()
    assert len(log) == N_CELLS + lost
    assert log["cell"].nunique() == len(finished(folder)) == N_CELLS


def test_what_a_power_cut_leaves_half_written_counts_for_nothing(undisturbed, tmp_path):
    shutil.copytree(undisturbed.store.folder, tmp_path / "store")
    store = Store(tmp_path / "store")
    path = sorted(store.cells.glob("*.npz"))[0]
    path.rename(path.with_name(f".{path.name}.half.tmp"))
    with (store.folder / "log.jsonl").open("a") as file:
        file.write('{"cell": "ab')
    result = run(store.folder)
    same(undisturbed, result)
    assert result.store.log()["cell"].value_counts().tolist() == [2] + [1] * (N_CELLS - 1)


def finished(folder):
    return {path.stem for path in (folder / "cells").glob("*.npz") if path.name[0] != "."}


def test_two_processes_give_what_one_gives(undisturbed, tmp_path):
    result = run(tmp_path / "store", n_jobs=2)
    same(undisturbed, result)
    assert result.store.log()["process"].nunique() == 2


def test_folders_that_are_no_store(tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(ValueError, match="holds other files"):
        Store(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    later = tmp_path / "later"
    Store(later)
    about = json.loads((later / "store.json").read_text())
    (later / "store.json").write_text(json.dumps(about | {"format_version": 99}))
    with pytest.raises(ValueError, match="version of ctmri_detect that wrote"):
        Store(later)


def test_a_detector_that_no_file_can_hold(tmp_path):
    detector = Slow(seconds=lambda: 0)
    with pytest.raises(TypeError, match="can't be pickled"):
        measured(tmp_path, {"slow": detector})
