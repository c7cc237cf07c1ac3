"""``ctmri-detect score``: a model and a folder in, ranked scores and overlays out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch
from tqdm import tqdm

from ctmri_detect._extras import require
from ctmri_detect.cli._data import MARKS, read_pairs, write_skipped
from ctmri_detect.cli._maps import REPORT, check_extras, map_writer, say_maps, write_report
from ctmri_detect.cli._messages import hide_progress, one_line, say, tell
from ctmri_detect.cli._output import OVERLAYS, results_folder
from ctmri_detect.io import MapWriter
from ctmri_detect.io.volumes.volume_files import is_volume
from ctmri_detect.localization import iter_detect
from ctmri_detect.metrics import decision_roc_auc_score
from ctmri_detect.persistence import load
from ctmri_detect.pipelines import NO_THRESHOLD, ct_units_taken, has_threshold, last_step

Maps = dict[int, npt.NDArray[np.float32]]  # by row

_NUMBERS = ("anomaly_score", "p_value", "prediction")
_NEEDED = (*_NUMBERS, "anomaly_map", "regions")
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
    """Load, score, write."""
    check_extras(args)
    if args.top:
        require("matplotlib", extra="plot")
    with results_folder(args.out, overwrite=args.overwrite) as folder:
        model = load(args.model)
        units = ct_units_taken(model)
        pairs = read_pairs(args, units=[units] if units else [])
        write_skipped(pairs.skipped, folder)
        names = [_name(row) for row in pairs.frame.itertuples()]
        with map_writer(args, pairs, names, folder) as writer:
            scores, maps = _score(model, pairs, args, writer)
        table = _table(pairs, scores)
        table.drop(columns="sample").to_csv(folder / "scores.csv", index=False)
        top = table.head(args.top)
        failed = _overlays(pairs, top, maps, folder / OVERLAYS, quiet=args.quiet)
        if args.report:
            write_report(model, pairs, scores, names, folder)
    called = has_threshold(model)
    if not called:
        tell("warning: the model had too few slices for a threshold, so none is called anomalous")
    written = f"{len(top) - failed} overlays{say_maps(writer)}"
    written += f", {REPORT}" * args.report
    _summary(table, pairs, args.out, written, called=called)


def _score(
    model: BaseEstimator, pairs: Bunch, args: argparse.Namespace, writer: MapWriter | None
) -> tuple[pd.DataFrame, Maps]:
    """Numbers and strongest region of all pairs, and the maps of as many as are to be drawn."""
    if args.false_positive_rate is not None:
        last_step(model).rescore(false_positive_rate=args.false_positive_rate)
    parts: list[pd.DataFrame] = []
    regions: list[pd.DataFrame] = []
    drawn: list[tuple[float, int, npt.NDArray[np.float32]]] = []
    total, hidden = len(pairs.data), hide_progress(quiet=args.quiet)
    with tqdm(total=total, desc="scoring", unit="pair", disable=hidden) as bar:
        for block in iter_detect(model, pairs.data, include=_NEEDED):
            parts.append(pd.DataFrame({name: block[name] for name in _NUMBERS}))
            regions.append(block.regions[block.regions["region"] == 1])
            if writer is not None:
                writer.add(block.samples, block.anomaly_map)
            candidates = zip(-block.anomaly_score, block.samples, block.anomaly_map, strict=True)
            drawn = sorted([*drawn, *candidates], key=lambda one: one[:2])[: args.top]
            bar.update(len(block.samples))
    scores = pd.concat(parts, ignore_index=True)
    return scores.join(pd.concat(regions).set_index("sample")), {int(i): h for _, i, h in drawn}


def _table(pairs: Bunch, scores: pd.DataFrame) -> pd.DataFrame:
    """One row a pair, most anomalous first."""
    extra = [name for name in ("instance", "z_mm", *MARKS) if name in pairs.frame]
    known = ["ct", "mri", "patient", "slice", *extra]
    table = pairs.frame[known].reset_index(drop=True)
    table[["anomaly_score", "p_value"]] = scores[["anomaly_score", "p_value"]]
    table["anomalous"] = np.where(scores["prediction"] == -1, "yes", "no")
    table[["modality", "direction"]] = scores[["modality", "sign"]]
    if pairs.target is not None:
        table["label"] = np.where(pairs.target == -1, "anomalous", "normal")
    table = table.rename_axis("sample").reset_index()
    table = table.sort_values("anomaly_score", ascending=False, kind="stable", ignore_index=True)
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def _overlays(pairs: Bunch, top: pd.DataFrame, maps: Maps, folder: Path, *, quiet: bool) -> int:
    """Draw the top pairs; returns how many failed; each failure is a warning."""
    if top.empty:
        return 0
    from ctmri_detect.plotting import OverlayWriter
    from ctmri_detect.plotting.marks import height_of

    writer = OverlayWriter(ct_units=pairs.ct_units, orientation=pairs.orientation)
    failed, hidden = 0, hide_progress(quiet=quiet)
    for row in tqdm(list(top.itertuples()), desc="drawing", unit="pair", disable=hidden):
        path = folder / f"{row.rank:03d}_{_name(row)}.png"
        numbers = f"anomaly score {row.anomaly_score:.1f}, p = {row.p_value:.3f}"
        title = f"{row.rank}. {_name(row)}: {numbers}"
        try:
            ct, mri = pairs.data[row.sample]
            height = height_of(pairs.data, row.sample)
            writer.write(ct, mri, maps[row.sample], path, title=title, z_mm=height)
        except Exception as error:  # the other pictures are still drawn
            failed += 1
            tell(f"warning: no overlay of {row.ct}: {one_line(error)}")
    return failed


def _name(row: Any) -> str:
    """The file of a slice, or patient and slice where a file is a whole volume."""
    file = Path(row.ct)
    if file.suffix and not is_volume(file.name):
        return file.stem
    return f"{row.patient or file.parent.name}_slice{row.slice}"


def _summary(table: pd.DataFrame, pairs: Bunch, folder: str, drawn: str, *, called: bool) -> None:
    flagged = int((table["anomalous"] == "yes").sum())
    found = f"{flagged} are anomalous ({flagged / len(table):.0%})" if called else NO_THRESHOLD
    say(f"Scored {len(table)} pairs; {found}.")
    if called and not flagged:
        say("The order may still tell: look at the first ones, or give a --false-positive-rate.")
    if pairs.skipped:
        say(f"{len(pairs.skipped)} files were skipped: see skipped.csv.")
    if pairs.target is not None:
        odd = int((pairs.target == -1).sum())
        if 0 < odd < len(table):
            decision = -table.sort_values("sample")["anomaly_score"].to_numpy()
            auroc = decision_roc_auc_score(pairs.target, decision)
            say(f"Image AUROC {auroc:.3f} ({odd} anomalous, {len(table) - odd} normal).")
        else:
            say(f"Image AUROC: not defined, {odd} of {len(table)} labels are anomalous.")
    shown = table.head(_SHOWN)
    shown = shown.assign(name=[_name(row) for row in shown.itertuples()])[_COLUMNS]
    say(f"\n{shown.to_string(index=False, na_rep='-', float_format='{:.3f}'.format)}\n")
    say(f"Wrote scores.csv, skipped.csv and {drawn} to {folder}.")
