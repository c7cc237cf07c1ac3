"""``ctmri-detect fit``: a folder of pairs in, a model file out."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from contextlib import suppress
from typing import Any

from sklearn.pipeline import make_pipeline

from ctmri_detect._extras import require
from ctmri_detect.cli._data import preprocessor, read_pairs, samples
from ctmri_detect.cli._messages import begin, say, tell
from ctmri_detect.cli._output import output_file
from ctmri_detect.cli._remembered import to_remember
from ctmri_detect.cli.detectors import make_detector, suit, train_with
from ctmri_detect.evaluation.standings import FEW_PATIENTS
from ctmri_detect.exceptions import PatientsUnknownWarning
from ctmri_detect.persistence import save

_PRIVACY = (
    "It holds images of training slices (no names): keep it like the scans themselves. See "
    "docs/guide/save.md."
)


def run(args: argparse.Namespace) -> None:
    """Load, fit, save."""
    require("skops", extra="save")  # said before the work, not after it
    path = output_file(args.out)
    detector = _detector(args)
    pairs = read_pairs(args)
    if pairs.groups is None:
        tell("warning: no --patient, so contiguous files stand for patients in the calibration")
    suit(detector, args.detector, pairs.data.modalities)
    model = make_pipeline(preprocessor(args, pairs), detector)
    begin(f"fitting {args.detector} on {samples(pairs, len(pairs.data))}", quiet=args.quiet)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PatientsUnknownWarning)  # said above, as --patient
        model.fit(pairs.data, pairs.target)
    seconds = time.perf_counter() - start
    save(model, path, about=to_remember(args, pairs))
    known = detector.n_patients_fit_
    patients = "" if known is None else f" of {known} patients"
    say(
        f"Fitted {args.detector} on {samples(pairs, detector.n_samples_fit_)}{patients}"
        f"{f' ({pairs.ct_units})' if pairs.ct_units else ''} in {seconds:.1f} s."
    )
    if known is not None and known < FEW_PATIENTS:
        tell(
            f"warning: the threshold rests on {known} patients, so it may be far off for new ones; "
            "the order of the scores is worth more"
        )
    say(f"Wrote {path} ({path.stat().st_size / 2**20:.1f} MiB).")
    say(_PRIVACY)


def _detector(args: argparse.Namespace) -> Any:
    """The detector with what the arguments say about its trainings; on a terminal, with a bar."""
    detector = make_detector(args.detector, args.seed)
    settings: dict[str, Any] = {}
    if args.epochs is not None:
        settings["max_epochs"] = args.epochs
    if args.checkpoint is not None:
        settings |= {"checkpoint_dir": args.checkpoint, "resume": True}
    if settings:
        train_with(detector, args.detector, **settings)
    if not args.quiet and sys.stderr.isatty():
        with suppress(ValueError):  # it trains nothing
            train_with(detector, args.detector, verbose=1)
    return detector
