"""Do the tests notice a changed line? Places drawn at random, one change each.

Run by hand, in a clean clone, with cosmic-ray in an environment of its own (it needs nothing of
this library), and this library's environment for the tests:

    cosmic-ray init mutants.toml mutants.sqlite     # module-path = "ctmri_detect", any test-command
    python benchmarks/mutants.py mutants.sqlite --tool cosmic-ray --out mutants.jsonl

The seed of the draw is the hash of the commit, so nobody chooses the places. Type hints and
decorators are left out: changing them changes no behaviour that a test of laws could see. Each
change is tested with the tests of its own room first, then with all that are not slow, and is
caught where one fails. ``CONTRIBUTING.md`` has the table.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LEFT_OUT = ("core/ReplaceBinaryOperator_BitOr", "core/RemoveDecorator")  # hints; decorators
_FIELDS = "module_path, operator_name, occurrence, start_pos_row, definition_name, operator_args"


def drawn(session: Path, seed: str, n: int, tool: str) -> list[dict[str, Any]]:
    """Lines in the order of the draw, and one of the changes of each."""
    with sqlite3.connect(session) as connection:
        rows = connection.execute(f"SELECT {_FIELDS} FROM mutation_specs").fetchall()
    places: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in sorted(rows):
        one = dict(zip(_FIELDS.split(", "), row, strict=True))
        if not one["operator_name"].startswith(_LEFT_OUT):
            places.setdefault((one["module_path"], one["start_pos_row"]), []).append(one)
    rng = random.Random(seed)
    found: list[dict[str, Any]] = []
    for place in rng.sample(sorted(places), len(places)):
        one = rng.choice(places[place])
        if is_code(one, tool):
            found.append(one)
        if len(found) == n:
            break
    return found


def is_code(one: dict[str, Any], tool: str) -> bool:
    """Whether it is another program: the tool takes the star of ``f(*, a)`` for a sign."""
    file, text = Path(one["module_path"]), Path(one["module_path"]).read_text()
    try:
        apply(one, tool)
        return ast.dump(ast.parse(file.read_text())) != ast.dump(ast.parse(text))
    except (SyntaxError, subprocess.CalledProcessError):
        return False
    finally:
        file.write_text(text)


def apply(one: dict[str, Any], tool: str) -> None:
    """Change the file."""
    what = [one["module_path"], one["operator_name"], str(one["occurrence"])]
    subprocess.run([tool, "apply", *what], check=True, capture_output=True)


def tests_of(module: str) -> Iterator[list[str]]:
    """What to run, one after the other, until something fails."""
    room = Path(module).parts[1]
    folder = Path("tests") / Path(room).stem
    if folder.is_dir():
        yield [module, str(folder)]
    yield []


def outcome(one: dict[str, Any], tool: str, quick: bool) -> dict[str, Any]:
    """Change the file, run the tests, and take the change back."""
    file, text = Path(one["module_path"]), Path(one["module_path"]).read_text()
    try:
        apply(one, tool)
        before, after = text.splitlines(), file.read_text().splitlines()
        changed = [b.strip() for a, b in zip(before, after, strict=False) if a != b]
        caught = ""
        for chosen in list(tests_of(str(file)))[: 1 if quick else None]:
            command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", *chosen]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                lines = run.stdout.splitlines()
                failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
                caught = failed[0].split(" - ")[0] if failed else f"exit code {run.returncode}"
                break
    finally:
        file.write_text(text)
    return {
        "place": f"{file}:{one['start_pos_row']}",
        "in": one["definition_name"],
        "operator": one["operator_name"],
        "was": before[one["start_pos_row"] - 1].strip(),
        "became": " ".join(changed),
        "caught_by": caught,
    }


def main() -> None:
    """Draw, change, test, write a row each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("session", type=Path)
    parser.add_argument("--tool", default="cosmic-ray", help="the program")
    parser.add_argument("--n", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="the tests of the room only")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the draw")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    git = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for number, one in enumerate(drawn(arguments.session, commit, arguments.n, arguments.tool)):
        if arguments.only and number not in arguments.only:
            continue
        row = {"number": number, "commit": commit, **outcome(one, arguments.tool, arguments.quick)}
        print(row["place"], "|", row["became"], "|", row["caught_by"] or "NOT CAUGHT", flush=True)
        with arguments.out.open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
