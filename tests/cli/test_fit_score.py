"""From a folder to a model, from a model to ranked scores."""

from __future__ import annotations

import shutil
import zipfile

import cv2
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from counting import CountingDetector
from sklearn.pipeline import make_pipeline

from ctmri_detect import anomaly_map, detect
from ctmri_detect.cli import main
from ctmri_detect.datasets import load_pairs
from ctmri_detect.evaluation import patient_predict_scores
from ctmri_detect.exceptions import CtmriDetectWarning
from ctmri_detect.persistence import load, save
from ctmri_detect.preprocessing import make_preprocessor

PATIENT = r"^(p\d+)_"
QUIET = ["--patient", PATIENT]


def fit(folder, out, *more):
    arguments = ["fit", folder, "--detector", "atlas", "--size", "48", "--out", out, *more]
    return main([str(a) for a in arguments])


def score(model, folder, out, *more):
    return main([str(a) for a in ["score", model, folder, "--out", out, *more]])


@pytest.fixture(scope="module")
def model(healthy, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "atlas.ctmri"
    assert fit(healthy, path, "--patient", PATIENT) == 0
    save(load(path), path)  # forgets how patients are named: these tests say it themselves
    return path


@pytest.fixture(scope="module")
def scored(model, mixed, tmp_path_factory):
    out = tmp_path_factory.mktemp("scored") / "deep" / "down"
    assert score(model, mixed, out, "--top", "2", "--labels", "labels.csv", *QUIET) == 0
    return out


def test_fit_writes_a_pipeline_that_knows_its_patients(model):
    detector = load(model)[-1]
    assert len(np.unique(detector.map_scoring_.codes_)) == 10
    assert detector.image_shape_ == (48, 48)


def test_fit_says_what_it_did_and_replaces_an_older_model(healthy, tmp_path, capsys):
    path = tmp_path / "new" / "model.ctmri"
    path.parent.mkdir()
    path.write_text("an older file")
    assert fit(healthy, path) == 0
    said = capsys.readouterr()
    assert "20 pairs" in said.out
    assert "holds images of training slices" in said.out
    assert str(path) in said.out
    warning, begins = said.err.splitlines()
    assert "--patient" in warning
    assert begins == "ctmri-detect: fitting atlas on 20 pairs"
    assert load(path)[-1].n_samples_fit_ == 20


def test_a_quiet_run_says_nothing_of_what_it_does(model, mixed, healthy, tmp_path, capsys):
    assert fit(healthy, tmp_path / "model", "--patient", r"^(p\d+)_", "--quiet") == 0
    assert score(model, mixed, tmp_path / "out", "--top", "0", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_pairs_labelled_anomalous_do_not_train(mixed, tmp_path):
    path = tmp_path / "model"
    assert fit(mixed, path, "--labels", "labels.csv", "--patient", "patient") == 0
    assert load(path)[-1].n_samples_fit_ == 9


def test_the_seed_decides_the_model(healthy, tmp_path):
    pytest.importorskip("torch")
    scores = []
    pairs = load_pairs(healthy)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        arguments = ["fit", healthy, "--detector", "cross-modal", "--size", 48, "--seed", seed]
        path = tmp_path / name
        assert main([str(a) for a in [*arguments, "--out", path, *QUIET]]) == 0
        scores.append(load(path).score_samples(pairs.data))
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4)
    assert not np.allclose(scores[0], scores[2], rtol=1e-4)


def test_scores_are_ranked_and_those_of_the_library(scored, model, mixed):
    table = pd.read_csv(scored / "scores.csv")
    assert table.columns.tolist() == [
        "rank", "ct", "mri", "patient", "slice", "anomaly_score", "p_value", "anomalous",
        "seen_in_fit", "modality", "direction", "label",
    ]  # fmt: skip
    assert table["rank"].tolist() == list(range(1, 13))
    assert (table["anomaly_score"].diff().dropna() <= 0).all()
    pairs = load_pairs(mixed, patient=PATIENT)  # no slice is compared with its own patient
    found = detect(load(model), pairs.data)
    numbers = {"score": found.anomaly_score, "p": found.p_value}
    expected = pd.DataFrame(numbers, index=pairs.frame["ct"])
    np.testing.assert_allclose(table["anomaly_score"], expected["score"][table["ct"]], rtol=1e-12)
    np.testing.assert_allclose(table["p_value"], expected["p"][table["ct"]], rtol=1e-12)
    assert ((table["anomalous"] == "yes") == (table["p_value"] <= 0.05)).all()


def test_another_false_positive_rate_needs_no_new_fit(model, mixed, tmp_path, capsys):
    flagged = []
    for rate in ("0.06", "0.5"):
        out = tmp_path / rate
        assert score(model, mixed, out, "--top", "0", "--false-positive-rate", rate) == 0
        table = pd.read_csv(out / "scores.csv")
        assert ((table["anomalous"] == "yes") == (table["p_value"] <= float(rate))).all()
        flagged.append((table["anomalous"] == "yes").sum())
    assert flagged[0] < flagged[1]
    capsys.readouterr()
    with pytest.raises(SystemExit):
        score(model, mixed, tmp_path / "x", "--false-positive-rate", "5")
    assert "'5' is not a number between 0 and 1, such as 0.05" in capsys.readouterr().err


def test_a_fit_on_few_patients_says_what_the_threshold_is_worth(healthy, tmp_path, capsys):
    few = tmp_path / "few"
    for modality in ("CT", "MRI"):
        (few / modality).mkdir(parents=True)
        for file in (healthy / modality).iterdir():
            if file.name.startswith(("p1_", "p2_", "p3_")):
                shutil.copy(file, few / modality)
    assert fit(few, tmp_path / "few.ctmri", "--patient", PATIENT) == 0
    assert "the threshold rests on 3 patients" in capsys.readouterr().err
    assert fit(healthy, tmp_path / "all.ctmri", "--patient", PATIENT) == 0
    assert "rests on" not in capsys.readouterr().err


def test_the_lesions_come_first_with_modality_and_direction(scored):
    first = pd.read_csv(scored / "scores.csv").head(3)
    assert {name.split("/")[-1] for name in first["ct"]} == {"p0_1.png", "p3_0.png", "p4_1.png"}
    assert set(first["anomalous"]) == {"yes"}
    assert set(first["modality"]) == {"CT"}
    assert set(first["direction"]) == {"brighter"}
    assert set(first["label"]) == {"anomalous"}


def test_the_top_pairs_are_drawn(scored):
    names = sorted(path.name for path in (scored / "overlays").iterdir())
    assert [name[:4] for name in names] == ["001_", "002_"]
    image = cv2.imread(str(scored / "overlays" / names[0]))
    assert image.std() > 10


def test_the_summary_has_the_auroc_and_the_table(model, mixed, tmp_path, capsys):
    assert score(model, mixed, tmp_path, "--labels", "labels.csv", "--top", "0") == 0
    said = capsys.readouterr()
    assert said.err == "ctmri-detect: scoring 12 pairs\n"
    assert "Image AUROC 1.000 (3 anomalous, 9 normal)" in said.out
    assert "Scored 12 pairs" in said.out
    assert "brighter" in said.out
    assert not (tmp_path / "overlays").exists()


def test_labels_of_one_kind_are_no_error(model, healthy, tmp_path, capsys):
    assert score(model, healthy, tmp_path, "--labels", "labels.csv", "--top", "0") == 0
    assert "AUROC: not defined, 0 of 20" in capsys.readouterr().out


def test_skipped_files_are_listed(model, mixed, tmp_path, capsys):
    folder = tmp_path / "pairs"
    for plane in ("CT", "MRI"):
        (folder / plane).mkdir(parents=True)
        for path in (mixed / plane).iterdir():
            (folder / plane / path.name).write_bytes(path.read_bytes())
    (folder / "CT" / "p0_0.png").write_bytes(b"no picture")
    (folder / "MRI" / "p1_0.png").unlink()
    out = tmp_path / "out"
    assert score(model, folder, out, "--top", "0") == 0
    said = capsys.readouterr()
    warning, begins = said.err.splitlines()
    assert warning.startswith("ctmri-detect: warning: 2 files")
    assert begins == "ctmri-detect: scoring 10 pairs"
    skipped = pd.read_csv(out / "skipped.csv")
    assert sorted(skipped["file"].str[-8:]) == ["p0_0.png", "p1_0.png"]
    assert skipped["reason"].str.len().min() > 5
    assert len(pd.read_csv(out / "scores.csv")) == 10


def test_without_a_threshold_pairs_are_ranked_and_none_is_called_anomalous(mixed, tmp_path, capsys):
    """Six patients' nine healthy pairs are too few for 5 %."""
    path, out = tmp_path / "few.ctmri", tmp_path / "out"
    assert fit(mixed, path, "--labels", "labels.csv", "--patient", "patient") == 0
    assert "at least 19 are needed" in capsys.readouterr().err
    assert score(path, mixed, out, "--top", "0") == 0
    said = capsys.readouterr()
    assert "too few healthy slices for a threshold" in said.err
    assert "Scored 12 pairs; no threshold: too few healthy slices." in said.out
    table = pd.read_csv(out / "scores.csv")
    assert set(table["anomalous"]) == {"no"}
    assert table["anomaly_score"].is_monotonic_decreasing
    assert (table["p_value"] > 0.05).all()
    assert table["anomaly_score"][3:].nunique() == 9, "healthy ones are told apart, too"


def test_pairs_are_scored_once_and_those_drawn_once_more(healthy, tmp_path, monkeypatch):
    pairs = load_pairs(healthy, patient=PATIENT)
    pipe = make_pipeline(make_preprocessor(ct_units="uint8", size=48), CountingDetector())
    pipe.fit(pairs.data)
    CountingDetector.asked.clear()
    monkeypatch.setattr("ctmri_detect.cli.score.load", lambda path: pipe)
    monkeypatch.setattr("ctmri_detect.cli.score.read_about", lambda path: {})
    assert score("any.ctmri", healthy, tmp_path / "out", "--top", "3", "--no-report") == 0
    assert len(list((tmp_path / "out" / "overlays").iterdir())) == 3
    assert not (tmp_path / "out" / "report.html").exists()
    assert sorted(CountingDetector.asked.values()) == [1] * 17 + [2] * 3


def test_the_page_asks_nothing_again_where_maps_are_kept(healthy, tmp_path, monkeypatch):
    pairs = load_pairs(healthy, patient=PATIENT)
    pipe = make_pipeline(make_preprocessor(ct_units="uint8", size=48), CountingDetector())
    pipe.fit(pairs.data)
    CountingDetector.asked.clear()
    monkeypatch.setattr("ctmri_detect.cli.score.load", lambda path: pipe)
    monkeypatch.setattr("ctmri_detect.cli.score.read_about", lambda path: {})
    assert score("any.ctmri", healthy, tmp_path / "out", "--top", "0", "--maps", "npy") == 0
    assert (tmp_path / "out" / "report.html").exists()
    assert set(CountingDetector.asked.values()) == {1}


def test_one_failed_overlay_loses_nothing_else(model, mixed, tmp_path, monkeypatch, capsys):
    from ctmri_detect.plotting import OverlayWriter

    draw = OverlayWriter.write

    def sometimes(writer, pair, heat, path, **more):
        if path.name.startswith("002"):
            raise RuntimeError("no ink")
        return draw(writer, pair, heat, path, **more)

    monkeypatch.setattr(OverlayWriter, "write", sometimes)
    assert score(model, mixed, tmp_path, "--top", "3") == 0
    said = capsys.readouterr()
    assert said.err.count("warning") == said.err.count("no ink") == 1
    assert "2 overlays" in said.out
    names = sorted(path.name[:3] for path in (tmp_path / "overlays").iterdir())
    assert names == ["001", "003"]
    assert len(pd.read_csv(tmp_path / "scores.csv")) == 12


def test_units_other_than_the_models_are_refused(model, mixed, tmp_path, capsys):
    assert score(model, mixed, tmp_path / "out", "--ct-units", "hu") == 2
    text = capsys.readouterr().err
    assert "'hu'" in text
    assert "'uint8'" in text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("folder", "said"),
    [("inverted", "No brain found in 20 of 20 samples"), ("deep", "beyond 0 to 255")],
)
@pytest.mark.parametrize("run", ["fit", "score", "benchmark"])
def test_a_run_that_finds_no_brain_fails_and_leaves_nothing(
    run, folder, said, model, request, tmp_path, capsys
):
    folder, out = request.getfixturevalue(folder), tmp_path / "out"
    units = ["--ct-units", "uint8", *QUIET]
    if run == "fit":
        assert fit(folder, out, *units) == 2
    elif run == "score":
        assert score(model, folder, out, *units) == 2
    else:
        labels = folder / "mixed.csv"
        rows = [f"p{i}_{k},{k}" for i in range(10) for k in (0, 1)]
        labels.write_text("\n".join(["file,lesion", *rows]))
        arguments = ["benchmark", folder, "--labels", labels, "--detectors", "atlas", "--out", out]
        assert main([str(a) for a in [*arguments, *units]]) == 2
    text = capsys.readouterr()
    assert said in text.err.splitlines()[-1]
    assert text.out == ""
    assert not out.exists()


def test_image_size_resizes_first(model, mixed, tmp_path):
    assert score(model, mixed, tmp_path, "--top", "0", "--image-size", "32") == 0
    small = load_pairs(mixed, size=32)
    expected = np.sort(load(model).score_samples(small.data))
    table = pd.read_csv(tmp_path / "scores.csv")
    np.testing.assert_allclose(-table["anomaly_score"], expected, rtol=1e-12)


def test_a_hostile_model_is_bad_input(mixed, tmp_path, capsys):
    import pickle

    path = tmp_path / "model.ctmri"
    path.write_bytes(pickle.dumps({"a": 1}))
    assert score(path, mixed, tmp_path / "out") == 2
    text = capsys.readouterr().err
    assert "pickle" in text
    assert text.count("\n") == 1


def test_overlays_show_the_map_of_the_library(model, mixed, tmp_path, monkeypatch):
    from ctmri_detect.plotting import OverlayWriter

    seen = []
    monkeypatch.setattr(
        OverlayWriter, "write", lambda writer, *planes, **__: seen.append((writer, *planes))
    )
    assert score(model, mixed, tmp_path, "--top", "1") == 0
    writer, pair, heat, _ = seen[0]
    assert writer.orientation is None  # files don't tell it
    expected = anomaly_map(load(model), pair[None])[0]
    np.testing.assert_array_equal(heat, expected)


def make_volumes(n_patients):
    """CT in HU and MRI of each patient, three slices along the last axis."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    for _ in range(n_patients):
        r = np.hypot(y / 0.75, x / (0.6 + 0.02 * rng.random()))[..., None] + np.zeros(3)
        noise = 3 * rng.normal(size=(2, *r.shape))
        ct = np.select([r < 1, r < 1.25], [30 + noise[0], 1000], -1000).astype(np.int16)
        mri = np.select([r < 1, r < 1.25], [130 + noise[1], 40], 5).astype(np.int16)
        yield ct, mri


def write_volumes(folder, n_patients):
    """SynthRAD's layout: NIfTI."""
    for i, (ct, mri) in enumerate(make_volumes(n_patients)):
        (folder / f"head{i}").mkdir(parents=True)
        for name, values in (("ct", ct), ("mr", mri)):
            image = nib.Nifti1Image(values, np.diag([4.0, 4.0, 5.0, 1.0]))
            nib.save(image, folder / f"head{i}" / f"{name}.nii.gz")
    return folder


def test_volumes_go_from_folder_to_scores(tmp_path, capsys, monkeypatch):
    from ctmri_detect.plotting import OverlayWriter

    drawn, write = [], OverlayWriter.write

    def noticing(writer, *planes, **more):
        drawn.append((writer.orientation, more["z_mm"]))
        return write(writer, *planes, **more)

    monkeypatch.setattr(OverlayWriter, "write", noticing)
    folder = write_volumes(tmp_path / "volumes", 8)
    model, out = tmp_path / "m.ctmri", tmp_path / "scores"
    assert (
        main(["fit", str(folder), "--detector", "atlas", "--size", "32", "--out", str(model)]) == 0
    )
    assert "24 pairs of 8 patients (hu)" in capsys.readouterr().out
    assert main(["score", str(model), str(folder), "--out", str(out), "--top", "2"]) == 0
    scores = pd.read_csv(out / "scores.csv")
    assert len(scores) == 24
    assert len(list((out / "overlays").iterdir())) == 2
    sides, heights = zip(*drawn, strict=True)
    assert sides == ("radiological", "radiological")
    assert set(heights) <= {0.0, 5.0, 10.0}
    assert str(tmp_path) not in (out / "scores.csv").read_text()


def test_volumes_are_benchmarked_by_labels_of_patients(tmp_path, capsys):
    folder, out = write_volumes(tmp_path / "volumes", 6), tmp_path / "out"
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    rows = "".join(f"{name},{int(i < 2)}\n" for i, name in enumerate(names))
    (folder / "labels.csv").write_text(f"Patient,lesion\n{rows}")
    arguments = ["benchmark", str(folder), "--labels", "labels.csv", "--detectors", "threshold"]
    arguments += ["--size", "32", "--out", str(out)]
    assert main(arguments) == 0
    scores = pd.read_csv(out / "scores.csv")
    assert set(scores.loc[scores["target"] == -1, "patient"].astype(str)) == set(names[:2])
    assert set(scores["patient"].astype(str)) == set(names)


def test_labels_of_patients_do_not_go_with_slices(mixed, tmp_path, capsys):
    (tmp_path / "labels.csv").write_text("patient,lesion\np0,1\n")
    arguments = ["fit", str(mixed), "--labels", str(tmp_path / "labels.csv")]
    assert main([*arguments, "--out", str(tmp_path / "m.ctmri")]) == 2
    assert "one row for each slice" in capsys.readouterr().err


def test_no_person_of_a_dicom_folder_reaches_a_model_a_table_or_a_picture(tmp_path, capsys):
    pytest.importorskip("pydicom")
    from dicom_files import write_dicom

    folder, model, out = tmp_path / "Doe_Jane", tmp_path / "m.ctmri", tmp_path / "out"
    people = ["Abel", "Bauer", "Celik", "Dumas", "Evans", "Fabre", "Garcia", "Haas"]
    for who, volumes in zip(people, make_volumes(len(people)), strict=True):
        for modality, values in zip(("CT", "MR"), volumes, strict=True):
            images = values.transpose(2, 0, 1)
            write_dicom(folder, who, modality, images, FrameOfReferenceUID="1.2.3")
    assert fit(folder, model, "--quiet") == 0
    assert score(model, folder, out, "--quiet", "--top", "3") == 0
    assert len(list((out / "overlays").iterdir())) == 3
    assert pd.read_csv(out / "scores.csv")["patient"].nunique() == len(people)
    said = capsys.readouterr()
    texts = {"stdout": said.out, "stderr": said.err}
    for path in (path for path in out.rglob("*") if path.is_file()):
        texts[path.name] = path.name + path.read_bytes().decode("latin-1")
    with zipfile.ZipFile(model) as parts:
        texts |= {name: parts.read(name).decode("latin-1") for name in parts.namelist()}
    for name, text in texts.items():
        for secret in (*people, "Doe_Jane"):
            assert secret not in text, (name, secret)


@pytest.fixture(scope="module")
def with_skull_base(mixed, tmp_path_factory):
    """`mixed` with two pairs whose brain is a small disc at the back of the head."""
    folder = tmp_path_factory.mktemp("base") / "set"
    shutil.copytree(mixed, folder)
    for path in sorted((folder / "CT").iterdir())[:2]:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        y, x = np.mgrid[-1 : 1 : image.shape[0] * 1j, -1 : 1 : image.shape[1] * 1j]
        head, r = np.hypot(y, x) < 0.9, np.hypot(y - 0.4, x)
        ct = np.select([r < 0.3, r < 0.4, head], [110, 255, 140], 0)
        cv2.imwrite(str(path), ct.astype("u1"))
    return folder


def test_pairs_below_the_skull_base_are_marked_or_listed_as_skipped(
    with_skull_base, model, tmp_path
):
    labels = ("--labels", "labels.csv", "--top", "1", *QUIET)
    tables = {}
    for what in ("keep", "mark", "drop"):
        out = tmp_path / what
        assert score(model, with_skull_base, out, *labels, "--below-skull-base", what) == 0
        tables[what] = pd.read_csv(out / "scores.csv")
    kept, marked, dropped = (tables[what].set_index("ct") for what in tables)
    assert "below_skull_base" not in kept
    below = marked["below_skull_base"]
    assert below.sum() == 2
    assert set(marked.index[below]) == set(sorted(kept.index)[:2])
    pd.testing.assert_frame_equal(marked[kept.columns], kept)
    pd.testing.assert_series_equal(dropped["label"], kept.loc[dropped.index, "label"])
    assert set(dropped.index) == set(marked.index[~below])
    assert dropped["rank"].tolist() == list(range(1, len(dropped) + 1))
    skipped = pd.read_csv(tmp_path / "drop" / "skipped.csv")
    assert set(skipped["file"][skipped["reason"] == "below the skull base"]) == set(
        marked.index[below]
    )


def test_fit_leaves_out_pairs_below_the_skull_base(with_skull_base, tmp_path, capsys):
    fitted = []
    for what in ("keep", "drop"):
        out = tmp_path / f"{what}.ctmri"
        assert fit(with_skull_base, out, *QUIET, "--below-skull-base", what) == 0
        fitted.append(load(out)[-1].n_samples_fit_)
    assert fitted[0] - fitted[1] == 2
    assert "left out 2 of" in capsys.readouterr().err


def test_a_model_remembers_which_slices_it_was_fitted_on(with_skull_base, tmp_path, capsys):
    model, out = tmp_path / "m.ctmri", tmp_path / "out"
    assert fit(with_skull_base, model, "--below-skull-base", "drop", "--image-size", "64") == 0
    capsys.readouterr()
    assert score(model, with_skull_base, out, *QUIET, "--maps", "npy", "--top", "0") == 0
    said = capsys.readouterr().err
    assert "below the skull base are left out, as at the fit" in said
    assert "left out 2 of" in said
    assert np.load(next((out / "maps").iterdir())).shape == (64, 64)
    kept = ("--below-skull-base", "keep", "--image-size", "48", "--maps", "npy", "--top", "0")
    assert score(model, with_skull_base, tmp_path / "kept", *QUIET, *kept) == 0
    rows = len(pd.read_csv(tmp_path / "kept" / "scores.csv"))
    assert rows - len(pd.read_csv(out / "scores.csv")) == 2
    assert np.load(next((tmp_path / "kept" / "maps").iterdir())).shape == (48, 48)


def test_patients_that_only_the_labels_named_are_said_to_be_unknown(mixed, tmp_path, capsys):
    model = tmp_path / "m.ctmri"
    assert fit(mixed, model, "--labels", "labels.csv", "--patient", "patient") == 0
    capsys.readouterr()
    assert score(model, mixed, tmp_path / "out", "--top", "0") == 0
    assert "at the fit, the column 'patient' of --labels named them" in capsys.readouterr().err


def test_pseudonyms_follow_the_key_in_a_file(tmp_path, capsys):
    pytest.importorskip("pydicom")
    from dicom_files import write_dicom

    from ctmri_detect.datasets import pseudonym

    folder = tmp_path / "scans"
    for who, volumes in zip(("Zwiebel", "Fisch"), make_volumes(2), strict=True):
        for modality, values in zip(("CT", "MR"), volumes, strict=True):
            images = values.transpose(2, 0, 1)
            write_dicom(folder, who, modality, images, FrameOfReferenceUID="1.2.3")
    key = tmp_path / "key.txt"
    key.write_text("mine\n")
    fit(folder, tmp_path / "m.ctmri", "--key", key)
    score(tmp_path / "m.ctmri", folder, tmp_path / "out", "--key", key, "--gaps", "keep")
    table = pd.read_csv(tmp_path / "out" / "scores.csv")
    names = {pseudonym(f"ID-{who}", "mine") for who in ("Zwiebel", "Fisch")}
    assert set(table["patient"]) == names
    assert {"instance", "z_mm"} <= set(table)
    assert "mine" not in capsys.readouterr().err
    key.write_text("")
    assert fit(folder, tmp_path / "n.ctmri", "--key", key) == 2
    assert "The key file holds 0 bytes" in capsys.readouterr().err
    assert fit(folder, tmp_path / "n.ctmri", "--key", tmp_path / "none") == 2
    assert "The key file can't be read" in capsys.readouterr().err


def test_a_key_that_makes_no_pseudonym_is_refused(healthy, tmp_path, capsys):
    key = tmp_path / "key.txt"
    key.write_text("mine")
    assert fit(healthy, tmp_path / "m.ctmri", "--key", key) == 2
    assert "holds slices, which keep their names. Leave --key out" in capsys.readouterr().err


def test_a_stopped_run_keeps_its_scores_and_goes_on(model, mixed, tmp_path, monkeypatch, capsys):
    from ctmri_detect.cli import score as module

    whole, out = tmp_path / "whole", tmp_path / "out"
    assert score(model, mixed, whole, "--top", "0", *QUIET) == 0

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "draw_overlays", stop)
        assert score(model, mixed, out, "--top", "1", *QUIET) == 130
    assert "--resume continues" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == ["unfinished"]
    assert score(model, mixed, out, *QUIET) == 2
    assert "Continue it with --resume, or begin again with --overwrite" in capsys.readouterr().err
    block = next((out / "unfinished" / "blocks").iterdir())
    then = block.stat().st_mtime_ns
    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(
            module, "draw_overlays", lambda *_, **__: seen.append(block.stat().st_mtime_ns) or 0
        )
        assert score(model, mixed, out, "--top", "1", "--resume", *QUIET) == 0
    assert seen == [then]
    assert sorted(path.name for path in out.iterdir()) == [
        "patients.csv", "report.html", "scores.csv", "skipped.csv"]  # fmt: skip
    for name in ("scores.csv", "patients.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_a_run_of_another_folder_does_not_go_on(
    model, mixed, healthy, tmp_path, monkeypatch, capsys
):
    from ctmri_detect.cli import score as module

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "draw_overlays", stop)
        assert score(model, mixed, tmp_path, "--top", "0") == 130
    assert score(model, healthy, tmp_path, "--top", "0", "--resume") == 2
    assert "holds scores of other pairs" in capsys.readouterr().err
    assert (tmp_path / "unfinished" / "run.json").exists()
    assert score(model, healthy, tmp_path, "--top", "0", "--overwrite") == 0
    assert len(pd.read_csv(tmp_path / "scores.csv")) == 20
    assert not (tmp_path / "unfinished").exists()


def test_patients_are_told_by_their_strongest_slice(scored, tmp_path, model, mixed):
    slices, patients = pd.read_csv(scored / "scores.csv"), pd.read_csv(scored / "patients.csv")
    assert patients.columns.tolist() == [
        "patient", "anomaly_score", "slices", "slices_flagged", "strongest_ct", "strongest_slice",
        "p_value", "q_value", "anomalous",
    ]  # fmt: skip
    assert patients["anomaly_score"].is_monotonic_decreasing
    assert sorted(patients["patient"]) == [f"p{i}" for i in range(6)]
    for row in patients.itertuples():
        own = slices[slices["patient"] == row.patient]
        assert row.anomaly_score == own["anomaly_score"].max()
        assert row.slices == len(own)
        assert row.slices_flagged == (own["anomalous"] == "yes").sum()
        assert row.strongest_ct == own.loc[own["anomaly_score"].idxmax(), "ct"]
    decided = patient_predict_scores(load(model), slices["anomaly_score"], slices["patient"])
    decided = decided.set_index("patient").loc[patients["patient"]]
    np.testing.assert_allclose(patients[["p_value", "q_value"]], decided[["p_value", "q_value"]])
    assert ((patients["anomalous"] == "yes").to_numpy() == (decided["prediction"] == -1)).all()
    assert score(model, mixed, tmp_path, "--top", "0") == 0  # no patient is named
    assert not (tmp_path / "patients.csv").exists()


def test_slices_of_the_fit_are_marked(model, healthy, mixed, tmp_path):
    """Both folders hold the same heads, but for three with a lesion."""
    tables = {}
    for folder in (healthy, mixed):
        out = tmp_path / str(len(tables))
        assert score(model, folder, out, "--top", "0", "--labels", "labels.csv") == 0
        tables[folder] = pd.read_csv(out / "scores.csv")
    assert set(tables[healthy]["seen_in_fit"]) == {"yes"}
    table = tables[mixed]
    assert ((table["seen_in_fit"] == "no") == (table["label"] == "anomalous")).all()


def test_epochs_and_checkpoints_reach_the_trainings(healthy, tmp_path):
    pytest.importorskip("torch")
    scores, written, kept = [], [], tmp_path / "kept"
    more = ["--epochs", "1", "--checkpoint", str(kept), "--detector", "autoencoder", *QUIET]
    for name in ("a", "b"):
        assert fit(healthy, tmp_path / name, *more, "--size", "32") == 0
        detector = load(tmp_path / name)[-1]
        assert detector.training.max_epochs == 1
        scores.append(detector.map_scoring_.calibration_scores_)
        written.append({path: path.stat().st_mtime_ns for path in kept.rglob("weights.pt")})
    assert written[0]
    assert written[1] == written[0]  # loaded, not trained again
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize(
    "option", [("--epochs", "3"), ("--checkpoint", "kept")], ids=lambda o: o[0]
)
def test_a_detector_that_does_not_train_has_no_epochs(option, healthy, tmp_path, capsys):
    assert fit(healthy, tmp_path / "m.ctmri", *option) == 2
    assert "The detector atlas trains no network" in capsys.readouterr().err
    assert not (tmp_path / "m.ctmri").exists()


@pytest.mark.parametrize("name", ["balanced", "cross-modal", "fast", "latent"])
def test_epochs_reach_every_training_of_a_detector(name):
    from ctmri_detect.cli.detectors import make_detector, train_with

    detector = make_detector(name, 0)
    train_with(detector, name, max_epochs=7)
    found = {k: v for k, v in detector.get_params().items() if k.endswith("training__max_epochs")}
    found.pop("conditioning__training__max_epochs", None)  # of features: short, and its own
    assert found
    assert set(found.values()) == {7}


def test_pairs_in_a_file_get_the_scores_of_pairs_in_memory(
    model, mixed, scored, tmp_path, monkeypatch
):
    monkeypatch.setattr("ctmri_detect.cli._memory.AT_ONCE", 0)
    out = tmp_path / "out"
    assert score(model, mixed, out, "--top", "2", "--labels", "labels.csv", *QUIET) == 0
    assert (out / "scores.csv").read_bytes() == (scored / "scores.csv").read_bytes()
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in scored.iterdir())


def test_pairs_that_fit_on_no_disk_are_refused_before_they_are_read(
    model, mixed, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("ctmri_detect.cli._memory.AT_ONCE", 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 0))
    assert score(model, mixed, tmp_path / "out", *QUIET) == 2
    assert "GiB are free there" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_model_with_a_class_of_ones_own_is_scored_in_python_only(healthy, tmp_path, capsys):
    pairs = load_pairs(healthy, patient=PATIENT)
    with pytest.warns(CtmriDetectWarning, match="types of other packages"):
        save(CountingDetector().fit(pairs.data), tmp_path / "own.ctmri")
    assert score(tmp_path / "own.ctmri", healthy, tmp_path / "out") == 2
    assert "Score this one in Python, see docs/guide/own.md" in capsys.readouterr().err
