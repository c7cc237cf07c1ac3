"""MetaImage (.mha, .mhd), pairs of .hdr and .img, and FreeSurfer's .mgz and .mgh."""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from ..case import Case, kind
from ..expect_volumes import volume_is, volume_refused, volume_right_or_refused
from ..volumes import both, grid, shown, stored, values
from .damage import DAMAGES, cut
from .nifti import nifti

_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_META = {"u1": "UCHAR", "i2": "SHORT", "u2": "USHORT", "i4": "INT", "f4": "FLOAT", "f8": "DOUBLE"}


def write_by_itk(case: Case, name: str, array: Any, affine: Any) -> None:
    """As SimpleITK writes it, compressed or not."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    affine = _TO_LPS @ affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    sitk.WriteImage(image, str(case.path(name)), useCompression=case.chance(0.5))


def header_of(array: Any, affine: Any, data: str, more: dict[str, str] | None = None) -> bytes:
    """The header of a MetaImage, line by line."""
    affine = _TO_LPS @ affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    numbers = {
        "TransformMatrix": (affine[:3, :3] / spacing).T.ravel(), "Offset": affine[:3, 3],
        "ElementSpacing": spacing, "DimSize": array.shape,
    }  # fmt: skip
    lines = {
        "ObjectType": "Image", "NDims": "3", "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
    }  # fmt: skip
    lines |= {key: " ".join(f"{v:.9g}" for v in value) for key, value in numbers.items()}
    lines["ElementType"] = f"MET_{_META[array.dtype.str[1:]]}"
    lines |= more or {}
    lines["ElementDataFile"] = data
    return "".join(f"{key} = {value}\n" for key, value in lines.items()).encode()


def write_by_hand(case: Case, name: str, array: Any, affine: Any) -> None:
    """Byte orders and forms that SimpleITK does not write."""
    big = case.chance(0.4)
    data = array.astype(array.dtype.newbyteorder(">" if big else "<")).tobytes("F")
    more = {"BinaryDataByteOrderMSB": str(big), "ElementByteOrderMSB": str(big)}
    if case.chance(0.4):
        data = zlib.compress(data)
        more |= {"CompressedData": "True", "CompressedDataSize": str(len(data))}
    if case.chance(0.3):
        more["Comment"] = "x" * case.whole(0, 300)
    if name.endswith(".mha"):
        case.write(name, header_of(array, affine, "LOCAL", more) + data)
    else:
        raw = name.rpartition("/")[2].replace(".mhd", case.choice(".raw", ".zraw", "_voxels.bin"))
        case.write(name, header_of(array, affine, raw, more))
        case.write(f"{name.rpartition('/')[0]}/{raw}", data)


def write_pair(case: Case, name: str, array: Any, affine: Any) -> None:
    """A NIfTI image in two files."""
    version = case.choice(nib.Nifti1Pair, nib.Nifti1Pair, nib.Nifti2Pair)
    image = version(array, affine)
    image.set_data_dtype(array.dtype)
    image.set_sform(affine, 1)
    image.set_qform(affine, case.choice(0, 1))
    nib.save(image, case.path(name))


def write_mgh(case: Case, name: str, array: Any, affine: Any) -> None:
    """As FreeSurfer stores it: big endian, with the middle of the volume as its origin."""
    image = nib.MGHImage(array.astype(array.dtype.newbyteorder("=")), affine)
    content = image.to_bytes()
    case.write(name, gzip.compress(content) if name.endswith(".mgz") else content)


FORMS: dict[str, tuple[Any, tuple[str, ...]]] = {
    ".mha": (write_by_itk, ("u1", "i2", "u2", "i4", "f4", "f8")),
    ".mhd": (write_by_itk, ("u1", "i2", "u2", "i4", "f4", "f8")),
    ".mha by hand": (write_by_hand, ("u1", "i2", "u2", "i4", "f4", "f8")),
    ".mhd by hand": (write_by_hand, ("u1", "i2", "u2", "i4", "f4", "f8")),
    ".hdr": (write_pair, ("u1", "i2", "u2", "i4", "f4", "f8")),
    ".mgz": (write_mgh, ("u1", "i2", "i4", "f4")),
    ".mgh": (write_mgh, ("u1", "i2", "i4", "f4")),
}


@kind(6)
def types_and_orientations(case: Case) -> None:
    box = grid(case)
    form = case.choice(*FORMS)
    write, types = FORMS[form]
    ending = form.partition(" ")[0]
    names = case.choice(
        (f"1BA001/ct{ending}", f"1BA001/mr{ending}"), (f"CT/a1{ending}", f"MRI/a1{ending}")
    )
    rights = []
    for name in names:
        ras = values(case, box.shape, case.choice(*types))
        rights.append(ras)
        write(case, name, *stored(case, ras, box.affine))
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    right = both(*rights)
    described = (names[0], shown(rights[0]))
    case.expect(volume_is(names[0], right, box.steps[0], tolerance=0.05, described=described))


@kind(3)
def mixed_formats(case: Case) -> None:
    """A CT of one format and an MRI of another are a pair all the same."""
    box, rights, names = grid(case), [], []
    for stem in ("ct", "mr"):
        form = case.choice(*FORMS, "nifti")
        ras = values(case, box.shape)
        rights.append(ras)
        name = f"1BA001/{stem}{form.partition(' ')[0] if form != 'nifti' else '.nii'}"
        names.append(name)
        if form == "nifti":
            case.write(name, nifti(case, *stored(case, ras, box.affine)).to_bytes())
        else:
            FORMS[form][0](case, name, *stored(case, ras, box.affine))
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    case.expect(volume_is(names[0], both(*rights), box.steps[0], tolerance=0.05))


def _one(case: Case, form: str) -> tuple[str, str, np.ndarray, float]:
    """A good pair: the file that is to be damaged (header), and the CT, slices and spacing."""
    box = grid(case)
    ending = form.partition(" ")[0]
    odd, good = case.choice(("ct", "mr"), ("mr", "ct"))
    ras, other = values(case, box.shape), values(case, box.shape)
    FORMS[form][0](case, f"1BA001/{odd}{ending}", ras, box.affine)
    case.write(f"1BA001/{good}.nii", nifti(case, other, box.affine).to_bytes())
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    ct = f"1BA001/ct{ending}" if odd == "ct" else "1BA001/ct.nii"
    right = both(ras, other) if odd == "ct" else both(other, ras)
    return f"1BA001/{odd}{ending}", ct, right, box.steps[0]


@kind(5)
def any_damage(case: Case) -> None:
    _one(case, case.choice(*FORMS))
    names = sorted(path for path in (case.folder / "1BA001").iterdir() if ".nii" not in path.name)
    hurt = names[case.whole(0, len(names) - 1)]
    hurt.write_bytes(case.choice(*DAMAGES)(case, hurt.read_bytes()))


@kind(3)
def cut_off(case: Case) -> None:
    """Voxels are missing at the end, or the file of the voxels is missing."""
    odd, ct, *_ = _one(case, case.choice(*FORMS))
    header = case.folder / odd
    beside = sorted(p for p in header.parent.iterdir() if ".nii" not in p.name and p != header)
    data = beside[0] if beside else header
    whole = data.read_bytes()
    if beside and case.chance(0.3):
        data.unlink()
    elif header.suffix in (".mgz", ".mgh"):  # scan parameters may follow the voxels
        data.write_bytes(whole[: case.whole(0, len(whole) - 60)])
    else:
        data.write_bytes(cut(case, whole[:-4]))
    case.expect(volume_refused(ct, file=odd))


@kind(4)
def metaimage_lies(case: Case) -> None:
    """Headers that promise more than there is, or point to files of the machine."""
    box = grid(case)
    ras, other = values(case, box.shape), values(case, box.shape)
    case.write("1BA001/mr.nii", nifti(case, other, box.affine).to_bytes())
    data, more, harm = case.choice(
        ("/etc/passwd", {}, True), ("../../secret.raw", {}, True), ("LIST\na.raw\nb.raw", {}, True),
        ("", {}, True), ("none.raw", {}, True), ("a%03d.raw 1 5 1", {}, True), ("ct.mha", {}, True),
        ("LOCAL", {"DimSize": "60000 60000 60000"}, True), ("LOCAL", {"DimSize": "9 9"}, True),
        ("LOCAL", {"DimSize": "-1 9 9"}, True), ("LOCAL", {"NDims": "99"}, True),
        ("LOCAL", {"NDims": "0"}, True), ("LOCAL", {"NDims": "2"}, True),
        ("LOCAL", {"ElementSpacing": "0 0 0"}, None),
        ("LOCAL", {"ElementSpacing": "nan 1 1"}, None),
        ("LOCAL", {"TransformMatrix": "0 0 0 0 0 0 0 0 0"}, None),
        ("LOCAL", {"Offset": "a b c"}, None),
        ("LOCAL", {"ElementType": "MET_OTHER"}, True),
        ("LOCAL", {"ElementNumberOfChannels": "3"}, True),
        ("LOCAL", {"CompressedData": "True"}, True), ("LOCAL", {"HeaderSize": "-1"}, None),
        ("LOCAL", {"HeaderSize": "99999999"}, None), ("LOCAL", {"BinaryData": "False"}, None),
        ("LOCAL", {"ObjectType": "Tube"}, None), ("LOCAL", {"TransformMatrix": "1 0"}, None),
    )  # fmt: skip
    (case.folder.parent / "secret.raw").write_bytes(ras.tobytes("F"))
    case.write("1BA001/ct.mha", header_of(ras, box.affine, data, more) + ras.tobytes("F"))
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    if harm:
        case.expect(volume_refused("1BA001/ct.mha", file="1BA001/ct.mha"))


@kind(2)
def no_orientation(case: Case) -> None:
    """Analyze 7.5 and an .mgz without its flag say nothing of left and right."""
    box = grid(case)
    ras, other = values(case, box.shape), values(case, box.shape)
    case.write("1BA001/mr.nii", nifti(case, other, box.affine).to_bytes())
    if case.chance(0.5):
        name = "1BA001/ct.hdr"
        nib.save(nib.AnalyzeImage(ras, box.affine), case.path(name))
    else:
        name = "1BA001/ct.mgh"
        content = bytearray(nib.MGHImage(ras, box.affine).to_bytes())
        content[28:30] = b"\0\0"
        case.write(name, bytes(content))
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    case.expect(volume_refused(name, "left and right|orientation", file=name))


@kind(2)
def mgh_lies(case: Case) -> None:
    odd, ct, right, spacing = _one(case, ".mgh")
    data = bytearray((case.folder / odd).read_bytes())
    at, value, harm = case.choice(
        (0, 99, None), (4, -5, True), (4, 2**31 - 1, True), (8, 0, True), (12, 60000, True),
        (16, 9, True),
        (20, 77, True), (20, 3, True), (16, 0, None), (24, 7, None),
    )  # fmt: skip
    data[at : at + 4] = struct.pack(">i", value)
    case.write(odd, bytes(data))
    if harm:
        case.expect(volume_refused(ct, file=odd))
    elif at == 24:  # degrees of freedom
        case.expect(volume_right_or_refused(ct, right, spacing, 0.05))
