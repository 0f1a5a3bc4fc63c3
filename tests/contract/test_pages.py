"""What the pages say is there: links, outputs, make targets, tests; and their lines are short."""

import re
from pathlib import Path

import pytest

from .project import REPOSITORY, rules

PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(REPOSITORY / "config").glob("*.md"),
    REPOSITORY / "data" / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
FOR_MAKE_ITSELF = {"help"}
LONGEST_LINE = 120
EACH_PAGE = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY))
)


def section(title: str) -> str:
    """Text of a section of the README."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    assert found, f"README.md has no section {title}"
    return found[1]


def first_cells(table: str) -> list[str]:
    """What stands in backticks in the first column."""
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def outputs() -> set[str]:
    """Paths under results/ that the rules name, logs, benchmarks and checkpoints included."""
    places = r'(?:"results|\{params\.results:q\})/([^"\s]+)'
    found = {path for rule in rules() for path in re.findall(places, rule.text)}
    return {f"results/{path}".replace("wildcards.", "").replace(":q", "") for path in found}


@EACH_PAGE
def test_links_lead_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    local = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in local if not (page.parent / link.partition("#")[0]).exists()]
    assert missing == []


@EACH_PAGE
def test_tests_that_a_page_names_exist(page: Path):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"\btests/[\w./{},]*[\w/}]", without_code(text))
    made = set(re.findall(r"^\+\+\+ b/(\S+)", text, re.MULTILINE))  # by a diff of the page
    paths = {path for name in named for path in expanded(name)} - made
    assert {path for path in paths if not (REPOSITORY / path).exists()} == set()


def expanded(path: str) -> list[str]:
    """Paths that a shell makes of `path`, which may hold one pair of braces."""
    head, brace, rest = path.partition("{")
    choices, _, tail = rest.partition("}")
    return [head + choice + tail for choice in choices.split(",")] if brace else [path]


@EACH_PAGE
def test_lines_of_prose_are_short(page: Path):
    lines = prose(page.read_text(encoding="utf-8"))
    assert [line for line in lines if len(line) > LONGEST_LINE] == []


def prose(text: str) -> list[str]:
    """Lines of a page that are no code, no row of a table, and hold no address."""
    lines = without_code(text).splitlines()
    return [line for line in lines if not line.startswith("|") and "://" not in line]


def without_code(text: str) -> str:
    """Text of a page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def test_readme_names_outputs_that_rules_make():
    named = [path.partition("*")[0] for path in first_cells(section("Outputs"))]
    made = "\n".join(outputs())
    assert len(named) > 10
    assert [path for path in named if path not in made] == []


def test_readme_names_every_folder_of_results():
    within = {path for path in outputs() if path.count("/") > 1}
    folders = {path.split("/")[1] for path in within} - {"volumes", "checkpoints"}
    text = section("Outputs")
    assert {folder for folder in folders if f"results/{folder}" not in text} == set()


def test_design_names_every_output():
    design = (REPOSITORY / "docs" / "design.md").read_text(encoding="utf-8")
    products = {
        path for path in outputs() if path.split("/")[1] not in ("logs", "benchmarks", "figures")
    }
    assert {path for path in products if not is_named(path, design)} == set()


def is_named(path: str, design: str) -> bool:
    """Whether the design names the folder of `path` and, there or beside it, its file."""
    folder, _, name = path.rpartition("/")
    return f"`{folder}/" in design and (name in design or name.partition("}")[2] in design)


def test_readme_names_every_make_target():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    documented = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    named = {name.removeprefix("make ") for name in first_cells(section("Make targets"))}
    assert named == documented - FOR_MAKE_ITSELF
