"""How the modules of the library may import one another, read from their source."""

from __future__ import annotations

import ast
from pathlib import Path

import ctmri_detect

PACKAGE = Path(ctmri_detect.__file__).parent
MOST_LINES = 250  # of a module
LONGER = 8  # modules that are longer: to be lowered as they shrink, never raised
LARGEST_ROOM = 0.15  # share of the package's lines


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in PACKAGE.rglob("*.py")}
LINES = {name: len(path.read_text().splitlines()) for name, path in FILES.items()}


def imported(name: str) -> set[str]:
    """Modules that a module imports: at its head, in functions, and for type checkers only."""
    found = set()
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(name, node)
            members = {f"{source}.{alias.name}" for alias in node.names}
            found |= {member if member in FILES else source for member in members}
    return found & FILES.keys() - {name}


def _absolute(name: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = FILES[name].name == "__init__.py"
    parts = name.split(".")[: len(name.split(".")) + is_package - node.level]
    return ".".join([*parts, *([node.module] if node.module else [])])


def room(name: str) -> str:
    """The first-level package or module that a module belongs to."""
    return ".".join(name.split(".")[:2])


IMPORTS = {name: imported(name) for name in FILES}


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules each of which leads back to itself."""
    reached = {name: set(targets) for name, targets in graph.items()}
    for middle in graph:
        for targets in reached.values():
            if middle in targets:
                targets |= reached[middle]
    round_trips = {name: {o for o in reached[name] if name in reached[o]} for name in graph}
    return [members for name, members in round_trips.items() if members and name == min(members)]


def test_a_circle_is_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [{"b", "c"}]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_module_leads_back_to_itself():
    assert circles(IMPORTS) == []


def test_no_private_module_of_another_room_is_imported():
    crossing = [
        (name, other)
        for name, others in IMPORTS.items()
        for other in others
        if room(name) != room(other) and any(p.startswith("_") for p in other.split(".")[2:])
    ]
    assert sorted(crossing) == []


def test_no_room_is_too_large():
    sizes: dict[str, int] = {}
    for name, lines in LINES.items():
        sizes[room(name)] = sizes.get(room(name), 0) + lines
    largest = max(sizes, key=lambda name: sizes[name])
    assert sizes[largest] <= LARGEST_ROOM * sum(sizes.values()), largest


def test_modules_stay_short():
    longer = [name for name, lines in LINES.items() if lines > MOST_LINES]
    assert len(longer) <= LONGER, longer
