"""config/README.md explains every key of the schema, with its type, range and default."""

import re

import pytest

from sandstone.volumes import formats

from .config_page import default_text, kind
from .project import REPOSITORY, leaves, schema

LEAVES = leaves(schema())
PAGE = (REPOSITORY / "config" / "README.md").read_text(encoding="utf-8")


def rows() -> dict[str, list[str]]:
    """Cells of every row of the page, without its key, by the dotted key of the schema."""
    found = {}
    section = ""
    for line in PAGE.splitlines():
        if line.startswith("## "):
            title = re.match(r"## `([\w.<>]+)`", line)
            section = f"{title[1].replace('<name>', '*')}." if title else ""
        elif line.startswith("| `"):
            key, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            found[section + key.strip("`")] = cells
    return found


def test_the_page_explains_every_key_and_no_other():
    assert rows().keys() == LEAVES.keys()


@pytest.mark.parametrize("key", LEAVES)
def test_type_range_and_default_are_those_of_the_schema(key: str):
    assert rows()[key][:2] == [kind(LEAVES[key]), default_text(LEAVES[key])]


@pytest.mark.parametrize("key", LEAVES)
def test_each_key_says_what_to_think_about(key: str):
    thoughts = rows()[key][2]
    assert thoughts.endswith(".")
    assert thoughts[0].isupper() or thoughts[0] == "`"


@pytest.mark.parametrize("suffix", formats.known())
def test_the_page_names_every_format_of_volumes(suffix: str):
    assert re.search(rf"\{suffix}\b", rows()["samples.*.path"][2])
