"""Folders of many small slices whose pairs are known; each slice holds a number of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .case import Case, Check, Outcomes
from .expect import pairs_are, refusal
from .png_bytes import png

WORDS = {
    "ct": ("CT", "ct", "Ct", "NCCT", "ct_images", "CT-scans", "cts"),
    "mri": ("MRI", "mri", "MR", "Mr", "mri_images", "MR-scans", "T1", "t2w", "FLAIR", "PD"),
}
SEQUENCES = {"T1": "t1", "t2w": "t2", "FLAIR": "flair", "PD": "pd"}


@dataclass
class Tree:
    """Files that were written, and the pairs that they make."""

    pairs: set[tuple[str, str]] = field(default_factory=set)
    patients: dict[str, str | None] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)


def slice_file(case: Case, tree: Tree, name: str) -> str:
    """Write a slice; its first pixel is its number."""
    number = len(tree.numbers) + 1
    tree.numbers[name] = number
    image = np.arange(36, dtype=np.uint16).reshape(6, 6) * 97
    image[0, 0] = number
    image[1, :] = case.rng.integers(0, 60000, 6)
    return case.write(name, png(image, 16))


def pair(case: Case, tree: Tree, ct: str, mri: str, patient: str | None = None) -> None:
    """Write two slices that belong together."""
    slice_file(case, tree, ct)
    slice_file(case, tree, mri)
    tree.pairs.add((ct, mri))
    tree.patients[ct] = patient


def expect(case: Case, tree: Tree, *, patients: bool = False, sequence: str | None = None) -> None:
    """These pairs, and in `load_pairs` these files' own numbers."""
    sequences = None if sequence is None else dict.fromkeys(tree.patients, sequence)
    case.expect(pairs_are(tree.pairs, tree.patients if patients else None, sequences))
    case.expect(_numbers(tree))


def _numbers(tree: Tree) -> Check:
    def check(out: Outcomes) -> Iterator[str]:
        found = out["load_pairs"].value
        if found is None:
            if tree.pairs:
                yield f"load_pairs: {out['load_pairs'].text[:200]}"
            return
        for (ct, mri), first in zip(
            found.frame[["ct", "mri"]].itertuples(index=False), found.data[:, :, 0, 0], strict=True
        ):
            right = [tree.numbers.get(ct), tree.numbers.get(mri)]
            if list(first) != right:
                yield f"{ct} and {mri} hold {list(first)}, should be {right}"
                return

    return check


def two(case: Case, tree: Tree) -> None:
    """Two good pairs."""
    for k in (1, 2):
        pair(case, tree, f"CT/{k}.png", f"MRI/{k}.png")


def named(path: str, words: str = "") -> Check:
    """`load_pairs` lists an entry with a reason, and loads the rest."""

    def check(out: Outcomes) -> Iterator[str]:
        if out["load_pairs"].value is None:
            yield f"load_pairs: {out['load_pairs'].text[:200]}"
        elif words not in refusal(out["load_pairs"], path):
            yield f"{path!r} is not in skipped ({words}): {out['load_pairs'].value.skipped[:3]}"

    return check
