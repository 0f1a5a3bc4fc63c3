"""The tiny config through Slurm, with the profile as it is."""

from pathlib import Path

import pytest

from workflow.conftest import Clone
from workflow.reproduce import compare

from .conftest import Submit
from .one_node import OneNodeCluster, wait_until

TINY = ("--configfile", "tests/config/tiny.yaml")


def test_a_group_wider_than_every_node_is_refused_before_anything_is_submitted(
    clone: Clone, submit: Submit, tmp_path: Path
) -> None:
    run = submit(clone(tmp_path), *TINY, "--cores", 99)
    printed = run.end(expected=2)
    assert "the group tables_and_figures asks for " in printed
    assert "lower cores to " in printed
    assert run.submitted == []


@pytest.mark.soak
def test_a_run_on_a_cluster_that_restarts_gives_the_bytes_of_a_local_run(
    tiny: tuple[Path, str], clone: Clone, cluster: OneNodeCluster, submit: Submit, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    run = submit(directory, *TINY, "--slurm-init-seconds-before-status-checks", 10)
    training = directory / "results/logs/train/srresnet.log"
    wait_until(training.exists, "the training to start", patience=300)
    cluster.kill_node()  # first, so that no job starts after the controller has saved what it knows
    cluster.kill_controller()
    cluster.start_controller()
    cluster.start_node()
    printed = run.end()
    assert "mean [95% interval]" in printed

    count, differences = compare(tiny[0] / "results", directory / "results")
    assert differences == []
    assert count > 50

    assert len(run.submitted) == 12, "tables and figures are one submission"
    shown = cluster.shows("State: ,tres-per-job:", *run.submitted)
    assert set(shown) == {"COMPLETED N/A"}, "none asks for a GPU"
    left = [file for file in (directory / "results/logs/slurm").rglob("*") if file.is_file()]
    assert left == [], "logs of successful jobs are removed"
