"""Scripts answer at once, and modules load only what their stage needs."""

import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from sandstone.provenance import code

from .project import SCRIPTS, imports, modules, packages_of_script, scripts, shared_modules

EACH_SCRIPT = pytest.mark.parametrize("script", scripts(), ids=lambda file: file.stem)
NETWORKS = ("models/networks", "models/layers", "models/lpips", "models/vgg19", "training/losses")
PLOTTING = {"matplotlib", "mpl_toolkits", "seaborn"}
# `script.py --help` of each script named, in one process.
ASK = """
import contextlib, importlib, io, json, sys

sys.path.insert(0, "")
heavy = {"numpy", "tensorflow", "keras", "h5py", "matplotlib", "pandas", "scipy"}
light = set(sys.modules)
answers = {}
for name in sys.argv[1:]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        importlib.import_module(name).main(["--help"])
    answers[name] = {"help": text.getvalue(), "heavy": sorted(heavy & sys.modules.keys())}
    for module in sys.modules.keys() - light:
        del sys.modules[module]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, Any]]:
    """Help text of each script, and the heavy packages that were loaded until then.

    One process answers for all scripts; each starts without the modules of the one before.
    """
    asked = [sys.executable, "-c", ASK, *(script.stem for script in scripts())]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=SCRIPTS, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def imported_packages(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(file)}


@EACH_SCRIPT
def test_help_says_what_the_script_makes(script: Path, answers: dict[str, dict[str, Any]]):
    docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    assert docstring
    described = " ".join(docstring.split("\n\n")[0].split())
    assert described in " ".join(answers[script.stem]["help"].split())


@EACH_SCRIPT
def test_help_loads_nothing_heavy(script: Path, answers: dict[str, dict[str, Any]]):
    assert answers[script.stem]["heavy"] == []


def test_what_is_heavy_would_be_noticed(tmp_path: Path):
    (tmp_path / "careless.py").write_text(
        "import argparse\n"
        "import numpy\n"
        "def main(argv):\n"
        "    argparse.ArgumentParser(prog='x').parse_args(argv)\n",
        encoding="utf-8",
    )
    asked = [sys.executable, "-c", ASK, "careless"]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert json.loads(done.stdout)["careless"]["heavy"] == ["numpy"], done.stderr


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
