"""All published rows again, one file of results after the other; goes on where it stopped.

Run by hand, in hours (a day for all of it), with nothing else running:

    python benchmarks/all.py --store benchmark-store
    python benchmarks/all.py --list
    python benchmarks/write_tables.py

A file of results is replaced as a whole, when the last of its commands has ended, so no file holds
rows of two commits. What has ended on the present commit is not run again. Real images are no part
of the project: give their folders (``--pairs``, ``--kaggle`` with ``--labels``) to have their rows,
too. Some files are written otherwise (`all_steps.OTHERWISE`).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from all_steps import Command, costs, development, of_real_ct, of_real_pairs, synthetic
from run_synthetic import commit

HERE = Path(__file__).resolve().parent


def commands(given: argparse.Namespace) -> dict[str, list[Command]]:
    """Name of each file of results, and the commands that write it."""
    store = given.store / (commit() or "no-commit")  # what is kept is of one commit
    found = synthetic(store) | development() | costs(HERE.parent / "docs" / "images")
    if given.pairs:
        found |= of_real_pairs(given.pairs, store)
    if given.kaggle:
        found |= of_real_ct(given.kaggle, given.labels)
    if unknown := sorted(set(given.only or found) - set(found)):
        sys.exit(f"--only names {', '.join(unknown)}; expected some of {', '.join(found)}.")
    return {name: found[name] for name in found if not given.only or name in given.only}


def main() -> None:
    """Run what has not been run on this commit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--store", type=Path, default=Path("benchmark-store"))
    parser.add_argument("--pairs", help="folder of real pairs with labels.csv")
    parser.add_argument("--kaggle", help="archive of the Kaggle set")
    parser.add_argument("--labels", help="of the Kaggle set")
    parser.add_argument("--only", nargs="*", help="names of files of results")
    parser.add_argument("--list", action="store_true", help="print the commands only")
    given = parser.parse_args()
    if given.kaggle and not given.labels:
        sys.exit("--kaggle needs --labels; expected a csv with file, label and patient.")
    new, notes = given.store / "new", given.store / "ended.json"
    done = json.loads(notes.read_text()) if notes.exists() else {}
    for name, each in commands(given).items():
        path = new / f"{name}.jsonl"
        for n, (script, *more) in enumerate(each):
            step, command = f"{name} {n + 1}", [str(HERE / script), *more, "--out", str(path)]
            print(f"{step}: {' '.join(command)}", flush=True)
            if given.list or done.get(step) == commit():
                continue
            new.mkdir(parents=True, exist_ok=True)
            if n == 0:
                path.unlink(missing_ok=True)
            subprocess.run([sys.executable, *command], check=True)
            notes.write_text(json.dumps(done := done | {step: commit()}, indent=1))
        if path.exists() and not given.list:
            shutil.move(path, given.out / path.name)


if __name__ == "__main__":
    main()
