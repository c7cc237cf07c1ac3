"""The inspection page: what a folder holds, as one HTML file that needs nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from sklearn.utils import Bunch

from ctmri_detect import __version__
from ctmri_detect._extras import require
from ctmri_detect.evaluation import _inspection_sections as sections
from ctmri_detect.evaluation import _inspection_tables as tables


def write_inspection(
    description: Bunch, folder: str | Path, path: str | Path, *, title: str | None = None
) -> Path:
    """Write what `describe_pairs` found as one HTML file, images included.

    The page holds the findings, a table of both modalities, sample images (pairs with their
    checkerboard and difference; volumes from three sides), intensity histograms, sizes, badly
    registered pairs, duplicates and damaged files. It loads nothing from the network and follows
    the reader's light or dark mode. Files are named relative to the folder; of a DICOM folder no
    name of a file is shown, and no image.

    Parameters
    ----------
    description : Bunch
        Of `describe_pairs`.
    folder : str or Path
        The folder that was described: the images on the page are read from it.
    path : str or Path
        The file to write; its folder is made.
    title : str, default=None
        Heading of the page; None names the folder.

    Returns
    -------
    Path
        The file, a few MB at most.

    Raises
    ------
    ImportError
        Without jinja2 or matplotlib; the message is the command that installs them.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from ctmri_detect.datasets import describe_pairs
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for plane in ("CT", "MRI"):
    ...         (Path(name) / plane).mkdir()
    ...         np.save(Path(name) / plane / "p1_1.npy", np.eye(32))
    ...     page = write_inspection(describe_pairs(name), name, Path(name) / "page.html")
    ...     page.read_text(encoding="utf-8").count("<h1>")
    1
    """
    folder, path = Path(folder), Path(path)
    dicom = description.summary["kind"] == "dicom"
    if title is None:
        title = "Inspection of a DICOM folder" if dicom else f"Inspection of {_name(folder)}"
    page = _template().render(
        title=title,
        headline=description.summary["headline"],
        findings=description.findings,
        overview=tables.overview(description),
        samples=sections.samples(description, folder),
        histograms=sections.histograms(description),
        sizes=tables.sizes(description),
        registration=sections.registration(description, folder),
        duplicates=sections.duplicates(description, folder),
        damaged=tables.damaged(description),
        settings={
            "Layout": description.summary["layout"],
            "ctmri_detect": __version__,
            "Written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        },
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def _name(folder: Path) -> str:
    """The folder's own name, never the path to it."""
    return folder.resolve().name or "a folder"


def _template() -> Any:
    """The page's template, with the report's style sheet and macros."""
    jinja2 = require("jinja2", extra="report")
    texts = resources.files("ctmri_detect.evaluation") / "templates"
    report = texts.joinpath("report.html.j2").read_text(encoding="utf-8")
    macros, _, rest = report.partition("<!DOCTYPE html>")
    style = rest.partition("<style>")[2].partition("</style>")[0]
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.DictLoader({"macros": macros}),
    )
    environment.globals["style"] = jinja2.utils.markupsafe.Markup(style)
    return environment.from_string(texts.joinpath("inspection.html.j2").read_text(encoding="utf-8"))
