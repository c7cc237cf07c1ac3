"""How the modules of the library may import one another, read from their source."""

from __future__ import annotations

import ast
from pathlib import Path

import ctmri_detect

PACKAGE = Path(ctmri_detect.__file__).parent
MOST_LINES = 250  # of a module
LARGEST_ROOM = 0.15  # share of the package's lines


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in PACKAGE.rglob("*.py")}
LINES = {name: len(path.read_text().splitlines()) for name, path in FILES.items()}


def imported(name: str) -> set[str]:
    """What a module imports: at its head, in functions, and for type checkers only.

    Full names: of modules, and of what is taken out of them.
    """
    tree, found, local = ast.parse(FILES[name].read_text()), set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(name, node)
            local |= {a.asname or a.name: f"{source}.{a.name}" for a in node.names}
    found |= set(local.values())
    for node in ast.walk(tree):  # module._name, of a module that was imported
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = local.get(node.value.id)
            found |= {f"{owner}.{node.attr}"} if owner in FILES else set()
    return {full for full in found if full.startswith("ctmri_detect.")}


def _absolute(name: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = FILES[name].name == "__init__.py"
    parts = name.split(".")[: len(name.split(".")) + is_package - node.level]
    return ".".join([*parts, *([node.module] if node.module else [])])


def room(name: str) -> str:
    """The first-level package or module that a module belongs to."""
    return ".".join(name.split(".")[:2])


def lazy_names(package: str) -> dict[str, str]:
    """Full names that a package imports on first use, and the modules that define them."""
    stub = FILES[package].with_suffix(".pyi")
    if stub.exists():
        nodes = [n for n in ast.walk(ast.parse(stub.read_text())) if isinstance(n, ast.ImportFrom)]
        return {f"{package}.{a.name}": _absolute(package, n) for n in nodes for a in n.names}
    tables = [n for n in ast.walk(ast.parse(FILES[package].read_text())) if isinstance(n, ast.Dict)]
    entries = [pair for table in tables for pair in zip(table.keys, table.values, strict=True)]
    return {
        f"{package}.{key.value}": module.value
        for key, module in entries
        if isinstance(key, ast.Constant) and isinstance(module, ast.Constant)
    }


DEFINED_IN = {
    full: module
    for name, path in FILES.items()
    if path.name == "__init__.py"
    for full, module in lazy_names(name).items()
}
NAMES = {name: imported(name) for name in FILES}


def module_of(full: str) -> str:
    """The module that a full name is, or is defined in."""
    while full not in FILES:
        full = DEFINED_IN.get(full) or full.rpartition(".")[0]
    return full


IMPORTS = {name: {module_of(full) for full in NAMES[name]} - {name} for name in FILES}


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


def private(full: str) -> bool:
    """Whether a name or a module on the way to it is private, below the first level."""
    parts = full.split(".")[2:]
    return any(part.startswith("_") and not part.startswith("__") for part in parts)


def test_nothing_private_of_another_room_is_imported():
    crossing = {
        f"{name} imports {full}"
        for name, names in NAMES.items()
        for full in names
        if room(name) != room(full) and private(full)
    }
    assert crossing == set()


def test_no_room_is_too_large():
    sizes: dict[str, int] = {}
    for name, lines in LINES.items():
        sizes[room(name)] = sizes.get(room(name), 0) + lines
    largest = max(sizes, key=lambda name: sizes[name])
    assert sizes[largest] <= LARGEST_ROOM * sum(sizes.values()), largest


def test_modules_stay_short():
    longer = [name for name, lines in LINES.items() if lines > MOST_LINES]
    assert not longer
