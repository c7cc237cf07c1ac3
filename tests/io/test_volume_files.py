"""One volume in many formats, units and places: the same pairs, or a warning that says why not."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from ctmri_detect.datasets import find_pairs, load_volume_pairs
from ctmri_detect.exceptions import (
    DataLoadingError,
    GeometryWarning,
    SkippedFilesWarning,
    UnpairedDataWarning,
)
from ctmri_detect.inspection import describe_pairs

nib = pytest.importorskip("nibabel")
sitk = pytest.importorskip("SimpleITK")

SHAPE = (40, 50, 13)  # right to left, back to front, upwards
STEP = (4.0, 3.0, 5.0)  # mm
AFFINE = np.array([[-4.0, 0, 0, 78], [0, 3, 0, -74], [0, 0, 5, -30], [0, 0, 0, 1]])


def _values(air, head, ball):
    x, y, z = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    values = np.full(SHAPE, air, dtype=np.int16)
    values[5:35, 5:45] = head
    values[(x - 12) ** 2 + (y - 35) ** 2 + 4 * (z - 4) ** 2 < 20] = ball
    return values + (x % 3).astype(np.int16)


CT, MRI = _values(-1000, 35, 90), _values(0, 300, 900)


def nifti(path, values, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values, affine), path)


def nifti_2(path, values):
    nib.save(nib.Nifti2Image(values, AFFINE), path)


def packed_as_nii(path, values):
    path.write_bytes(gzip.compress(nib.Nifti1Image(values, AFFINE).to_bytes()))


def plain_as_gz(path, values):
    path.write_bytes(nib.Nifti1Image(values, AFFINE).to_bytes())


def header_and_image(path, values):
    nib.save(nib.Nifti1Pair(values, AFFINE), path)


def freesurfer(path, values):
    nib.save(nib.MGHImage(values, AFFINE), path)


def metaimage(path, values):
    image = sitk.GetImageFromArray(values.transpose(2, 1, 0))
    image.SetSpacing(STEP)
    image.SetDirection([1, 0, 0, 0, -1, 0, 0, 0, 1])  # ITK counts towards the left and the back
    image.SetOrigin([-78, 74, -30])
    sitk.WriteImage(image, str(path), useCompression=path.parent.parent.name == "packed")


FORMATS = {
    ".nii": nifti,
    ".hdr": header_and_image,
    ".mgz": freesurfer,
    ".mgh": freesurfer,
    ".mha": metaimage,
    ".mhd": metaimage,
    "nifti-2.nii.gz": nifti_2,
    "packed.nii": packed_as_nii,
    "plain.nii.gz": plain_as_gz,
    "packed.mha": metaimage,
    "packed.mhd": metaimage,
}


@pytest.mark.parametrize("kind", FORMATS)
def test_the_format_changes_nothing(tmp_path, kind):
    title, dot, ending = kind.partition(".")
    for patient in ("p1", "p2"):
        folder = tmp_path / "expected" / patient
        nifti(folder / "ct.nii.gz", CT)
        nifti(folder / "mr.nii.gz", MRI)
        folder = tmp_path / title / "set" / patient if title else tmp_path / "set" / patient
        folder = tmp_path / (title or "set") / patient
        folder.mkdir(parents=True)
        FORMATS[kind](folder / f"ct{dot}{ending}", CT)
        FORMATS[kind](folder / f"mr{dot}{ending}", MRI)
        inside = np.zeros(SHAPE, np.uint8)
        inside[8:30, 8:40] = 1
        nifti(tmp_path / "expected" / patient / "mask.nii.gz", inside)
        FORMATS[kind](folder / f"mask{dot}{ending}", inside)
    folder = tmp_path / (title or "set")
    found = find_pairs(folder)
    assert found["status"].tolist() == ["paired", "paired"]
    assert found["ct"].tolist() == [f"{p}/ct{dot}{ending}" for p in ("p1", "p2")]
    expected = load_volume_pairs(tmp_path / "expected", size=48)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pairs = load_volume_pairs(folder, size=48)
    np.testing.assert_allclose(pairs.data, expected.data, atol=1e-3)
    assert np.isnan(pairs.data).any()
    looked = describe_pairs(folder).files
    assert looked["reason"].tolist() == [""] * 4
    assert looked["dtype"].tolist() == ["int16"] * 4
    assert looked[["width", "height", "depth"]].drop_duplicates().values.tolist() == [[*SHAPE]]
    assert looked["spacing"].unique().tolist() == ["4 x 3 x 5"]


@pytest.mark.parametrize(("code", "factor"), [("meter", 1e-3), ("micron", 1e3), ("unknown", 1)])
def test_lengths_are_millimetres_whatever_the_unit_of_the_file(tmp_path, code, factor):
    nifti(tmp_path / "a" / "p1" / "ct.nii", CT)
    nifti(tmp_path / "a" / "p1" / "mr.nii", MRI)
    nifti(tmp_path / "b" / "p1" / "ct.nii", CT)
    image = nib.Nifti1Image(MRI, np.diag([factor, factor, factor, 1]) @ AFFINE)
    image.header.set_xyzt_units(xyz=code)
    nib.save(image, tmp_path / "b" / "p1" / "mr.nii")
    plain, scaled = (load_volume_pairs(tmp_path / name) for name in ("a", "b"))
    np.testing.assert_allclose(scaled.data, plain.data, atol=1e-2)
    if factor != 1:  # the same numbers without their unit
        image.header.set_xyzt_units(xyz="mm")
        nib.save(image, tmp_path / "b" / "p1" / "mr.nii")
        with pytest.raises(DataLoadingError, match=r"its voxels measure .* mm.*xyzt_units"):
            load_volume_pairs(tmp_path / "b")


def _two_forms(path, values, off):
    image = nib.Nifti1Image(values, AFFINE)
    image.set_sform(AFFINE, code=1)
    moved = AFFINE.copy()
    moved[2, 3] += off
    image.set_qform(moved, code=1)
    nib.save(image, path)


def test_two_places_of_one_file_are_named_with_their_distance(tmp_path):
    nifti(tmp_path / "p1" / "ct.nii", CT)
    _two_forms(tmp_path / "p1" / "mr.nii", MRI, 28)
    with pytest.warns(GeometryWarning, match=r"p1/mr\.nii: its sform and qform .* 28 mm apart"):
        load_volume_pairs(tmp_path)
    text = " ".join(text for _, text in describe_pairs(tmp_path).findings)
    assert "p1/mr.nii: its sform and qform place it 28 mm apart" in text
    _two_forms(tmp_path / "p1" / "mr.nii", MRI, 1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_volume_pairs(tmp_path)


@pytest.mark.parametrize("affine", [np.eye(4), np.diag([4.0, 3, 5, 1])])
def test_a_volume_that_lost_its_place_is_named(tmp_path, affine):
    nifti(tmp_path / "p1" / "ct.nii", CT)
    nifti(tmp_path / "p1" / "mr.nii", MRI, affine)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pairs = load_volume_pairs(tmp_path)
    texts = [str(w.message) for w in caught if w.category is GeometryWarning]
    assert "p1/mr.nii: its affine gives only the size of a voxel and no position" in texts[0]
    assert "centres are" in texts[0]
    assert pairs.paired is pairs.pairing.paired
    nifti(tmp_path / "p1" / "ct.nii", CT, affine)  # neither has one: nothing contradicts
    with warnings.catch_warnings():
        warnings.simplefilter("error", GeometryWarning)
        load_volume_pairs(tmp_path)


def test_slices_that_an_mri_lacks_are_counted_for_each_patient(tmp_path):
    for patient, lacking in (("p1", 0), ("p2", 9), ("p3", 4)):
        nifti(tmp_path / patient / "ct.nii", CT)
        affine = AFFINE.copy()
        affine[2, 3] += 5 * lacking
        nifti(tmp_path / patient / "mr.nii", MRI[..., : 13 - lacking], affine)
    with pytest.warns() as caught:
        pairs = load_volume_pairs(tmp_path)
    said = {w.category: str(w.message) for w in caught}
    # one head for all patients: any MRI fits as well as the own one
    assert set(said) - {UnpairedDataWarning} == {SkippedFilesWarning, GeometryWarning}
    assert pairs.skipped == [
        ("p2/ct.nii", "9 of 13 slices are left out: nothing in the MRI (9)"),
        ("p3/ct.nii", "4 of 13 slices are left out: nothing in the MRI (4)"),
    ]
    assert "In 1 of 3 pairs the MRI shows less than half" in said[GeometryWarning]
    assert "p2/ct.nii (31%)" in said[GeometryWarning]
    assert pairs.paired is pairs.pairing.paired


def hostile_header(**fields):
    """A .mhd whose header says something else than the one beside it did."""

    def change(path):
        metaimage(path, MRI)
        text = path.read_text()
        for name, value in fields.items():
            line = next(line for line in text.splitlines() if line.startswith(f"{name} ="))
            text = text.replace(line, f"{name} = {value}")
        path.write_text(text)

    return change


def analyze(path):
    nib.save(nib.AnalyzeImage(MRI, AFFINE), path)


def cut(path):
    writer = {".mha": metaimage, ".mgz": freesurfer}[path.suffix]
    writer(path, MRI)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


BROKEN = {
    "analyze.hdr": (analyze, "Analyze 7.5, which does not store left and right"),
    "alone.hdr": (
        lambda p: (header_and_image(p, MRI), p.with_suffix(".img").unlink()), r"\.img is missing"
    ),
    "text.hdr": (lambda p: p.write_text("ENVI\nsamples = 4"), "not a NIfTI file"),
    "cut.mha": (cut, "can't be read: cut off|header promises more"),
    "cut.mgz": (cut, "cut off or damaged|not an .mgz"),
    "text.mha": (lambda p: p.write_text("hello"), "not a MetaImage"),
    "empty.mgz": (lambda p: p.write_bytes(b""), "not an .mgz"),
    "elsewhere.mhd": (hostile_header(ElementDataFile="/etc/passwd"), "not one file beside"),
    "above.mhd": (hostile_header(ElementDataFile="../p1/ct.nii"), "not one file beside"),
    "none.mhd": (hostile_header(ElementDataFile="none.raw"), "ElementDataFile is missing"),
    "huge.mhd": (hostile_header(DimSize="32000 32000 32000"), "claims shape"),
    "more.mhd": (hostile_header(DimSize="900 900 900"), "header promises more"),
    "singular.mhd": (hostile_header(TransformMatrix="1 0 0 0 1 0 0 0 0"), "singular"),
    "colour.mhd": (
        lambda p: sitk.WriteImage(
            sitk.GetImageFromArray(np.stack([MRI] * 3, axis=-1), isVector=True), str(p)
        ),
        "3 values per voxel",
    ),
    "plane.mha": (
        lambda p: sitk.WriteImage(sitk.GetImageFromArray(MRI[..., 0]), str(p)), "three axes"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_volume_is_left_out_with_a_reason(tmp_path, kind):
    write, reason = BROKEN[kind]
    for patient in ("p1", "p2"):
        nifti(tmp_path / patient / "ct.nii", CT)
        nifti(tmp_path / patient / "mr.nii", MRI)
    (tmp_path / "p2" / "mr.nii").unlink()
    write(tmp_path / "p2" / f"mr.{kind.partition('.')[2]}")
    with pytest.warns(SkippedFilesWarning, match=reason):
        pairs = load_volume_pairs(tmp_path)
    assert set(pairs.groups) == {"p1"}
    assert str(tmp_path) not in str(pairs.skipped)


def test_a_missing_package_is_named_with_its_installation(tmp_path):
    for name in ("ct.mha", "mr.mha"):
        (tmp_path / "p1").mkdir(exist_ok=True)
        metaimage(tmp_path / "p1" / name, CT)
    code = (
        "import sys; sys.modules['SimpleITK'] = None\n"
        "from ctmri_detect.datasets import load_volume_pairs\n"
        f"load_volume_pairs({json.dumps(str(tmp_path))})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'pip install "ctmri_detect[itk]"' in done.stderr
