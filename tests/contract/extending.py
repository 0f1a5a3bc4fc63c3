"""Follow a walk of docs/extending.md in a copy of the project."""

import re
import shutil
import subprocess
from pathlib import Path

from .project import REPOSITORY


def copy_with(section: str, folder: Path) -> Path:
    """Copy the tracked files into a folder, apply every diff of a section, and return the copy."""
    copy = folder / "project"
    names = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (REPOSITORY / name).is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, target)  # with its mode: a launcher stays executable
    for diff in diffs(section):
        subprocess.run(
            ["git", "apply", "--unidiff-zero", "-"], input=diff, text=True, cwd=copy, check=True
        )
    return copy


def diffs(section: str) -> list[str]:
    """Return the diffs of a section of the page."""
    page = (REPOSITORY / "docs" / "extending.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, f"docs/extending.md has no section {section}"
    return re.findall(r"^```diff\n(.*?)^```", found[1], re.MULTILINE | re.DOTALL)


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    return done.stdout
