# Where the code lies, the start and the end of a run, and what all rules use: path_of(), flag(), reasons(). Functions only.

import json
import logging
import re
import sys
import time
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import yaml

# Another Snakefile may use this one as a module: workflow.basedir is the folder of that one then.
ROOT = Path(str(workflow.current_basedir)).parents[1]
IS_MODULE = Path(workflow.basedir) != ROOT
SCRIPTS = ROOT / "workflow" / "scripts"
STARTED = time.time()
FOR_REPORT = "what_made_the_results"  # in the config, for the templates of the report
sys.path.insert(0, str(SCRIPTS))

# Where the disk is full, Snakemake cannot keep its own log either: once is enough to say so.
logging.raiseExceptions = False

from snakemake import __version__ as snakemake_version
from snakemake.logging import logger
from snakemake.settings.enums import Quietness
from snakemake.settings.types import DeploymentMethod
from snakemake_interface_logger_plugins.common import LogEvent

from sandstone import cards, run, slurm_nodes
from sandstone.choices import BASELINES, FITTED, acting
from sandstone.config import plain_yaml, siblings, used
from sandstone.config.checks import validate
from sandstone.config.flags import as_flags
from sandstone.config.given import generator as generator_of
from sandstone.config.given import is_to_fetch
from sandstone.config.sentences import unknown_target
from sandstone.config.sources import check_readable, downloads, entries, volume_files
from sandstone.errors import InputError, one_line
from sandstone.models import folder as model_folder
from sandstone.provenance import origin as origin_of_models
from sandstone.provenance.code import digest_of
from sandstone.training import kept_models
from sandstone.volumes.folder import belonging, stamp

run.prepare_jobs()
if workflow.is_main_process and not IS_MODULE:
    run.tell_of_ctrl_c()

# --- the start of a run ---


def check_folder():
    """Stop with one sentence and exit code 2 where Snakemake could not keep its records."""
    if workflow.is_main_process:
        check_writable(".snakemake" if Path(".snakemake").is_dir() else ".")


def check_config_files(base):
    """Read config.yaml and its overlays as plain data, or stop with one sentence and exit code 2.

    The overlays of a Snakefile that uses this one as a module are its own.
    """
    overlays = [] if IS_MODULE else workflow.config_settings.configfiles
    with one_sentence():
        for file in [base, *overlays]:
            plain_yaml.read(file)


def own(given):
    """Return a config that is this workflow's alone: modules may share one, and each has results of its own.

    The outermost one stays the config that Snakemake knows.
    """
    if not IS_MODULE:
        return given
    return {key: value for key, value in given.items() if key != FOR_REPORT}


def check_config():
    """Validate the config and find its files, or stop with one sentence and exit code 2."""
    with one_sentence():
        validate(config, base=plain_yaml.read(ROOT / "config.yaml"))
        for sample in dict.fromkeys([*used_samples(), *pairs_of_scans()]):
            check_volume(sample)
        for name, entry in config["upscale"].items():
            check_volume(name, "upscale")
            if "hr" in entry:
                check_volume(entry["hr"])


def check_volume(name, section="samples"):
    """Find the files of a volume; when a run begins, see that they can be read."""
    entry = config[section][name]
    check = check_readable if workflow.is_main_process else volume_files
    if "phantom" not in entry:
        check(name, entry, section)
    if "lr" in entry:
        check(f"{name}.lr", entry["lr"], section)


def check_given():
    """Stop with one sentence and exit code 2 where taking a given model would cost another one."""
    if workflow.is_main_process:
        with one_sentence():
            for name in used_models():
                if name in given_models() and not is_to_fetch(config["models"][name]):
                    folder = config["models"][name]["weights"]
                    origin_of_models.check_given(Path(RESULTS), name, folder)


def check_trainings():
    """Stop with one sentence and exit code 2 where a training would replace a model that is none of its own."""
    written = {f"{RESULTS}/models/{name}": name for name in trained_models()}
    with one_sentence():
        for job in workflow.dag.needrun_jobs():
            for file in job.output:
                name = written.get(os.path.dirname(file))
                if os.path.basename(file) == origin_of_models.WEIGHTS and name:
                    made = workflow.persistence.metadata(file) is not None
                    origin_of_models.check_trained(Path(RESULTS), name, made=made)


def check_planned_trainings():
    """Let a dry run stop so too. It calls no `onstart`, but tells its jobs in a record of the log."""
    if workflow.is_main_process and not IS_MODULE:
        logger.addFilter(with_checked_trainings)


def with_checked_trainings(record):
    """Filter of the log, which changes no record."""
    if workflow.dryrun and getattr(record, "event", None) == LogEvent.RUN_INFO:
        check_trainings()
    return True


def check_results():
    """Stop with one sentence and exit code 2 where no job could write its results."""
    if Path(RESULTS).is_dir():
        check_writable(RESULTS)


def keep_models():
    """Keep what Snakemake deletes before a model is trained again; see `show_kept_models`."""
    with one_sentence():
        kept_models.keep(Path(RESULTS), TRAINED)


def check_submissions():
    """Stop with one sentence and exit code 2 where a job would wait in Slurm's queue for ever."""
    plugin = workflow.executor_plugin
    if plugin and plugin.name == "slurm":
        with one_sentence():
            slurm_nodes.check(submissions(), slurm_nodes.nodes())


def submissions():
    """What the jobs of this run ask of a node, the widest first; all jobs of a group are one submission."""
    jobs = workflow.dag.needrun_jobs()
    together = {workflow.dag.get_job_group(job) or job for job in jobs}
    asked = [submission(each) for each in together if may_be_checked(each)]
    return sorted(asked, key=lambda each: (-each.cpus, -each.mem_mb, each.name))


def may_be_checked(job):
    """Whether it runs on this cluster; the plugin can send jobs to others, whose nodes are not known here."""
    elsewhere = ("cluster", "clusters", "slurm_cluster")
    return not job.is_local and not any(map(job.resources.get, elsewhere))


def submission(job):
    """A job or a group, with the resources that the plugin names to sbatch."""

    def number(*resources):
        values = map(job.resources.get, resources)
        return next((each for each in values if each and isinstance(each, int)), 0)

    cpus = max(number("cpus_per_task", "cpus_per_gpu") or job.threads, 0)
    return slurm_nodes.Submission(
        name=job.groupid if job.is_group() else job.rule.name,
        partition=str(job.resources.get("slurm_partition", "")),
        cpus=cpus,
        mem_mb=cpus * number("mem_mb_per_cpu") or number("mem_mb"),
        is_group=job.is_group(),
    )


def check_writable(folder):
    if reason := run.unwritable(Path(folder)):
        stop(f"nothing can be written into {Path(folder).absolute()}: {reason}")


@contextmanager
def one_sentence():
    """Turn a mistake of the user into one sentence and exit code 2."""
    try:
        yield
    except (InputError, OSError) as error:
        stop(error)


def stop(sentence):
    print(f"sandstone-srgan: error: {one_line(str(sentence))}", file=sys.stderr)
    sys.exit(2)


# --- graphics cards ---


def gpu_with_cuda(wildcards):
    """One card for a job whose conda environment brings CUDA; none where no card is seen, or on a cluster."""
    return 1 if count_cards() and (with_conda() or cards.has_cuda()) else None


def gpu_of_method(wildcards):
    """Of a model: interpolation needs none, and the conda environment has no CUDA."""
    needs = wildcards.method in config["models"] and not with_conda()
    return gpu_with_cuda(wildcards) if needs else None


def gpu_of_lpips(wildcards):
    """LPIPS alone is a network, and the conda environment has no CUDA."""
    needs = weights("lpips_alex") and not with_conda()
    return gpu_with_cuda(wildcards) if needs else None


@cache
def count_cards():
    """The cards of this machine, which Snakemake then hands out; the user may have said how many."""
    found = len(cards.seen()) if workflow.is_main_process and workflow.local_exec else 0
    if found and "gpu" not in workflow.global_resources:
        workflow.register_resource("gpu", found)
    return found


def with_conda():
    return DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method


# --- what Snakemake says meanwhile ---


def shorten_errors():
    """Where Snakemake is quiet about rules, leave out the command of a failed job, a screenful of paths."""
    quiet = workflow.output_settings.quiet or ()
    if workflow.is_main_process and not IS_MODULE and Quietness.RULES in quiet:
        logger.addFilter(without_command)


def without_command(record):
    """Filter of the log: the script has said what is wrong, and its log names it again."""
    if getattr(record, "exception", None) == "RuleException":
        record.msg = run.without_command(record.msg)
    return True


# --- the end of a run ---


def show_failures(own_logs):
    """Repeat the sentences with which jobs of this run failed, where a reader looks first."""
    for sentence in run.failures(Path(RESULTS), own_logs, since=STARTED):
        print(sentence, file=sys.stderr)


def show_kept_models():
    """Say where the last model is that a training should have replaced, and drop the others."""
    for sentence in kept_models.settle(Path(RESULTS), TRAINED):
        print(sentence, file=sys.stderr)


def show_end():
    """Print the plans where nothing else was asked for, or the table of metrics and where the results are."""
    asked = set(workflow.dag_settings.targets)
    if asked and asked <= {"upscale_plan", "verify_provenance"}:
        text = run.plans(
            Path(RESULTS), config["upscale"] if "upscale_plan" in asked else ()
        )
    else:
        text = run.summary(Path(RESULTS))
    if text:
        print(text)


# --- how rules name their code and flags ---

# Where the code lies is no reason to run again. Snakemake compares inputs by their names, and params by their values;
# but nothing of a params function that takes `output`, though these need none. What the code says is in reasons().


def launcher(wildcards, output):
    """Params function: what runs a script with its output in the log and on the terminal."""
    return os.path.relpath(SCRIPTS / "logged")


def path_of(script):
    """Params function: the file of a script."""
    return lambda wildcards, output: os.path.relpath(SCRIPTS / f"{script}.py")


# Snakemake compares the values of params as a set, without their names: 1 and 4 swapped are no change to it.
# So params are flags with their values, ["--seed", "1"], never bare values of the config.


def flag(name, value):
    """`--name value...`, or nothing where the value is absent or empty."""
    if value is None or value == []:
        return []
    return [
        f"--{name}",
        *map(str, value if isinstance(value, (list, tuple)) else [value]),
    ]


def one_of(names):
    """Wildcard constraint: one of these names, and none where there are none."""
    return "|".join(map(re.escape, names)) or "none of them"


# --- when rules run again ---


def reasons(environment, script, *others):
    """Params function: what no script reads, but makes its rule run again when it changes.

    First what a conda environment asks for, without its comments: with .venv too, other versions rerun the rules of
    that environment. Then what the script and the modules that it imports say, so that an edit reruns what it concerns
    and a move reruns nothing. Then values, or functions of the wildcards that return them.
    """
    packages, code = packages_of(environment), digest_of(script)
    return lambda wildcards: [
        packages,
        code,
        *(other(wildcards) if callable(other) else other for other in others),
    ]


@cache
def packages_of(environment):
    file = ROOT / "workflow" / "envs" / f"{environment}.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))["dependencies"]


wildcard_constraints:
    sample="[a-z0-9_]+",
    model="[a-z0-9_]+",
    method="[a-z0-9_]+",
    volume="[a-z0-9_]+",
    slab="[0-9]+",
