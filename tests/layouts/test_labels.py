"""Labels files as people and spreadsheets write them: read as meant, or refused with the reason."""

from __future__ import annotations

import unicodedata
import warnings

import numpy as np
import pytest

from ctmri_detect.datasets import load_pairs
from ctmri_detect.exceptions import DataLoadingError, LabelsWarning, SkippedFilesWarning

BOM = "\ufeff"


@pytest.fixture
def folder(tmp_path):
    """Pairs 1, 2 and 3; number 2 is the one with a lesion in all tables here."""
    for plane in ("CT", "MRI"):
        (tmp_path / plane).mkdir()
        for i in (1, 2, 3):
            image = np.random.default_rng(i).integers(0, 255, (8, 8)).astype(np.uint8)
            np.save(tmp_path / plane / f"{i}.npy", image)
    return tmp_path


def load(folder, text, encoding="utf-8", **parameters):
    (folder / "labels.csv").write_bytes(text.encode(encoding))
    return load_pairs(folder, labels="labels.csv", **parameters)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("file,lesion\n1,0\n2,1\n3,0\n", "utf-8"),
        ("file, lesion\n1, 0\n2, 1\n3, 0\n", "utf-8"),
        (" File ,Lesion\n1,0\n2,1\n3,0\n", "utf-8"),
        ("FILE,LESION\r\n1,FALSE\r\n2,TRUE\r\n3,FALSE\r\n", "utf-8"),
        ("file,Label\n1,1\n2,-1\n3,+1\n", "utf-8"),
        ("file;Target \n1;1\n2;-1\n3;1\n", "utf-8"),
        (BOM + "file,lesion\n1,0\n2,1\n3,0\n", "utf-8"),
        (BOM + "file\tlesion\r\n1\t0\r\n2\t1\r\n3\t0\r\n", "utf-16-le"),
        ("\n\nfile\tlesion\n1\t0\n\n2\t1\n3\t0\n\t\n", "utf-8"),
        ('"file";" lesion"\n"1";"0"\n"2";"1"\n"3";"0"\n', "utf-8"),
        (BOM + '"file","lesion","note"\n"1","0","a, b"\n"2","1",""\n"3","0","c"\n', "utf-8"),
        ("file,lesion,\n1,0,\n2,1,\n3,0,\n", "utf-8"),
        ("file,lesion\n1,0,\n2,1,\n3,0,\n", "utf-8"),  # only the rows end with a comma
        ("file,les\u200bion,lesion\u00a0\n1,x,0\n2,x,1\n3,x,0\n", "utf-8"),
        ("lesion,spacing,file\n0,1,./CT/1.NPY\n1,1,CT\\2.png\n0,1,/old/place/MRI/3.npy\n", "utf-8"),
        ("file,lesion,label\n1,0,\n2,1,bleeding\n3,0,none\n", "utf-8"),  # a label in words
        ("file,lesion,target\n1,0,1\n2,1,-1\n3,0,1\n", "utf-8"),
        ("file,label\n1,normal\n2,Abnormal\n3,healthy\n", "utf-8"),
        ("file,target\n1,Normal \n2,anomalous\n3,1\n", "utf-8"),
        ("file,lesion\n1,no\n2,Yes\n3,false\n", "utf-8"),
        ("file,lesion,label\n1,0,normal\n2,1,bleeding\n3,0,normal\n", "utf-8"),
        ("file,lesion,label\n1,0,normal\n2,1,abnormal\n3,0,normal\n", "utf-8"),
    ],
)
def test_a_table_is_read_as_it_is_meant(text, encoding, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = load(folder, text, encoding)
    assert pairs.frame["ct"].tolist() == ["CT/1.npy", "CT/2.npy", "CT/3.npy"]
    assert pairs.target.tolist() == [1, -1, 1]
    assert pairs.skipped == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,lesions\n1,0\n2,1\n3,0\n", r"columns \['file', 'lesions'\], none of them with lab"),
        ("file,has_lesion,slice\n1,0,1\n", r"'has_lesion', 'slice'\], none of.*named 'lesion'"),
        ("file;slice\n1;0\n", r"columns \['file', 'slice'\], none of them with labels"),
        ("path,lesion\n1,0\n", r"columns \['path', 'lesion'\]; expected one named 'file'"),
        ("1,0\n2,1\n", r"columns \['1', '0'\]; expected one named 'file'"),
        ("file,Lesion,lesion \n1,0,1\n", r"2 columns for 'lesion': \['Lesion', 'lesion'\]"),
        ("file,File,lesion\n1,2,0\n", r"2 columns for 'file': \['file', 'File'\]"),
        ("file,lesion,target\n1,0,1\n2,1,1\n3,0,1\n", r"contradict.*1 rows, such as that of '2'"),
        ("file,lesion,label\n1,0,0\n2,1,1\n3,0,0\n", r"'label' holds 0, 1; expected \+1"),
        ("file,lesion\n1,0\n2,maybe\n3,0\n", "'lesion' holds 0, maybe; expected 1, true or yes"),
        ("file,label\n1,normal\n2,tumour\n3,normal\n", "holds normal, tumour; .*column 'kind'"),
        ("file,lesion,label\n1,0,normal\n2,1,normal\n3,0,normal\n", r"contradict.* that of '2'"),
        ("file,lesion\n1,0\n2,\n3,0\n", "'lesion' holds 0, None; expected"),
        ("file,lesion\n1,0,5,6\n", "can't be read .*more cells than the header"),
        ("", r"can't be read \(it is empty\)"),
        ("file,lesion\n1,0\n1,0\n", "names CT/1.npy more than once"),
        ("file,lesion\n1,0\nCT/1.npy,1\n", "more than once, such as '1' and 'CT/1.npy'"),
        ("file,lesion\nCT/1.npy,0\nMRI/1.npy,0\n", "more than once"),
        ("file,lesion,spacing\n1,0,0.5\n2,1,wide\n", "'spacing' holds 'wide'; expected numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore::ctmri_detect.exceptions.SkippedFilesWarning")
def test_what_fits_twice_or_not_at_all_is_refused(text, message, folder):
    with pytest.raises(DataLoadingError, match=message):
        load(folder, text)


def test_a_table_that_is_no_text_is_refused(folder):
    with pytest.raises(DataLoadingError, match=r"can't be read .*expected a csv \(UTF-8\)"):
        load(folder, "file,lesion\nMüller,1\n", "latin-1")


def test_rows_without_a_pair_are_told(folder):
    with pytest.warns(SkippedFilesWarning, match="2 of its 5 rows fit no pair, such as '2.5'"):
        pairs = load(folder, "file,lesion\n1,0\n2.5,1\nCT/3,0\ngone.npy,1\n2,1\n")
    assert pairs.target.tolist() == [1, -1, 1]  # 2.5 is not 2 with an ending
    assert pairs.skipped == [("labels.csv", "2 of its 5 rows fit no pair, such as '2.5'")]


def test_patients_by_any_spelling_of_their_column(folder):
    text = "file;Patient ID ;spacing;Sequence\n1;007;0,5;T2w\n2;01;0,5;t2\n3;01;;T2\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = load(folder, text, patient="patient id")
    assert (pairs.target, pairs.groups.tolist()) == (None, ["007", "01", "01"])
    assert pairs.frame["sequence"].tolist() == ["t2"] * 3
    np.testing.assert_array_equal(pairs.frame["spacing"], [0.5, 0.5, np.nan])


def test_patients_without_labels_among_other_columns_are_warned_of(folder):
    with pytest.warns(LabelsWarning, match=r"'who', 'abnormal'\], none of.*target is None"):
        pairs = load(folder, "file,who,abnormal\n1,a,0\n2,b,1\n3,b,0\n", patient="who")
    assert pairs.target is None
    with pytest.raises(DataLoadingError, match="no patient for 2"):
        load(folder, "file,who,lesion\n1,a,0\n2,NA,1\n3,b,0\n", patient="who")


def test_labels_find_their_files_however_accents_are_written(tmp_path):
    composed, decomposed = (unicodedata.normalize(f, "José\u00a01") for f in ("NFC", "NFD"))
    for plane in ("CT", "MRI"):
        (tmp_path / plane).mkdir()
        for i, name in enumerate((decomposed, "b")):
            image = np.random.default_rng(i).normal(size=(8, 8))
            np.save(tmp_path / plane / f"{name}.npy", image)
    table = tmp_path / "labels.csv"
    table.write_text(f"file,lesion,who\n{composed},1,{composed}\nB.NPY,0,b\n", encoding="utf-8")
    pairs = load_pairs(tmp_path, labels=table, patient="who")
    assert pairs.target.tolist() == [1, -1]
    assert pairs.frame["ct"].tolist() == ["CT/b.npy", f"CT/{decomposed}.npy"]
    assert pairs.groups.tolist() == ["b", composed.replace("\u00a0", " ")]
