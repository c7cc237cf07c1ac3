"""What a model file remembers of the folder on which it was fitted."""

from __future__ import annotations

import argparse
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ctmri_detect.cli._messages import note, tell
from ctmri_detect.io.sequences import SEQUENCES
from ctmri_detect.layouts.planes import Planes
from ctmri_detect.pipelines import unwrapped


def to_remember(args: argparse.Namespace, pairs: Bunch) -> dict[str, Any]:
    """Plain entries for the file: planes, sequences, slices left out, and how patients are named.

    `patient_is_column` says that `patient` is a column of the labels, which another folder may
    lack.
    """
    sequence = args.sequence if isinstance(args.sequence, str) else list(args.sequence or [])
    return {
        "modality": args.modality,
        "sequence": sequence or None,
        "patient": args.patient,
        "below_skull_base": args.below_skull_base,
        "image_size": args.image_size,
        "patient_is_column": bool(pairs.patient_is_column),
    }


def recall(args: argparse.Namespace, model: BaseEstimator, about: dict[str, Any]) -> None:
    """Fill in what the user left out, as it was at the fit: planes, slices, size and patients.

    Raises
    ------
    ValueError
        If the model was fitted on planes that the command does not read, or the user asks for
        planes that are not those of the model.
    """
    fitted = unwrapped(model)[1].modalities_
    planes = Planes.of_modalities(fitted)
    known = {"ct", "mri", *SEQUENCES.values()}
    if not set(planes.names) <= known:
        raise ValueError(
            f"The model was fitted on {', '.join(fitted)}; the command reads only CT, MRI and "
            "sequences that file names tell. Score in Python: load(...).score_samples(X)."
        )
    asked = (args.modality, args.sequence)
    if args.modality is None:
        args.modality = about.get("modality") or planes.modality
    if args.sequence is None and args.modality != "ct":
        remembered = about.get("sequence") or planes.sequences or None
        args.sequence = remembered if isinstance(remembered, str | None) else tuple(remembered)
    wanted = Planes.wanted(args.modality, args.sequence)
    if wanted.modalities != fitted:
        given = [f"--modality {asked[0]}"] if asked[0] else []
        given += [f"--sequence {_listed(asked[1])}"] if asked[1] else []
        raise ValueError(
            f"The model was fitted on {', '.join(fitted)}, and {' '.join(given)} means "
            f"{', '.join(wanted.modalities)}; expected the same planes. Leave the option out: the "
            "model remembers them."
        )
    _recall_slices(args, about)
    args.fitted_on = fitted
    args.patient_recalled = False
    if args.patient is None and about.get("patient"):
        if about.get("patient_is_column") and not args.labels:
            tell(
                f"note: patients are not known: at the fit, the column {about['patient']!r} of "
                "--labels named them. Give --labels, or --patient with an expression"
            )
            return
        args.patient, args.patient_recalled = about["patient"], True
        note(f"patients by {args.patient!r}, as at the fit", quiet=args.quiet)


def _recall_slices(args: argparse.Namespace, about: dict[str, Any]) -> None:
    """Whether slices below the skull base are left out, and the size of images."""
    if args.below_skull_base is None:
        args.below_skull_base = about.get("below_skull_base") or "keep"
        if args.below_skull_base == "drop":
            tell("note: slices below the skull base are left out, as at the fit")
    if args.image_size is None:
        args.image_size = about.get("image_size")


def _listed(sequence: str | tuple[str, ...]) -> str:
    return sequence if isinstance(sequence, str) else ",".join(sequence)
