"""What a model file remembers of the folder that it was fitted on, for the next folder."""

from __future__ import annotations

import argparse
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ctmri_detect.cli._messages import note
from ctmri_detect.io.sequences import SEQUENCES
from ctmri_detect.layouts.planes import Planes
from ctmri_detect.pipelines import unwrapped


def to_remember(args: argparse.Namespace, pairs: Bunch) -> dict[str, Any]:
    """Plain entries for the file: planes, sequences, and how patients are named.

    A column of the labels is remembered as such: a folder without labels has none.
    """
    sequence = args.sequence if isinstance(args.sequence, str) else list(args.sequence or [])
    return {
        "modality": args.modality,
        "sequence": sequence or None,
        "patient": args.patient,
        "patient_is_column": bool(pairs.patient_is_column),
    }


def recall(args: argparse.Namespace, model: BaseEstimator, about: dict[str, Any]) -> None:
    """Fill in what the user left out: modality, sequence and patients, as they were at the fit.

    Raises
    ------
    ValueError
        Where the model was fitted on planes that the command does not read, or the user asks
        for other planes than these.
    """
    fitted = unwrapped(model)[1].modalities_
    planes = Planes.of_modalities(fitted)
    known = {"ct", "mri", *SEQUENCES.values()}
    if not set(planes.names) <= known:
        raise ValueError(
            f"The model was fitted on {', '.join(fitted)}; the command reads CT, MRI and the "
            "sequences that names of files tell. Score it in Python: load(...).score_samples(X)."
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
            f"{', '.join(wanted.modalities)}; expected the same planes. Leave it out: the model "
            "knows them."
        )
    args.fitted_on = fitted
    args.patient_recalled = False
    if args.patient is None and about.get("patient"):
        if about.get("patient_is_column") and not args.labels:
            return
        args.patient, args.patient_recalled = about["patient"], True
        note(f"patients by {args.patient!r}, as at the fit", quiet=args.quiet)


def _listed(sequence: str | tuple[str, ...]) -> str:
    return sequence if isinstance(sequence, str) else ",".join(sequence)
