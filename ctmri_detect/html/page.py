"""Write a page from its template as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ctmri_detect._extras import require


def write_page(room: str, template: str, path: str | Path, **values: Any) -> Path:
    """Fill a template and write it to one file; the folder of the file is made.

    Parameters
    ----------
    room : str
        The package whose folder `templates` holds the template, such as
        ``"ctmri_detect.reports"``. Macros and style come from this one.
    template : str
        Name of the template's file.
    path : str or Path
        The file to write.
    **values
        The variables of the template.

    Raises
    ------
    ImportError
        Without jinja2; the message is the command that installs it.
    """
    jinja2 = require("jinja2", extra="report")
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader(room), jinja2.PackageLoader("ctmri_detect.html")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template).render(**values)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path
