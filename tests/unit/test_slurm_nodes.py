"""A submission that fits on no node of its partition is refused; the unknown is left to Slurm."""

import re
from pathlib import Path

import pytest

from sandstone import slurm_nodes
from sandstone.errors import InputError
from sandstone.slurm_nodes import Nodes, Submission

# Two sizes of node in one partition, and one that another partition has as well.
SINFO = "normal|4|16000\nnormal|2|64000\nbig|64|512000\n"
KNOWN = [Nodes("normal", 4, 16000), Nodes("normal", 2, 64000), Nodes("big", 64, 512000)]


def asking(cpus: int, mem_mb: int = 0, **others: object) -> Submission:
    settings = {"name": "train", "partition": "normal", "is_group": False, **others}
    return Submission(cpus=cpus, mem_mb=mem_mb, **settings)


def sinfo(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Put a program of that name on PATH, before the real one."""
    program = folder / "sinfo"
    program.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_nodes_are_those_that_sinfo_tells(tmp_path, monkeypatch):
    sinfo(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/asked', f"printf '{SINFO}'")
    assert slurm_nodes.nodes() == KNOWN
    assert "--exact" in (tmp_path / "asked").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "lines",
    [
        ["echo 'sinfo: error: Unable to contact slurm controller' >&2", "exit 1"],
        ["echo 'CLUSTER: here'", "echo 'normal|8+|n/a'"],
        ["sleep 60"],
    ],
)
def test_where_sinfo_does_not_answer_no_nodes_are_known(tmp_path, monkeypatch, lines):
    monkeypatch.setattr(slurm_nodes, "PATIENCE", 0.3)
    sinfo(tmp_path, monkeypatch, *lines)
    assert slurm_nodes.nodes() == []


def test_without_slurm_no_nodes_are_known(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm_nodes.nodes() == []


@pytest.mark.parametrize(
    "submission",
    [
        asking(4, 16000),
        asking(2, 64000),
        asking(64, 512000, partition="normal,big"),
        asking(64, partition=""),
        asking(99, partition="hidden"),
    ],
)
def test_what_one_node_can_hold_and_what_is_not_known_may_start(submission):
    slurm_nodes.check([submission], KNOWN)


def test_where_no_nodes_are_known_everything_may_start():
    slurm_nodes.check([asking(1000, 10**9)], [])


WAITS = "so it would wait in Slurm's queue for ever; "
PROFILE = "in profiles/slurm/profile.yaml"


@pytest.mark.parametrize(
    ("submission", "lack", "advice"),
    [
        (
            asking(8, name="tables", is_group=True),
            "the group tables asks for 8 CPUs, but no node of the partition normal has more than 4",
            f"lower cores to 4 {PROFILE} or with --cores, or take another slurm_partition",
        ),
        (
            asking(8),
            "train asks for 8 CPUs, but no node of the partition normal has more than 4",
            "lower tensorflow_threads to 4 in the config, or take another slurm_partition",
        ),
        (
            asking(65, partition=""),
            "train asks for 65 CPUs, but no node has more than 64",
            "lower tensorflow_threads to 64",
        ),
        (
            asking(1, 64001),
            "asks for 64001 megabytes, but no node of the partition normal has more than 64000",
            f"lower mem_mb of train under set-resources {PROFILE}",
        ),
        (
            asking(4, 64000, name="tables", is_group=True),
            "asks for 4 CPUs and 64000 megabytes, but no node of the partition normal has both",
            f"lower cores, or mem_mb of its rules under set-resources, {PROFILE}",
        ),
    ],
)
def test_what_no_node_can_hold_is_refused(submission, lack, advice):
    with pytest.raises(InputError, match=re.escape(f"{lack}, {WAITS}{advice}")):
        slurm_nodes.check([asking(1, 100), submission], KNOWN)
