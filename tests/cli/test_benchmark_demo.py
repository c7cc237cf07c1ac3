"""Benchmarks from the command line: what is written, and what is asked for."""

from __future__ import annotations

from functools import partial

import pandas as pd
import pytest

from ctmri_detect.cli import benchmark, demo, main
from ctmri_detect.cli.detectors import DETECTORS, SHOWN, make_detector
from ctmri_detect.evaluation import Store
from ctmri_detect.metrics import decision_roc_auc_score

WRITTEN = ["controls.csv", "gallery.png", "report.html", "roc.png", "score_distributions.png",
           "scores.csv", "table.csv"]  # fmt: skip


def run(*arguments):
    return main([str(a) for a in arguments])


def written(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_labelled_folder_is_benchmarked(mixed, tmp_path, capsys):
    out = tmp_path / "deep" / "out"
    arguments = ["benchmark", mixed, "--labels", "labels.csv", "--patient", "patient"]
    assert run(*arguments, "--detectors", "threshold,atlas", "--size", 48, "--out", out) == 0
    said = capsys.readouterr()
    assert written(out) == sorted([*WRITTEN, "skipped.csv"])
    board = [line.split()[0] for line in said.out.splitlines()[:3]]
    assert board[0] == "detector"
    assert sorted(board[1:]) == ["atlas", "threshold"]
    table = pd.read_csv(out / "table.csv").set_index(["detector", "kind"])
    scores = pd.read_csv(out / "scores.csv")
    atlas = scores[scores["detector"] == "atlas"]
    assert len(atlas) == 12
    auroc = decision_roc_auc_score(atlas["target"], atlas["decision"])
    assert table.loc[("atlas", "all"), "image_auroc"] == pytest.approx(auroc)
    odd = scores.loc[scores["target"] == -1, "ct"].str.split("/").str[-1]
    assert set(odd) == {"p0_1.png", "p3_0.png", "p4_1.png"}


def test_controls_stand_beside_the_detectors(mixed, tmp_path, capsys):
    arguments = ["benchmark", mixed, "--labels", "labels.csv", "--patient", "patient"]
    arguments += ["--detectors", "threshold", "--size", 48, "--out", tmp_path / "out"]
    assert run(*arguments) == 0
    said = capsys.readouterr().out
    table = pd.read_csv(tmp_path / "out" / "controls.csv").set_index("control")
    names = ["observed area", "mean intensity, CT", "mean intensity, MRI", "patient identity"]
    assert table.index.tolist() == names
    assert table["auroc"].between(0.5, 1).all()
    assert f"observed area {table['auroc']['observed area']:.2f}, mean intensity, CT" in said
    beaten = "No detector is clearly better than a control" in said
    assert beaten == (float(said.split("threshold")[1].split()[1]) <= table["auroc"][:3].max())


def test_labels_of_whole_patients_are_pointed_out(mixed, tmp_path, capsys):
    names = sorted(path.name for path in (mixed / "CT").iterdir())
    rows = [f"{name},{int(name < 'p3')},{name.split('_')[0]}" for name in names]
    (tmp_path / "patients.csv").write_text("\n".join(["file,lesion,patient", *rows]))
    arguments = ["benchmark", mixed, "--patient", "patient", "--detectors", "threshold"]
    for labels, pointed_out in ((tmp_path / "patients.csv", True), ("labels.csv", False)):
        out = tmp_path / str(pointed_out)
        assert run(*arguments, "--labels", labels, "--size", 48, "--out", out) == 0
        said = "No patient has both normal and anomalous samples" in capsys.readouterr().out
        assert said == pointed_out


def test_with_pseudonyms_nothing_names_patients_or_files(mixed, tmp_path):
    out, store = tmp_path / "out", tmp_path / "store"
    arguments = ["benchmark", mixed, "--labels", "labels.csv", "--patient", "patient", "--size", 48]
    arguments += ["--detectors", "threshold", "--pseudonyms", "--store", store, "--out", out]
    assert run(*arguments) == 0
    assert written(out) == sorted([*WRITTEN, "metrics.csv"])
    scores = pd.read_csv(out / "scores.csv")
    assert scores["patient"].str.fullmatch("sub-[0-9a-f]{10}").all()
    assert scores["patient"].nunique() == 6
    tables = "".join(path.read_text() for path in out.glob("*.csv"))
    assert "p0" not in tables
    assert ".png" not in tables
    page = (out / "report.html").read_text()
    assert "patient p" not in page
    assert scores["patient"][0] in page


@pytest.mark.parametrize(
    ("more", "asked"), [([], "--labels"), (["--labels", "labels.csv"], "--patient")]
)
def test_labels_and_patients_are_asked_for(more, asked, mixed, tmp_path, capsys):
    assert run("benchmark", mixed, *more, "--out", tmp_path / "out") == 2
    text = capsys.readouterr().err
    assert asked in text
    assert text.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_benchmark_in_which_nothing_worked_is_no_success(mixed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "make_detector", _broken)
    arguments = ["benchmark", mixed, "--labels", "labels.csv", "--patient", "patient"]
    assert run(*arguments, "--detectors", "atlas", "--out", tmp_path, "--size", 48) == 2
    assert "No detector could be measured: " in capsys.readouterr().err
    assert (tmp_path / "report.html").exists()


def _broken(name, seed):
    return make_detector(name, seed).set_params(map_scoring__clip=-1)


@pytest.fixture
def small(monkeypatch):
    """Two subjects' worth of pixels, and the detectors that train nothing."""
    pytest.importorskip("nilearn")
    for module in (demo, benchmark):
        monkeypatch.setattr(
            module, "make_phantom_pairs", partial(_small, module.make_phantom_pairs)
        )
    monkeypatch.setattr(demo, "SHOWN", ("threshold", "atlas"))


def _small(make, n_subjects, slices, **more):
    return make(min(n_subjects, 4), min(slices, 2), **(more | {"size": 64}))


def test_the_demo_writes_tables_figures_and_a_report(small, tmp_path, capsys):
    assert run("demo", "--quick", "--out", tmp_path / "demo", "--seed", 3) == 0
    said = capsys.readouterr()
    assert written(tmp_path / "demo") == WRITTEN
    assert "image_auroc" in said.out
    assert "synthetic" in (tmp_path / "demo" / "report.html").read_text().lower()
    assert set(pd.read_csv(tmp_path / "demo" / "table.csv")["seed"]) == {3}


def test_phantoms_take_the_place_of_a_folder(small, tmp_path):
    arguments = ["benchmark", "--phantom", "--subjects", 4, "--slices", 2, "--size", 48]
    assert run(*arguments, "--detectors", "threshold", "--out", tmp_path) == 0
    assert len(pd.read_csv(tmp_path / "scores.csv")) == 8
    assert not (tmp_path / "skipped.csv").exists()


def test_the_demo_shows_detectors_that_the_command_knows():
    assert set(SHOWN) < set(DETECTORS)


def test_a_quick_demo_trains_briefly():
    pytest.importorskip("torch")
    assert make_detector("autoencoder", 0, epochs=5).training.max_epochs == 5
    assert make_detector("autoencoder", 0).training is None


def test_synthetic_anomalies_can_be_chosen(small, tmp_path, capsys):
    arguments = ["benchmark", "--phantom", "--subjects", 4, "--slices", 2, "--size", 48]
    arguments += ["--detectors", "atlas", "--severity", "severe"]
    assert run(*arguments, "--kinds", "oedema,swapped_slice", "--out", tmp_path) == 0
    kinds = set(pd.read_csv(tmp_path / "scores.csv")["kind"])
    assert kinds == {"normal", "oedema", "swapped_slice"}
    assert run(*arguments, "--kinds", "stroke", "--out", tmp_path / "no") == 2
    assert "haematoma" in capsys.readouterr().err


def test_a_stored_benchmark_goes_on_and_its_report_is_written_again(small, tmp_path, capsys):
    store = tmp_path / "store"
    arguments = ["benchmark", "--phantom", "--subjects", 4, "--slices", 2, "--size", 48]
    arguments += ["--quick", "--detectors", "threshold", "--seeds", 2, "--store", store]
    assert run(*arguments, "--out", tmp_path / "one") == 0
    begun = len(Store(store).log())
    assert begun == 4  # two seeds and folds
    assert run(*arguments, "--out", tmp_path / "two") == 0
    assert run("report", store, "--out", tmp_path / "three") == 0
    assert len(Store(store).log()) == begun
    assert written(tmp_path / "one") == sorted([*WRITTEN, "metrics.csv"])
    capsys.readouterr()
    for name in ("table.csv", "metrics.csv"):
        first = pd.read_csv(tmp_path / "one" / name)
        assert first.equals(pd.read_csv(tmp_path / "two" / name))
        assert first.equals(pd.read_csv(tmp_path / "three" / name))
    # a store has no pictures of most samples, and so no controls
    assert written(tmp_path / "three") == [n for n in written(tmp_path / "one") if "contr" not in n]
    pages = [(tmp_path / n / "report.html").read_text().splitlines() for n in ("one", "three")]
    changed = [a for a, b in zip(*pages, strict=True) if a != b]
    assert len(changed) <= 1  # when it was written


def test_a_report_of_what_is_no_store(tmp_path, capsys):
    assert run("report", tmp_path, "--out", tmp_path / "out") == 2
    assert "is no store" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
