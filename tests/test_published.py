"""The docs' tables are those of the committed results."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
SCRIPT = BENCHMARKS / "write_tables.py"


def test_tables_of_the_docs_are_those_of_the_results():
    command = [sys.executable, str(SCRIPT), "--check"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert not found.returncode, found.stderr


def test_one_command_writes_each_file_of_results_again_or_says_what_does():
    steps = runpy.run_path(str(BENCHMARKS / "all_steps.py"))
    store = Path("store")
    written = steps["synthetic"](store) | steps["development"]() | steps["costs"](store)
    written |= steps["of_real_pairs"]("pairs", store) | steps["of_real_ct"]("zip", "labels.csv")
    kept = {path.stem for path in (BENCHMARKS / "results").glob("*.jsonl")}
    assert kept == set(written) | set(steps["OTHERWISE"])
    assert not set(written) & set(steps["OTHERWISE"])
    for command in (command for each in written.values() for command in each):
        assert (BENCHMARKS / command[0]).exists()
