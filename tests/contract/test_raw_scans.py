"""A raw scan cannot be made again: no sentence may lead a user to delete one."""

import ast
import re
from pathlib import Path

import pytest

from .project import SCRIPTS

# Everything that reads or describes the files of a scanner.
READERS = [
    *sorted((SCRIPTS / "sandstone" / "volumes").glob("*.py")),
    *sorted((SCRIPTS / "sandstone" / "imaging").glob("*.py")),
    *(SCRIPTS / "sandstone" / f"{name}.py" for name in ("sizes", "hdf5", "ome_set", "regions")),
    *(SCRIPTS / f"{name}.py" for name in ("slice_volume", "prepare_upscale")),
]
LOSES_A_SCAN = re.compile(r"\b(delet|eras|remove the (file|volume|scan)|make it again)")


def sentences(module: Path) -> list[str]:
    """Texts of a module, those in braces and docstrings aside."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, documented)]
    docstrings = {ast.get_docstring(node, clean=False) for node in nodes}
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and text not in docstrings]


@pytest.mark.parametrize("module", READERS, ids=lambda file: file.stem)
def test_no_sentence_says_to_delete_a_raw_scan(module: Path):
    assert [text for text in sentences(module) if LOSES_A_SCAN.search(text)] == []


def test_sentences_are_found():
    assert any(
        "see whether it is whole" in text for module in READERS for text in sentences(module)
    )
    assert LOSES_A_SCAN.search("damaged; delete it, then copy it again")
