"""Which files go together, in every layout of docs/layouts.md, and what is never guessed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from real_data import DATA
from trees import tree

from ctmri_detect.exceptions import DataLoadingError
from ctmri_detect.layouts.find import find_pairs

ROOT = Path(__file__).parents[2]
COLUMNS = ["ct", "mri", "patient", "slice", "sequence", "status"]


def paired(frame):
    found = frame[frame["status"] == "paired"]
    return list(zip(found["ct"], found["mri"], strict=True))


def status(frame):
    """Reason by file, of the files left over."""
    reasons = {}
    for row in frame[frame["status"] != "paired"].itertuples():
        file, _, reason = row.status.partition(": ")
        reasons[row.ct or row.mri or file] = row.status if row.ct or row.mri else reason
    return reasons


def documented():
    page = (ROOT / "docs" / "layouts.md").read_text(encoding="utf-8")
    rows = [line.strip("| \n").split(" |") for line in page.splitlines() if "`<br>`" in line]
    return [pytest.param(*(cell.strip() for cell in row), id=f"{i}") for i, row in enumerate(rows)]


@pytest.mark.parametrize(("layout", "files", "pairs", "patients", "kind"), documented())
def test_documented_layouts(layout, files, pairs, patients, kind, tmp_path):
    files = re.findall("`([^`]+)`", files)
    found = find_pairs(tree(tmp_path, *files))
    assert found.columns.tolist() == COLUMNS
    assert (found.attrs["layout"], found.attrs["kind"]) == (layout, kind)
    assert len(paired(found)) == int(pairs)
    assert ", ".join(dict.fromkeys(found["patient"].dropna())) == patients
    named = set(found["ct"].dropna()) | set(found["mri"].dropna())
    images = {f for f in files if not re.search(r"mask|json|\.dcm", f)}
    assert named == (images or {"p1/CT", "p1/MR"})
    if int(pairs):
        assert len(named) == 2 * int(pairs)  # nothing left over


def test_the_page_covers_every_layout():
    named = {layout for layout, *_ in (param.values for param in documented())}  # noqa: PD011
    assert named == {
        "two folders", "names with a modality", "common number", "cyclegan", "synthrad", "bids",
        "dicom", "one modality",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "modality", "sequence"),
    [
        ("ct", "ct", None),
        ("CT100", "ct", None),
        ("p3CTslice7", "ct", None),
        ("CTscan_4", "ct", None),
        ("brainMRI", "mri", None),
        ("MRI-3.final", "mri", None),
        ("sub-01_T1w", "mri", "t1"),
        ("p1_t2_flair_3", "mri", "flair"),
        ("T1_post_9", "mri", "t1ce"),
        ("T2Flair", "mri", "flair"),
        ("p1_PD_3", "mri", "pd"),
        ("act_1", None, None),
        ("cutting3", None, None),
        ("point2_3", None, None),
        ("CTA_3", None, None),
        ("ct_to_mri_5", "both", None),
    ],
)
def test_words_in_names(name, modality, sequence, tmp_path):
    found = find_pairs(tree(tmp_path, f"{name}.png", "CT/x0.png", "MRI/x0.png"))
    file = f"{name}.png"
    row = found[(found["ct"] == file) | (found["mri"] == file) | found["status"].str.contains(file)]
    told = {"ct": row["ct"].notna().item(), "mri": row["mri"].notna().item(), None: True}
    assert next(key for key, said in told.items() if said) == (
        None if modality == "both" else modality
    )
    assert row["sequence"].item() == sequence
    assert ("its name says CT and MRI" in row["status"].item()) == (modality == "both")


def test_rows_are_in_natural_order_with_the_leftovers_among_them(tmp_path):
    tree(tmp_path, "CT/a10.png", "CT/a2.png", "CT/a9.png", "MRI/a2.png", "MRI/a10.png")
    found = find_pairs(tmp_path)
    assert found["slice"].tolist() == [2, 9, 10]
    assert found["slice"].dtype == "Int64"
    assert found["status"].tolist() == ["paired", "no MRI of this name", "paired"]
    assert found.loc[1, "mri"] is None


def test_equal_names_go_before_all_else(tmp_path):
    """The MRI keep the name of the CT that they were registered to."""
    tree(tmp_path, "CT/p1_ct_1.png", "MRI/p1_ct_1.png", "CT/1.png", "MRI/mri_1.png", "MRI/1.png")
    found = find_pairs(tmp_path)
    assert paired(found) == [("CT/1.png", "MRI/1.png"), ("CT/p1_ct_1.png", "MRI/p1_ct_1.png")]
    assert status(found) == {"MRI/mri_1.png": "no CT of this name"}


def test_a_number_pairs_only_where_nothing_else_tells_names_apart(tmp_path):
    tree(tmp_path, "CT/anna_12.png", "CT/carl_13.png", "MRI/bob_12.png", "MRI/dora_13.png")
    assert paired(find_pairs(tmp_path)) == []
    patients = tree(tmp_path / "b", "CT/anna_i12.png", "CT/bob_i12.png", "MRI/anna_s12.png")
    assert paired(find_pairs(patients)) == []
    found = find_pairs(patients, patient="^([a-z]+)_")
    assert paired(found) == [("CT/anna_i12.png", "MRI/anna_s12.png")]


def test_a_number_that_fits_two_files_chooses_neither(tmp_path):
    tree(tmp_path, "CT/i1.png", "CT/i2.png", "MRI/s2.png", "MRI/s02.png", "MRI/s1.png")
    found = find_pairs(tmp_path)
    assert paired(found) == [("CT/i1.png", "MRI/s1.png")]
    reason = "1 CT and 2 MRI fit each other: CT/i2.png, MRI/s02.png, MRI/s2.png; pass mri="
    assert sorted(status(found).items()) == [
        (file, reason) for file in ("CT/i2.png", "MRI/s02.png", "MRI/s2.png")
    ]
    assert "more than one way" in found.attrs["notes"][1]


def test_one_name_with_two_endings_chooses_neither(tmp_path):
    tree(tmp_path, "CT/a.png", "CT/a.jpg", "MRI/a.png")
    with pytest.raises(DataLoadingError, match=r"2 CT and 1 MRI.*CT/a\.jpg.*pass ct="):
        find_pairs(tmp_path)
    found = find_pairs(tmp_path, ct=r"CT/.*\.png")
    assert paired(found) == [("CT/a.png", "MRI/a.png")]
    assert status(found) == {"CT/a.jpg": "neither ct= nor mri= matches it"}


def test_pairs_never_cross_splits_or_patients(tmp_path):
    tree(tmp_path, "trainA/ct1.png", "testB/mri1.png", "testA/ct2.png", "trainB/mri2.png")
    assert paired(find_pairs(tmp_path)) == []
    tree(tmp_path / "b", "p1/CT/1.png", "p2/MRI/1.png")
    assert paired(find_pairs(tmp_path / "b")) == []


def test_a_and_b_are_told_apart_by_expressions(tmp_path):
    tree(tmp_path, "trainA/1.png", "trainB/1.png", "testA/1.png", "testB/1.png")
    with pytest.raises(DataLoadingError, match=r"don't tell CT from MRI.*ct='A/', mri='B/'"):
        find_pairs(tmp_path)
    found = find_pairs(tmp_path, ct="B/", mri="A/")
    assert paired(found) == [("testB/1.png", "testA/1.png"), ("trainB/1.png", "trainA/1.png")]
    assert found.attrs["layout"] == "cyclegan"
    assert "check_pairing" in found.attrs["notes"][0]


@pytest.mark.parametrize(
    ("files", "ct", "mri"),
    [
        (("A/1.png", "B/1.png"), "^A/", "^B/"),
        (("A/1.png", "B/1.png"), r"^A/.*\.png$", r"^B/.*"),
        (("x/p1/source/1.png", "x/p1/target/1.png"), "source", "target"),
        (("train_source/1.png", "train_target/1.png"), "source", "target"),
        (("p1/1.png", "p1/1.jpg"), r"p1/.*\.png", r"p1/.*\.jpg"),
        (("p1_a_12.png", "p1_b_12.png"), "_a_", "_b_"),
        (("p1/s1.png", "p1/s1.npy"), r"\.png", r"\.npy"),
    ],
)
def test_expressions_tell_the_modality(files, ct, mri, tmp_path):
    tree(tmp_path, *files)
    assert paired(find_pairs(tmp_path, ct=ct, mri=mri)) == [files]


@pytest.mark.parametrize(("ct", "mri"), [(r"\.png$", r"\.jpg$"), (r"^p.*\.png$", r"^p.*\.jpg$")])
def test_expressions_do_not_pair_two_patients(ct, mri, tmp_path):
    tree(tmp_path, "p2/1.png", "p3/1.jpg", "p4/1.png", "p4/1.jpg")
    found = find_pairs(tmp_path, ct=ct, mri=mri)
    assert paired(found) == [("p4/1.png", "p4/1.jpg")]


def test_one_expression_leaves_the_other_modality_to_the_names(tmp_path):
    tree(tmp_path, "CT/1.png", "registered/1.png", "MRI/1.png")
    found = find_pairs(tmp_path, mri="registered")
    assert paired(found) == [("CT/1.png", "registered/1.png")]
    assert status(found) == {"MRI/1.png": "neither ct= nor mri= matches it"}


def test_expressions_are_checked(tmp_path):
    tree(tmp_path, "CT/1.png", "MRI/1.png")
    with pytest.raises(DataLoadingError, match=r"both match CT/1\.png"):
        find_pairs(tmp_path, ct="1", mri="png")
    for name in ("ct", "mri", "patient"):
        with pytest.raises(ValueError, match=f"{name}='\\(' is no regular expression"):
            find_pairs(tmp_path, **{name: "("})
    with pytest.raises(DataLoadingError, match="match none of them"):
        find_pairs(tree(tmp_path / "b", "x/1.png"), ct="ct", mri="mr")


def test_several_sequences_need_a_choice(tmp_path):
    tree(tmp_path, *(f"{name}/{i}.png" for name in ("CT", "T1", "FLAIR") for i in (1, 2)))
    with pytest.raises(
        DataLoadingError, match=r"2 CT have more.*CT/1\.png.*sequence='flair' or sequence='t1'"
    ):
        find_pairs(tmp_path)
    for asked, folder in (("t1", "T1"), ("T1w", "T1"), ("flair", "FLAIR")):
        found = find_pairs(tmp_path, sequence=asked)
        assert paired(found) == [(f"CT/{i}.png", f"{folder}/{i}.png") for i in (1, 2)]
        assert set(found["sequence"].dropna()) >= {folder.lower()}
        assert all(reason.startswith("not of the sequence") for reason in status(found).values())
    with pytest.raises(DataLoadingError, match=r"sequence='pd'.*found: flair, t1"):
        find_pairs(tmp_path, sequence="pd")
    with pytest.raises(ValueError, match="sequence is 'x'; expected one of"):
        find_pairs(tmp_path, sequence="x")


def test_sequences_that_differ_between_patients_are_noted(tmp_path):
    tree(tmp_path, "p1_ct.nii.gz", "p1_t1.nii.gz", "p2_ct.nii.gz", "p2_T2w.nii.gz")
    found = find_pairs(tmp_path)
    assert found["sequence"].tolist() == ["t1", "t2"]
    assert "mix MRI sequences: t1 (1), t2 (1)" in found.attrs["notes"][0]


def test_patients(tmp_path):
    tree(tmp_path, "CT/case1/x_2.png", "MRI/case1/x_2.png", "CT/case2/x_1.png", "MRI/case2/x_1.png")
    found = find_pairs(tmp_path)
    assert (found["patient"].tolist(), found.attrs["patients"]) == (["case1", "case2"], "folders")
    found = find_pairs(tmp_path, patient=r"/(case\d)/")
    assert (found["patient"].tolist(), found.attrs["patients"]) == (["case1", "case2"], "parameter")
    assert find_pairs(tmp_path, patient="x")["patient"].tolist() == ["x", "x"]
    with pytest.raises(DataLoadingError, match=r"matches nothing in 2 of 2 names.*CT/case1/x_2"):
        find_pairs(tmp_path, patient="sub")


@pytest.mark.parametrize(
    "files",
    [
        ("train/CT/1.png", "train/MRI/1.png", "test/CT/1.png", "test/MRI/1.png"),
        ("batch1/CT/1.png", "batch1/MRI/1.png", "batch2/CT/1.png", "batch2/MRI/1.png"),
        ("x7/CT/1.png", "x7/MRI/1.png"),  # one folder with a number
        ("CT/p1.png", "MRI/p1.png"),  # p as in picture
        ("CT/p1_2.png", "MRI/p1_2.png", "CT/7.png", "MRI/7.png"),  # not in every name
    ],
)
def test_patients_are_not_guessed(files, tmp_path):
    found = find_pairs(tree(tmp_path, *files))
    assert len(paired(found)) == len(files) // 2
    assert found["patient"].isna().all()


def test_two_patients_are_no_pair(tmp_path):
    tree(tmp_path, "CT/a1_7.png", "MRI/b1_7.png", "CT/a1_8.png", "MRI/b1_8.png")
    assert len(paired(find_pairs(tmp_path))) == 2
    found = find_pairs(tmp_path, patient="^([ab]1)_")
    assert paired(found) == []
    found = find_pairs(tree(tmp_path / "b", "p1_ct_1.png", "p1_mri_1.png"), patient=r"^(\w+)_")
    reason = "patient= finds 'p1_ct' for the CT and 'p1_mri' for the MRI"
    assert set(status(found).values()) == {reason}


def test_what_is_no_image(tmp_path):
    tree(
        tmp_path, "CT/1.png", "MRI/1.png", "CT/.DS_Store", "CT/._1.png", "__MACOSX/CT/1.png",
        "Thumbs.db", "labels.csv", "readme.txt", "CT/notes.txt", "CT_masks/1.png",
        "CT/1_mask.png", "preview.png",
    )  # fmt: skip
    found = find_pairs(tmp_path)
    assert paired(found) == [("CT/1.png", "MRI/1.png")]
    assert list(status(found)) == ["CT/notes.txt", "preview.png"]
    assert "not an image type" in status(found)["CT/notes.txt"]
    assert status(found)["preview.png"] == "its name says neither CT nor MRI"
    assert found.attrs["notes"] == ["2 files are masks by their names and have no row."]


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(DataLoadingError, match="is no folder"):
        find_pairs(tmp_path / "none")
    with pytest.raises(DataLoadingError, match=r"no images \(it has nothing\)"):
        find_pairs(tmp_path)
    with pytest.raises(DataLoadingError, match=r"no images \(it has a.txt\)"):
        find_pairs(tree(tmp_path, "a.txt"))


def test_slices_beside_volumes(tmp_path):
    tree(tmp_path, "p1/ct.nii.gz", "p1/mr.nii.gz", "p1/ct.png")
    found = find_pairs(tmp_path)
    assert (found.attrs["kind"], len(paired(found))) == ("volumes", 1)
    assert status(found) == {"p1/ct.png": "not read beside volumes"}
    tree(tmp_path, "p1/mr.png")
    with pytest.raises(DataLoadingError, match="slices and volumes of both"):
        find_pairs(tmp_path)
    found = find_pairs(tmp_path, ct=r"ct\.png", mri=r"mr\.png")
    assert paired(found) == [("p1/ct.png", "p1/mr.png")]


def test_two_volumes_alone_in_a_folder_are_a_pair(tmp_path):
    tree(tmp_path, "a/CT/head.nii.gz", "a/MRI/brain.nii.gz", "b/CT/head.png", "b/MRI/brain.png")
    with pytest.raises(DataLoadingError, match="slices and volumes"):
        find_pairs(tmp_path)
    assert len(paired(find_pairs(tmp_path / "a"))) == 0  # no folder says that they belong together
    tree(tmp_path / "c", "a/CT/head.nii.gz", "a/MRI/brain.nii.gz")
    assert len(paired(find_pairs(tmp_path / "c"))) == 1


def test_dicom_is_known_by_its_first_bytes(tmp_path):
    tree(tmp_path, "study/s1/IM2", "study/s2/1.2.840.5")
    for name in ("study/s1/IM1", "study/s2/1.2.840.4"):
        (tmp_path / name).write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 10)
    found = find_pairs(tmp_path)
    assert found.attrs["kind"] == "dicom"
    assert found["status"].str.contains("load_volume_pairs").all()
    assert list(status(found)) == ["study/s1", "study/s2"]
    tree(tmp_path, "CT/1.png", "MRI/1.png")
    assert paired(find_pairs(tmp_path)) == [("CT/1.png", "MRI/1.png")]


def test_other_types_are_told_where_a_folder_holds_nothing_else(tmp_path):
    found = find_pairs(tree(tmp_path, "CT/1.png", "MRI/1.gif", "case1_mri/1.gif"))
    assert set(status(found)) == {"CT/1.png", "MRI/1.gif", "case1_mri/1.gif"}


def test_links_are_followed_but_not_round_and_round(tmp_path):
    data = tree(tmp_path / "data", "CT/1.png", "real/1.png")
    (data / "MRI").symlink_to(data / "real", target_is_directory=True)
    (data / "CT" / "loop").symlink_to(data, target_is_directory=True)
    (data / "CT" / "gone.png").symlink_to(data / "nothing.png")
    found = find_pairs(data)
    assert paired(found) == [("CT/1.png", "MRI/1.png")]
    assert status(found)["CT/gone.png"] == "a link to nothing that can be read"
    assert len(found) == 3


def test_an_unreadable_folder_is_told(tmp_path):
    tree(tmp_path, "CT/1.png", "MRI/1.png", "CT/secret/2.png")
    (tmp_path / "CT" / "secret").chmod(0)
    tmp_path.chmod(0o755)
    script = """
import os
from ctmri_detect.layouts.find import find_pairs
if os.geteuid() == 0:
    os.setuid(65534)  # root may read everything
print(find_pairs(".")["status"].tolist())
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    (tmp_path / "CT" / "secret").chmod(0o755)
    assert "CT/secret: the folder can't be read (Permission denied)" in done.stdout, done.stderr


def test_odd_names(tmp_path):
    long = "1.2.840." + "9" * 40
    tree(tmp_path, f"CT/{long}.png", f"MRI/{long}.png", "CT/Ünïcode 2.png", "MRI/Ünïcode 2.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/CT/\xff.png")).touch()
    found = find_pairs(tmp_path)
    assert len(paired(found)) == 2
    assert found["slice"].isna().sum() == 2
    assert r"CT/\udcff.png" in status(found)
    found.to_csv(tmp_path / "out.csv")


def test_no_image_is_opened(tmp_path):
    tree(tmp_path, *(f"{m}/{i}.png" for m in ("CT", "MRI") for i in range(20)))
    for path in tmp_path.rglob("*.png"):
        path.chmod(0)
    opened = []

    def hook(event, args):
        if event == "open" and str(args[0]).startswith(str(tmp_path)):
            opened.append(args[0])

    sys.addaudithook(hook)
    assert len(find_pairs(tmp_path)) == 20
    assert opened == []


def test_paths_are_relative(tmp_path):
    found = find_pairs(tree(tmp_path / "secret", "a/CT/1.png", "a/MRI/1.png", "a/MRI/x.txt"))
    assert "secret" not in str(found.to_dict()) + str(found.attrs)
    assert isinstance(found, pd.DataFrame)


@pytest.mark.parametrize(
    ("name", "arguments", "layout", "pairs"),
    [
        ("brain_pairs", {"patient": r"^(case\d+)"}, "two folders", 95),
        ("kaggle_layout", {}, "cyclegan", None),
        ("volumes", {}, "one modality", 0),
    ],
)
def test_real_folders(name, arguments, layout, pairs):
    if not (DATA / name).exists():
        pytest.skip("no real images at hand")
    found = find_pairs(DATA / name, **arguments)
    assert found.attrs["layout"] == layout
    assert pairs is None or len(paired(found)) == pairs
    files = sum(p.suffix in (".png", ".jpg", ".gz") for p in (DATA / name).rglob("*"))
    assert found["ct"].notna().sum() + found["mri"].notna().sum() == files
    if name == "brain_pairs":
        assert found["patient"].nunique() == 5
