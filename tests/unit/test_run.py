"""What surrounds jobs, and what a run says at its end: of its jobs, of Slurm, a table."""

import os
import sys
from pathlib import Path

import pytest

from sandstone import run

TRAIN = """rule train:
    output: {output}
    resources: tmpdir=<TBD>, mem_mb=300, mem=300 MB, mem_mib=287, runtime=1, gpu=0
"""
# As Slurm 22.05 and newer ones write them, without and with cgroups.
OUT_OF_MEMORY = [
    "slurmstepd-n1: error: StepId=13.0 exceeded memory limit (600141824 > 314572800), being killed",
    "slurmstepd: error: Detected 1 oom_kill event in StepId=13.0. Some of the step tasks have been",
    "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=13.0. Some of your processes may",
]
CANCELLED = "slurmstepd-n1: error: *** STEP 13.0 ON n1 CANCELLED AT 2026-01-01T00:00:00 "
OUT_OF_TIME = CANCELLED + "DUE TO TIME LIMIT ***"


@pytest.fixture
def results(tmp_path: Path):
    """The results of a run with the log of a job that has succeeded."""
    write(tmp_path / "results/logs/make_pairs/rock.log", "24 tiles\n")
    return tmp_path / "results"


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_jobs_find_the_python_of_the_run_first(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv("PYTHONNOUSERSITE", raising=False)
    run.prepare_jobs()
    assert os.environ["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"
    assert os.environ["PYTHONNOUSERSITE"] == "1"


def test_ctrl_c_is_one_sentence_and_other_errors_keep_their_traceback(monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", lambda *told: print("usual", told[1]))
    run.tell_of_ctrl_c()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert capsys.readouterr() == (
        "",
        "sandstone-srgan: error: the run was stopped: start again to continue\n",
    )
    sys.excepthook(ValueError, ValueError("none of ours"), None)
    assert capsys.readouterr() == ("usual none of ours\n", "")


def test_each_failed_job_says_its_last_sentence(results):
    write(results / "logs/train/srgan.log", "train: error: first\nstep 2\ntrain: error: last\n")
    write(results / "logs/slice_volume/rock.log", "slice_volume: error: no rock\n")
    assert run.failures(results, [], since=0) == [
        "slice_volume: error: no rock",
        "train: error: last",
    ]


def test_sentences_of_earlier_runs_are_left_out(results):
    old = write(results / "logs/train/srgan.log", "train: error: of an earlier run\n")
    write(results / "logs/train/srresnet.log", "train: error: of this run\n")
    os.utime(old, (100, 100))
    assert run.failures(results, [], since=101) == ["train: error: of this run"]


def test_words_within_a_line_are_no_sentence(results):
    write(results / "logs/train/srgan.log", "step 3, validation error: 0.1\n  train: error: no\n")
    assert "the run was stopped" in run.failures(results, [], since=0)[0]


def test_logs_of_slurm_are_told_by_what_slurm_did(results):
    told = f"train: error: stopped by SIGTERM\n{OUT_OF_MEMORY[0]}\n"
    write(results / "logs/slurm/rule_train/srgan/13.log", told)
    (sentence,) = run.failures(results, [], since=0)
    assert sentence.startswith("train srgan: error: Slurm ended it for lack of memory")


@pytest.mark.parametrize(
    "told", ["Error in rule train:\n    jobid: 3\n", 'CalledProcessError in file "a.smk", line 3\n']
)
def test_a_job_that_was_killed_is_told_though_it_said_nothing(results, tmp_path, told):
    own = write(tmp_path / "own.log", told)
    (sentence,) = run.failures(results, [own], since=0)
    assert sentence.startswith("sandstone-srgan: error: a job failed without a sentence of its own")


def test_the_command_of_a_failed_job_is_left_out():
    told = (
        "CalledProcessError in file \"train.smk\", line 43:\nCommand 'set -euo pipefail;\n  {}' {}."
    )
    for command in ("exec train.py --crop 12", "exec train.py --tiles 'a b'"):
        for end in ("returned non-zero exit status 2", "died with <Signals.SIGKILL: 9>"):
            assert run.without_command(told.format(command, end)) == (
                f'CalledProcessError in file "train.smk", line 43:\nIts command {end}.'
            )
    assert run.without_command("no command here") == "no command here"


def test_a_run_that_was_stopped_is_no_failed_job(results, tmp_path):
    own = write(tmp_path / "own.log", "Will exit after finishing currently running jobs.\n")
    assert run.failures(results, [own], since=0) == [
        "sandstone-srgan: error: the run was stopped: start again to continue"
    ]


def test_a_folder_that_takes_no_files_is_the_reason(tmp_path):
    missing = tmp_path / "results"
    (sentence,) = run.failures(missing, [], since=0)
    assert sentence.startswith(f"sandstone-srgan: error: {missing}: ")
    assert run.unwritable(missing)
    assert run.unwritable(tmp_path) is None


def test_a_plan_ends_with_its_own_table(results):
    write(results / "logs/plan_upscale/plug.txt", "plug: 12 tiles\n")
    write(results / "logs/plan_upscale/other.txt", "other: 3 tiles\n")
    assert run.plans(results, ["plug", "absent"]) == "\nplug: 12 tiles\n"
    assert run.plans(results, []) == ""


def test_a_runs_with_its_table_and_where_to_look(results):
    write(results / "logs/summarise_metrics.log", "srgan  21.0 [20.1, 22.3]\n")
    told = run.summary(results)
    assert "srgan  21.0 [20.1, 22.3]\n" in told
    assert f"table     {results}/metrics/summary.csv\n" in told
    assert f"figures   {results}/figures/\n" in told
    assert "overview  snakemake --cores 1 overview\n" in told
    (results / "overview.html").touch()
    assert f"overview  {results}/overview.html\n" in run.summary(results)


def test_a_run_without_metrics_has_no_table(results):
    assert run.summary(results) == ""


# --- jobs that Slurm ended ---


@pytest.fixture
def write_log(tmp_path: Path):
    """Write what a job and then Slurm wrote, into the log of a submission."""

    def write(told: str, name: str = "rule_train/srresnet/13.log", **settings: object) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        output = settings.get("output", tmp_path / "missing.h5")
        file.write_text(TRAIN.format(output=output) + told + "\n", encoding="utf-8")
        return file

    return write


@pytest.mark.parametrize("told", OUT_OF_MEMORY)
def test_lack_of_memory_names_the_resource_its_rule_and_what_was_granted(write_log, tmp_path, told):
    write_log(told)
    (sentence,) = run.ended_by_slurm(tmp_path, since=0)
    assert sentence == (
        "train srresnet: error: Slurm ended it for lack of memory; raise mem_mb of train, now 300 "
        "megabytes, under set-resources in profiles/slurm/profile.yaml"
    )


def test_lack_of_time_names_the_time_limit(write_log, tmp_path):
    write_log(OUT_OF_TIME)
    (sentence,) = run.ended_by_slurm(tmp_path, since=0)
    assert "for lack of time; raise runtime of train, now 1 minutes, under" in sentence


def test_every_attempt_of_a_job_gives_the_same_sentence_once(write_log, tmp_path):
    for number in range(4):
        write_log(OUT_OF_MEMORY[0], name=f"rule_train/srresnet/{number}.log")
    write_log(OUT_OF_MEMORY[0], name="rule_train/srgan/5.log")
    assert len(run.ended_by_slurm(tmp_path, since=0)) == 2


def test_a_group_is_named_by_its_folder(write_log, tmp_path):
    write_log(OUT_OF_MEMORY[0], name="group_tables_and_figures_plot_pairs/7.log")
    (sentence,) = run.ended_by_slurm(tmp_path, since=0)
    assert sentence.startswith("group_tables_and_figures_plot_pairs: error: ")
    assert "raise mem_mb of its rules under" in sentence


def test_a_job_without_wildcards_is_named_by_its_rule(write_log, tmp_path):
    write_log(OUT_OF_MEMORY[0], name="rule_summarise_metrics/7.log")
    (sentence,) = run.ended_by_slurm(tmp_path, since=0)
    assert sentence.startswith("summarise_metrics: error: ")


@pytest.mark.parametrize("told", [CANCELLED + "***", "RuntimeError: ran out of ideas", ""])
def test_other_ends_are_not_explained(write_log, tmp_path, told):
    write_log(told)
    assert run.ended_by_slurm(tmp_path, since=0) == []


def test_earlier_runs_are_passed_over(write_log, tmp_path):
    os.utime(write_log(OUT_OF_MEMORY[0]), (100, 100))
    assert run.ended_by_slurm(tmp_path, since=101) == []


def test_a_job_that_succeeded_in_the_end_is_passed_over(write_log, tmp_path):
    done = tmp_path / "done.h5"
    done.touch()
    write_log(OUT_OF_TIME, output=done)
    assert run.ended_by_slurm(tmp_path, since=0) == []


def test_a_run_without_slurm_has_no_such_logs(tmp_path):
    assert run.ended_by_slurm(tmp_path / "absent", since=0) == []


def test_a_slab_whose_temporary_marker_is_gone_has_succeeded(write_log, tmp_path):
    record = tmp_path / "0.provenance.json"
    record.touch()
    write_log(OUT_OF_TIME, output=f"{tmp_path}/0.json, {record}")
    assert run.ended_by_slurm(tmp_path, since=0) == []


def test_a_group_has_succeeded_once_all_its_jobs_have(write_log, tmp_path):
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    first.touch()
    log = write_log(OUT_OF_TIME, name="group_figures_plot/7.log", output=first)
    log.write_text(TRAIN.format(output=second) + log.read_text(encoding="utf-8"), encoding="utf-8")
    assert len(run.ended_by_slurm(tmp_path, since=0)) == 1
    second.touch()
    assert run.ended_by_slurm(tmp_path, since=0) == []
