"""From arguments to pairs and pipelines."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from sklearn.utils import Bunch

from ctmri_detect.cli import _early as early
from ctmri_detect.cli._messages import note
from ctmri_detect.datasets import load_pairs, load_volume_pairs


def read_pairs(
    args: argparse.Namespace, *, labelled: bool = False, units: Iterable[str] = ()
) -> Bunch:
    """The pairs of the folder, slices or volumes, with the units that the user says they have.

    What can be refused without reading them all is refused first. `labelled`: labels and patients
    are needed, as a benchmark does; `units`: those that a model takes, an empty one allows any.
    """
    note(f"reading {args.folder}", quiet=args.quiet)
    found = early.look(args)
    if labelled:
        early.check_labelled(args, found)
    early.check_memory(args, found)
    early.check_units(args, found, units)
    if found.attrs["kind"] != "slices":
        pairs = load_volume_pairs(
            args.folder,
            patient=args.patient,
            sequence=args.sequence,
            slice_spacing=args.slice_spacing,
            size=args.image_size,
        )
    else:
        pairs = load_pairs(
            args.folder,
            patient=args.patient,
            labels=args.labels,
            size=args.image_size,
            sequence=args.sequence,
        )
    if args.ct_units != "auto":
        pairs.ct_units = args.ct_units
        pairs.data = pairs.data.replace(ct_units=args.ct_units)
    early.refuse_units(pairs.ct_units, units)
    return pairs


def write_skipped(skipped: list[tuple[str, str]], folder: Path) -> None:
    """What was not used, and why; the file is there even where all was."""
    pd.DataFrame(skipped, columns=["file", "reason"]).to_csv(folder / "skipped.csv", index=False)
