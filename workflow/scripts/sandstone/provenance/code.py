"""Which files the code of a script consists of, and which packages they import."""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from sandstone.files import sha256_of

SCRIPTS = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).resolve().parents[1].name

# Distributions whose name differs from the name that is imported.
DISTRIBUTIONS = {
    "mpl_toolkits": "matplotlib",
    "nrrd": "pynrrd",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
}


def files_of(script: str) -> list[Path]:
    """Return a script and, transitively, the shared modules that it imports.

    Parameters
    ----------
    script : str
        Name without suffix, as in ``train``.

    Returns
    -------
    list of Path
        The script first, then each module once, in an order that the code alone decides.
    """
    pending = [SCRIPTS / f"{script}.py"]
    found = []
    while pending:
        file = pending.pop()
        if file not in found:
            found.append(file)
            pending += sorted(shared_modules(file), reverse=True)
    return found


def digest_of(script: str) -> str:
    """Return the SHA-256 of what the code of a script says, wherever it lies, in 64 hex digits.

    It is that of the names within the folder of the scripts and of the bytes of `files_of`. So it
    changes with every edit, a comment's too, and with nothing else.
    """
    names = [(file.relative_to(SCRIPTS).as_posix(), sha256_of(file)) for file in files_of(script)]
    return hashlib.sha256(repr(names).encode()).hexdigest()


def packages_of(script: str) -> list[str]:
    """Return the distributions that a script's code imports itself, sorted.

    What these packages import in turn is not listed: it may depend on what else happens to
    be installed.
    """
    tops = {name.partition(".")[0] for file in files_of(script) for name in imports(file)}
    outside = tops - sys.stdlib_module_names - {PACKAGE}
    return sorted({DISTRIBUTIONS.get(name, name) for name in outside})


def shared_modules(file: Path) -> set[Path]:
    """Return the shared modules that a file imports itself."""
    names = (name for name in imports(file) if name.startswith(f"{PACKAGE}."))
    return {path for name in names if (path := _module(SCRIPTS, name))}


def imports(file: Path) -> frozenset[str]:
    """Return the dotted names that a file imports, within functions too."""
    return _imports_of(file.read_text(encoding="utf-8"))


# Each start of Snakemake asks for the code of every rule, and the scripts share most modules.


@cache
def _module(scripts: Path, name: str) -> Path | None:
    path = scripts / Path(*name.split(".")).with_suffix(".py")
    return path if path.is_file() else None


@cache  # by what a file says
def _imports_of(source: str) -> frozenset[str]:
    names: set[str] = set()
    for node in _statements(ast.parse(source).body):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield statements and those within them, without their expressions, which hold no import."""
    for statement in body:
        yield statement
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(statement, field, ()))
