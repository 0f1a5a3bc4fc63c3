"""What the nodes of a Slurm cluster have, and which submission fits on none of them.

Slurm takes a job with too many CPUs for every node, and lets it wait for ever.
"""

import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sandstone.errors import InputError
from sandstone.run import PROFILE

# --exact: each size of node by itself, instead of the smallest and a plus sign.
SINFO = ("sinfo", "--noheader", "--exact", "--format", "%R|%c|%m")
PATIENCE = 60  # seconds; without a controller, the clients of Slurm themselves give up sooner


@dataclass(frozen=True)
class Nodes:
    """The nodes of one size in one partition: CPUs and megabytes of each."""

    partition: str
    cpus: int
    mem_mb: int


@dataclass(frozen=True)
class Submission:
    """What one submission asks of a node.

    Attributes
    ----------
    name : str
        Of the rule, or of the group of rules.
    partition : str
        One or several with commas between; empty where Slurm chooses.
    cpus, mem_mb : int
        0 where it does not say.
    is_group : bool
        Whether it holds several jobs, side by side on `cores` CPUs.
    """

    name: str
    partition: str
    cpus: int
    mem_mb: int
    is_group: bool


def nodes() -> list[Nodes]:
    """Return the nodes that `sinfo` knows, none where it does not answer."""
    try:
        done = subprocess.run(  # noqa: S603 - a constant
            SINFO, capture_output=True, text=True, timeout=PATIENCE, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    found = re.findall(r"^(.+)\|(\d+)\|(\d+)$", done.stdout, re.MULTILINE)
    return [Nodes(partition, int(cpus), int(mem_mb)) for partition, cpus, mem_mb in found]


def check(submissions: Iterable[Submission], known: Sequence[Nodes]) -> None:
    """Refuse what could never start.

    Parameters
    ----------
    submissions : iterable of Submission
    known : sequence of Nodes
        From `nodes`. A partition that is not among them is left to Slurm.

    Raises
    ------
    InputError
        If no node of its partition has the CPUs and the memory of a submission.
    """
    for submission in submissions:
        within = _of_partition(submission, known)
        if within and not any(_fits(submission, each) for each in within):
            raise InputError(_sentence(submission, within))


def _of_partition(submission: Submission, known: Sequence[Nodes]) -> list[Nodes]:
    names = submission.partition.split(",")
    return [each for each in known if not submission.partition or each.partition in names]


def _fits(submission: Submission, node: Nodes) -> bool:
    return submission.cpus <= node.cpus and submission.mem_mb <= node.mem_mb


def _sentence(submission: Submission, within: Sequence[Nodes]) -> str:
    cpus, mem_mb = max(each.cpus for each in within), max(each.mem_mb for each in within)
    where = f"node of the partition {submission.partition}" if submission.partition else "node"
    if submission.cpus > cpus:
        lack = f"{submission.cpus} CPUs, but no {where} has more than {cpus}"
        advice = _fewer_cpus(submission, cpus)
    elif submission.mem_mb > mem_mb:
        lack = f"{submission.mem_mb} megabytes, but no {where} has more than {mem_mb}"
        advice = _less_memory(submission)
    else:
        lack = f"{submission.cpus} CPUs and {submission.mem_mb} megabytes, but no {where} has both"
        advice = _less_memory(submission)
    kind = "the group " if submission.is_group else ""
    return (
        f"{kind}{submission.name} asks for {lack}, so it would wait in Slurm's queue for ever; "
        f"{advice}, or take another slurm_partition"
    )


def _fewer_cpus(submission: Submission, most: int) -> str:
    if submission.is_group:
        return f"lower cores to {most} in {PROFILE} or with --cores"
    return f"lower tensorflow_threads to {most} in the config"


def _less_memory(submission: Submission) -> str:
    if submission.is_group:
        return f"lower cores, or mem_mb of its rules under set-resources, in {PROFILE}"
    return f"lower mem_mb of {submission.name} under set-resources in {PROFILE}"
