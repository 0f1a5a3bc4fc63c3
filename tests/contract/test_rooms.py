"""Rooms import each other only as the table of docs/design.md permits."""

import ast
import re
from pathlib import Path

import pytest

from .project import REPOSITORY, SCRIPTS, imports, modules, scripts, shared_modules

PACKAGE = SCRIPTS / "sandstone"
HALL = "hall"
MOST_MODULES = 12
MOST_LINES = 400
ROOMS = sorted({file.parent for file in modules()} - {PACKAGE})


def room_of(module: Path) -> str:
    """Name of the room that a module lies in."""
    return HALL if module.parent == PACKAGE else module.parent.name


def permitted() -> dict[str, set[str]]:
    """Rooms that each room may import, by the table of the design."""
    design = (REPOSITORY / "docs" / "design.md").read_text(encoding="utf-8")
    section = re.search(r"^## Rooms .*?(?=^## )", design, re.MULTILINE | re.DOTALL)
    assert section
    rows = [line.split("|")[1:-1] for line in section[0].splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): set(re.findall(r"`(\w+)`", row[-1])) for row in rows}


def arrows() -> set[tuple[str, str]]:
    """Imports that lead out of a room."""
    found = {
        (room_of(module), room_of(imported))
        for module in modules()
        for imported in shared_modules(module)
    }
    return {(room, other) for room, other in found if room != other}


def test_the_table_names_every_room():
    assert permitted().keys() == {HALL, *(room.name for room in ROOMS)}


def test_rooms_import_what_the_table_permits_and_no_more():
    assert {(room, other) for room, other in arrows() if other != HALL} == {
        (room, other) for room, others in permitted().items() for other in others
    }


def test_the_hall_imports_no_room():
    assert {other for room, other in arrows() if room == HALL} == set()


def test_no_module_imports_a_script():
    names = {script.stem for script in scripts()}
    tops = {file: {name.partition(".")[0] for name in imports(file)} for file in modules()}
    assert {file.stem for file in modules() if names & tops[file]} == set()


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_says_in_one_line_what_it_is_for_and_imports_nothing(room: Path):
    body = ast.parse((room / "__init__.py").read_text(encoding="utf-8")).body
    assert len(body) == 1
    (only,) = body
    assert isinstance(only, ast.Expr)
    assert only.lineno == only.end_lineno


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_is_no_drawer(room: Path):
    assert len(list(room.glob("[!_]*.py"))) <= MOST_MODULES


@pytest.mark.parametrize("module", modules(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_is_readable_in_one_sitting(module: Path):
    assert len(module.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_tests_lie_in_the_same_rooms(room: Path):
    tested = (REPOSITORY / "tests" / "unit" / room.name).glob("test_*.py")
    assert {file.stem for file in tested}
