"""NIfTI files whose headers lie, that are damaged, or that unpack to far more than they are."""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import Any

import numpy as np

from ..case import Case, kind
from ..expect_volumes import volume_refused, volume_right_or_refused
from ..volumes import both, grid, stored, values
from .damage import DAMAGES, blank, cut, flip, scramble
from .nifti import names, nifti, packed


def pair(case: Case, **options: Any) -> tuple[str, str, bytes, np.ndarray, float]:
    """The odd file and the CT's name, bytes to be damaged, the right slices, their spacing."""
    box, (ct, mri) = grid(case), names(case)
    ras, other = values(case, box.shape), values(case, box.shape)
    odd, good = case.choice((ct, mri), (mri, ct))
    case.write(good, packed(nifti(case, other, box.affine), good))
    content = nifti(case, ras, box.affine, **options).to_bytes()
    planes = both(ras, other) if odd == ct else both(other, ras)
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    return odd, ct, content, planes, box.steps[0]


def closed(name: str, content: bytes) -> bytes:
    """Compressed where the name says so."""
    return gzip.compress(content, 1, mtime=0) if name.endswith(".gz") else content


@kind(6)
def any_damage(case: Case) -> None:
    """No error gets out, whatever the damage before or after compression."""
    odd, _, content, *_ = pair(case, version=case.choice(1, 2), order=case.choice(*"<>"))
    if case.chance(0.6):
        content = closed(odd, case.choice(*DAMAGES)(case, content))
    else:
        content = case.choice(*DAMAGES)(case, closed(odd, content))
    case.write(odd, content)


@kind(3)
def gzip_has_checksums(case: Case) -> None:
    """A damaged .nii.gz is found out, or gives its own values."""
    odd, ct, content, right, spacing = pair(case)
    hurt = case.choice(flip, blank, scramble)(case, gzip.compress(content, 1, mtime=0))
    odd = _renamed(case, odd)
    case.write(odd, hurt)
    ct = odd if odd.split(".")[0] == ct.split(".")[0] else ct
    case.expect(volume_right_or_refused(ct, right, spacing, 0.05))


def _renamed(case: Case, name: str) -> str:
    return name.removesuffix(".gz") + ".gz"


@kind(3)
def cut_off(case: Case) -> None:
    odd, ct, content, *_ = pair(case)
    if odd.endswith(".gz") and case.chance(0.5):
        whole = closed(odd, content)
        case.write(odd, whole[: case.whole(0, len(whole) - 9)])
    else:
        case.write(odd, closed(odd, cut(case, content)))
    case.expect(volume_refused(ct, file=odd))


@kind(4)
def header_lies(case: Case) -> None:
    odd, ct, content, *_ = pair(case)
    at, form, value, harm = case.choice(
        (40, "<h", 0, True), (40, "<h", 9, True), (40, "<h", -3, True), (40, "<h", 32767, True),
        (42, "<3h", (32767, 32767, 32767), True), (42, "<3h", (0, 9, 9), True),
        (42, "<3h", (-1, 9, 9), True), (42, "<3h", (2000, 2000, 2000), True),
        (70, "<h", 0, True), (70, "<h", 77, True), (70, "<h", 1792, True), (70, "<h", 128, True),
        (108, "<f", 1e9, True), (108, "<f", np.nan, None), (108, "<f", -352.0, None),
        (108, "<f", np.inf, None), (108, "<f", 0.0, None), (108, "<f", 353.5, None),
        (72, "<h", 0, None), (72, "<h", 99, None), (0, "<i", 0, None), (0, "<i", -1, None),
        (344, "4s", b"ni1\0", None), (344, "4s", b"xxxx", None), (348, "4s", b"\1\0\0\0", None),
        (112, "<2f", (np.inf, 0), None), (112, "<2f", (1.0, np.nan), None),
        (112, "<2f", (1e38, 1e38), None), (112, "<2f", (1.0, np.inf), None),
        (280, "<4f", (np.inf, 0, 0, 0), None), (280, "<4f", (1e-30, 0, 0, 0), None),
        (280, "<4f", (1e30, 0, 0, 0), None), (292, "<f", 1e38, None), (76, "<f", np.nan, None),
        (76, "<4f", (0.0, 0.0, 0.0, 0.0), None), (252, "<h", -7, None), (254, "<h", 99, None),
        (123, "B", 255, None), (256, "<3f", (9.0, 9.0, 9.0), None), (42, "<h", 1, None),
    )  # fmt: skip
    fields = value if isinstance(value, tuple) else (value,)
    data = bytearray(content)
    packed_ = struct.pack(form, *fields)
    data[at : at + len(packed_)] = packed_
    case.write(odd, closed(odd, bytes(data)))
    if harm:
        case.expect(volume_refused(ct, file=odd))


@kind(2)
def something_else(case: Case) -> None:
    """Files that are no NIfTI whatever their names say."""
    odd, ct, content, *_ = pair(case)
    odd_bytes = case.choice(
        b"", b"\0" * 400, b"hello", b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0", gzip.compress(b""),
        gzip.compress(b"hello"), gzip.compress(gzip.compress(content)), b"<html>404</html>" * 30,
        b"\x89PNG\r\n\x1a\n" + b"\0" * 400, case.rng.bytes(500), zlib.compress(content),
        b"version https://git-lfs.github.com/spec/v1\n", b"PK\x03\x04" + content,
        gzip.compress(b"\0" * 400), b"MATLAB 5.0 MAT-file" + b" " * 400,
    )  # fmt: skip
    case.write(odd, odd_bytes)
    case.expect(volume_refused(ct, file=odd))


def _zeros(size: int) -> bytes:
    """As many zeros, packed in pieces of 4 MiB, which gzip takes for one."""
    return gzip.compress(b"\0" * 2**22, mtime=0) * (size // 2**22 + 1)


@kind()
def bomb_before_the_voxels(case: Case) -> None:
    """An extension of the header that unpacks to far more than the file has."""
    odd, ct, content, *_ = pair(case)
    odd, old = _renamed(case, odd), odd
    size = case.choice(2**27, 2**30)
    data = bytearray(content[:352])
    data[108:112] = struct.pack("<f", size + 352)
    data[348:352] = b"\1\0\0\0"
    before = gzip.compress(bytes(data) + struct.pack("<2i", size, 6))
    case.write(odd, before + _zeros(size) + gzip.compress(content[352:]))
    case.expect(volume_refused(odd if old == ct else ct))


@kind(2)
def steps_of_all_sizes(case: Case) -> None:
    """Voxels that no scan has, and pixels far from square, take no memory beyond reason."""
    ct, mri = names(case)
    shape = (case.choice(9, 48), case.choice(9, 48), 3)
    steps = [case.choice(1e-3, 0.011, 0.1, 1.0, 10.0, 99.0, 1e4) for _ in range(3)]
    ras = values(case, shape)
    for name in (ct, mri):
        array, affine = stored(case, ras, np.diag([*steps, 1.0]))
        case.write(name, packed(nifti(case, array, affine, codes=(1, 0)), name))
    case.options = {"load_volume_pairs": {"skip_empty": False}}
    if not 0.01 <= min(steps) <= max(steps) <= 100:
        case.expect(volume_refused(ct, "voxels measure"))
    elif np.prod(shape[:2]) * max(steps[:2]) / min(steps[:2]) > 4096**2:
        case.expect(volume_refused(ct, "pixels"))


@kind()
def bomb(case: Case) -> None:
    """A small file that unpacks to a huge volume, as its header says or not."""
    odd, ct, content, *_ = pair(case)
    odd, old = _renamed(case, odd), odd
    side = case.choice(500, 640, 1000)
    data = bytearray(content[:352])
    data[40:48] = struct.pack("<4h", 3, side, side, side)
    data[70:74] = struct.pack("<2h", 2, 8)  # bytes
    sent = case.choice(0.1, 1.0, 1.5) * side**3
    case.write(odd, gzip.compress(bytes(data)) + _zeros(int(sent)))
    ct = odd if old == ct else ct
    case.expect(volume_refused(ct))
