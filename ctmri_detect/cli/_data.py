"""From arguments to pairs and pipelines."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from ctmri_detect.cli._messages import note
from ctmri_detect.datasets import find_pairs, load_pairs, load_volume_pairs


def read_pairs(args: argparse.Namespace) -> Bunch:
    """The pairs of the folder, slices or volumes, with the units that the user says they have."""
    note(f"reading {args.folder}", quiet=args.quiet)
    if _holds_volumes(args):
        pairs = _read_volumes(args)
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
    if pairs.ct_units is None:
        raise ValueError(
            "The CT are neither Hounsfield units nor 8-bit brain windows; expected one of them. "
            "Export them again, or say what they are with --ct-units."
        )
    return pairs


def _holds_volumes(args: argparse.Namespace) -> bool:
    """Whether the folder holds volumes; what is ambiguous is left to the loader to refuse."""
    patient = None if args.labels else args.patient  # with labels it may name a column of theirs
    found = find_pairs(args.folder, patient=patient, sequence=args.sequence)
    return str(found.attrs["kind"]) != "slices"


def _read_volumes(args: argparse.Namespace) -> Bunch:
    if args.labels:
        raise ValueError(
            "--labels goes with slices (one row a file); the folder holds volumes. Leave it away, "
            "or export the slices."
        )
    return load_volume_pairs(
        args.folder,
        patient=args.patient,
        sequence=args.sequence,
        slice_spacing=args.slice_spacing,
        size=args.image_size,
    )


def unwrap(model: Any) -> tuple[list[Any], Any]:
    """The transformers of a fitted model, in order, and its detector."""
    if hasattr(model, "best_estimator_"):
        return unwrap(model.best_estimator_)
    if isinstance(model, Pipeline):
        steps, detector = unwrap(model[-1])
        return [*(step for _, step in model.steps[:-1] if step != "passthrough"), *steps], detector
    return [], model


def write_skipped(skipped: list[tuple[str, str]], folder: Path) -> None:
    """What was not used, and why; the file is there even where all was."""
    pd.DataFrame(skipped, columns=["file", "reason"]).to_csv(folder / "skipped.csv", index=False)
