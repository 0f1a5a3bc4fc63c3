"""What the pages say is there: links, outputs, make targets."""

import re
from pathlib import Path

import pytest

from .project import REPOSITORY, rules

PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    REPOSITORY / "data" / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
FOR_MAKE_ITSELF = {"help"}


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    local = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in local if not (page.parent / link.partition("#")[0]).exists()]
    assert missing == []


def test_readme_names_outputs_that_rules_make():
    named = [path.partition("*")[0] for path in first_cells(section("Outputs"))]
    made = "\n".join(outputs())
    assert len(named) > 10
    assert [path for path in named if path not in made] == []


def test_readme_names_every_folder_of_results():
    folders = {path.split("/")[1] for path in outputs()} - {"volumes", "checkpoints"}
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


def test_design_names_every_script():
    design = (REPOSITORY / "docs" / "design.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)\.py` \| `--", design, re.MULTILINE))
    assert named == {rule.name for rule in rules()}
