"""The files that the commands and the benchmark write to a folder of results."""

from __future__ import annotations

import os
from pathlib import Path

RESULT_FILES = (
    *("inspection.html", "dataset_summary.json", "files.csv"),
    *("report.html", "table.csv", "scores.csv", "metrics.csv", "skipped.csv", "patients.csv"),
    *("roc.png", "score_distributions.png", "gallery.png"),
)
"""The files that the commands write, and may replace, beside overlays and maps."""

_STORE = ("store.json", "plan.json")


def results_in(folder: Path) -> list[str]:
    """The files of a folder that a command or a benchmark wrote, by their names.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "scores.csv").write_text("")
    ...     results_in(Path(folder))
    ['scores.csv']
    """
    return [name for name in (*RESULT_FILES, *_STORE) if os.path.lexists(folder / name)]
