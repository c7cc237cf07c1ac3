"""Whether rows that were made again say what the published ones say.

    python benchmarks/compare_rows.py benchmarks/results/synthetic.jsonl new/synthetic.jsonl \
        --figures value --out benchmarks/results/reproduced.jsonl

Rows belong together where all texts and all of `KEYS` are equal. Times, memory, versions and lists
(such as decisions) are left alone. The line that is written says how far the figures lie apart, for
each detector or line.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from run_synthetic import commit

KEYS = {"seed", "condition_level", "missing", "kind", "set", "which", "planes", "what", "stage"}
KEYS |= {"scanner", "healthy_patients", "new_patients", "draws", "shift", "turn"}
KEYS |= {"detector", "metric", "condition", "level", "severity", "training"}


def compared(old: pd.DataFrame, new: pd.DataFrame, figures: list[str]) -> pd.DataFrame:
    """Old and new figures side by side, one line for each pair of rows and figure."""
    listed = {name for name in new if new[name].map(type).eq(list).any()}  # of each sample
    keys = [name for name in new if name in KEYS - listed and name in old]
    old, new = (frame[[*keys, *figures]].drop_duplicates(keys, keep="last") for frame in (old, new))
    both = old.merge(new, on=keys, suffixes=(" old", " new"))
    parts = [
        both[keys].assign(figure=name, old=both[f"{name} old"], new=both[f"{name} new"])
        for name in figures
    ]
    return pd.concat(parts).dropna(subset=["old", "new"])


def main() -> None:
    """Compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--figures", nargs="+", required=True, help="columns to compare")
    parser.add_argument("--commit", help="of new rows that don't name theirs; default: this one")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    old, new = (pd.read_json(path, lines=True) for path in (given.old, given.new))
    table = compared(old, new, given.figures)
    table["off"] = (table["new"] - table["old"]).abs()
    name = next(key for key in ("detector", "what", "planes", "scanner") if key in table)
    print(table.groupby([name, "figure"])["off"].agg(["max", "mean", "count"]).to_markdown())
    made = set(new["commit"]) if "commit" in new else {given.commit or commit()}
    row = {
        "file": given.new.name,
        "commit": ", ".join(sorted(map(str, made))),
        "figures": len(table),
        "within 0.001": float((table["off"] <= 0.001).mean()),
        "most": float(table["off"].max()),
        "median": float(np.median(table["off"])),
        "off by more than 0.01": sorted(set(table.loc[table["off"] > 0.01, name])),
    }
    print(json.dumps(row))
    if given.out:
        with given.out.open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
