"""Each conda environment holds what its rules import, in the versions of the lock, and no more."""

import re
from pathlib import Path

import pytest

from .project import (
    REPOSITORY,
    WORKFLOW,
    Rule,
    direct_requirements,
    environments,
    lock,
    modules,
    packages,
    packages_of_script,
    pins,
    rules,
    scripts,
)

# Never imported by us, but the results depend on them.
BENEATH = {
    "imagecodecs": "tifffile decompresses with it",
    "tensorboard": "tf.summary writes with it",
    "pillow": "matplotlib writes PNG with it",
    "scipy": "scikit-image computes with it",
    "tensorflow": "Keras computes with it",
}

ENVIRONMENTS = pytest.mark.parametrize("environment", environments(), ids=lambda file: file.stem)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_environment_holds_what_the_script_imports(rule: Rule):
    held = pins(WORKFLOW / "envs" / str(rule.environment)).keys()
    assert packages_of_script(rule.name) - held == set()


@ENVIRONMENTS
def test_environment_holds_nothing_else(environment: Path):
    users = [rule.name for rule in rules() if rule.environment == environment.name]
    imported = {package for name in users for package in packages_of_script(name)}
    assert pins(environment).keys() - imported - BENEATH.keys() == set()


@ENVIRONMENTS
def test_pins_are_those_of_the_lock(environment: Path):
    assert "- python=3.12\n" in environment.read_text(encoding="utf-8")
    locked = lock("3.12")
    own = {name: str(pin.specifier) for name, pin in pins(environment).items()}
    assert own == {name: str(locked[name].specifier) for name in own}


@ENVIRONMENTS
def test_packages_come_from_one_channel(environment: Path):
    # conda 26.7 takes the pseudo-channel nodefaults for an address.
    lines = environment.read_text(encoding="utf-8").splitlines()
    start = lines.index("channels:") + 1
    assert lines[start : lines.index("dependencies:")] == ["  - conda-forge"]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_lock_holds_every_direct_requirement(python: str):
    assert direct_requirements() - lock(python).keys() == set()


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_lock_for_slurm_adds_to_the_lock_and_contradicts_it_nowhere(python: str):
    base, added = lock(python), lock(python, "requirements-slurm.txt")
    assert direct_requirements("requirements-slurm.in") - added.keys() == set()
    both = added.keys() & base.keys()
    assert len(both) > 5
    assert {name: str(added[name].specifier) for name in both} == {
        name: str(base[name].specifier) for name in both
    }
    assert all("slurm" in name for name in added.keys() - base.keys())


def test_locks_hold_hashes_and_no_address():
    for file in ("requirements.txt", "requirements-slurm.txt"):
        text = (REPOSITORY / file).read_text(encoding="utf-8")
        pinned = re.findall(r"^[a-z0-9].*==.*(?:\n    --hash=sha256:\w+ ?\\?)*", text, re.MULTILINE)
        assert pinned, file
        assert [pin for pin in pinned if "--hash=sha256:" not in pin] == []
        assert "://" not in text


def test_requirements_name_every_package_that_we_import():
    elsewhere = [
        file for name in ("tests", "benchmarks") for file in (REPOSITORY / name).rglob("*.py")
    ]
    files = [*scripts(), *modules(), *elsewhere]
    assert {
        package for file in files for package in packages(file)
    } - direct_requirements() == set()
