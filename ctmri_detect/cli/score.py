"""``ctmri-detect score``: rank the pairs of a folder by a model, with overlays and maps."""

from __future__ import annotations

import argparse
import shutil
from functools import partial
from pathlib import Path

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from ctmri_detect._extras import require
from ctmri_detect.cli._data import read_pairs, samples, write_skipped
from ctmri_detect.cli._decisions import as_columns, decide_patients
from ctmri_detect.cli._maps import (
    check_extras,
    check_maps,
    keeps_maps,
    write_all_maps,
    write_report,
)
from ctmri_detect.cli._messages import begin, say, tell
from ctmri_detect.cli._output import OVERLAYS, results_folder, unfinished_run
from ctmri_detect.cli._overlays import draw_overlays
from ctmri_detect.cli._remembered import recall
from ctmri_detect.cli._tables import name_of, patients_table, scores_table
from ctmri_detect.exceptions import UntrustedModelError
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.persistence import load, read_about
from ctmri_detect.pipelines import NO_THRESHOLD, ct_units_taken, has_threshold, unwrapped
from ctmri_detect.scoring_runs import open_maps, score_to
from ctmri_detect.scoring_runs.again import maps_again
from ctmri_detect.scoring_runs.run import refuse_whole_scans

_PAIRS = "pairs.npy"  # beside the new results, removed with the folder they lie in
_SHOWN = 10  # rows of the table on the terminal ...
_COLUMNS = [
    "rank",
    "name",
    "anomaly_score",
    "p_value",
    "anomalous",
    "modality",
    "direction",
]  # ... and columns


def run(args: argparse.Namespace) -> None:
    """Score a folder and write the results; scores are kept by block until all is complete."""
    check_extras(args)
    if args.top:
        require("matplotlib", extra="plot")
    with (
        results_folder(args.out, overwrite=args.overwrite or args.resume) as folder,
        unfinished_run(args.out, resume=args.resume, overwrite=args.overwrite) as kept,
    ):
        model = _load(args.model)
        refuse_whole_scans(model)
        recall(args, model, read_about(args.model))
        units = ct_units_taken(model)
        pairs = read_pairs(args, units=[units] if units else [], cache=folder.parent / _PAIRS)
        check_maps(args, pairs)
        if args.false_positive_rate is not None:
            unwrapped(model)[1].rescore(false_positive_rate=args.false_positive_rate)
        keeps, called = keeps_maps(args, len(pairs.data)), has_threshold(model)
        begin(f"scoring {samples(pairs, len(pairs.data))}", quiet=args.quiet)
        jobs = {"n_jobs": args.n_jobs, "progress": not args.quiet}
        scored = score_to(model, pairs.data, kept, maps=keeps, **jobs)
        maps = partial(open_maps, kept) if keeps else partial(maps_again, model, pairs.data)
        table = scores_table(pairs, scored)
        decided = decide_patients(model, pairs, scored)
        written = _write(table, decided, pairs, folder)
        top = table.head(args.top)
        failed = draw_overlays(pairs, top, maps, folder / OVERLAYS, quiet=args.quiet)
        written += write_all_maps(args, pairs, kept, folder)
        written += write_report(args, pairs, scored, decided, maps, folder, threshold=called)
    shutil.rmtree(kept)
    if not called:
        tell(
            "warning: the model had too few healthy slices for a threshold, so no pair is flagged. "
            "Fit it on more pairs"
        )
    _summary(table, pairs, called=called)
    say(f"Wrote {written} and {len(top) - failed} overlays to {args.out}.")


def _load(path: str) -> BaseEstimator:
    """The model, if it holds types of the library only."""
    try:
        return load(path)
    except UntrustedModelError as error:
        raise UntrustedModelError(
            f"{error} This command loads types of the library only. Score this one in Python, see "
            "docs/guide/own.md."
        ) from error


def _write(table: pd.DataFrame, decided: pd.DataFrame | None, pairs: Bunch, folder: Path) -> str:
    """Write the tables; returns their names."""
    write_skipped(pairs.skipped, folder)
    table.to_csv(folder / "scores.csv", index=False)
    patients = patients_table(table, None if decided is None else as_columns(decided))
    if patients is None:
        return "scores.csv, skipped.csv"
    patients.to_csv(folder / "patients.csv", index=False)
    return "scores.csv, patients.csv, skipped.csv"


def _summary(table: pd.DataFrame, pairs: Bunch, *, called: bool) -> None:
    flagged = int((table["anomalous"] == "yes").sum())
    found = f"{flagged} are anomalous ({flagged / len(table):.0%})" if called else NO_THRESHOLD
    say(f"Scored {samples(pairs, len(table))}; {found}.")
    if called and not flagged:
        say("Look at the first pairs all the same, or give a higher --false-positive-rate.")
    if pairs.skipped:
        say(f"{len(pairs.skipped)} files were skipped: see skipped.csv.")
    if pairs.target is not None:
        odd = int((pairs.target == -1).sum())
        if 0 < odd < len(table):
            decision = -table.sort_index()["anomaly_score"].to_numpy()
            auroc = decision_roc_auc_score(pairs.target, decision)
            say(f"Image AUROC {auroc:.3f} ({odd} anomalous, {len(table) - odd} normal).")
        else:
            say(f"Image AUROC: not defined, {odd} of {len(table)} labels are anomalous.")
    shown = table.head(_SHOWN)
    shown = shown.assign(name=[name_of(row) for row in shown.itertuples()])[_COLUMNS]
    say(f"\n{shown.to_string(index=False, na_rep='-', float_format='{:.3f}'.format)}\n")
