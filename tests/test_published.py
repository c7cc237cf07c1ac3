"""The docs' tables are those of the committed results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "write_tables.py"


def test_tables_of_the_docs_are_those_of_the_results():
    command = [sys.executable, str(SCRIPT), "--check"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert not found.returncode, found.stderr
