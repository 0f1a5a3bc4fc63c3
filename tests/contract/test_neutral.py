"""No tracked file depends on one machine or one package registry."""

import shutil
import subprocess
from pathlib import Path

import pytest

# In pieces, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a package registry": [
        "pypi" + ".org",
        "files.python" + "hosted.org",
        "repo.anaconda" + ".com",
    ],
    "a path of one machine": ["/" + "work/", "/" + "home/", "/" + "root/", "/" + "Users/"],
}


@pytest.fixture(scope="module")
def texts(repository: Path) -> dict[str, str]:
    """Text of every file of the project, by name."""
    if not shutil.which("git") or not (repository / ".git").exists():
        pytest.skip("not a git checkout: what belongs to the project is unknown")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, cwd=repository, check=True)
    files = [name for name in listed.stdout.split("\0") if name and (repository / name).is_file()]
    return {
        name: (repository / name).read_text(encoding="utf-8", errors="replace") for name in files
    }


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str, texts: dict[str, str]):
    assert len(texts) > 50
    found = [
        (name, word) for word in FORBIDDEN[what] for name, text in texts.items() if word in text
    ]
    assert found == []
