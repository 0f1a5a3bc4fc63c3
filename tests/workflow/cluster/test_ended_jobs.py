"""Jobs that end before their time: they are noticed, started again, and explained."""

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from workflow.reproduce import digests

from .conftest import CONFIGS, MODEL, Copy, Run, Submit
from .one_node import OneNodeCluster, wait_until

STEPS = 800  # seconds
STEPS_OF_MINUTES = 20000
LOG = "results/logs/train/srresnet.log"
ENDS = [
    pytest.param(("scancel",), id="cancelled"),
    pytest.param(
        ("scancel", "--signal=TERM"),
        id="told to stop, as ahead of its time limit",
        marks=pytest.mark.soak,
    ),
    # Slurm itself waits two minutes before it starts such a job again.
    pytest.param(("scontrol", "requeue"), id="pushed off its node", marks=pytest.mark.soak),
]

# How a job ends that comes to its time limit, without and with a notice ahead of it.
LIMITS = {
    "TIMEOUT": ("train:runtime=1",),
    "FAILED": ("train:runtime=2", "train:slurm_extra='--signal=TERM@60'"),
}


def wait_for_steps(run: Run, directory: Path) -> str:
    """Wait until the training has done steps; return the number of its Slurm job."""
    log = directory / LOG
    wait_until(lambda: log.exists() and "\nstep " in log.read_text("utf-8"), "steps", patience=120)
    return run.submitted[-1]


@pytest.mark.parametrize("end", ENDS)
def test_an_ended_training_continues_to_the_same_bytes(
    cluster: OneNodeCluster,
    submit: Submit,
    with_pairs: Copy,
    undisturbed: Callable[[int], dict[str, str]],
    end: tuple[str, ...],
) -> None:
    directory = with_pairs(STEPS)
    run = submit(directory, *CONFIGS, "--", MODEL)
    job = wait_for_steps(run, directory)
    cluster.tell(*end, job)
    run.end()
    log = (directory / LOG).read_text(encoding="utf-8")
    began_at = re.match(r"resuming from step (\d+)\n", log)
    assert began_at, log
    assert 0 < int(began_at[1]) < STEPS
    assert digests(directory / "results/models") == undisturbed(STEPS)


@pytest.mark.soak
@pytest.mark.parametrize("state", LIMITS)
def test_a_training_on_a_gpu_node_continues_after_its_time_limit(
    cluster: OneNodeCluster,
    submit: Submit,
    with_pairs: Copy,
    undisturbed: Callable[[int], dict[str, str]],
    state: str,
) -> None:
    directory = with_pairs(STEPS_OF_MINUTES)
    resources = (*LIMITS[state], "train:slurm_partition=gpu", "train:gpu=1")
    run = submit(directory, *CONFIGS, "--retries", 10, "--set-resources", *resources, "--", MODEL)
    run.end(patience=1200)
    shown = cluster.shows("State: ,tres-per-job:", *run.submitted)
    assert shown[-1] == "COMPLETED gres:gpu:1"
    assert set(shown[:-1]) == {f"{state} gres:gpu:1"}
    assert (directory / LOG).read_text("utf-8").startswith("resuming from step ")
    assert digests(directory / "results/models") == undisturbed(STEPS_OF_MINUTES)


@pytest.mark.soak
def test_lack_of_memory_ends_in_a_sentence_that_says_what_to_raise(
    cluster: OneNodeCluster, submit: Submit, with_pairs: Copy
) -> None:
    directory = with_pairs(STEPS)
    too_little = ("--set-resources", "train:mem_mb=300", "--retries", 1)
    run = submit(directory, *CONFIGS, *too_little, "--", MODEL)
    printed = run.end(expected=1)
    assert len(run.submitted) == 2, "one attempt and one retry"
    sentence = (
        "train srresnet: error: Slurm ended it for lack of memory; raise mem_mb of train, "
        "now 300 megabytes, under set-resources in profiles/slurm/profile.yaml\n"
    )
    assert printed.count(sentence) == 1
    assert not (directory / "results/models").exists()


def test_ctrl_c_cancels_the_jobs_and_the_training_saves(
    cluster: OneNodeCluster, submit: Submit, with_pairs: Copy
) -> None:
    directory = with_pairs(STEPS)
    run = submit(directory, *CONFIGS, "--", MODEL)
    job = wait_for_steps(run, directory)
    run.process.send_signal(signal.SIGINT)
    wait_until(lambda: cluster.shows("State:", job) == ["CANCELLED"], "the job to end")
    run.end(expected=1)
    assert cluster.running() == []
    assert "stopped by SIGTERM, saved at step " in (directory / LOG).read_text("utf-8")


@pytest.mark.soak
def test_a_terminated_snakemake_waits_for_its_jobs_and_submits_no_more(
    cluster: OneNodeCluster, submit: Submit, with_pairs: Copy
) -> None:
    directory = with_pairs(STEPS)
    run = submit(directory, *CONFIGS, "--", "results/predictions/srresnet/phantom.h5")
    job = wait_for_steps(run, directory)
    run.process.send_signal(signal.SIGTERM)
    printed = run.end(expected=1)
    assert cluster.shows("State:", job) == ["COMPLETED"]
    assert run.submitted == [job]
    assert (directory / MODEL).exists()
    assert "the run was stopped: start again to continue" in printed
