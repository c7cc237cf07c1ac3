"""Run cases and print a table: ``PYTHONPATH=tests python -m fuzz --cases 10000 --jobs 2``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .case import schedule
from .pool import run_cases
from .worker import one_case


def main() -> int:
    """Parse, run, tell; the exit code is 1 where a case failed."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=30, help="seconds a case may take")
    parser.add_argument("--every", type=int, default=1, help="describe_pairs in one of so many")
    parser.add_argument("--kind", default="", help="only kinds whose name holds this")
    parser.add_argument("--out", type=Path, help="a file for the failures, a line of JSON each")
    parser.add_argument("--case", type=int, help="run this one here, and keep its files")
    args = parser.parse_args()
    if args.case is not None:
        return _again(args.seed, args.case)
    kinds = schedule()
    numbers = [
        number
        for number in range(args.first, args.first + args.cases)
        if args.kind in kinds[number % len(kinds)].name
    ]
    start = time.perf_counter()
    running = run_cases(args.seed, numbers, jobs=args.jobs, limit=args.limit, every=args.every)
    reports = list(_told(running, args))
    print(table(reports))
    print(f"\nseed {args.seed}, {time.perf_counter() - start:.0f} s")
    return int(any(report["faults"] for report in reports))


def _told(reports: Iterable[dict[str, Any]], args: Any) -> Iterable[dict[str, Any]]:
    failures = args.out.open("w") if args.out else None
    for report in reports:
        if report["faults"]:
            print(f"{report['number']} {report['kind']}: {report['faults'][0]}", flush=True)
            if failures is not None:
                failures.write(json.dumps(report | {"seed": args.seed}) + "\n")
                failures.flush()
        yield report


def table(reports: list[dict[str, Any]]) -> str:
    """Kinds with their cases, those with a known value, failures, the longest, the largest."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for report in reports:
        rows[report["kind"]].append(report)
    lines = ["| kind | cases | known value | failures | longest, s | most, MiB |", "|" + "---|" * 6]
    for name, group in [*sorted(rows.items()), ("all", reports)]:
        known = sum(report["known"] for report in group)
        failed = sum(bool(report["faults"]) for report in group)
        longest = max(report["seconds"] for report in group)
        most = max(report["memory"] for report in group) / 2**20
        lines.append(f"| {name} | {len(group)} | {known} | {failed} | {longest:.2f} | {most:.0f} |")
    return "\n".join(lines)


def _again(seed: int, number: int) -> int:
    root = Path(tempfile.mkdtemp(prefix="fuzz"))
    root.chmod(0o755)
    report = one_case(seed, number, root, keep=True)
    print(json.dumps(report, indent=1))
    print(f"its files: {root}")
    return int(bool(report["faults"]))


if __name__ == "__main__":
    sys.exit(main())
