"""docs/architecture.md from the code: the floors, what each room imports, and a line a file.

    python scripts/architecture.py      # writes the page

A room is a folder or a file directly below src/medtune. What stands in the page below the mark is
written by hand and kept.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "medtune"
PAGE = ROOT / "docs" / "architecture.md"
BY_HAND = "<!-- Written by hand from here on. -->"

# The lowest first. A room imports only from floors below it and from other rooms of its floor,
# but for the strangers.
FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(rooms.split())
    for rooms in (
        "errors files progress run_paths conversation cpu_threads",
        "text",
        "recipe",
        "data",
        "tokens",
        "models",
        "training evaluation",
        "report",
        "hosted",
        "assistant runs",
        "examples",
        "cli __main__",
    )
)
STRANGERS = frozenset({"training", "evaluation"})  # of one floor, and neither knows the other

HEAD = """# Architecture

<!-- Made from the code by `make docs`, down to the next such line; a test compares it. -->

The layout shows the way of the data: **recipe → data → tokens → models → training → evaluation →
report**. A room, that is a folder or a file of `src/medtune/`, imports only from floors below it,
never up and never in a circle; `tests/test_architecture.py` holds this. An arrow in the picture
leads to what is imported; arrows that follow from others are left out.
"""


@dataclass(frozen=True)
class Import:
    """One `medtune` module that a module imports, and the name taken from it ("" for none)."""

    module: str
    name: str
    top_level: bool

    @property
    def room(self) -> str:
        """The room it leads to; "" for the package itself."""
        parts = [*self.module.split(".")[1:], self.name]
        return "" if parts[0] == "__version__" else parts[0]


@dataclass(frozen=True)
class Source:
    """One module of the package."""

    path: Path
    tree: ast.Module

    @property
    def parts(self) -> tuple[str, ...]:
        """Its path below the package without `.py`, a package's `__init__` left out."""
        parts = self.path.relative_to(PACKAGE).with_suffix("").parts
        return parts[:-1] if parts[-1] == "__init__" else parts

    @property
    def name(self) -> str:
        """The dotted name it is imported by."""
        return ".".join(("medtune", *self.parts))

    @property
    def room(self) -> str:
        """The folder or file directly below the package; "" for the package itself."""
        return self.parts[0] if self.parts else ""

    @property
    def summary(self) -> str:
        """The first sentence of its docstring."""
        paragraph = (ast.get_docstring(self.tree) or "").split("\n\n")[0]
        return re.split(r"(?<=\.)(?<!al\.) ", " ".join(paragraph.split()))[0]

    def imports(self) -> Iterator[Import]:
        """What it imports of the package, also inside functions."""
        top = set(self.tree.body)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("medtune"):
                for alias in node.names:
                    yield Import(str(node.module), alias.name, node in top)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.startswith("medtune"):
                        yield Import(alias.name, "", node in top)


def sources() -> list[Source]:
    """Every module of the package, by path."""
    return [Source(path, ast.parse(path.read_text())) for path in sorted(PACKAGE.rglob("*.py"))]


def floor_of(room: str) -> int:
    """The number of a room's floor, 0 the lowest; StopIteration for a room without one."""
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def arrows(modules: list[Source]) -> dict[str, set[str]]:
    """Room → the rooms it imports."""
    rooms: dict[str, set[str]] = {module.room: set() for module in modules if module.room}
    for module in modules:
        if module.room:
            rooms[module.room] |= {target.room for target in module.imports()} - {module.room, ""}
    return rooms


def broken_arrows(modules: list[Source]) -> list[str]:
    """Imports that lead up, or from one stranger to the other."""
    broken = []
    for module in modules:
        for target in module.imports():
            rooms = {module.room, target.room}
            if len(rooms) == 1 or "" in rooms:
                continue
            if floor_of(target.room) > floor_of(module.room) or rooms == STRANGERS:
                broken.append(f"{module.name} imports {target.module}")
    return broken


def without_detours(rooms: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that do not follow from longer ways (the transitive reduction)."""

    def below(room: str) -> set[str]:
        seen: set[str] = set()
        waiting = [room]
        while waiting:
            new = rooms[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    return {
        room: {other for other in targets if not any(other in below(t) for t in targets - {other})}
        for room, targets in rooms.items()
    }


def _shown(room: str) -> str:
    return f"{room}/" if (PACKAGE / room).is_dir() else f"{room}.py"


def _picture(rooms: dict[str, set[str]]) -> Iterator[str]:
    yield "```mermaid\nflowchart TD"
    direct = without_detours(rooms)
    for floor in reversed(FLOORS):
        for room in sorted(floor & set(rooms) - {"__main__"}):
            yield f'  {room}["{_shown(room)}"]'
            yield from (f"  {room} --> {other}" for other in sorted(direct[room]))
    yield "```"


def _floors(modules: list[Source], rooms: dict[str, set[str]]) -> Iterator[str]:
    summaries = {module.room: module.summary for module in modules if len(module.parts) == 1}
    yield "## Floors\n\n| floor | room | what it is | imports |\n|---|---|---|---|"
    for number, floor in reversed(list(enumerate(FLOORS, start=1))):
        for room in sorted(floor & set(rooms)):
            imported = ", ".join(sorted(rooms[room])) or "–"
            yield f"| {number} | `{_shown(room)}` | {_cell(summaries[room])} | {imported} |"


def _files(modules: list[Source]) -> Iterator[str]:
    yield "## Files"
    for floor in reversed(FLOORS):
        for room in sorted(room for room in floor if (PACKAGE / room).is_dir()):
            yield f"\n### `{room}/`\n\n| file | what it is |\n|---|---|"
            for module in modules:
                if module.room == room and len(module.parts) > 1:
                    path = module.path.relative_to(PACKAGE / room).as_posix()
                    yield f"| `{path.removesuffix('__init__.py')}` | {_cell(module.summary)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page() -> str:
    """The whole page: what the code says, and what stands by hand in the page today."""
    modules = sources()
    rooms = arrows(modules)
    generated = [HEAD, *_picture(rooms), "", *_floors(modules, rooms), "", *_files(modules), ""]
    by_hand = PAGE.read_text(encoding="utf-8").split(BY_HAND)[1]
    return "\n".join([*generated, BY_HAND]) + by_hand


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
