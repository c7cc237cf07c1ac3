"""Names of people and visits that read as a modality or a sequence, BIDS, Unicode."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from trees import tree

from ctmri_detect.datasets import find_pairs, load_volume_pairs
from ctmri_detect.exceptions import DataLoadingError, SkippedFilesWarning


def pairs_of(folder, files, **parameters):
    """CT, MRI, patient and sequence of the pairs; every file has a row."""
    found = find_pairs(tree(folder, *files), **parameters)
    names = {*found["ct"].dropna(), *found["mri"].dropna()}
    names |= {status.partition(": ")[0] for status in found["status"]}
    assert names >= set(files)
    paired = found[found["status"] == "paired"]
    rows = paired[["ct", "mri", "patient", "sequence"]].to_numpy().tolist()
    return [tuple(None if cell != cell else cell for cell in row) for row in rows]


@pytest.mark.parametrize(
    "files",
    [
        "PD01/CT/1.png MR01/MRI/1.png",
        "CT01/CT/1.png MR01/MRI/1.png",
        "CT/CT01/1.png MRI/MR01/1.png",
        "CT/PD01/1.png MRI/MR01/1.png",
        "PD01/ct_1.png MR01/mri_1.png",
        "PD01/ct.nii.gz MR01/mr.nii.gz",
        "MR_Smith/CT/1.png Smith/MRI/1.png",
        "MR_Smith/MRI/1.png Smith/CT/1.png",
        "patientMR/CT/1.png patient/MRI/1.png",
        "PD01_CT/1.png MR01_MRI/1.png",
        "PD01_ct_1.png MR01_mri_1.png",
        "CT01_ct_1.png MR01_mri_1.png",
        "CT/PD01_1.png MRI/MR01_1.png",
        "CT/PD01_i1.png MRI/CT01_s1.png",
        "sub-PD01_ct.nii.gz sub-MR01_T1w.nii.gz",
        "sub-01_ses-T1_ct.nii.gz sub-01_ses-T2_T1w.nii.gz",
        "p1/T1/CT/1.png p1/T2/MRI/1.png",
        "CT/T1/1.png MRI/T2/1.png",
    ],
)
def test_two_people_or_visits_are_no_pair(files, tmp_path):
    assert pairs_of(tmp_path, files.split()) == []


PEOPLE = ["PD01", "CT01", "MR01", "mri_7", "CTA01", "T2-03", "MR_Smith"]
LAYOUTS = [
    "{0}/CT/5.png {0}/MRI/5.png",
    "{0}/ct_5.png {0}/mri_5.png",
    "CT/{0}/5.png MRI/{0}/5.png",
    "train/{0}/CT/5.png train/{0}/MRI/5.png",
    "CT/{0}_5.png MRI/{0}_5.png",
    "CT/{0}.png MRI/{0}.png",
    "ct/{0}/5.png MRI/{1}/5.png",
    "{0}/ct.nii.gz {0}/mr.nii.gz",
    "sub-{2}/CT/5.png sub-{2}/MRI/5.png",
]
CASES = [(who, layout) for who in PEOPLE for layout in LAYOUTS]
CASES += [(who, "{0}_CT/5.png {0}_MRI/5.png") for who in PEOPLE[:-1]]
CASES += [(who, "{0}_ct_5.png {0}_mri_5.png") for who in PEOPLE[:-1]]


@pytest.mark.parametrize(("name", "layout"), CASES)
def test_a_name_says_neither_modality_nor_sequence(name, layout, tmp_path):
    other = "AB99"
    files = [
        file.format(who, who.lower(), who.replace("_", "").replace("-", ""))
        for who in (name, other)
        for file in layout.split()
    ]
    found = {(ct, mri): sequence for ct, mri, _, sequence in pairs_of(tmp_path, files)}
    assert found == {tuple(files[:2]): None, tuple(files[2:]): None}


def test_patients_are_called_as_their_folders(tmp_path):
    names = ("PD01", "CT01", "MR01", "MR02")
    files = [f"{name}/{plane}/1.png" for name in names for plane in ("CT", "MRI")]
    found = pairs_of(tmp_path, files)
    assert sorted(patient for _, _, patient, _ in found) == sorted(names)
    found = pairs_of(tmp_path, files, patient=r"^(\w+?)\d")
    assert {patient for _, _, patient, _ in found} == {"PD", "CT", "MR"}


@pytest.mark.parametrize(
    ("files", "sequence"),
    [
        ("ct1/7.png mr1/7.png", None),
        ("case1_ct/7.png Case1_MRI/7.png", None),
        ("case1_ct/7.png case1_t2/7.png", "t2"),
        ("x/CT-1/7.png x/T2-1/7.png", "t2"),
        ("CT01/ct_7.png MR01/mr_7.png", None),
        ("CT/anna_ct/7.png MRI/anna_mr/7.png", None),
        ("CT_images/CT_train/7.png MRI_images/MRI_train/7.png", None),
        ("CT12.png MR12_FLAIR.png", "flair"),
        ("PD/p1/CT/7.png PD/p1/T2/7.png", "t2"),
    ],
)
def test_one_name_beside_the_modality_is_one_patient(files, sequence, tmp_path):
    files = files.split()
    assert [(ct, mri, seq) for ct, mri, _, seq in pairs_of(tmp_path, files)] == [(*files, sequence)]


def test_one_person_whose_name_is_told_makes_all_beside_it_names(tmp_path):
    """Only PD01 has both; CT02 and MR02 could be one patient's CT and MRI by themselves."""
    files = ["PD01/ct_1.png", "PD01/mri_1.png", "CT02/ct_1.png", "MR02/mri_1.png"]
    found = pairs_of(tmp_path, files)
    assert [pair[:2] for pair in found] == [("PD01/ct_1.png", "PD01/mri_1.png")]


def test_a_name_with_ct_and_mri_is_not_guessed(tmp_path):
    """A CT registered to the MRI is no MRI, and no partner of another CT."""
    files = ["p1/ct12_to_mri.nii.gz", "p1/ct.nii.gz"]
    assert pairs_of(tmp_path, files) == []


@pytest.mark.parametrize(
    ("ct", "mri", "sequence"),
    [
        ("sub-PD01/ct/sub-PD01_ct", "sub-PD01/anat/sub-PD01_T1w", "t1"),
        ("sub-CT01/ct/sub-CT01_ct", "sub-CT01/anat/sub-CT01_T2w", "t2"),
        ("SUB-PD01_ct", "SUB-PD01_FLAIR", "flair"),
        ("sub-01/ses-T2/ct/sub-01_ses-T2_ct", "sub-01/ses-T2/anat/sub-01_ses-T2_T1w", "t1"),
        ("sub-1/ses-preCT/ct/sub-1_ses-preCT_ct", "sub-1/ses-preCT/anat/sub-1_ses-preCT_PDw", "pd"),
        ("sub-1/ses-ct/sub-1_ses-ct_ct", "sub-1/ses-mri/sub-1_ses-mri_T1w", "t1"),
        ("sub-01_rec-T1_ct", "sub-01_acq-postCT_rec-PD_T1w", "t1"),
        ("sub-01_space-T2w_ct", "sub-01_T2starw", "swi"),
        ("sub-01_ct", "sub-01_ce-gd_T1w", "t1ce"),
        ("sub-T1/ct", "sub-T1/flair", "flair"),
    ],
)
def test_the_suffix_alone_tells_the_sequence_in_bids(ct, mri, sequence, tmp_path):
    files = [f"{ct}.nii.gz", f"{mri}.nii.gz"]
    (pair,) = pairs_of(tmp_path, files)
    assert pair == (*files, ct.replace("/", "_").split("_")[0], sequence)
    assert len(pairs_of(tmp_path, files, sequence=sequence)) == 1


def test_bids_files_that_are_neither_stay_aside(tmp_path):
    files = ["sub-CT01/func/sub-CT01_bold.nii.gz", "sub-CT01/ct/sub-CT01_ct.nii.gz"]
    found = find_pairs(tree(tmp_path, *files))
    assert found["ct"].dropna().tolist() == [files[1]]


def forms(name):
    return [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]


def test_names_pair_however_accents_and_spaces_are_written(tmp_path):
    """macOS decomposes names, spreadsheets and web pages bring other spaces."""
    composed, decomposed = forms("José")
    files = [f"CT/{composed}_1.png", f"MRI/{decomposed}_1.png"]
    files += ["CT/Li\u00a0Na/1.png", "MRI/Li Na/1.png", "CT/李\u3000娜.png", "MRI/李 娜.png"]
    joined = "\u0645\u06cc\u200c\u0646"  # Persian needs the joiner
    files += [f"CT/{joined}.png", f"MRI/{joined}.png"]
    found = pairs_of(tmp_path, files)
    assert {pair[:2] for pair in found} == set(zip(files[::2], files[1::2], strict=True))


def test_a_patient_is_one_however_the_name_is_written(tmp_path):
    composed, decomposed = forms("Zoë-1")
    files = [
        f"{who}/{set_}/{plane}/1.png"
        for who, set_ in ((composed, "a"), (decomposed, "b"), (decomposed.upper(), "c"))
        for plane in ("CT", "MRI")
    ]
    found = pairs_of(tmp_path, files, patient="^(Zoe\u0308-1|ZOË-1)")
    assert {patient for _, _, patient, _ in found} == {composed}
    assert len(found) == 3


def test_two_files_of_one_name_are_not_chosen_between(tmp_path):
    composed, decomposed = forms("é")
    tree(tmp_path, f"CT/{composed}.png", f"CT/{decomposed}.png", f"MRI/{composed}.png")
    with pytest.raises(DataLoadingError, match="2 CT and 1 MRI fit each other"):
        find_pairs(tmp_path)


def test_a_name_that_breaks_lines_is_put_aside(tmp_path):
    found = find_pairs(tree(tmp_path, "CT/1.png", "MRI/1.png", "CT/a\nb.png", "CT/a\u2028b.png"))
    assert found["status"].str.contains("no readable text").sum() == 2


def test_a_volume_that_is_neither_ct_nor_mri_is_named(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    values = np.pad(np.full((30, 30, 2), 35.0), ((5, 5), (5, 5), (0, 0)))
    for name in tree(tmp_path, "p1/ct.nii", "p1/mr.nii", "p1/sub-1_bold.nii").rglob("*.nii"):
        nibabel.save(nibabel.Nifti1Image(values, np.diag([4, 4, 4, 1])), name)
    with pytest.warns(SkippedFilesWarning, match=r"p1/sub-1_bold\.nii: its name says neither"):
        pairs = load_volume_pairs(tmp_path)
    assert pairs.skipped == [("p1/sub-1_bold.nii", "its name says neither CT nor MRI")]
