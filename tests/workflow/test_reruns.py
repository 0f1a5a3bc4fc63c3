"""What an edit makes again: exactly what depends on it."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import Snakemake
from .planning import planned_jobs

BASELINES = ("nearest", "bilinear", "bicubic", "lanczos")
MODELS = ("srresnet", "srgan")

# --- the jobs of the tiny config ---

VOLUME = {"make_phantom phantom"}
SLICES = {"slice_volume phantom", "plot_histogram phantom"}
PAIRS = {"make_pairs phantom", "plot_pairs phantom", "plot_split phantom"}
SUMMARY = {
    "summarise_metrics",
    "plot_metrics phantom",
    *(f"model_card {model}" for model in MODELS),
}
EVALUATION = SUMMARY | {"plot_comparison phantom", "plot_spectra phantom"}


def drawn(*models: str) -> set[str]:
    """Return the figures and the cards of models."""
    networks = [f"{model}/generator" for model in models]
    networks += [f"{model}/discriminator" for model in models if model == "srgan"]
    return {f"plot_network {network}" for network in networks} | {
        f"{rule} {model}" for rule in ("plot_training", "model_card") for model in models
    }


def measured(*methods: str) -> set[str]:
    """Return the measurements of methods, and what compares them."""
    return {f"compute_metrics {method}/phantom" for method in methods} | EVALUATION


def predicted(*methods: str) -> set[str]:
    """Return the predictions of methods, and what follows."""
    return {f"super_resolve {method}/phantom" for method in methods} | measured(*methods)


def trained(*models: str) -> set[str]:
    """Return the trainings of models, and what follows."""
    return {f"train {model}" for model in models} | drawn(*models) | predicted(*models)


PORES = {
    *(f"measure_rock {method}/phantom/slices" for method in (*BASELINES, *MODELS)),
    "summarise_rock phantom/slices",
    "plot_rock phantom/slices",
}
FROM_PAIRS = PAIRS | trained(*MODELS) | predicted(*BASELINES)
FROM_SLICES = SLICES | FROM_PAIRS
EVERYTHING = VOLUME | FROM_SLICES
FIGURES = {job for job in EVERYTHING if job.startswith("plot_")}
NOTHING: set[str] = set()


# --- edits of a folder that holds a finished run ---

Edit = Callable[[Path], None]
SANDSTONE = "workflow/scripts/sandstone"


def append(file: str, text: str) -> Edit:
    """Add a line to a file."""

    def edit(folder: Path) -> None:
        with (folder / file).open("a", encoding="utf-8") as stream:
            stream.write(f"\n{text}\n")

    return edit


def code(module: str) -> Edit:
    """Add a statement to a module or a script."""
    return append(f"workflow/scripts/{module}.py", "EDITED = True")


def replace(file: str, pattern: str, new: str) -> Edit:
    """Replace what matches, which is there."""

    def edit(folder: Path) -> None:
        path = folder / file
        text, count = re.subn(pattern, new, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert count
        path.write_text(text, encoding="utf-8")

    return edit


def touch(pattern: str) -> Edit:
    """Make files newer than every result."""

    def edit(folder: Path) -> None:
        files = [file for file in folder.glob(pattern) if file.is_file()]
        assert files
        for file in files:
            os.utime(file)

    return edit


def delete(name: str) -> Edit:
    """Remove a file or a folder."""

    def edit(folder: Path) -> None:
        path = folder / name
        path.unlink() if path.is_file() else shutil.rmtree(path)

    return edit


def move(place: str, *names: str) -> Edit:
    """Move files and folders to another place of the copy, with their times."""

    def edit(folder: Path) -> None:
        (folder / place).mkdir(parents=True)
        for name in names:
            (folder / name).rename(folder / place / name)

    return edit


def conda_beside(edit: Edit) -> Edit:
    """Make an edit where conda is installed, as far as a dry run asks."""

    def with_conda(folder: Path) -> None:
        edit(folder)
        conda = folder / "bin" / "conda"
        conda.parent.mkdir()
        conda.write_text(FAKE_CONDA, encoding="utf-8")
        conda.chmod(0o755)

    return with_conda


FAKE_CONDA = """#!/bin/sh
case "$*" in
--version) echo "conda 25.1.0" ;;
*"info --json"*) echo '{"conda_version": "25.1.0", "platform": "linux-64", "conda_prefix": "/"}' ;;
*) echo '{"get": {"channel_priority": "strict"}}' ;;
esac
"""


def nothing(folder: Path) -> None:
    """Leave all files as they are: the config changes."""


@dataclass(frozen=True)
class Case:
    """An edit, as a change of the files or of the config, and the jobs that it makes again."""

    what: str
    expected: set[str]
    edit: Edit = nothing
    config: dict[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()


def model(name: str, **settings: Any) -> dict[str, Any]:
    """Return a config that changes settings of a model."""
    return {"models": {name: settings}}


def pairs(**settings: Any) -> dict[str, Any]:
    """Return a config that changes settings of the pairs."""
    return {"pairs": settings}


def evaluation(**settings: Any) -> dict[str, Any]:
    """Return a config that changes settings of the evaluation."""
    return {"evaluation": settings}


PSF = {"kernel": "psf", "noise": 0.02}
UNUSED_ROCK = {"phantom": {"shape": [60, 176, 176], "voxel_size_um": 4.0}}
ANOTHER = {
    "train_on": ["phantom"],
    "loss": {"pixel": 1.0},
    "generator": {"blocks": 1, "filters": 8},
    "crop": 12,
    "steps": 2,
}

REMARK_ON_ENVIRONMENT = append("workflow/envs/training.yaml", "# A remark.")

CODE = [
    Case("a figure's script", {"plot_pairs phantom"}, code("plot_pairs")),
    Case("the look of figures", FIGURES, code("sandstone/style")),
    Case("statistics", SUMMARY, code("sandstone/metrics/bootstrap")),
    Case("spectra", measured(*BASELINES, *MODELS), code("sandstone/metrics/spectra")),
    Case("the field of view", FROM_SLICES, code("sandstone/imaging/field_of_view")),
    Case("the degradation", FROM_PAIRS, code("sandstone/imaging/degrade")),
    Case("the phantom's grains", EVERYTHING, code("sandstone/phantom/grains")),
    Case("the training loop", trained(*MODELS), code("sandstone/training/loop")),
    Case("the description of networks", trained(*MODELS) | predicted(*BASELINES), code(
        "sandstone/models/architectures"
    )),
    Case("the cards of models", {f"model_card {model}" for model in MODELS}, code("model_card")),
    Case("the crate, which `snakemake provenance` makes", NOTHING, code("write_crate")),
    Case("records of provenance", EVERYTHING, code("sandstone/provenance/record")),
    Case("inference", predicted(*BASELINES, *MODELS), code("super_resolve")),
    Case("the downloader", NOTHING, code("sandstone/download")),
    # Snakemake compares bytes; what a comment is, only Python knows.
    Case("a comment in Python", SUMMARY, append(
        f"{SANDSTONE}/metrics/bootstrap.py", "# A remark."
    )),
    Case("the launcher", NOTHING, append("workflow/scripts/logged", "# A remark.")),
    Case("a comment of the schema", NOTHING, append(
        "workflow/schemas/config.schema.yaml", "# A remark."
    )),
    Case("a rule's command", {"plot_split phantom"}, replace(
        "workflow/rules/figures.smk", r"(script:q\} \\\n +--pairs \{input.pairs:q\} \\\n +)"
        r"(--metadata)", r"\1 \2"
    )),
    Case("a rule's memory and time", NOTHING, replace(
        "workflow/rules/training.smk", r"mem_mb=8000,(\n +)runtime=720", r"mem_mb=9000,\1runtime=1"
    )),
    Case("a comment in a rule", NOTHING, append("workflow/rules/training.smk", "# A remark.")),
    Case("a version of an environment", FIGURES, replace(
        "workflow/envs/figures.yaml", r"matplotlib==\S+", "matplotlib==3.0.0"
    )),
    Case("a comment of an environment", NOTHING, REMARK_ON_ENVIRONMENT),
    Case("conda instead of .venv", NOTHING, conda_beside(REMARK_ON_ENVIRONMENT), options=(
        "--use-conda",
    )),
]  # fmt: skip

CONFIG = [
    Case("seed", EVERYTHING, config={"seed": 2}),
    Case("threads of TensorFlow", trained(*MODELS), config={"tensorflow_threads": 1}),
    Case("the phantom's porosity", EVERYTHING, config={
        "samples": {"phantom": {"phantom": {"porosity": 0.1}}}
    }),
    Case("a sample that nobody uses", NOTHING, config={"samples": {"other": UNUSED_ROCK}}),
    Case("the window", FROM_SLICES, config={"slices": {"window": [1.0, 99.0]}}),
    Case("a guard that is measured", FROM_PAIRS, config=pairs(guard_um="auto")),
    Case("the share of a split", FROM_PAIRS, config=pairs(split={"train": 0.65, "test": 0.25})),
    Case("two values that change places", FROM_PAIRS, config=pairs(depth_step=16, guard_um=2)),
    Case("noise that does not act", NOTHING, config=pairs(degradation={"noise": 0.02})),
    Case("noise that acts", FROM_PAIRS, config=pairs(degradation=PSF)),
    Case("a loss of srgan", trained("srgan"), config=model("srgan", loss={"adversarial": 0.02})),
    Case("steps of srgan", trained("srgan"), config=model("srgan", steps=5)),
    Case("a second seed of srgan", {
        "train srgan_seed2",
        "plot_network srgan_seed2/generator",
        "plot_network srgan_seed2/discriminator",
        "plot_training srgan_seed2",
        "model_card srgan_seed2",
        "super_resolve srgan_seed2/phantom",
        "compute_metrics srgan_seed2/phantom",
    } | SUMMARY, config=model("srgan", seeds=[1, 2])),
    Case("steps of srresnet, from which srgan starts", trained(*MODELS), config=model(
        "srresnet", steps=7
    )),
    Case("validation of srgan", trained("srgan"), config=model("srgan", validate_every=2)),
    Case("how often to save", NOTHING, config=model("srresnet", checkpoint_every=1)),
    Case("a model that nobody asks for", NOTHING, config=model("another", **ANOTHER)),
    Case("a model more", trained("another"), config={
        **model("another", **ANOTHER), **evaluation(models=["srresnet", "srgan", "another"])
    }),
    Case("a model less", EVALUATION - {"model_card srgan"}, config=evaluation(models=["srresnet"])),
    Case("a baseline less", EVALUATION, config=evaluation(baselines=["nearest", "bicubic"])),
    Case("methods in another order", EVALUATION, config=evaluation(models=["srgan", "srresnet"])),
    Case("the border", measured(*BASELINES, *MODELS), config=evaluation(border=2)),
    Case("the mean over eight views", predicted(*MODELS), config={
        "inference": {"self_ensemble": True}
    }),
    Case("back-projection", predicted(*MODELS), config={"inference": {"back_projection": 2}}),
    Case("pores", PORES, config=evaluation(rock={})),
    Case("pores of blocks", PORES | {job.replace("slices", "blocks") for job in PORES}, config=(
        evaluation(rock={"depth": 2})
    )),
    Case("the confidence", SUMMARY, config=evaluation(confidence=0.9)),
]  # fmt: skip

CLONE = ("Snakefile", "config.yaml", "workflow", "profiles")

TRIFLES = [
    Case("no edit", NOTHING),
    Case("touched code", NOTHING, touch("workflow/**/*")),
    Case("a touched config", NOTHING, touch("**/*.yaml")),
    Case("touched volumes", NOTHING, touch("results/volumes/*")),
    Case("touched pairs", NOTHING, touch("results/pairs/*")),
    Case("a comment in config.yaml", NOTHING, append("config.yaml", "# A remark.")),
    Case("white space in the overlay", NOTHING, replace("tests/config/tiny.yaml", "^$", "\n\n")),
    Case("a remark in the README", NOTHING, append("README.md", "A remark.")),
    Case("logs deleted", NOTHING, delete("results/logs")),
    Case("benchmarks deleted", NOTHING, delete("results/benchmarks")),
    Case("TensorBoard's folder deleted", NOTHING, delete("results/tensorboard")),
    Case("predictions that nobody misses deleted", NOTHING, delete("results/predictions/lanczos")),
    Case("a figure deleted", {"plot_spectra phantom"}, delete(
        "results/figures/evaluation/phantom/spectra.pdf"
    )),
    Case("cores", NOTHING, options=("--cores", "1")),
    Case("another clone, elsewhere", NOTHING, move("a/b/clone", *CLONE), options=(
        "--snakefile", "a/b/clone/Snakefile"
    )),
    Case("a study moved out of the clone", NOTHING, move("a/study", "results", ".snakemake"),
        options=("--directory", "a/study")
    ),
]  # fmt: skip


CASES = [*CODE, *CONFIG, *TRIFLES]


@pytest.fixture(scope="module")
def plan(
    tiny: tuple[Path, str], snakemake: Snakemake, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Case], set[str]]]:
    """Return what Snakemake plans after an edit of a copy, with the times of the finished run."""

    def dry_run(case: Case) -> subprocess.CompletedProcess[str]:
        parent = tmp_path_factory.mktemp("edited")
        folder = Path(shutil.copytree(tiny[0], parent / "copy", copy_function=shutil.copy2))
        case.edit(folder)
        (folder / "edit.yaml").write_text(yaml.safe_dump(case.config), encoding="utf-8")
        configs = ("--configfile", "tests/config/tiny.yaml", "edit.yaml")
        done = snakemake(folder, "-n", *configs, *case.options, bin=folder / "bin")
        shutil.rmtree(parent)
        return done

    # A dry run takes one core for a second: two at a time, in the order of the tests.
    pool = ThreadPoolExecutor(max_workers=2)
    runs = {case.what: pool.submit(dry_run, case) for case in CASES}
    yield lambda case: planned_jobs(runs[case.what].result())
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_an_edit_makes_again_what_depends_on_it(
    plan: Callable[[Case], set[str]], case: Case
) -> None:
    assert plan(case) == case.expected


def test_every_edit_has_a_name_of_its_own() -> None:
    assert len({case.what for case in CASES}) == len(CASES)
