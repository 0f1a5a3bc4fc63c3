"""`logged`, under which every rule runs its script: a live, whole log, and the script's own end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

LOGGED = Path(__file__).resolve().parents[2] / "workflow" / "scripts" / "logged"
# Rules call `python`: the one that runs the tests.
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
SECONDS = 60  # more than any of these scripts takes

# Waits for a signal, and takes a moment more to save before it says its last words.
SAVING = """
import signal, sys, time

def save(number, frame):
    time.sleep(0.2)
    print(f"saved after {signal.Signals(number).name}", file=sys.stderr)
    sys.exit(128 + number)

for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, save)
print("ready")
while True:
    time.sleep(60)
"""

Write = Callable[[str], list[str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a script, and return the command that runs it with a log whose name has a space."""

    def command(script: str) -> list[str]:
        (tmp_path / "script.py").write_text(script, encoding="utf-8")
        return [str(LOGGED), str(tmp_path / "a log"), str(tmp_path / "script.py")]

    return command


def run(command: list[str], *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *flags],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def start(command: list[str]) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, with stdout and stderr in one pipe."""
    return subprocess.Popen(
        command,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def log(command: list[str]) -> str:
    return Path(command[1]).read_text(encoding="utf-8")


@pytest.mark.parametrize("code", [0, 2, 143])
def test_both_streams_are_in_the_log_and_on_the_terminal(write: Write, code: int) -> None:
    command = write(
        "import sys\n"
        "print('step 1')\n"
        "print('script: error: no rock', file=sys.stderr)\n"
        f"sys.exit({code})\n"
    )
    done = run(command)
    assert done.returncode == code
    assert done.stdout == "step 1\nscript: error: no rock\n"
    assert log(command) == done.stdout


def test_flags_arrive_as_they_were_given(write: Write) -> None:
    command = write("import sys; print(sys.argv[1:])")
    assert run(command, "--name", "two words", "$HOME", "").stdout == (
        "['--name', 'two words', '$HOME', '']\n"
    )


def test_the_log_of_an_earlier_attempt_is_replaced(write: Write) -> None:
    command = write("print('second')")
    Path(command[1]).write_text("first and longer\n", encoding="utf-8")
    run(command)
    assert log(command) == "second\n"


def test_lines_appear_while_the_script_runs(write: Write) -> None:
    command = write("print('step 1'); input(); print('step 2')")
    with start(command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "step 1\n"
        limit = time.monotonic() + SECONDS
        while log(command) != "step 1\n":  # tee writes to the terminal first
            assert time.monotonic() < limit, log(command)
            time.sleep(0.01)
        assert process.poll() is None
        told, _ = process.communicate("\n", timeout=SECONDS)
    assert told == "step 2\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_whole_group_keeps_the_last_sentence(
    write: Write, number: signal.Signals
) -> None:
    command = write(SAVING)
    with start(command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, number)
        told, _ = process.communicate(timeout=SECONDS)
    assert told == f"saved after {number.name}\n"
    assert log(command) == f"ready\nsaved after {number.name}\n"
    assert process.returncode == 128 + number


def test_no_process_stands_above_the_script(write: Write) -> None:
    command = write("import os; print(os.getpid())")
    with start(command) as process:
        told, _ = process.communicate(timeout=SECONDS)
    assert int(told) == process.pid


def test_a_call_without_a_script_ends_in_a_sentence(tmp_path: Path) -> None:
    done = run([str(LOGGED), str(tmp_path / "log")])
    assert done.returncode == 2
    assert done.stdout.startswith("logged: error: ")
