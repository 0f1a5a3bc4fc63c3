"""Profiles name rules that there are, say what each line is for, and do not ask for a GPU."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from .project import REPOSITORY, rules

PROFILES = sorted((REPOSITORY / "profiles").glob("*/profile.yaml"))
SLURM = REPOSITORY / "profiles" / "slurm" / "profile.yaml"
SHORT = {
    "compute_metrics",
    "summarise_metrics",
    "simulated_to_real",
    "summarise_rock",
    "model_card",
}
EACH = pytest.mark.parametrize("profile", PROFILES, ids=lambda file: file.parent.name)


def read(profile: Path) -> dict[str, Any]:
    return yaml.safe_load(profile.read_text(encoding="utf-8"))


def lines(profile: Path) -> list[str]:
    return profile.read_text(encoding="utf-8").splitlines()


@EACH
def test_every_setting_is_explained(profile: Path):
    settings = [line for line in lines(profile) if re.match(r" *(# )?[a-z_-]+: ", line)]
    explained = re.compile(r".*: .+ # .+|.*: # .+|  (  )?\w+: tables_and_figures$|#   snakemake .*")
    assert [line for line in settings if not explained.fullmatch(line)] == []


def test_the_slurm_profile_names_rules_that_there_are():
    content = read(SLURM)
    named = content["groups"].keys() | content["set-resources"].keys()
    assert named - {rule.name for rule in rules()} == set()


def test_tables_and_figures_are_one_group_and_nothing_else_is_in_it():
    figures = {rule.name for rule in rules() if rule.name.startswith("plot_")}
    assert read(SLURM)["groups"] == dict.fromkeys(figures | SHORT, "tables_and_figures")


def test_a_cluster_without_gpus_can_run_the_slurm_profile():
    asking = "\n".join(re.findall(r"\bgpu=(\w+)", "".join(rule.text for rule in rules())))
    helpers = {"gpu_with_cuda", "gpu_of_method", "gpu_of_lpips"}  # which ask for none on a cluster
    assert set(asking.split()) == helpers
    settings = read(SLURM)["set-resources"].values()
    assert [each for each in settings if "gpu" in each] == []


def test_a_submission_may_have_the_threads_of_the_largest_rule():
    threads = yaml.safe_load((REPOSITORY / "config.yaml").read_text("utf-8"))["tensorflow_threads"]
    assert read(SLURM)["cores"] >= threads
