"""What Snakemake would run: the jobs of a dry run, by name."""

import re
import subprocess

JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", re.MULTILINE)
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


def _name(rule: str, details: str) -> str:
    wildcards = WILDCARDS.search(details)
    if not wildcards:
        return rule
    return f"{rule} " + "/".join(pair.split("=")[1] for pair in wildcards[1].split(", "))
