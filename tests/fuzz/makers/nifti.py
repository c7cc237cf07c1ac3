"""NIfTI: types, byte orders, orientations, units, scalings, grids, masks and lesions."""

from __future__ import annotations

import gzip
from typing import Any

import nibabel as nib
import numpy as np

from ..case import Case, kind
from ..expect_volumes import volume_is, volume_refused
from ..volumes import both, grid, places, rotation, shown, stored, values

_TYPES = ("u1", "i2", "i4", "f4", "f8", "u2", "i1", "u4", "i8", "u8")


def packed(image: Any, name: str) -> bytes:
    """A nibabel image as the bytes of a file of this name."""
    content = image.to_bytes()
    return gzip.compress(content, 1, mtime=0) if name.endswith(".gz") else content


def nifti(
    case: Case, array: Any, affine: Any, *, version: int = 1, order: str = "<", codes: Any = None
) -> Any:
    """A NIfTI image with the affine in sform, qform or both."""
    header = (nib.Nifti1Header if version == 1 else nib.Nifti2Header)(endianness=order)
    header.set_data_dtype(array.dtype)
    image = (nib.Nifti1Image if version == 1 else nib.Nifti2Image)(array, affine, header)
    sform, qform = codes or case.choice((1, 0), (0, 1), (2, 1), (1, 1), (4, 4))
    image.set_sform(affine, code=sform)
    image.set_qform(affine, code=qform)
    return image


def names(case: Case) -> tuple[str, str]:
    """The files of a CT and an MRI, with and without compression."""
    ends = (case.choice(".nii", ".nii.gz"), case.choice(".nii", ".nii.gz"))
    return case.choice(
        (f"1BA001/ct{ends[0]}", f"1BA001/mr{ends[1]}"),
        (f"CT/a1{ends[0]}", f"MRI/a1{ends[1]}"),
        (f"p1_ct{ends[0]}", f"p1_t1w{ends[1]}"),
        (f"sub-01/ct/sub-01_ct{ends[0]}", f"sub-01/anat/sub-01_T1w{ends[1]}"),
    )


@kind(5)
def types_and_orientations(case: Case) -> None:
    box, (ct, mri) = grid(case), names(case)
    rights = []
    for name in (ct, mri):
        ras = values(case, box.shape, case.choice(*_TYPES))
        rights.append(ras)
        array, affine = stored(case, ras, box.affine)
        image = nifti(case, array, affine, version=case.choice(1, 1, 2), order=case.choice(*"<>"))
        case.write(name, packed(image, name))
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    case.expect(
        volume_is(ct, both(*rights), box.steps[0], tolerance=0.05, described=(ct, shown(rights[0])))
    )


@kind(2)
def scaled(case: Case) -> None:
    """Stored numbers times a slope, plus an intercept, where the header gives them."""
    box, (ct, mri) = grid(case), names(case)
    slope, inter = case.choice(
        (2.0, -1000.0), (0.5, 3.0), (-1.0, 0.0), (1.0, -1024.0), (0.0, 50.0), (np.nan, 7.0),
        (1.0, 0.0), (0.25, 0.0),
    )  # fmt: skip
    ras, other = values(case, box.shape), values(case, box.shape)
    array, affine = stored(case, ras, box.affine)
    image = nifti(case, array, affine)
    content = bytearray(image.to_bytes())
    content[112:120] = np.array([slope, inter], "<f4").tobytes()
    case.write(ct, gzip.compress(content) if ct.endswith(".gz") else bytes(content))
    case.write(mri, packed(nifti(case, other, box.affine), mri))
    used = slope != 0 and np.isfinite(slope)  # NIfTI-1: a slope of 0 means that there is none
    right = ras * slope + inter if used else ras
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    case.expect(volume_is(ct, both(right, other), box.steps[0], tolerance=0.05))


@kind(2)
def units_of_length(case: Case) -> None:
    box, (ct, mri) = grid(case), names(case)
    ras, other = values(case, box.shape), values(case, box.shape)
    for name, array in ((ct, ras), (mri, other)):
        unit, factor = case.choice(("mm", 1.0), ("unknown", 1.0), ("micron", 1e3), ("meter", 1e-3))
        turned, affine = stored(case, array, box.affine)
        affine = np.diag([factor, factor, factor, 1.0]) @ affine
        image = nifti(case, turned, affine, codes=(1, 0))
        image.header.set_xyzt_units(unit, case.choice("sec", "unknown"))
        image.set_sform(affine, code=1)
        case.write(name, packed(image, name))
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    case.expect(volume_is(ct, both(ras, other), box.steps[0], tolerance=0.05))


@kind(2)
def another_grid(case: Case) -> None:
    """A slope in space that linear interpolation keeps; the MRI's grid is tilted and coarser."""
    box, (ct, mri) = grid(case), names(case)
    tilt = rotation(case, case.choice(0, 8, 15))
    here = np.eye(4)
    here[:3, :3] = tilt @ np.diag(box.steps)
    here[:3, 3] = box.origin
    direction, level = case.rng.uniform(-1, 1, 3), case.whole(0, 500)
    middle = (here @ [*(np.array(box.shape) - 1) / 2, 1])[:3]
    step = max(box.steps) * float(case.rng.uniform(1.01, 1.4))
    reach = np.linalg.norm(np.array(box.shape) * box.steps) / step
    sides = (int(reach) + 4,) * 3
    there = np.eye(4)
    there[:3, :3] = rotation(case, case.choice(0, 20, 40)) * step
    there[:3, 3] = middle - there[:3, :3] @ ((np.array(sides) - 1) / 2)
    ras = values(case, box.shape)
    for name, array, affine in (
        (ct, ras, here),
        (mri, (places(sides, there) @ direction + level).astype("f4"), there),
    ):
        array, affine = stored(case, array, affine)
        case.write(name, packed(nifti(case, array, affine, codes=(1, 0)), name))
    right = both(ras, places(box.shape, here) @ direction + level)
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    case.expect(volume_is(ct, right, box.steps[0], tolerance=0.1))


@kind(2)
def field_of_view(case: Case) -> None:
    """An MRI that was moved by whole voxels, and that holds NaN: nothing is invented there."""
    box, (ct, mri) = grid(case), names(case)
    shift = case.rng.integers(-2, 3, 3)
    ras, other = values(case, box.shape), values(case, box.shape, "f4")
    if case.chance(0.5):
        other[case.rng.random(other.shape) < 0.2] = np.nan
    moved = box.affine.copy()
    moved[:3, 3] += shift * box.steps
    case.write(ct, packed(nifti(case, *stored(case, ras, box.affine)), ct))
    case.write(mri, packed(nifti(case, *stored(case, other, moved)), mri))
    seen = np.full(box.shape, np.nan)
    to = tuple(slice(max(0, s), n + min(0, s)) for s, n in zip(shift, box.shape, strict=True))
    of = tuple(slice(max(0, -s), n + min(0, -s)) for s, n in zip(shift, box.shape, strict=True))
    seen[to] = other[of]
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    case.expect(volume_is(ct, both(ras, seen), box.steps[0], tolerance=0.05))


@kind(2)
def masks_and_lesions(case: Case) -> None:
    box = grid(case)
    ras, other = values(case, box.shape), values(case, box.shape)
    inside = case.rng.random(box.shape) < 0.8
    lesion = case.rng.random(box.shape) < case.choice(0.0, 0.02, 0.3)
    lesion[..., 0] = False
    several = {"ct": ras, "mr": other, "lesion": lesion.astype(case.choice("u1", "i2", "f4"))}
    if masked := case.chance(0.5):
        several["mask"] = inside.astype("u1") * case.choice(1, 255)
    for name, array in several.items():
        name = f"1BA001/{name}{case.choice('.nii', '.nii.gz')}"
        form = stored(case, array, box.affine) if "mask" not in name else (array, box.affine)
        case.write(name, packed(nifti(case, *form), name))
    ct = next(path.name for path in (case.folder / "1BA001").iterdir() if path.name[:3] == "ct.")
    right = [np.where(inside, one, np.nan) if masked else one for one in (ras, other)]
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    case.expect(
        volume_is(
            f"1BA001/{ct}", both(*right), box.steps[0], tolerance=0.05, masks=shown(lesion),
        )
    )  # fmt: skip


@kind()
def thicker_slices(case: Case) -> None:
    """Slabs of whole slices are their means; a lesion in a slab makes it anomalous."""
    box = grid(case)
    factor = case.choice(2, 3)
    box = box._replace(shape=(*box.shape[:2], factor * case.whole(2, 3)))
    ras, other = values(case, box.shape), values(case, box.shape)
    lesion = np.zeros(box.shape, bool)
    if case.chance(0.7):
        lesion[tuple(case.whole(0, n - 1) for n in box.shape)] = True
    for name, array in (("ct", ras), ("mr", other), ("lesion", lesion.astype("u1"))):
        name = f"1BA001/{name}.nii.gz"
        case.write(name, packed(nifti(case, *stored(case, array, box.affine)), name))
    pairs = both(ras, other)
    means = pairs.reshape(-1, factor, *pairs.shape[1:]).mean(axis=1)
    slabs = shown(lesion).reshape(-1, factor, *pairs.shape[2:]).any(axis=1)
    spacing = {"slice_spacing": factor * box.steps[2]}
    case.options = {"load_volume_pairs": {"skip_empty": False} | spacing}
    case.expect(volume_is("1BA001/ct.nii.gz", means, box.steps[0], tolerance=0.1, masks=slabs))


@kind(2)
def compression_against_its_name(case: Case) -> None:
    """The first bytes say whether a file is compressed."""
    box, (ct, mri) = grid(case), names(case)
    rights = [values(case, box.shape) for _ in range(2)]
    for name, ras in zip((ct, mri), rights, strict=True):
        content = nifti(case, *stored(case, ras, box.affine)).to_bytes()
        middle = case.whole(1, len(content) - 1)
        form = case.choice("as named", "other", "two members", "padded")
        gz = name.endswith(".gz") != (form == "other")
        if gz and form == "two members":
            content = gzip.compress(content[:middle]) + gzip.compress(content[middle:])
        elif gz:
            content = gzip.compress(content) + b"\0" * (512 if form == "padded" else 0)
        case.write(name, content)
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    case.expect(volume_is(ct, both(*rights), box.steps[0], tolerance=0.05))


@kind(3)
def no_volume(case: Case) -> None:
    """Well-formed files that hold no volume one can use."""
    box, (ct, mri) = grid(case), names(case)
    ras, affine = values(case, box.shape, "f4"), box.affine
    codes: Any = (1, 0)
    form = case.choice(
        "series", "flat", "complex", "colour", "constant", "nan", "infinite", "nowhere", "singular",
        "bad affine", "one slice",
    )  # fmt: skip
    if form == "series":
        ras = np.stack([ras] * 3, axis=3)
    elif form in ("flat", "one slice"):
        ras = ras[:, :, 0] if form == "flat" else ras[:, :, :1]
    elif form == "complex":
        ras = ras.astype(np.complex64)
    elif form == "colour":
        ras = np.zeros(box.shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    elif form in ("constant", "nan"):
        ras = np.full(box.shape, 7 if form == "constant" else np.nan, dtype="f4")
    elif form == "infinite":
        ras[case.whole(0, 2), 1, 1] = case.choice(np.inf, -np.inf)
    image = nifti(case, ras, affine, codes=codes)
    if form == "nowhere":
        image.set_sform(None, code=0)
        image.set_qform(None, code=0)
    elif form in ("singular", "bad affine"):
        rows = image.header["srow_x"].copy()
        rows[0] = np.nan if form == "bad affine" else 0
        image.header["srow_x"] = rows
        content = bytearray(image.to_bytes())
        content[280:296] = rows.astype("<f4").tobytes()
    odd, good = case.choice((ct, mri), (mri, ct))
    whole = bytes(content) if form in ("singular", "bad affine") else image.to_bytes()
    case.write(odd, gzip.compress(whole) if odd.endswith(".gz") else whole)
    case.write(good, packed(nifti(case, values(case, box.shape), affine), good))
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    case.expect(volume_refused(ct, file=odd))
