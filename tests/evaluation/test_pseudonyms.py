"""Results without the names of patients: nowhere, and nothing else changes."""

import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ctmri_detect import AtlasDetector, MapScoring, ThresholdDetector
from ctmri_detect.datasets import pseudonym
from ctmri_detect.evaluation import Noise, Store, benchmark, evaluate, open_benchmark
from ctmri_detect.model_selection import NormalOnlyGroupKFold
from ctmri_detect.reports import write_report

OFTEN = MapScoring(false_positive_rate=0.2)  # for which twelve healthy slices suffice
NAME = "Zwiebelfisch"


class Telltale(BaseEstimator):
    """Fails, and names a patient."""

    def fit(self, X, y=None):
        raise RuntimeError(f"I know {X.groups[0]}")

    def decision_function(self, X):
        return None


class Splitter(NormalOnlyGroupKFold):
    """Its text names a patient."""

    def __repr__(self):
        return f"Splitter({NAME}9)"


@pytest.fixture(scope="module")
def named(same_data):
    """Patients whose names are found again in any text, in reverse order of the alphabet."""
    data = Bunch(**same_data)
    data.groups = np.array([f"{NAME}{9 - int(group[1:])}" for group in data.groups])
    sized = dict.fromkeys(["diameter_mm", "cnr_ct", "cnr_mri"], 5.0)
    data.frame = data.frame.assign(patient=data.groups, **sized)
    return data


def run(data, store=None, more=None, **kwargs):
    detectors = {"atlas": AtlasDetector(map_scoring=OFTEN), **(more or {})}
    return benchmark(detectors, data, store=store, progress=False, n_examples=3, **kwargs)


@pytest.fixture(scope="module")
def kept(named, tmp_path_factory):
    """A benchmark with all that could hold a name."""
    store = tmp_path_factory.mktemp("kept") / "store"
    more = {"telltale": Telltale(), "threshold": ThresholdDetector(map_scoring=OFTEN)}
    return run(named, store, more, conditions=[Noise(0.2)], cv=Splitter(2), pseudonyms=True)


def contents(path):
    """The bytes of a file; of an archive, those of its members."""
    if path.suffix != ".npz":
        return [path.read_bytes()]
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in archive.namelist()]


def holders(folder):
    """Names of the files in which the name stands, in any of the ways in which text is stored."""
    forms = [NAME.encode(code) for code in ("utf-8", "utf-16-le", "utf-32-le")]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [p.name for p in files if any(f in c for f in forms for c in contents(p))]


def test_no_file_of_the_store_and_no_page_holds_a_name(kept, named, tmp_path):
    assert holders(kept.store.folder) == []
    figures = evaluate(kept, n_resamples=20)
    figures.to_csv(tmp_path / "metrics.csv")
    write_report(kept, named, tmp_path / "report.html", figures=figures)
    write_report(*open_benchmark(kept.store), tmp_path / "again.html", figures=figures)
    for table in ("table", "scores", "folds", "conditions"):
        getattr(kept, table).to_csv(tmp_path / f"{table}.csv")
    assert holders(tmp_path) == []
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Patients have pseudonyms in this page" in page
    assert kept.scores["patient"][0] in page + (tmp_path / "scores.csv").read_text()


def test_the_search_finds_names_where_they_are(named, tmp_path):
    result = run(named, tmp_path / "store", {"telltale": Telltale()}, cv=Splitter(2))
    found = set(holders(tmp_path / "store"))
    assert {"samples.npz", "pictures.npz", "plan.json"} < found
    assert len(found) > 3  # and the cells of the one that fails
    figures = evaluate(result, metrics=["auroc"])
    path = write_report(result, named, tmp_path / "report.html", figures=figures)
    page = path.read_text(encoding="utf-8")
    assert NAME in page
    assert "Names of patients, as they were given" in page


def test_an_error_keeps_its_kind_and_what_names_nobody(kept, named):
    error = kept.table.loc[kept.table["detector"] == "telltale", "error"].iloc[0]
    assert error.startswith("RuntimeError: left out")
    worse = AtlasDetector(map_scoring=MapScoring(clip=-1))
    plain, hidden = (run(named, more={"bad": worse}, pseudonyms=p).table for p in (False, True))
    assert plain["error"].iloc[-1] == hidden["error"].iloc[-1] != ""


def test_folds_figures_and_cells_are_those_without_pseudonyms(named, tmp_path):
    order = np.random.default_rng(0).permutation(len(named.target))
    mixed = Bunch(**named)
    for name in ("data", "target", "groups", "masks"):
        mixed[name] = named[name][order]
    mixed.frame = named.frame.iloc[order]
    plain = run(mixed, tmp_path / "store", seeds=(0, 1))
    begun = len(plain.store.log())
    one, two = (run(mixed, tmp_path / "store", seeds=(0, 1), pseudonyms=True) for _ in range(2))
    assert len(Store(tmp_path / "store").log()) == begun
    for found in (one, two):
        pd.testing.assert_frame_equal(found.table, plain.table)
        pd.testing.assert_frame_equal(*(r.scores.drop(columns="patient") for r in (found, plain)))
        names = pd.DataFrame({"old": plain.scores["patient"], "new": found.scores["patient"]})
        assert (names.drop_duplicates().nunique() == 8).all()
        assert len(names.drop_duplicates()) == 8
    assert not set(one.scores["patient"]) & set(two.scores["patient"])


def test_intervals_do_not_depend_on_the_salt(named, tmp_path):
    tables = []
    for _ in range(2):
        run(named, tmp_path / "store", pseudonyms=True)
        tables.append(evaluate(tmp_path / "store", metrics=["auroc", "pixel_ap"]))
    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["low"].notna().all()


def test_a_key_gives_the_same_names_at_each_call(named):
    """And those of `datasets.pseudonym`, so that a hospital finds its patients again."""
    names = {pseudonym(name, "mine") for name in set(named.groups)}
    for _ in range(2):
        scores = run(named, pseudonyms="mine").scores
        assert set(scores["patient"]) == names
    with pytest.raises(ValueError, match="key has 0 bytes"):
        run(named, pseudonyms="")


def test_a_key_that_makes_two_patients_one_is_refused(named):
    data = Bunch(**named)
    data.groups = np.where(data.groups == data.groups[0], f"{data.groups[-1]} ", data.groups)
    data.frame = data.frame.assign(patient=data.groups)
    with pytest.raises(ValueError, match="Two patients get the same pseudonym"):
        run(data, pseudonyms="mine")
