"""DICOM series as pairs: places, Hounsfield units, choices, hostile files, privacy."""

from __future__ import annotations

import re
import shutil
import warnings

import numpy as np
import pytest

from ctmri_detect.datasets import find_pairs, pseudonym
from ctmri_detect.datasets.volumes import load_volume_pairs
from ctmri_detect.exceptions import (
    MixedDataWarning,
    PrivacyWarning,
    SkippedFilesWarning,
    UnitsWarning,
    UnpairedDataWarning,
)
from ctmri_detect.inspection import describe_pairs
from ctmri_detect.io.volumes.dicom_sequence import sequence_of

pytest.importorskip("nibabel")
pydicom = pytest.importorskip("pydicom")
from dicom_heads import BALL, SHAPE, N, ball, load, pair, reasons, series  # noqa: E402
from pydicom.dataset import FileMetaDataset  # noqa: E402
from pydicom.uid import JPEGLSLossless, RLELossless, generate_uid  # noqa: E402

SECRETS = ("doe", "jane", "mrn12345", "19560401", "acc777", "craniotomy")
EXPECTED = [(BALL[2] + 27.5) / 5, (BALL[1] + 79) / 2, (BALL[0] + 63) / 2]
ORIENTATIONS = {
    "axial": {},
    "feet first": {"axes": ([-1, 0, 0], [0, 1, 0])},
    "upside down": {"axes": ([-1, 0, 0], [0, -1, 0])},
    "sagittal": {"axes": ([0, 1, 0], [0, 0, -1]), "n": 24},
    "coronal": {"axes": ([1, 0, 0], [0, 0, -1]), "n": 36},
    "oblique": {"axes": ([1, 0, 0], [0, np.cos(0.3), np.sin(0.3)]), "n": 20},
    "tilted gantry": {"shear": 1.5},
}


@pytest.mark.parametrize("mri", ORIENTATIONS)
def test_a_point_lies_at_one_pixel_however_it_was_scanned(tmp_path, mri):
    pair(tmp_path, mri=ORIENTATIONS[mri])
    pairs = load_volume_pairs(tmp_path, skip_empty=False)
    np.testing.assert_allclose(ball(pairs), [EXPECTED] * 2, atol=0.7)
    assert pairs.data.shape == (N, 2, *SHAPE)
    assert pairs.paired is pairs.pairing.paired  # the images are asked


@pytest.mark.parametrize("ct", ["feet first", "upside down", "tilted gantry"])
def test_the_ct_is_turned_to_a_radiological_print(tmp_path, ct):
    pair(tmp_path, ct=ORIENTATIONS[ct])
    found = ball(load_volume_pairs(tmp_path, skip_empty=False))
    np.testing.assert_allclose(found[0], found[1], atol=0.7)
    if ct != "tilted gantry":
        np.testing.assert_allclose(found[0], EXPECTED, atol=0.4)


def test_hounsfield_units_by_the_slope_of_each_slice(tmp_path):
    def change(data, k):
        if k % 2:
            stored = np.frombuffer(data.PixelData, dtype=np.int16)
            data.PixelData = (stored * 4).astype(np.int16).tobytes()
            data.RescaleSlope = 0.25
        return data

    pair(tmp_path, ct={"change": change})
    pairs = load_volume_pairs(tmp_path, skip_empty=False)
    assert set(np.unique(pairs.data[:, 0])) == {-1000, 35, 90}
    assert pairs.ct_units == "hu"


def test_padding_is_not_observed(tmp_path):
    def change(data, k):
        stored = np.frombuffer(data.PixelData, dtype=np.int16).copy()
        stored[: SHAPE[1] * 3] = -2000
        data.PixelData = stored.tobytes()
        data.add_new("PixelPaddingValue", "SS", -2000)
        return data

    pair(tmp_path, ct={"change": change})
    pairs = load_volume_pairs(tmp_path, skip_empty=False)
    assert np.isnan(pairs.data[:, 0, :3]).all()
    assert np.isfinite(pairs.data[:, 0, 3:]).all()


def test_monochrome1_turns_the_mri_but_not_the_ct(tmp_path):
    def invert(data, k):
        stored = np.frombuffer(data.PixelData, dtype=np.int16)
        data.PixelData = (4095 - stored).astype(np.uint16).tobytes()
        data.PixelRepresentation, data.BitsStored, data.HighBit = 0, 12, 11
        data.PhotometricInterpretation = "MONOCHROME1"
        return data

    def name_only(data, k):
        data.PhotometricInterpretation = "MONOCHROME1"
        return data

    pair(tmp_path, ct={"change": name_only}, mri={"change": invert})
    pairs = load_volume_pairs(tmp_path, skip_empty=False)
    np.testing.assert_allclose(ball(pairs), [EXPECTED] * 2, atol=0.4)
    assert float(pairs.data[0, 1].min()) == 0


def test_compressed_without_loss(tmp_path):
    def compress(data, k):
        data.compress(RLELossless)
        return data

    pair(tmp_path, ct={"change": compress})
    assert set(np.unique(load(tmp_path).data[:, 0])) == {-1000, 35, 90}


def test_a_shifted_ct_is_noticed(tmp_path):
    pair(tmp_path, ct={"values": (24, 1059, 1114), "intercept": 0.0})
    with pytest.warns(UnitsWarning, match=r"HU \+ 1024"):
        assert load_volume_pairs(tmp_path).ct_units is None


def _drop(which):
    return lambda data, k: None if k in which else data


def _set(**tags):
    def change(data, k):
        for tag, value in tags.items():
            setattr(data, tag, value)
        return data

    return change


def _turn(data, k):
    if k == 4:
        data.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    return data


def _twice(data, k):
    if k == 4:
        data.ImagePositionPatient[2] = float(data.ImagePositionPatient[2]) + 5.0
    return data


def _jpeg_ls(data, k):
    data.file_meta.TransferSyntaxUID = JPEGLSLossless
    data.PixelData = pydicom.encaps.encapsulate([b"\0" * 64])
    data["PixelData"].is_undefined_length = True
    return data


def _cut(data, k):
    if k == 3:
        data.PixelData = data.PixelData[:100]
    return data


HOSTILE = {
    "one slice": ({"n": 1}, "one slice only"),
    "missing": (
        {"change": _drop({5})},
        r"slices are missing: they are 5.00 mm apart, but 10.00 mm between slices 4 and 5 "
        r"\(images 5 and",
    ),
    "double": ({"change": _twice}, "several images at one place"),
    "orientations": ({"change": _turn}, "several orientations"),
    "skewed": (
        {"change": _set(ImageOrientationPatient=[1, 0, 0, 0.7, 0.7, 0])},
        "not perpendicular",
    ),
    "no decoder": (
        {"change": _jpeg_ls},
        r"JPEG-LS Lossless.*run: pip install \"ctmri_detect\[dicom\]\"",
    ),
    "damaged pixels": ({"change": _cut}, "pixels of an image can't be read"),
    "localizer": (
        {"change": _set(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])},
        "localizer",
    ),
    "derived": (
        {"change": _set(ImageType=["DERIVED", "SECONDARY", "REFORMATTED"])},
        "derived from other images; its number in ct_series= or mri_series= takes it",
    ),
    "capture": (
        {"change": _set(SOPClassUID="1.2.840.10008.5.1.4.1.1.7")},
        r"no CT or MR image \(secondary capture",
    ),
    "enhanced": (
        {"change": _set(SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1")},
        "functional groups are missing, or not one for each frame.*convert it",
    ),
    "frames": ({"change": _set(NumberOfFrames=3)}, "several frames without functional groups"),
    "report": ({"change": _set(Modality="SR")}, "neither CT nor MR"),
    "no place": ({"change": lambda d, k: _without(d, "ImagePositionPatient")}, "position in the"),
    "no spacing": ({"change": lambda d, k: _without(d, "PixelSpacing")}, "spacing is missing"),
    "colour": ({"change": _set(SamplesPerPixel=3)}, "a colour image"),
}


def _without(data, tag):
    delattr(data, tag)
    return data


@pytest.mark.parametrize(
    ("kind", "plane"),
    [(kind, "ct") for kind in HOSTILE]
    + [(kind, "mri") for kind in ("one slice", "double", "frames")],
)
def test_a_hostile_series_is_left_out_with_a_reason(tmp_path, kind, plane):
    parameters, reason = HOSTILE[kind]
    pair(tmp_path, "GOOD1")
    pair(tmp_path, "BAD2", **{plane: parameters})
    with pytest.warns(SkippedFilesWarning):
        pairs = load_volume_pairs(tmp_path)
    assert set(pairs.groups) == {pseudonym("GOOD1")}
    text = "; ".join(f"{name}: {why}" for name, why in pairs.skipped)
    assert re.search(reason, text), text
    assert "BAD2" not in text


def test_damaged_files_among_good_ones(tmp_path):
    pair(tmp_path)
    (tmp_path / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x99" * 300)
    (tmp_path / "text.dcm").write_text("no DICOM at all")
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("left alone")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    copy = sorted((tmp_path / "MRN12345" / "ct").iterdir())[3]
    shutil.copy(copy, tmp_path / "copy.dcm")
    pairs = load(tmp_path)
    assert len(pairs.data) == N
    assert len(pairs.skipped) == 4
    assert all(name.startswith("file ") for name, _ in pairs.skipped)
    reasons = " ".join(reason for _, reason in pairs.skipped)
    assert "not readable as DICOM" in reasons
    assert "a copy of an image" in reasons


def test_names_without_an_ending_and_one_folder_for_all(tmp_path):
    pair(tmp_path / "a")
    (tmp_path / "b").mkdir()
    for i, path in enumerate(sorted((tmp_path / "a").rglob("*.dcm"))):
        path.rename(tmp_path / "b" / f"I{i}")
    shutil.rmtree(tmp_path / "a")
    assert len(load_volume_pairs(tmp_path).data) == N


def test_several_series_are_listed_and_chosen(tmp_path):
    pair(tmp_path, ct={"number": 2}, mri={"number": 5, "description": "T2 TSE"})
    series(tmp_path / "x", "MR", number=6, description="T1", values=(0, 100, 700))
    series(tmp_path / "x", "CT", number=3, n=20)
    text = reasons(tmp_path)
    assert "several CT series: 2 (12 images), 3 (20 images); choose by ct_series=" in text
    assert "several MRI series: 5 (t2, 12 images), 6 (t1, 12 images); choose by mri_series=" in text
    assert "or sequence=" in text
    assert "no MRI series known to be flair; it has 5 (t2" in reasons(tmp_path, sequence="flair")
    assert "no CT series with the number 9" in reasons(tmp_path, ct_series=9, mri_series=5)
    first = load(tmp_path, ct_series=3, sequence="T2", skip_empty=False)
    assert (len(first.data), float(np.nanmax(first.data[:, 1]))) == (20, 900)
    assert set(first.frame["sequence"]) == {"t2"}
    second = load(tmp_path, ct_series={pseudonym("MRN12345"): 2}, mri_series=6)
    assert (len(second.data), float(np.nanmax(second.data[:, 1]))) == (N, 700)
    assert "not chosen" in [reason for _, reason in second.skipped]


def test_two_series_mixed_in_one_folder_cost_one_patient_only(tmp_path):
    pair(tmp_path, "GOOD1")
    for number in (2, 3):  # their files alternate in one folder
        series(tmp_path / "BAD2", "CT", "BAD2", number=number)
    series(tmp_path / "BAD2", "MR", "BAD2", number=5)
    with pytest.warns(SkippedFilesWarning, match=r"several CT series: 2 .*choose by ct_series="):
        pairs = load_volume_pairs(tmp_path)
    assert set(pairs.groups) == {pseudonym("GOOD1")}
    chosen = load(tmp_path, ct_series={pseudonym("BAD2"): 3})
    assert set(chosen.groups) == {pseudonym("GOOD1"), pseudonym("BAD2")}


def test_a_derived_series_is_read_where_it_is_asked_for(tmp_path):
    pair(tmp_path, ct={"change": _set(ImageType=["DERIVED", "PRIMARY", "MPR"])})
    assert "no CT series" in reasons(tmp_path)
    assert len(load(tmp_path, ct_series=2).data) == N


def test_leftovers_and_mixed_sequences(tmp_path):
    pair(tmp_path, "A", mri={"description": "t1"})
    pair(tmp_path, "B", mri={"description": "flair"})
    series(tmp_path / "c", "CT", "C")
    with pytest.warns(MixedDataWarning, match="sequences"):
        pairs = load_volume_pairs(tmp_path)
    assert sorted(set(pairs.frame["sequence"])) == ["flair", "t1"]
    assert pairs.skipped == [(pseudonym("C"), "no MRI series")]


def test_frames_of_reference_that_differ(tmp_path):
    pair(tmp_path, mri={"space": generate_uid()})
    with pytest.warns(UnpairedDataWarning, match="different frames of reference"):
        load_volume_pairs(tmp_path)


def test_patients_without_an_id_or_by_their_folder(tmp_path):
    series(tmp_path / "case7" / "a", "CT", "")
    series(tmp_path / "case7" / "b", "MR", "ANON", number=3)
    assert "has no PatientID; pass patient=" in reasons(tmp_path)
    pairs = load_volume_pairs(tmp_path, patient=r"case\d+")
    assert set(pairs.groups) == {pseudonym("case7")}
    assert "matches nothing in its path" in reasons(tmp_path, patient="nobody")


def test_pseudonyms_are_stable_and_need_the_key():
    # computed once with Python's hashlib: files written by an older version stay comparable
    assert pseudonym("MRN12345", issuer="Hospital") == pseudonym("MRN12345 ", issuer=" Hospital")
    assert len(pseudonym("x")) == 14
    names = {
        pseudonym("a"),
        pseudonym("a", issuer="b"),
        pseudonym("ab"),
        pseudonym("a", key="k"),
        pseudonym("a", key="l"),
        pseudonym("a", "k", issuer="b"),
    }
    assert len(names) == 6
    assert pseudonym("MRN12345", "k", issuer="Hospital") == "sub-95c03b9751"


def test_the_frame_names_no_file(tmp_path):
    pair(tmp_path)
    frame = load_volume_pairs(tmp_path, key="mine").frame
    who = pseudonym("MRN12345", key="mine")
    assert set(frame["ct"]) == {f"{who}/ct"}
    assert set(frame["mri"]) == {f"{who}/mri"}
    assert set(frame["patient"]) == {who}


def _strings(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(key)
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)
    elif hasattr(value, "to_csv"):
        yield value.to_csv() + repr(value.attrs)
    else:
        yield repr(value) if np.ndim(value) < 2 else ""


def _harmless(texts, folder):
    for text in texts:
        assert not [secret for secret in SECRETS if secret in text.lower()], text
        assert str(folder) not in text


def test_no_person_comes_out(tmp_path, caplog, capsys):
    folder = tmp_path / "Doe_Jane" / "19560401"
    pair(folder)
    series(folder / "scout", number=1, n=2, change=_set(ImageType=["ORIGINAL", "LOCALIZER"]))
    series(folder / "burned", "MR", "B2", number=7, change=_set(BurnedInAnnotation="YES"))
    series(folder / "burned", "CT", "B2", number=8, change=_cut, space=generate_uid())
    series(folder / "b3", "MR", "MRN12345b", number=7, change=_set(BurnedInAnnotation="YES"))
    series(folder / "b3", "CT", "MRN12345b", number=8, values=(24, 1059, 1114), intercept=0.0)
    (folder / "Doe.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"Doe^Jane" * 30)
    (folder / "Doe2.dcm").write_text("Doe^Jane")
    for name, tag in (("bad1", "PatientBirthDate"), ("bad2", "PixelSpacing")):
        series(folder / name, "CT", "MRN12345", number=9, n=1, change=_set(**{tag: "1"}))
        path = next((folder / name).iterdir())
        path.write_bytes(path.read_bytes().replace(b"Doe^Jane", b"Doe\xff\xfeJan"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pairs = load_volume_pairs(folder)
    kinds = {warning.category for warning in caught}
    assert {SkippedFilesWarning, UnitsWarning, PrivacyWarning} <= kinds
    texts = [*_strings(dict(pairs)), *(str(warning.message) for warning in caught)]
    _harmless([*texts, caplog.text, *capsys.readouterr()], folder)


def test_no_person_comes_out_of_an_error(tmp_path):
    folder = tmp_path / "Doe_Jane"
    series(folder / "ct", "CT", number=2)
    series(folder / "ct", "CT", number=3, description="craniotomy")
    messages = [reasons(folder), reasons(folder / "missing_Doe".replace("Doe", "x"))]
    _harmless(messages, folder)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"ScanningSequence": "SE", "EchoTime": 12, "RepetitionTime": 500}, "t1"),
        ({"ScanningSequence": "SE", "EchoTime": 15, "RepetitionTime": 3000}, "pd"),
        ({"ScanningSequence": ["SE", "IR"], "EchoTime": 120, "InversionTime": 2500}, "flair"),
        ({"ScanningSequence": "GR", "EchoTime": 5, "RepetitionTime": 30}, None),
        ({}, None),
    ],
)
def test_sequences_by_timing(header, expected):
    assert sequence_of(header) == expected


def _forget(*, preamble=True, meta=True, implicit=False, compressed=False, little=True):
    """Files as older exports are: rewritten without what they should begin with."""

    def rewrite(path):
        data = pydicom.dcmread(path)
        if compressed:
            data.compress(RLELossless)
        del data.file_meta.TransferSyntaxUID
        if not meta:
            data.file_meta = FileMetaDataset()
        if not preamble:
            data.preamble = None
        if not little:
            data = pydicom.Dataset(data)  # one that was read may not change its byte order
            data.file_meta = FileMetaDataset()
            data.PixelData = np.frombuffer(data.PixelData, dtype="<i2").byteswap().tobytes()
        data.save_as(
            path, implicit_vr=implicit, little_endian=little, enforce_file_format=False,
            overwrite=True,
        )  # fmt: skip

    return rewrite


OLD = {
    "no transfer syntax, explicit": _forget(),
    "no transfer syntax, implicit": _forget(implicit=True),
    "no preamble": _forget(preamble=False),
    "no preamble, implicit": _forget(preamble=False, implicit=True),
    "nothing but the data set": _forget(preamble=False, meta=False),
    "nothing but a big endian data set": _forget(preamble=False, meta=False, little=False),
    "nothing but an implicit data set": _forget(preamble=False, meta=False, implicit=True),
}


@pytest.mark.parametrize("ending", [".dcm", ""])
@pytest.mark.parametrize("kind", OLD)
def test_old_exports_are_read(tmp_path, kind, ending):
    pair(tmp_path / "a")
    expected = load(tmp_path / "a")
    for path in (tmp_path / "a").rglob("*.dcm"):
        OLD[kind](path)
        path.rename(path.with_suffix(ending))
    assert find_pairs(tmp_path / "a").attrs["kind"] == "dicom"
    pairs = load_volume_pairs(tmp_path / "a")
    np.testing.assert_array_equal(pairs.data, expected.data)
    assert pairs.skipped == []
    assert len(describe_pairs(tmp_path / "a").files) == 2


def test_compressed_pixels_need_their_transfer_syntax(tmp_path):
    pair(tmp_path)
    for path in tmp_path.rglob("*.dcm"):
        _forget(compressed=True)(path)
    assert "TransferSyntaxUID is missing" in reasons(tmp_path)


def test_series_are_counted_once_and_nothing_else_is(tmp_path):
    pair(tmp_path / "x")
    series(tmp_path / "x" / "scout", number=1, n=2, change=_set(ImageType=["A", "B", "LOCALIZER"]))
    found = describe_pairs(tmp_path)
    assert found.modalities["files"].to_dict() == {"CT": 2, "MRI": 1}
    assert found.summary["left_over"] == 0
    texts = " ".join(text for _, text in found.findings)
    assert "neither CT nor MRI" not in texts
    assert "unused" not in texts


def test_dicom_beside_slices_is_no_file_of_another_kind(tmp_path):
    series(tmp_path / "scans" / "CT", n=2)
    for plane in ("CT", "MRI"):
        (tmp_path / plane).mkdir()
        np.save(tmp_path / plane / "a.npy", np.eye(8))
    notes = [text for _, text in describe_pairs(tmp_path).findings if "DICOM" in text]
    assert len(notes) == 1
    assert "neither CT nor MRI" not in notes[0]


def test_a_folder_of_damaged_dicom_says_so_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x99" * 300)
    texts = [text for _, text in describe_pairs(tmp_path).findings]
    assert texts[0] == "No image was found."
    assert "1 DICOM file left out; the first: not readable as DICOM" in texts[1]
    assert len(texts) == 2
