"""``ctmri-detect inspect``: check a folder of CT and MRI before a model is trained."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ctmri_detect._extras import require
from ctmri_detect.cli._messages import note, say
from ctmri_detect.cli._output import results_folder
from ctmri_detect.inspection.describe import describe_pairs
from ctmri_detect.inspection.page import write_inspection

_MOST = 7  # findings on the terminal; the page has all


def run(args: argparse.Namespace) -> None:
    """Describe the folder, write the page, show the most important findings."""
    for package in ("matplotlib", "jinja2"):  # a missing package is reported before the work
        require(package, extra="report")
    with results_folder(args.out, overwrite=args.overwrite) as folder:
        note(f"reading {args.folder}", quiet=args.quiet)
        found = describe_pairs(
            args.folder,
            patient=args.patient,
            sequence=args.sequence,
            modality=args.modality,
            random_state=args.seed,
            progress=not args.quiet and sys.stderr.isatty(),
        )
        write_inspection(found, args.folder, folder / "inspection.html")
        text = json.dumps(found.summary, indent=2, allow_nan=False, ensure_ascii=False)
        (folder / "dataset_summary.json").write_text(text + "\n", encoding="utf-8")
        found.files.to_csv(folder / "files.csv", index=False)
    say(found.summary["headline"])
    for severity, finding in found.findings[:_MOST]:
        say(f"{severity}: {finding}")
    if more := len(found.findings[_MOST:]):
        say(f"... and {more} more finding{'s' * (more > 1)}.")
    say(f"Wrote {Path(args.out) / 'inspection.html'}, dataset_summary.json and files.csv.")
