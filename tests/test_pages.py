"""Markdown pages: their sessions give what they show, and their links lead somewhere."""

from __future__ import annotations

import doctest
import importlib.util
import re
import sys
import tomllib
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from ctmri_detect.cli import main
from ctmri_detect.exceptions import CtmriDetectWarning

ROOT = Path(__file__).resolve().parent.parent
MADE = ("_build", "gallery", "api")  # folders that a build of the site writes
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(p for p in sorted((ROOT / "docs").rglob("*.md")) if not set(p.parts) & set(MADE)),
]
SESSION = re.compile(r"^```pycon\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
RUN = [page for page in PAGES if SESSION.search(page.read_text("utf-8"))]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_pages_are_found():
    assert {"docs/quickstart.md", "docs/guide/load.md", "docs/maps.md"} <= set(map(name, RUN))


def test_pages_of_the_guide_hold_no_code_that_is_not_run():
    for page in (ROOT / "docs" / "guide").glob("*.md"):
        text = page.read_text("utf-8")
        assert page in RUN, page
        assert not re.search("^```(python|py)$", text, re.MULTILINE), page


@pytest.mark.parametrize("page", RUN, ids=name)
def test_the_sessions_of_a_page_give_what_it_shows(page, tmp_path, monkeypatch):
    for package in ("torch", "nilearn", "matplotlib", "skops", "jinja2"):
        if not importlib.util.find_spec(package):
            pytest.skip(f"needs {package}")
    monkeypatch.chdir(tmp_path)
    text = "\n".join(SESSION.findall(page.read_text("utf-8")))
    test = doctest.DocTestParser().get_doctest(text, {}, name(page), name(page), 0)
    session = ModuleType("session")  # a module, as a user's is: its classes can be pickled
    monkeypatch.setitem(sys.modules, session.__name__, session)
    test.globs = vars(session)
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", CtmriDetectWarning)  # a page that warns is a bad one
        doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=said.append)
    assert not said, "".join(said)


def anchors(page: Path) -> set[str]:
    """Those that GitHub and the site give to headings."""
    text = FENCED.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_inside_the_repository_lead_to_something(page):
    for link in LINK.findall(FENCED.sub("", page.read_text("utf-8"))):
        path, _, anchor = link.partition("#")
        if "://" in path or path.startswith(("mailto:", "../gallery", "gallery")):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_every_extra_is_on_the_page_of_the_installation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    page = (ROOT / "docs" / "install.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z]+)`", page.partition("| extra |")[2].partition("\n\n")[0]))
    assert set(project["optional-dependencies"]) - {"test", "dev"} == named


def test_every_command_is_on_the_page_of_the_command_line(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = capsys.readouterr().out.partition("COMMAND\n")[2].partition("options:")[0]
    commands = re.findall(r"^    (\w+)", listed, re.MULTILINE)
    page = (ROOT / "docs" / "commands.md").read_text("utf-8")
    assert len(commands) > 5
    assert [name for name in commands if f"`ctmri-detect {name}" not in page] == []
