"""The start and the end of a run: what its jobs find around them, and what the run tells.

At its end a run says why it failed, one sentence a reason, or shows its tables.
"""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from sandstone import disk

# The second where Snakemake shall not print rules.
FAILED_JOB = r"^(?:Error in \w*rule|CalledProcessError in)\b"
LEAST_ROOM = 65536  # bytes; with less, not even the logs and records of a run fit
SLURM = "logs/slurm"  # below the results: slurm-logdir in profiles/slurm
PROFILE = "profiles/slurm/profile.yaml"
STOPPED = "sandstone-srgan: error: the run was stopped: start again to continue"
OUT_OF_MEMORY = r"oom[-_ ]kill|out[- ]of[- ]memory|exceeded (job )?memory limit"
OUT_OF_TIME = r"DUE TO TIME LIMIT"


def prepare_jobs() -> None:
    """Let jobs find their own Python and its own packages, whatever surrounds Snakemake.

    Rules call `python`. Without --use-conda that is the one that runs Snakemake, also where it is
    not on PATH; the activation of a conda environment puts its own before it. Packages in
    ~/.local would come before those of a conda environment, in its jobs and when pip fills it.
    """
    own = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", os.defpath)])
    os.environ["PYTHONNOUSERSITE"] = "1"


def tell_of_ctrl_c() -> None:
    """Let Ctrl-C end in one sentence also where Snakemake would print a traceback.

    It looks after Ctrl-C while jobs run, but not before, when conda makes environments for
    minutes. The exit is Python's own: by the signal.
    """
    usual = sys.excepthook

    def tell(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print(STOPPED, file=sys.stderr)
        else:
            usual(kind, error, traceback)

    sys.excepthook = tell


def failures(results: Path, own_logs: Iterable[str | Path], *, since: float) -> list[str]:
    """Return the sentences with which a failed run ends, at least one.

    Parameters
    ----------
    results : Path
        Folder of the results; the logs of the jobs lie in it.
    own_logs : iterable of paths
        Logs that Snakemake itself wrote.
    since : float
        Start of the run: older logs are of earlier runs; seconds of `time.time`.

    Returns
    -------
    list of str
        The last sentence of each job that wrote one, then those for jobs that Slurm ended.
    """
    slurm = results / SLURM
    found = [
        told[-1]
        for file in sorted((results / "logs").rglob("*.log"))
        if slurm not in file.parents
        and file.stat().st_mtime >= since
        and (told := _lines(file, r"^\w+: error: .*"))
    ]
    found += ended_by_slurm(slurm, since=since)
    return found or [_without_sentence(results, own_logs)]


def _without_sentence(results: Path, own_logs: Iterable[str | Path]) -> str:
    """Say why no job could: a full disk takes no logs either, and a killed job is silent."""
    if reason := unwritable(results):
        return f"sandstone-srgan: error: {results.absolute()}: {reason}"
    if any(_lines(Path(file), FAILED_JOB) for file in own_logs):
        return (
            "sandstone-srgan: error: a job failed without a sentence of its own: what it printed "
            f"above, and its log in {results / 'logs'}, say more; if they do not, the job was "
            "killed, as when memory runs out: run again"
        )
    return STOPPED


def without_command(told: str) -> str:
    """Return what Snakemake says of a failed job without its command, all flags of a script."""
    return re.sub(r"\bCommand '.*' (?=returned|died)", "Its command ", told, flags=re.DOTALL)


def unwritable(folder: Path) -> str | None:
    """Return why logs and records of a run cannot be written into a folder, None if they can."""
    return disk.reason_of_probe(folder, size=LEAST_ROOM)


def summary(results: Path) -> str:
    """Return the table of metrics and where to look, empty if the run has made no table."""
    table = results / "logs" / "summarise_metrics.log"
    if not table.exists():
        return ""
    page = results / "overview.html"
    return (
        f"\n{table.read_text(encoding='utf-8')}\n"
        f"table     {results / 'metrics' / 'summary.csv'}\n"
        f"figures   {results / 'figures'}/\n"
        f"overview  {page if page.exists() else 'snakemake --cores 1 overview'}\n"
        "report    make report"
    )


def plans(results: Path, volumes: Iterable[str]) -> str:
    """Return the plans of upscaling `volumes` that are there, one after the other."""
    files = (results / "logs" / "plan_upscale" / f"{name}.txt" for name in volumes)
    return "\n".join(f"\n{file.read_text(encoding='utf-8')}" for file in files if file.exists())


def _lines(log: Path, pattern: str) -> list[str]:
    text = log.read_text(encoding="utf-8", errors="replace")
    return re.findall(pattern, text, flags=re.MULTILINE)


# --- jobs that Slurm ended ---


def ended_by_slurm(folder: Path, *, since: float) -> list[str]:
    """Return a sentence for each job that Slurm ended for its memory or its time.

    Parameters
    ----------
    folder : Path
        Where the Snakemake plugin lets Slurm write: `rule_<rule>/<wildcards>/<number>.log`, or
        `group_<group>/...` for jobs that share a submission. Logs of successful jobs are removed.
    since : float
        Logs that were last written before are of earlier runs; seconds of `time.time`.

    Returns
    -------
    list of str
        In the order of the names, none twice. A job of which a later attempt has succeeded is
        left out.
    """
    found: dict[str | None, None] = {}
    for file in sorted(folder.glob("*_*/**/*.log")):
        if file.stat().st_mtime < since:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        if not _has_succeeded_since(text):
            found[_sentence(file.relative_to(folder), text)] = None
    return [sentence for sentence in found if sentence]


def _has_succeeded_since(text: str) -> bool:
    """Whether each job that the log names has an output.

    Snakemake removes all outputs of a failed job, and the temporary ones of a successful one.
    """
    jobs = re.findall(r"^    output: (.+)$", text, re.MULTILINE)
    return bool(jobs) and all(
        any(Path(output).exists() for output in outputs.split(", ")) for outputs in jobs
    )


def _sentence(log: Path, text: str) -> str:
    if re.search(OUT_OF_MEMORY, text, re.IGNORECASE):
        return _advice(log, text, lacking="memory", resource="mem_mb", unit="megabytes")
    if re.search(OUT_OF_TIME, text):
        return _advice(log, text, lacking="time", resource="runtime", unit="minutes")
    return ""


def _advice(log: Path, text: str, *, lacking: str, resource: str, unit: str) -> str:
    kind, _, rule = log.parts[0].partition("_")
    if kind == "group":
        job, what = log.parts[0], f"{resource} of its rules"
    else:
        granted = re.search(rf"\b{resource}=(\d+)", text)
        job = " ".join([rule, *log.parts[1:-1]])
        what = f"{resource} of {rule}" + (f", now {granted[1]} {unit}," if granted else "")
    return (
        f"{job}: error: Slurm ended it for lack of {lacking}; raise {what} "
        f"under set-resources in {PROFILE}"
    )
