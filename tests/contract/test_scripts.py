"""Scripts answer at once, and modules load only what their stage needs."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from sandstone.provenance import code

from .project import SCRIPTS, imports, modules, packages_of_script, scripts, shared_modules

EACH_SCRIPT = pytest.mark.parametrize("script", scripts(), ids=lambda file: file.stem)
NETWORKS = ("models/networks", "models/layers", "models/lpips", "models/vgg19", "training/losses")
PLOTTING = {"matplotlib", "mpl_toolkits", "seaborn"}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=SCRIPTS, check=False
    )


def imported_packages(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(file)}


@EACH_SCRIPT
def test_help_says_what_the_script_makes(script: Path):
    done = python(str(script), "--help")
    assert done.returncode == 0, done.stderr
    docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    assert docstring
    assert " ".join(docstring.split("\n\n")[0].split()) in " ".join(done.stdout.split())


@EACH_SCRIPT
def test_import_is_light(script: Path):
    heavy = "{'numpy', 'tensorflow', 'keras', 'h5py', 'matplotlib', 'pandas', 'scipy'}"
    done = python("-c", f"import sys, {script.stem}; print(*{heavy} & sys.modules.keys())")
    assert done.stdout.strip() == "", done.stderr


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_load_under_any_keras_backend(name: str):
    assert "tensorflow" not in imported_packages(SCRIPTS / "sandstone" / f"{name}.py")


def test_only_figures_load_matplotlib():
    files = {file.stem for file in [*scripts(), *modules()] if PLOTTING & imported_packages(file)}
    assert {name for name in files if not name.startswith("plot_")} == {"style"}


@EACH_SCRIPT
def test_packages_of_the_provenance_are_those_that_are_imported(script: Path):
    assert set(code.packages_of(script.stem)) == packages_of_script(script.stem)


def test_shared_modules_import_each_other_without_a_circle():
    graph = {file: shared_modules(file) for file in modules()}
    assert list(TopologicalSorter(graph).static_order())
