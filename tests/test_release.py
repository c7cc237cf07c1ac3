"""What a release says of itself agrees: version, date, metadata."""

from __future__ import annotations

import re
from importlib.metadata import metadata, version
from pathlib import Path

import ctmri_detect

ROOT = Path(__file__).resolve().parent.parent


def test_package_citation_and_changelog_name_one_version_and_date():
    citation = (ROOT / "CITATION.cff").read_text()
    newest = re.search(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert f"\nversion: {ctmri_detect.__version__}\n" in citation
    assert newest[1] == ctmri_detect.__version__
    assert newest[2] == "unreleased" or f"\ndate-released: {newest[2]}\n" in citation


def test_what_is_installed_says_what_a_reader_needs():
    about = metadata("ctmri_detect")
    assert version("ctmri_detect") == ctmri_detect.__version__
    assert about["License-Expression"] == "BSD-3-Clause"
    assert about["Requires-Python"] == ">=3.11"
    assert about["Description-Content-Type"] == "text/markdown"
    kinds = {line.split(",")[0] for line in about.get_all("Project-URL")}
    assert kinds >= {"Documentation", "Source", "Changelog", "Issues"}
