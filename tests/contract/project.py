"""The project's own files, parsed: rules, imports, environments, lock, schema."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sandstone.config.schema import SCHEMA_PATH, resolve
from sandstone.provenance import code

REPOSITORY = Path(__file__).resolve().parents[2]
WORKFLOW = REPOSITORY / "workflow"
SCRIPTS = WORKFLOW / "scripts"
DISTRIBUTIONS = packages_distributions()

# What a file imports, within functions too: dotted names, and modules that the scripts share.
imports, shared_modules = code.imports, code.shared_modules

Schema = dict[str, Any]


# --- rules ---


@dataclass(frozen=True)
class Rule:
    """One rule of a .smk file, as text."""

    name: str
    text: str

    @property
    def script(self) -> str | None:
        """Name of the script that it runs."""
        return self._first(r'script=path_of\("(\w+)"\)')

    @property
    def environment(self) -> str | None:
        """File of its conda environment, without folder."""
        return self._first(r'conda:\s+"\.\./envs/([\w.]+)"')

    @property
    def log(self) -> str | None:
        """Pattern of its log."""
        return self._first(r'log:\s+"([^"]+)"')

    @property
    def command(self) -> str:
        """What it runs, as one line."""
        shell = self._first(r'shell:\s+"""((?:.|\n)*?)"""')
        return " ".join((shell or "").replace("\\\n", " ").split())

    def has(self, directive: str) -> bool:
        """Whether it has a directive of that name."""
        return bool(re.search(rf"^    {directive}:", self.text, re.MULTILINE))

    def _first(self, pattern: str) -> str | None:
        found = re.search(pattern, self.text)
        return found[1] if found else None


def rules() -> list[Rule]:
    """Return every rule of workflow/rules."""
    found = []
    for file in sorted((WORKFLOW / "rules").glob("*.smk")):
        text = file.read_text(encoding="utf-8")
        pattern = r"^rule (\w+):\n((?:[ ]{4}.*\n|\n)+)"
        found += [Rule(name, body) for name, body in re.findall(pattern, text, re.MULTILINE)]
    return found


# --- imports ---


def scripts() -> list[Path]:
    """Return the scripts, without the package that they share."""
    return sorted(SCRIPTS.glob("*.py"))


def modules() -> list[Path]:
    """Return the modules that the scripts share."""
    return sorted((SCRIPTS / "sandstone").rglob("*.py"))


def packages(file: Path) -> set[str]:
    """Return the distributions, as a package index names them, that a file imports itself."""
    tops = {name.partition(".")[0] for name in imports(file)}
    third_party = tops & DISTRIBUTIONS.keys() - sys.stdlib_module_names
    return {canonicalize_name(DISTRIBUTIONS[top][0]) for top in third_party}


def packages_of_script(name: str) -> set[str]:
    """Return the distributions that a script needs, through the shared modules too."""
    return {package for file in code.files_of(name) for package in packages(file)}


# --- environments and lock ---


def environments() -> list[Path]:
    """Return the files of the conda environments."""
    return sorted((WORKFLOW / "envs").glob("*.yaml"))


def pins(environment: Path) -> dict[str, Requirement]:
    """Return what an environment asks of pip, by distribution."""
    content = yaml.safe_load(environment.read_text(encoding="utf-8"))
    listed = next(entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict))
    return _by_name(listed)


def lock(python: str, file: str = "requirements.txt") -> dict[str, Requirement]:
    """Return what a lock pins for one version of Python on Linux."""
    lines = (REPOSITORY / file).read_text(encoding="utf-8").splitlines()
    marks = {"python_version": python, "python_full_version": f"{python}.0"}
    pinned = [line.rstrip(" \\") for line in lines if re.match(r"[a-z0-9].*==", line)]
    return _by_name(line for line in pinned if _applies(Requirement(line), marks))


def direct_requirements(file: str = "requirements.in") -> set[str]:
    """Return the distributions that a list of direct requirements names."""
    lines = (REPOSITORY / file).read_text(encoding="utf-8").splitlines()
    return _by_name(line for line in lines if line and not line.startswith(("#", "-c"))).keys()


def _by_name(lines: Iterator[str] | list[str]) -> dict[str, Requirement]:
    return {canonicalize_name((each := Requirement(line)).name): each for line in lines}


def _applies(requirement: Requirement, marks: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(marks)


# --- schema ---


@cache
def schema() -> Schema:
    """Return the schema of the config."""
    return yaml.safe_load(SCHEMA_PATH.read_text(encoding="utf-8"))


def nodes(node: Schema, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Yield every subschema below `node` with its keys; `*` stands for a name the user chooses."""
    whole = schema()
    children = dict(node.get("properties", {}))
    if isinstance(node.get("additionalProperties"), dict):
        children["*"] = node["additionalProperties"]
    for key, child in children.items():
        for resolved in _alternatives(whole, child):
            yield (*path, key), resolved
            yield from nodes(resolved, (*path, key))


def _alternatives(whole: Schema, child: Schema) -> list[Schema]:
    """Return what a subschema may be: of one with conditions every branch."""
    branches = [child[branch] for branch in ("then", "else") if branch in child]
    if not branches:
        return [resolve(whole, child)]
    return [found for branch in branches for found in _alternatives(whole, branch)]


def leaves(node: Schema) -> dict[str, Schema]:
    """Return the settings below `node` by dotted key."""
    return {
        ".".join(path): subschema
        for path, subschema in nodes(node)
        if subschema.get("type") != "object"
    }
