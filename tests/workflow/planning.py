"""What Snakemake would run: the jobs of a dry run, by name and with their commands."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", re.MULTILINE)
OUTPUT = re.compile(r"^    output: (.*)$", re.MULTILINE)
COMMAND = re.compile(r"^ +exec \S+/logged \S+ (.*)$", re.MULTILINE)
WILDCARDS = re.compile(r"^    wildcards: (.*)$", re.MULTILINE)


def planned_jobs(done: subprocess.CompletedProcess[str]) -> set[str]:
    """Return the jobs that a dry run prints, without `all`, which makes nothing.

    A job is named by its rule and the values of its wildcards: `super_resolve srgan/phantom`.
    The table of counts that stands beside the jobs must agree.
    """
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    told = done.stdout + done.stderr
    jobs = [_name(rule, details) for rule, details in JOB.findall(told)]
    counted = re.search(r"^total +(\d+)$", told, re.MULTILINE)
    assert len(jobs) == (int(counted[1]) if counted else 0)
    return set(jobs) - {"all"}


@dataclass(frozen=True)
class Job:
    """A job of the tiny config, its outputs, and the command of its script."""

    name: str
    outputs: tuple[str, ...]
    command: tuple[str, ...]

    @property
    def rule(self) -> str:
        """Name of its rule."""
        return self.name.partition(" ")[0]

    @property
    def script(self) -> tuple[str, ...]:
        """Script and flags, without the interpreter."""
        return self.command[2:]


def jobs_to_run(
    snakemake: Callable[..., subprocess.CompletedProcess[str]], folder: Path
) -> list[Job]:
    """Return every job of the tiny config, in an order in which they can run."""
    tiny = ("--configfile", "tests/config/tiny.yaml")
    return _jobs(snakemake(folder, "-n", "--forceall", "--printshellcmds", *tiny).stdout)


def planned_command(done: subprocess.CompletedProcess[str], name: str) -> tuple[str, ...]:
    """Return the command of the job of a name, from a dry run that prints commands."""
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return next(job.command for job in _jobs(done.stdout) if job.name == name)


def _jobs(told: str) -> list[Job]:
    starts = [found.start() for found in JOB.finditer(told)]
    blocks = [told[a:b] for a, b in zip(starts, [*starts[1:], len(told)], strict=True)]
    return [_job(block) for block in blocks if COMMAND.search(block)]


def _job(block: str) -> Job:
    rule, details = JOB.findall(block)[0]
    outputs = OUTPUT.findall(details)[0].split(", ")
    flags = shlex.split(COMMAND.findall(block)[0])
    return Job(_name(rule, details), tuple(outputs), (sys.executable, "-u", *flags))


def _name(rule: str, details: str) -> str:
    wildcards = WILDCARDS.search(details)
    if not wildcards:
        return rule
    return f"{rule} " + "/".join(pair.split("=")[1] for pair in wildcards[1].split(", "))
