"""Trainings in processes of their own that are ended in every way, and continued."""

import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from helpers import killing, tiny_training

SETTINGS = {"steps": 100, "checkpoint_every": 5, "loss_adversarial": 0.01}
WHOLE_GAN = {
    "steps": 400,
    "checkpoint_every": 3,
    "loss_content": 0.1,
    "generator_batch_norm": "true",
    "discriminator_spectral_norm": "true",
}


def heed_ctrl_c():
    """Undo what a shell does that starts pytest in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Process:
    """One start of train.py."""

    def __init__(self, *command):
        self._process = subprocess.Popen(
            [*map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heed_ctrl_c,  # noqa: PLW1509 - it takes no lock
        )
        self.told = ""

    def send_after(self, steps, number):
        """Send a signal as soon as so many steps are told."""
        for line in self._process.stdout:
            self.told += line
            steps -= line.startswith("step ")
            if not steps:
                self._process.send_signal(number)
                return self
        return pytest.fail(f"ended too early:\n{self.told}\n{self._process.stderr.read()}")

    def end(self, expected):
        """Wait for the end with an exit code and return what was told as an error."""
        told, errors = self._process.communicate(timeout=300)
        self.told += told
        assert self._process.returncode == expected, errors
        return errors

    @property
    def began_at(self):
        """The step from which it continued, 0 for a fresh start."""
        return int(re.match(r"(?:starting at|resuming from) step (\d+)\n", self.told)[1])


@pytest.fixture(scope="module")
def pairs_file(tmp_path_factory):
    return tiny_training.write(tmp_path_factory.mktemp("pairs") / "pairs.h5")


@pytest.fixture
def start(repository, tmp_path, pairs_file):
    """Start the training of a name, to be ended at a moment, or killed while it writes a file."""
    script = repository / "workflow" / "scripts" / "train.py"

    def process(name, *, killed_at=None, at=None, **changes):
        settings = SETTINGS | changes
        command = [
            script,
            *tiny_training.command_line(tmp_path / name, pairs=[pairs_file], **settings),
        ]
        if killed_at:
            at = ("KILL", "before_rename", killed_at)
        if not at:
            return Process(sys.executable, *command)
        number, moment, file, *count = at
        return Process(*killing.command(number, moment, file, *command, count=(count or [1])[0]))

    return process


def names(folder):
    return {path.name for path in folder.iterdir()}


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def saved_step(errors, name):
    """The step that the one sentence of an interrupted training names."""
    sentence = rf"train: error: stopped by {name}, saved at step (\d+): start again to continue\n"
    return int(re.fullmatch(sentence, errors)[1])


def test_a_training_ended_in_several_ways_ends_as_an_undisturbed_one(start, tmp_path):
    undisturbed = start("undisturbed")

    killed = start("ended", killed_at="step_000000010.npz")
    killed.end(-signal.SIGKILL)
    checkpoints = tmp_path / "ended" / "checkpoint-dir"
    assert names(checkpoints) == {"step_000000005.npz", ".partial.step_000000010.npz"}

    terminated = start("ended").send_after(8, signal.SIGTERM)
    saved = saved_step(terminated.end(143), "SIGTERM")
    assert terminated.began_at == 5
    assert saved >= 13

    interrupted = start("ended").send_after(8, signal.SIGINT)
    saved_again = saved_step(interrupted.end(130), "SIGINT")
    assert interrupted.began_at == saved

    last = start("ended")
    assert last.end(0) == undisturbed.end(0) == ""
    assert last.began_at == saved_again
    assert contents(tmp_path / "ended" / "model-dir") == contents(
        tmp_path / "undisturbed" / "model-dir"
    )
    assert not checkpoints.exists()


@pytest.mark.parametrize(
    "ending",
    [
        ("TERM", 143, "train: error: stopped by SIGTERM: start again to continue\n"),
        ("INT", 130, "train: error: stopped by SIGINT: start again to continue\n"),
    ],
)
@pytest.mark.parametrize(
    "module", ["sandstone.training.trainer", "tensorflow.python.framework.ops"]
)
def test_a_signal_before_the_first_step_ends_in_one_sentence(start, tmp_path, ending, module):
    number, exit_code, told = ending
    assert start("early", at=(number, "at_import", module)).end(exit_code) == told
    assert list(tmp_path.iterdir()) == []


def test_a_signal_while_the_model_is_written_leaves_no_half_of_it(start, tmp_path):
    file = "generator_best.weights.h5"
    late = start("late", at=("TERM", "before_rename", file), steps=2)
    assert late.end(143) == "train: error: stopped by SIGTERM: start again to continue\n"
    assert not [name for name in names(tmp_path / "late" / "model-dir") if file in name]
    assert names(tmp_path / "late" / "checkpoint-dir") == {"step_000000002.npz"}


# A checkpoint every second step: the third removes the first.
MOMENTS = [
    *(("in_archive", "step_000000004.npz", array) for array in (1, 10, 40)),
    ("before_rename", "step_000000002.npz", 1),
    ("after_rename", "step_000000002.npz", 1),
    ("before_remove", "step_000000002.npz", 1),
    ("after_remove", "step_000000002.npz", 1),
    ("before_rename", "step_000000008.npz", 1),
    ("after_rename", "history.csv", 1),
    ("before_rename", "generator_last.weights.h5", 1),
    ("before_remove", "step_000000006.npz", 1),
    ("after_remove", "step_000000008.npz", 1),
]


@pytest.mark.soak
def test_a_training_killed_at_any_moment_ends_as_an_undisturbed_one(start, tmp_path):
    settings = {"steps": 8, "checkpoint_every": 2}
    start("undisturbed", **settings).end(0)
    for number, moment in enumerate(MOMENTS):
        name = f"killed_{number}"
        start(name, at=("KILL", *moment), **settings).end(-signal.SIGKILL)
        start(name, **settings).end(0)
        ended = contents(tmp_path / name / "model-dir")
        assert ended == contents(tmp_path / "undisturbed" / "model-dir"), moment
        assert not (tmp_path / name / "checkpoint-dir").exists(), moment


@pytest.mark.soak
def test_a_training_killed_again_and_again_ends_as_an_undisturbed_one(start, tmp_path):
    references = [start(name, **WHOLE_GAN) for name in ("first", "second")]
    for reference in references:
        reference.end(0)
    began_at = 0
    for steps in np.random.default_rng(1).integers(1, 25, 8):
        process = start("killed", **WHOLE_GAN).send_after(int(steps), signal.SIGKILL)
        process.end(-signal.SIGKILL)
        assert began_at <= process.began_at < began_at + 60
        began_at = process.began_at
    for file in ("generator.json", "history.csv", "generator_best.weights.h5"):
        start("killed", killed_at=file, **WHOLE_GAN).end(-signal.SIGKILL)
        assert file not in names(tmp_path / "killed" / "model-dir")
    last = start("killed", **WHOLE_GAN)
    last.end(0)
    assert last.began_at == 400
    models = [contents(tmp_path / name / "model-dir") for name in ("first", "second", "killed")]
    assert models[0] == models[1]
    assert models[0] == models[2]
