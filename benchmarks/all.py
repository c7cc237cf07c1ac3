"""All published tables again, one after the other; goes on where it stopped.

Run by hand, in hours (a day with all detectors), with nothing else running:

    python benchmarks/all.py --out benchmarks/results --store benchmark-store
    python benchmarks/all.py --list

A step that has ended on the present commit is not run again. Real images are no part of the
project: give their folders (``--pairs``, ``--kaggle`` with ``--labels``) to have their tables, too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from run_synthetic import commit

HERE = Path(__file__).resolve().parent
SEEDS = ("0", "1", "2")


def steps(out: Path, store: Path, arguments: argparse.Namespace) -> dict[str, list[str]]:
    """Name of each step and its command, without the interpreter."""

    def script(name: str, *more: str, to: str) -> list[str]:
        return [str(HERE / name), *more, "--out", str(out / f"{to}.jsonl")]

    kept = ["--store", str(store / "synthetic")]
    found = {"synthetic": script("run_synthetic.py", *kept, "--conditions", to="synthetic")}
    for seed in SEEDS:
        for name in ("cross_modal", "deep_features", "sequences"):
            more = ["--seed", seed]
            found[f"{name}, seed {seed}"] = script(f"{name}.py", *more, to=name)
    found["many planes"] = script("many_planes.py", to="many_planes")
    found["difficulty"] = script(
        *("phantom_pairs.py", "--severities", "mild,moderate,severe", "--kinds", "all"),
        *("--seeds", ",".join(SEEDS), "--detectors", "threshold,atlas-position,atlas"),
        to="difficulty",
    )
    found["deep_speed"] = script("deep_speed.py", "--threads", "2", to="deep_speed")
    found["evaluation_speed"] = script("evaluation_speed.py", to="evaluation_speed")
    found["neighbours"] = script("neighbours.py", to="neighbours")
    if arguments.pairs:
        real = [arguments.pairs, "--labels", f"{arguments.pairs}/labels.csv"]
        real += ["--patient", "patient", "--store", str(store / "real")]
        found["real pairs"] = script("run_real.py", *real, to="real")
    if arguments.kaggle:
        real = ["--kaggle", arguments.kaggle, "--labels", arguments.labels]
        found["real CT"] = script("autoencoders.py", *real, to="kaggle_ct")
    return found


def main() -> None:
    """Run what has not been run on this commit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--store", type=Path, default=Path("benchmark-store"))
    parser.add_argument("--pairs", help="folder of real pairs with labels.csv")
    parser.add_argument("--kaggle", help="archive of the Kaggle set")
    parser.add_argument("--labels", help="of the Kaggle set")
    parser.add_argument("--only", nargs="*", help="names of steps")
    parser.add_argument("--list", action="store_true", help="print the commands only")
    arguments = parser.parse_args()
    arguments.store.mkdir(parents=True, exist_ok=True)
    ended = arguments.store / "ended.json"
    done = json.loads(ended.read_text()) if ended.exists() else {}
    for name, command in steps(arguments.out, arguments.store, arguments).items():
        if arguments.only and name not in arguments.only:
            continue
        print(f"{name}: {' '.join(command)}", flush=True)
        if not arguments.list and done.get(name) != commit():
            subprocess.run([sys.executable, *command], check=True)
            ended.write_text(json.dumps(done := done | {name: commit()}, indent=1))


if __name__ == "__main__":
    main()
