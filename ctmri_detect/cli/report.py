"""``ctmri-detect report``: the report of a stored benchmark, written again."""

from __future__ import annotations

import argparse

from ctmri_detect.cli._measure import require_report, show, write_results
from ctmri_detect.cli._output import results_folder
from ctmri_detect.evaluation import open_benchmark


def run(args: argparse.Namespace) -> None:
    """Read the store and write the report."""
    require_report()
    with results_folder(args.out, overwrite=args.overwrite) as folder:
        result, data = open_benchmark(args.store)
        board = write_results(result, data, result.scores, folder, quiet=args.quiet)
    show(board, args.out)
