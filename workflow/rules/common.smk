# Config helpers, wildcard constraints and code(): functions only, no rules.

import json
import logging
import re
import sys
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import snakemake.exceptions
import yaml

STARTED = time.time()
LEAST_ROOM = 65536  # bytes; with less, not even logs and records of a run fit
SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

# Where the disk is full, Snakemake cannot keep its own log either: once is enough to say so.
logging.raiseExceptions = False

from snakemake import __version__ as snakemake_version

from sandstone import disk, slurm_logs
from sandstone.config import plain_yaml
from sandstone.config.checks import validate
from sandstone.config.flags import as_flags
from sandstone.config.sources import downloads, volume_files
from sandstone.errors import InputError, one_line
from sandstone.provenance.code import files_of
from sandstone.volumes.unchanged import stamp

# --- the start of a run ---


def check_folder():
    """Stop with one sentence and exit code 2 where Snakemake could not keep its records."""
    if workflow.is_main_process:
        check_writable(".snakemake" if Path(".snakemake").is_dir() else ".")


def check_config_files(base):
    """Read config.yaml and its overlays as plain data, or stop with one sentence and exit code 2."""
    with one_sentence():
        for file in [base, *workflow.config_settings.configfiles]:
            plain_yaml.read(file)


def check_config():
    """Validate the config and find its files, or stop with one sentence and exit code 2."""
    with one_sentence():
        validate(config)
        for sample in used_samples():
            volume(sample)
        for name, entry in config["upscale"].items():
            volume_files(name, entry, "upscale")
            if "hr" in entry:
                volume(entry["hr"])


@contextmanager
def one_sentence():
    """Turn a mistake of the user into one sentence and exit code 2."""
    try:
        yield
    except (InputError, OSError) as error:
        stop(error)


def check_results():
    """Stop with one sentence and exit code 2 where no job could write its results."""
    if Path("results").is_dir():
        check_writable("results")


def check_writable(folder):
    if reason := disk.reason_of_probe(Path(folder), size=LEAST_ROOM):
        stop(f"nothing can be written into {Path(folder).absolute()}: {reason}")


def stop(sentence):
    print(f"sandstone-srgan: error: {one_line(str(sentence))}", file=sys.stderr)
    sys.exit(2)


class LockException(snakemake.exceptions.WorkflowError):
    """Snakemake's own, in one sentence that says how to tell its two causes apart."""

    def __init__(self):
        super().__init__(
            f"sandstone-srgan: error: another run holds {Path.cwd()}; wait until it ends, or, if "
            "none is running since it was killed, call the same command once with --unlock and "
            "then again without"
        )


snakemake.exceptions.LockException = LockException


# --- what the config asks for ---


def used_models():
    """Models under evaluation, those that upscale, and those that they start from."""
    upscaling = [entry["model"] for entry in config["upscale"].values()]
    models = list(dict.fromkeys(config["evaluation"]["models"] + upscaling))
    for model in models:
        parent = config["models"][model].get("init_from")
        if parent and parent not in models:
            models.append(parent)
    return models


def used_samples():
    """Samples under evaluation and those that a used model is trained on."""
    training = (config["models"][model]["train_on"] for model in used_models())
    return sorted(
        {
            *config["evaluation"]["samples"],
            *(sample for on in training for sample in on),
        }
    )


def methods():
    """Baselines and models, in the order of tables and figures."""
    return config["evaluation"]["baselines"] + config["evaluation"]["models"]


def volume(sample):
    """Files of a sample's raw volume."""
    settings = config["samples"][sample]
    if "phantom" in settings:
        return [f"results/volumes/{sample}.tif"]
    return volume_files(sample, settings)


def missing_downloads():
    """Map each file that is still to be fetched to its (url, sha256)."""
    return {
        file: source
        for entry in (*config["samples"].values(), *config["upscale"].values())
        for file, source in downloads(entry).items()
        if not Path(file).exists()
    }


def lpips_weights():
    """The file of the LPIPS weights in a list, or an empty list where LPIPS is not configured."""
    return (
        [config["weights"]["lpips_alex"]["path"]]
        if "lpips_alex" in config["weights"]
        else []
    )


def missing_lpips_weights():
    """The LPIPS weights in a list if they are still to be fetched."""
    return [file for file in lpips_weights() if not Path(file).exists()]


# --- how rules name their code and flags ---

# Snakemake compares the values of params as a set, without their names: 1 and 4 swapped are no change to it.
# So params are flags with their values, ["--seed", "1"], never bare values of the config.


def code(script):
    """The script of a rule and, transitively, the shared modules that it imports.

    As inputs, they make an edit rerun the rules that it concerns and no others.
    """
    return [local(os.path.relpath(file)) for file in files_of(script)]


def flag(name, value):
    """`--name value...`, or nothing where the value is absent or empty."""
    if value is None or value == []:
        return []
    return [
        f"--{name}",
        *map(str, value if isinstance(value, (list, tuple)) else [value]),
    ]


# --- when rules run again ---


def packages(environment):
    """What a conda environment asks for, without its comments.

    As a param, it reruns the rules of an environment whose versions change, in .venv too.
    """
    file = Path(workflow.basedir) / "workflow" / "envs" / f"{environment}.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))["dependencies"]


# --- the end of a run ---


def show_errors(log):
    """Repeat the sentences with which jobs of this run failed, where a reader looks first."""
    slurm = Path("results/logs/slurm")  # slurm-logdir in profiles/slurm
    logs = sorted(Path("results/logs").rglob("*.log"))
    sentences = [
        found[-1]
        for file in logs
        if file.stat().st_mtime >= STARTED
        and slurm not in file.parents
        and (found := sentences_of(file))
    ]
    sentences += slurm_logs.sentences(slurm, since=STARTED)
    for sentence in sentences or [missing_sentence(log)]:
        print(sentence, file=sys.stderr)


def sentences_of(log, pattern=r"^\w+: error: .*"):
    text = log.read_text(encoding="utf-8", errors="replace")
    return re.findall(pattern, text, flags=re.MULTILINE)


def missing_sentence(log):
    """Say why no job could: a full disk takes no logs either, and a killed job is silent."""
    if reason := disk.reason_of_probe(Path("results"), size=LEAST_ROOM):
        return f"sandstone-srgan: error: {Path('results').absolute()}: {reason}"
    if any(sentences_of(Path(file), r"^Error in \w*rule\b") for file in log):
        return (
            "sandstone-srgan: error: a job failed without a sentence of its own: its log above "
            "says more; if it does not, the job was killed, as when memory runs out: run again"
        )
    return "sandstone-srgan: error: the run was stopped: start again to continue"


def show_summary():
    """Print the table of the run's end and where the results are."""
    table = Path("results/logs/summarise_metrics.log")
    if table.exists():
        print(f"\n{table.read_text(encoding='utf-8')}")
        print("table    results/metrics/summary.csv")
        print("figures  results/figures/")
        print("report   make report")


wildcard_constraints:
    sample="[a-z0-9_]+",
    model="[a-z0-9_]+",
    method="[a-z0-9_]+",
    volume="[a-z0-9_]+",
    slab="[0-9]+",
