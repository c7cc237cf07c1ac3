"""Several sequences of one head, or one modality alone, found by names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ctmri_detect.datasets import find_pairs
from ctmri_detect.exceptions import DataLoadingError


def _touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def _rows(found, *columns):
    return found[list(columns)].astype(object).where(found[list(columns)].notna(), None).to_numpy()


def test_several_sequences_are_a_column_each(tmp_path):
    _touch(tmp_path, "ct/p1_1.png", "t1/p1_1.png", "flair/p1_1.png", "ct/p1_2.png", "t1/p1_2.png")
    found = find_pairs(tmp_path, sequence=("t1", "flair"))
    assert list(found)[:4] == ["ct", "t1", "flair", "patient"]
    assert found["status"].tolist() == ["paired", "lacks FLAIR"]
    assert _rows(found, "ct", "t1", "flair").tolist() == [
        ["ct/p1_1.png", "t1/p1_1.png", "flair/p1_1.png"],
        ["ct/p1_2.png", "t1/p1_2.png", None],
    ]


def test_images_of_one_head_meet_whatever_round_joins_them(tmp_path):
    """CT and T1 have one stem, the FLAIR only the same number."""
    names = [f"{plane}/s_{i}.png" for i in (1, 2) for plane in ("ct", "t1")]
    _touch(tmp_path, *names, "flair/flair_1.png", "flair/flair_2.png")
    found = find_pairs(tmp_path, sequence=("t1", "flair"))
    assert found["status"].tolist() == ["paired", "paired"]
    assert found["flair"].tolist() == ["flair/flair_1.png", "flair/flair_2.png"]


def test_a_head_without_ct_is_a_sample_of_what_it_has(tmp_path):
    _touch(tmp_path, "p1/ct.nii.gz", "p1/t1.nii.gz", "p2/t1.nii.gz", "p2/flair.nii.gz")
    found = find_pairs(tmp_path, sequence=("t1", "flair"))
    assert found["status"].tolist() == ["lacks FLAIR", "lacks CT"]
    assert found["patient"].tolist() == ["p1", "p2"]


def test_what_fits_twice_is_left_alone_and_the_rest_is_not_torn_apart(tmp_path):
    """The CT and T1 of p2 have one stem; which FLAIR is theirs nobody can say."""
    _touch(tmp_path, "p1/ct_1.png", "p1/t1_1.png", "p1/flair_1.png", "p1/flair-1.png")
    _touch(tmp_path, "p2/ct/1.png", "p2/t1/1.png", "p2/flair/flair_1.png", "p2/flair/flair-1.png")
    found = find_pairs(tmp_path, sequence=("t1", "flair"))
    left = found[found["status"].str.contains("fit each other")]
    assert len(left) == 6  # nothing is chosen by chance
    assert "1 CT and 2 FLAIR and 1 T1" in left["status"].iloc[0]
    kept = found.drop(left.index)
    assert _rows(kept, "ct", "t1", "flair").tolist() == [["p2/ct/1.png", "p2/t1/1.png", None]]


@pytest.mark.parametrize(
    "names",
    [
        [f"BraTS20_Training_{n}/BraTS20_Training_{n}_{{}}.nii" for n in ("001", "002")],
        [f"BraTS-GLI-{n}-000/BraTS-GLI-{n}-000-{{}}.nii.gz" for n in ("00000", "00003")],
    ],
)
def test_brats_folders(names, tmp_path):
    old = "Training" in names[0]
    words = ("t1", "t1ce", "t2", "flair") if old else ("t1n", "t1c", "t2w", "t2f")
    _touch(tmp_path, *(name.format(word) for name in names for word in (*words, "seg")))
    found = find_pairs(tmp_path, sequence=("t1", "t1ce", "t2", "flair"), modality="mri")
    assert list(found)[:5] == ["t1", "t1ce", "t2", "flair", "patient"]
    assert found["status"].tolist() == ["paired", "paired"]
    assert found["patient"].tolist() == [name.split("/")[0].removesuffix("-000") for name in names]
    assert found.loc[0, "flair"] == names[0].format(words[3])
    with pytest.raises(DataLoadingError, match=r"sequence=\('flair', 't1', 't1ce', 't2'\)"):
        find_pairs(tmp_path, modality="mri")


def test_two_visits_of_brats_are_one_patient(tmp_path):
    _touch(tmp_path, *(f"BraTS-GLI-00001-00{n}/BraTS-GLI-00001-00{n}-t1n.nii.gz" for n in (0, 1)))
    found = find_pairs(tmp_path, sequence="t1", modality="mri")
    assert found["patient"].tolist() == ["BraTS-GLI-00001"] * 2


@pytest.mark.parametrize("modality", ["ct", "mri"])
def test_one_modality_needs_no_partner(modality, tmp_path):
    _touch(tmp_path, "trainA/ct1.png", "trainA/ct2.png", "trainB/mri1.jpg", "trainB/mri9.jpg")
    found = find_pairs(tmp_path, modality=modality)
    assert list(found)[:2] == [modality, "patient"]
    assert found["status"].tolist() == ["alone", "alone"]
    assert all(modality in path for path in found[modality])


def test_a_folder_without_what_is_asked_for_says_what_it_has(tmp_path):
    _touch(tmp_path, "T1/1.png", "T1/2.png")
    with pytest.raises(DataLoadingError, match=r"holds no CT; it has T1 \(2 files\)"):
        find_pairs(tmp_path, modality="ct")
    with pytest.raises(DataLoadingError, match=r"sequence=.flair.*found: t1"):
        find_pairs(tmp_path, modality="mri", sequence=("t1", "flair"))
    _touch(tmp_path, "FLAIR/1.png")
    with pytest.raises(DataLoadingError, match=r"holds no CT.*modality='mri'"):
        find_pairs(tmp_path, sequence=("t1", "flair"))
    assert len(find_pairs(tmp_path, modality="mri", sequence=("t1", "flair"))) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"modality": "pet"}, "modality is 'pet'"),
        ({"sequence": ()}, "sequence is empty"),
        ({"sequence": ("t1", "T1W")}, "twice"),
        ({"sequence": "t1", "modality": "ct"}, "no sequence with the CT alone"),
        ({"sequence": ("t1", "abc")}, "'abc'"),
    ],
)
def test_bad_planes(given, said, tmp_path):
    _touch(tmp_path, "CT/1.png", "MRI/1.png")
    with pytest.raises(ValueError, match=said):
        find_pairs(tmp_path, **given)


def test_names_that_say_nothing_are_what_is_asked_for(tmp_path):
    _touch(tmp_path, "a_1.png", "a_2.png", "mask/a_1.png")
    found = find_pairs(tmp_path, modality="ct")
    assert found["ct"].tolist() == ["a_1.png", "a_2.png"]
    assert any("all 2 images are taken for CT" in note for note in found.attrs["notes"])
    with pytest.raises(DataLoadingError, match="don't tell CT from MRI"):
        find_pairs(tmp_path)
    _touch(tmp_path, "CT/b_1.png")  # now a name says what is CT
    assert find_pairs(tmp_path, modality="ct")["ct"].dropna().tolist() == ["CT/b_1.png"]


def documented():
    page = (Path(__file__).parents[2] / "docs" / "layouts.md").read_text(encoding="utf-8")
    table = page.split("| `sequence` | `modality` |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


@pytest.mark.parametrize(("sequence", "modality", "files", "planes"), documented())
def test_documented_samples(sequence, modality, files, planes, tmp_path):
    names = re.findall("`([^`]+)`", files)
    asked = tuple(sequence.strip("`").split(",")) if sequence else None
    _touch(tmp_path, *names)
    for name in asked or ():  # each has to be somewhere in the folder
        _touch(tmp_path, f"other/{name}/9.{names[0].partition('.')[2]}")
    asked = asked[0] if asked and len(asked) == 1 else asked
    found = find_pairs(tmp_path, sequence=asked, modality=modality.strip("`") or "both")
    found = found[found["status"].str.match("paired|lacks |alone")]
    columns = list(found)[: list(found).index("patient")]
    (row,) = found[found[columns].isin(names).any(axis=1)][columns].to_numpy().tolist()
    there = [name.upper() for name, file in zip(columns, row, strict=True) if file in names]
    assert ", ".join(there) == planes
