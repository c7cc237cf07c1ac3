"""Pseudonyms of DICOM patients, the table that leads back, and one ID for two people."""

from __future__ import annotations

import csv
import os
import pickle
import stat
import subprocess
import sys
import warnings

import pytest

pytest.importorskip("nibabel")
pytest.importorskip("pydicom")
from dicom_heads import load, pair

from ctmri_detect.datasets import load_volume_pairs, pseudonym, write_pseudonyms
from ctmri_detect.exceptions import DataLoadingError, IdentityWarning

TAKEN = "from ctmri_detect.datasets import pseudonym; print(pseudonym('MRN1', 'k', issuer='H'))"


def _set(**tags):
    def change(data, k):
        for tag, value in tags.items():
            setattr(data, tag, value)
        return data

    return {"change": change}


def test_another_process_gives_the_same_name():
    found = subprocess.run(
        [sys.executable, "-c", TAKEN], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C"},
    )  # fmt: skip
    assert found.stdout.strip() == pseudonym(" MRN1 ", b"k", issuer="H")
    assert pseudonym("MRN1", "k") != pseudonym("MRN1", "l") != pseudonym("MRN1")


@pytest.mark.parametrize(
    ("key", "message"), [(3, "of type int"), ("", "0 bytes"), ("x" * 65, "65")]
)
def test_a_bad_key_is_refused_and_not_told(key, message):
    with pytest.raises(ValueError, match=message) as raised:
        pseudonym("MRN1", key)
    assert "xxx" not in str(raised.value)


def test_the_table_leads_back_to_the_patients(tmp_path):
    scans = tmp_path / "scans"
    for who in ("MRN2", "MRN1"):
        pair(scans, who, ct=_set(IssuerOfPatientID="H"), mri=_set(IssuerOfPatientID="H"))
    (scans / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x99" * 300)
    path = write_pseudonyms(scans, tmp_path / "who.csv", key="mine")
    with path.open(newline="") as file:
        rows = {
            row["pseudonym"]: (row["patient_id"], row["issuer"]) for row in csv.DictReader(file)
        }
    groups = set(load(scans, key="mine").groups)
    assert set(rows) == groups
    assert sorted(rows.values()) == [("MRN1", "H"), ("MRN2", "H")]
    assert all(
        pseudonym(who, "mine", issuer=issuer) == name for name, (who, issuer) in rows.items()
    )
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError, match=r"who\.csv exists"):
        write_pseudonyms(scans, path, key="mine")


def test_the_table_names_what_patient_finds(tmp_path):
    pair(tmp_path / "scans", "case7")
    path = write_pseudonyms(tmp_path / "scans", tmp_path / "who.csv", patient=r"case(\d+)")
    assert path.read_text().splitlines()[1:] == [f"{pseudonym('7')},7,"]


@pytest.mark.parametrize("result", ["scores.csv", "report.html", "store.json"])
def test_no_table_among_results(tmp_path, result):
    pair(tmp_path / "scans")
    (tmp_path / "out" / "below").mkdir(parents=True)
    (tmp_path / "out" / result).write_text("")
    for folder in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(ValueError, match="would lie among results"):
            write_pseudonyms(tmp_path / "scans", folder / "who.csv")
        assert not (folder / "who.csv").exists()


def test_a_table_of_nobody(tmp_path):
    with pytest.raises(DataLoadingError, match="No DICOM file of a patient"):
        write_pseudonyms(tmp_path, tmp_path / "who.csv")
    with pytest.raises(DataLoadingError, match="no folder 'nowhere'"):
        write_pseudonyms(tmp_path / "nowhere", tmp_path / "who.csv")
    assert list(tmp_path.iterdir()) == []


BORN = "19391224"
TWO = {
    "sex": ({"PatientSex": "F"}, {"PatientSex": "M"}, "PatientSex"),
    "birth date": ({"PatientBirthDate": BORN}, {}, "PatientBirthDate"),
    "both": (
        {"PatientBirthDate": BORN, "PatientSex": "F"},
        {"PatientSex": "M"},
        "PatientSex and PatientBirthDate",
    ),
}


@pytest.mark.parametrize("kind", TWO)
def test_one_id_for_two_people(tmp_path, kind):
    ct, mri, tags = TWO[kind]
    pair(tmp_path, "MRN1", ct=_set(**ct), mri=_set(**mri))
    pair(tmp_path, "MRN2")
    with pytest.warns(IdentityWarning, match=rf"In 1 of 2 pairs .*/ct \({tags}\)") as caught:
        pairs = load_volume_pairs(tmp_path)
    text = " ".join(str(one.message) for one in caught)
    assert BORN not in text + repr(dict(pairs))
    assert "19560401" not in text
    assert "MRN1" not in text
    stored = pickle.dumps(dict(pairs))
    assert BORN.encode() not in stored
    assert b"PatientBirthDate" not in stored


SAME = {
    "the same": ({"PatientSex": "F"}, {"PatientSex": "F "}),
    "one is silent": ({"PatientSex": "F"}, {"PatientSex": ""}),
    "other": ({"PatientSex": "F"}, {"PatientSex": "O"}),
    "dots": ({"PatientBirthDate": "1956.04.01"}, {}),
    "damaged date": ({"PatientBirthDate": "1"}, {}),
    "no date": ({"PatientBirthDate": ""}, {}),
}


@pytest.mark.parametrize("kind", SAME)
def test_what_says_nothing_is_no_other_person(tmp_path, kind):
    ct, mri = SAME[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pair(tmp_path, ct=_set(**ct), mri=_set(**mri))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_volume_pairs(tmp_path)
