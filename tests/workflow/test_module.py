"""The workflow as a module of another one: the same results, also below a prefix."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from .conftest import Clone, Snakemake
from .faults import assert_success, last_sentence
from .planning import planned_jobs

# As docs/module.md shows it.
OUTER = """
configfile: "../sandstone-srgan/config.yaml"

module sandstone:
    snakefile: "../sandstone-srgan/Snakefile"
    config: config
    {prefix}

use rule * from sandstone{names}
"""
# A rule of its own that fails, and the end of the run told as the module would.
FAILING = """
rule mine:
    default_target: True
    shell: "false"

onerror:
    sandstone.onerror()
"""
PREFIX = 'prefix: "rock"'
TINY = ("--configfile", "../sandstone-srgan/tests/config/tiny.yaml")
CHEAP = (
    "results/slices/phantom.tif",
    "results/slices/phantom.json",
    "results/pairs/phantom.h5",
    "results/figures/samples/phantom/histogram.png",
    "results/figures/samples/phantom/histogram.provenance.json",
)

Outer = Callable[..., Path]


@pytest.fixture
def outer(clone: Clone, tmp_path: Path) -> Outer:
    """Write another Snakefile in a folder beside a clone, and return that folder."""
    (tmp_path / "sandstone-srgan").mkdir()
    clone(tmp_path / "sandstone-srgan")

    def write(prefix: str = "", names: str = "") -> Path:
        folder = tmp_path / "study"
        folder.mkdir()
        (folder / "Snakefile").write_text(OUTER.format(prefix=prefix, names=names), "utf-8")
        return folder

    return write


def test_the_default_target_of_a_module_is_all_of_it(outer: Outer, snakemake: Snakemake) -> None:
    jobs = planned_jobs(snakemake(outer(), "-n", *TINY))
    assert {"make_phantom phantom", "train srgan", "summarise_metrics"} <= jobs


def test_rules_may_have_other_names(outer: Outer, snakemake: Snakemake) -> None:
    jobs = planned_jobs(snakemake(outer(PREFIX, " as rock_*"), "-n", *TINY, targets=("rock_all",)))
    assert {"rock_make_phantom phantom", "rock_train srgan"} <= jobs


def test_two_modules_may_have_one_config(outer: Outer, snakemake: Snakemake) -> None:
    folder = outer(PREFIX, " as rock_*")
    again = OUTER.format(prefix='prefix: "again"', names=" as again_*")
    with (folder / "Snakefile").open("a", encoding="utf-8") as snakefile:
        snakefile.write(
            again.replace("sandstone:", "second:").replace("from sandstone", "from second")
        )
    jobs = planned_jobs(snakemake(folder, "-n", *TINY, targets=("rock_all", "again_all")))
    assert {"rock_train srgan", "again_train srgan"} <= jobs


def test_a_module_below_a_prefix_makes_the_same_files(
    tiny: tuple[Path, str], outer: Outer, snakemake: Snakemake
) -> None:
    folder = outer(PREFIX)
    targets = [f"rock/{target}" for target in CHEAP]
    assert_success(snakemake(folder, *TINY, targets=(*targets,)))
    for target in CHEAP:
        made = (folder / "rock" / target).read_bytes()
        if target.endswith(".provenance.json"):
            made = made.replace(b"rock/results/", b"results/")
        assert made == (tiny[0] / target).read_bytes(), target
    assert not (folder / "results").exists()
    report = (*TINY, "--report", "report.html")
    assert_success(snakemake(folder, *report, targets=("finished",)))
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "grains of 60.0 \\u00b5m" in text  # as the record has it; 60 in the config
    assert (folder / "rock/results/logs/slice_volume/phantom.log").is_file()


def test_a_prefix_leaves_files_of_the_config_where_they_are(
    outer: Outer, snakemake: Snakemake
) -> None:
    folder = outer(PREFIX)
    np.save(folder / "plug.npy", np.zeros((4, 8, 8), np.uint16))
    plug = {"path": "plug.npy", "voxel_size_um": 2.0}
    settings = {
        "samples": {"berea": plug},
        "evaluation": {"samples": ["berea"]},
        "models": {name: {"train_on": ["berea"]} for name in ("srresnet", "srgan")},
        "upscale": {"plug": {**plug, "model": "srgan", "hr": "berea"}},
    }
    (folder / "rock.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = snakemake(folder, "-n", "--printshellcmds", "--configfile", "rock.yaml")
    assert {"slice_volume berea", "upscale_volume plug"} <= planned_jobs(done)
    commands = [line for line in done.stdout.splitlines() if "/scripts/logged" in line]
    assert any("--volume plug.npy" in command for command in commands)
    assert any("--store rock/results/checkpoints/upscaled/plug" in each for each in commands)
    assert any("--checkpoint-dir rock/results/checkpoints/srgan" in each for each in commands)
    assert not any(" results/" in command or "rock/plug.npy" in command for command in commands)


def test_a_mistake_in_the_config_of_a_module_ends_in_one_sentence(
    outer: Outer, snakemake: Snakemake
) -> None:
    folder = outer()
    (folder / "rock.yaml").write_text("pairs: {hr_sise: 128}", encoding="utf-8")
    done = snakemake(folder, "-n", "--configfile", "rock.yaml")
    assert done.returncode == 2
    assert "did you mean 'hr_size'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_outer_snakefile_can_tell_the_end_as_the_module_does(
    outer: Outer, snakemake: Snakemake
) -> None:
    folder = outer(PREFIX)
    with (folder / "Snakefile").open("a", encoding="utf-8") as stream:
        stream.write(FAILING)
    (folder / "rock/results").mkdir(parents=True)
    done = snakemake(folder)
    assert last_sentence(done).startswith(
        "sandstone-srgan: error: a job failed without a sentence of its own"
    )
