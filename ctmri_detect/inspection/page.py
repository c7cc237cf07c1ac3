"""The inspection page: what a folder holds, as one HTML file without other files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sklearn.utils import Bunch

from ctmri_detect import __version__
from ctmri_detect.html.page import write_page
from ctmri_detect.inspection import sections, tables
from ctmri_detect.inspection.source import Source


def write_inspection(
    description: Bunch, folder: str | Path, path: str | Path, *, title: str | None = None
) -> Path:
    """Write what `describe_pairs` found as one HTML file, images included.

    The page holds the findings, a table of both modalities, sample images (pairs with their
    checkerboard and difference; volumes from three sides), intensity histograms, sizes, badly
    registered pairs, duplicates and damaged files. It loads nothing from the network and follows
    the reader's light or dark mode. File names are relative to the folder. For a DICOM folder it
    shows no file names, and no images of series whose header says that text is burned in. Faces
    can be seen in the other images.

    Parameters
    ----------
    description : Bunch
        What `describe_pairs` returned.
    folder : str or Path
        The folder that was described; the images on the page are read from it.
    path : str or Path
        The file to write; its folder is made if it does not exist.
    title : str, default=None
        Heading of the page; None: "Inspection of" and the name of the folder.

    Returns
    -------
    Path
        The file, a few MB at most.

    Raises
    ------
    ImportError
        If jinja2 or matplotlib is not installed. The message says how to install it.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from ctmri_detect.inspection import describe_pairs
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for plane in ("CT", "MRI"):
    ...         (Path(name) / plane).mkdir()
    ...         np.save(Path(name) / plane / "p1_1.npy", np.eye(32))
    ...     page = write_inspection(describe_pairs(name), name, Path(name) / "page.html")
    ...     page.read_text(encoding="utf-8").count("<h1>")
    1
    """
    folder = Path(folder)
    source = Source(folder, description.series)
    dicom = description.summary["kind"] == "dicom"
    if title is None:
        title = "Inspection of a DICOM folder" if dicom else f"Inspection of {_name(folder)}"
    return write_page(
        "ctmri_detect.inspection",
        "inspection.html.j2",
        path,
        title=title,
        headline=description.summary["headline"],
        findings=description.findings,
        overview=tables.overview(description),
        samples=sections.samples(description, source),
        histograms=sections.histograms(description),
        statistics=tables.statistics(description),
        sizes=tables.sizes(description),
        registration=sections.registration(description, source),
        duplicates=sections.duplicates(description, source),
        damaged=tables.damaged(description),
        settings={
            "Layout": description.summary["layout"],
            "ctmri_detect": __version__,
            "Written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        },
    )


def _name(folder: Path) -> str:
    """The folder's own name, never the path to it."""
    return folder.resolve().name or "a folder"
