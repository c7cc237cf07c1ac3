"""Heads whose units are known: HU, an exported window, and what is neither or mixed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from ..case import Case, Check, Outcomes, kind
from ..expect import warned
from ..png_bytes import png
from ..slices import npy


def head(case: Case, side: int = 48) -> NDArray[np.int16]:
    """A slice in HU: air, a ring of bone, and brain with some noise."""
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    far = np.hypot(rows / 0.85, columns / 0.7)
    image = np.where(far < 1, 1000, -1000)
    image = np.where(far < 0.88, 35, image)
    return (image + case.rng.integers(-4, 5, image.shape)).astype(np.int16)


def window(image: NDArray[Any]) -> NDArray[np.uint8]:
    """The brain window of 0 to 80 HU in 8 bits."""
    return (np.clip(image, 0, 80) * 255 / 80).round().astype(np.uint8)


def units_are(call: str, right: str | None) -> Check:
    """The Bunch says these units."""

    def check(out: Outcomes) -> Iterator[str]:
        outcome = out[call]
        if outcome.value is None:
            yield f"{call}: {outcome.text[:300]}"
        elif outcome.value.ct_units != right:
            yield f"ct_units is {outcome.value.ct_units!r}, should be {right!r}"

    return check


FORMS: dict[str, tuple[Any, str | None]] = {
    "hu": (lambda image: image, "hu"),
    "hu as floats": (lambda image: image.astype(np.float32), "hu"),
    "window": (window, "uint8"),
    "window in 16 bits": (lambda image: window(image).astype(np.int16), "uint8"),
    "shifted": (lambda image: image + np.int16(1024), None),
    "from 0 to 1": (lambda image: (np.clip(image, 0, 80) / 80).astype(np.float32), None),
}


@kind(3)
def of_slices(case: Case) -> None:
    form = case.choice(*FORMS, "mixed")
    for k in range(3):
        image = head(case)
        image = FORMS[form if form != "mixed" else ("hu" if k else "window")][0](image)
        if image.dtype == np.uint8 and case.chance(0.5):
            case.write(f"CT/{k}.png", png(image, 8))
        else:
            case.write(f"CT/{k}.npy", npy(image))
        case.write(f"MRI/{k}.png", png(window(head(case)), 8))
    right = None if form == "mixed" else FORMS[form][1]
    case.expect(units_are("load_pairs", right))
    if form == "mixed":
        case.expect(warned("load_pairs", "MixedDataWarning"))
    elif right is None:
        case.expect(warned("load_pairs", "UnitsWarning"))


@kind(2)
def of_volumes(case: Case) -> None:
    form = case.choice(*FORMS, "mixed")
    for k, name in enumerate(("1BA001", "1BA005")):
        stack = np.stack([head(case) for _ in range(6)], axis=2)
        stack = FORMS[form if form != "mixed" else ("hu" if k else "window")][0](stack)
        affine = np.diag([4.0, 4.0, 5.0, 1.0])
        mri = (window(stack) if stack.dtype != np.uint8 else stack).astype(np.int16)
        mri[::2] += 1
        nib.save(nib.Nifti1Image(stack, affine), case.path(f"{name}/ct.nii.gz"))
        nib.save(nib.Nifti1Image(mri, affine), case.path(f"{name}/mr.nii.gz"))
    right = None if form == "mixed" else FORMS[form][1]
    case.expect(units_are("load_volume_pairs", right))
    if form == "mixed":
        case.expect(warned("load_volume_pairs", "MixedDataWarning"))
    elif right is None:
        case.expect(warned("load_volume_pairs", "UnitsWarning"))


@kind(2)
def two_places(case: Case) -> None:
    """A file whose sform and qform lie apart is told; a few tenths of a millimetre are not."""
    stack = np.stack([head(case) for _ in range(6)], axis=2)
    far = case.choice(0.0, 0.5, 10.0, 40.0)
    for name in ("ct", "mr"):
        image = nib.Nifti1Image(stack, np.diag([4.0, 4.0, 5.0, 1.0]))
        there = image.affine.copy()
        there[:3, 3] = (-96.0, -96.0, 3.0)
        image.set_sform(there, 1)
        there[2, 3] += far if name == "mr" else 0
        image.set_qform(there, 1)
        nib.save(image, case.path(f"1BA001/{name}.nii.gz"))

    def check(out: Outcomes) -> Iterator[str]:
        outcome = out["load_volume_pairs"]
        said = [text for kind_of, text in outcome.warnings if "Geometry" in kind_of.__name__]
        if outcome.value is None:
            yield f"load_volume_pairs: {outcome.text[:300]}"
        elif (far > 5) != any("mr.nii.gz" in text and f"{far:.0f} mm" in text for text in said):
            yield f"sform and qform {far} mm apart: {said}"

    case.expect(check)
