"""Links of Markdown pages to files of the repository that are no pages of the site.

On GitHub ``[contributing](../CONTRIBUTING.md)`` is a relative link. Here it leads to GitHub, and a
link to an example leads to its page in the gallery. A link to a file that does not exist is left to
Sphinx, which warns.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs"
EXAMPLES = ROOT / "examples"
GITHUB = "https://github.com/ctmri-detect/ctmri_detect/blob/main/"


class RepositoryLinks(SphinxTransform):
    """Runs after parsing, before references are resolved."""

    default_priority = 5

    def apply(self) -> None:
        """Turn each such link round."""
        here = Path(self.env.doc2path(self.env.docname)).parent
        for node in list(self.document.findall(addnodes.download_reference)):
            self._lead_to_github(node, here)
        for node in list(self.document.findall(addnodes.pending_xref)):
            self._lead_to_github(node, here)

    def _lead_to_github(self, node: nodes.Element, here: Path) -> None:
        path, _, anchor = str(node.get("reftarget", "")).partition("#")
        target = (here / path).resolve()
        outside = PAGES not in target.parents and ROOT in target.parents
        if not (path and outside and target.exists()):
            return
        if target == EXAMPLES or EXAMPLES in target.parents:
            page = "index" if target == EXAMPLES else target.stem
            node.replace_self(self._gallery(node, page))
            return
        url = GITHUB + target.relative_to(ROOT).as_posix() + (f"#{anchor}" if anchor else "")
        node.replace_self(nodes.reference("", "", *node.children, refuri=url, internal=False))

    def _gallery(self, node: nodes.Element, page: str) -> nodes.Element:
        about = {"refdomain": "std", "reftype": "doc", "refexplicit": True, "refwarn": True}
        text = nodes.inline("", "", *node.children)
        return addnodes.pending_xref(
            "", text, reftarget=f"/gallery/{page}", refdoc=self.env.docname, **about
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform."""
    app.add_transform(RepositoryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
