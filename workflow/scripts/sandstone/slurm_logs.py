"""What Slurm's logs say about jobs that it ended: one sentence a job, with what to raise."""

import re
from pathlib import Path

PROFILE = "profiles/slurm/profile.yaml"
OUT_OF_MEMORY = r"oom[-_ ]kill|out[- ]of[- ]memory|exceeded (job )?memory limit"
OUT_OF_TIME = r"DUE TO TIME LIMIT"


def sentences(folder: Path, *, since: float) -> list[str]:
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
    found = {}
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
