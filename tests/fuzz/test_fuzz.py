"""Damaged, odd and hostile files and folders, 160 of them; ten thousand by ``python -m fuzz``."""

from __future__ import annotations

import pytest

from fuzz.pool import run_cases

SEED = 0


@pytest.mark.parametrize(
    "numbers",
    [range(80), pytest.param(range(500, 580), marks=pytest.mark.slow)],
    ids=["first", "second"],
)
def test_whatever_a_file_holds_the_answer_is_right_or_an_error_of_ours(numbers):
    """A failure shows its number; ``PYTHONPATH=tests python -m fuzz --case NUMBER`` repeats it."""
    reports = list(run_cases(SEED, numbers, jobs=1, limit=60, every=4))
    known = sum(report["known"] for report in reports)
    assert 3 * known >= len(reports) == len(numbers)
    failed = [(r["number"], r["kind"], r["faults"]) for r in reports if r["faults"]]
    assert not failed
