"""Links: to files, in circles, to one another, and to nothing."""

from __future__ import annotations

from ..case import Case, kind
from ..folders import Tree, expect, named, two


@kind(2)
def links_to_files(case: Case) -> None:
    tree = Tree()
    two(case, tree)
    store = case.folder.parent / "store"
    store.mkdir()
    for k, (ct, mri) in enumerate(sorted(tree.pairs)):
        if case.chance(0.5):
            for name in (ct, mri):
                (case.folder / name).rename(store / f"{k}{name[:2]}")
                (case.folder / name).symlink_to(store / f"{k}{name[:2]}")
    expect(case, tree)


@kind(3)
def links_in_circles(case: Case) -> None:
    """Links to folders above, to each other, to themselves: each file is listed once."""
    tree = Tree()
    two(case, tree)
    root = case.folder
    for _ in range(case.whole(1, 3)):
        name, target = case.choice(
            ("CT/up", ".."), ("MRI/here", "."), ("CT/far", "../../data"), ("self", "self"),
            ("CT/absolute", str(root)),
        )  # fmt: skip
        if not (root / name).is_symlink():
            (root / name).symlink_to(target)
    expect(case, tree)


@kind()
def folders_that_cross(case: Case) -> None:
    """Folders that hold links to one another: the paths through them are beyond counting."""
    tree = Tree()
    two(case, tree)
    n = case.choice(4, 8, 12)
    for i in range(n):
        (case.folder / f"d{i}").mkdir()
    for i in range(n):
        for j in range(n):
            if i != j:
                (case.folder / f"d{i}" / f"to{j}").symlink_to(case.folder / f"d{j}")
    expect(case, tree)


@kind(2)
def dangling_links(case: Case) -> None:
    tree = Tree()
    two(case, tree)
    case.path("CT/gone.png").symlink_to(
        case.choice("nowhere.png", "/nonexistent/1.png", "gone.png")
    )
    expect(case, tree)
    case.expect(named("CT/gone.png", "link to nothing"))
