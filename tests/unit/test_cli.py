import errno
import os
import signal
import subprocess
import sys

import pytest

from sandstone import cli, files
from sandstone.errors import InputError, Stop


class Budget(Stop):
    exit_code = 75


def failing(error):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (InputError("rock.tif: no such file; correct path"), 2),
        (OSError("disk is full"), 2),
        (Stop("the loss is NaN at step 7"), 1),
        (Budget("out of time at step 70; start again to continue"), 75),
    ],
)
def test_known_ends_are_one_sentence_and_an_exit_code(error, exit_code, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["somewhere/slice_volume.py"])
    assert cli.run(failing(error)) == exit_code
    printed = capsys.readouterr()
    assert printed.err == f"slice_volume: error: {error}\n"
    assert printed.out == ""


def test_success_is_silent_and_zero(capsys):
    assert cli.run(lambda _: None) == 0
    assert capsys.readouterr() == ("", "")


def test_main_reads_the_arguments_of_the_process():
    seen = []
    cli.run(seen.append)
    assert seen == [None]


def test_error_of_the_machine_names_the_file(tmp_path, capsys):
    missing = tmp_path / "absent.csv"
    assert cli.run(lambda _: missing.read_text()) == 2
    assert capsys.readouterr().err.endswith(f"error: {missing}: No such file or directory\n")


def test_interruption_is_130(capsys):
    assert cli.run(failing(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err.endswith("error: stopped by SIGINT: start again to continue\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_fatal_signal_unwinds_and_is_named(number, capsys, tmp_path):
    def main(argv):
        with files.atomic_path(tmp_path / "a.csv") as temporary:
            temporary.touch()
            try:
                signal.raise_signal(number)
            finally:
                signal.raise_signal(number)  # impatience changes nothing

    before = signal.signal(number, signal.SIG_DFL)  # as where nobody ignores it for us
    try:
        assert cli.run(main) == 128 + number
    finally:
        signal.signal(number, before)
    assert capsys.readouterr().err.endswith(
        f"error: stopped by {number.name}: start again to continue\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_the_caller_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert cli.run(lambda _: signal.raise_signal(signal.SIGHUP)) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_too_little_memory_is_no_defect(capsys):
    assert cli.run(failing(MemoryError("Unable to allocate 40 GiB"))) == 2
    assert "(Unable to allocate 40 GiB); use a machine with more" in capsys.readouterr().err


def test_a_full_disk_behind_the_error_of_a_library_is_no_defect(capsys):
    def main(argv):
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            raise ValueError("the archive cannot be closed")

    assert cli.run(main) == 2
    assert capsys.readouterr().err.endswith("no space left on device; free some and run again\n")


@pytest.mark.parametrize("defect", [ValueError, TypeError, ZeroDivisionError])
def test_our_own_defects_keep_their_traceback(defect):
    with pytest.raises(defect):
        cli.run(failing(defect("ours")))


def test_reader_that_goes_away_gets_no_traceback():
    code = (
        "import sys; from sandstone import cli\n"
        "sys.exit(cli.run(lambda argv: [print('x' * 9999, flush=True) for _ in range(999)]))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(next(p for p in sys.path if p.endswith("workflow/scripts")))},
    ) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (cli.fraction, "0", 0.0),
        (cli.fraction, "1", 1.0),
        (cli.fraction, "1e-3", 0.001),
        (cli.boolean, "true", True),
        (cli.boolean, "false", False),
        (cli.positive_int, "7", 7),
        (cli.non_negative_int, "0", 0),
        (cli.positive_float, "2.2", 2.2),
        (cli.non_negative_float, "0", 0.0),
    ],
)
def test_types_accept(kind, text, value):
    assert kind(text) == value
    assert type(kind(text)) is type(value)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (cli.fraction, ["-0.1", "1.01", "nan", "inf", "half"]),
        (cli.boolean, ["True", "yes", "1", ""]),
        (cli.positive_int, ["0", "-3", "1.5", "many"]),
        (cli.non_negative_int, ["-1", "0.0", "none"]),
        (cli.positive_float, ["0", "-2", "nan", "inf", "2,2"]),
        (cli.non_negative_float, ["-0.1", "nan", "inf", "little"]),
    ],
)
def test_types_refuse_and_the_parser_names_the_flag(kind, texts, capsys):
    parser = cli.argument_parser("Make it.")
    parser.add_argument("--amount", type=kind)
    for text in texts:
        with pytest.raises(SystemExit) as ended:
            parser.parse_args([f"--amount={text}"])
        assert ended.value.code == 2
        assert "--amount" in capsys.readouterr().err


def test_help_shows_first_paragraph_and_defaults():
    parser = cli.argument_parser("Make pairs.\n\nLong story.")
    parser.add_argument("--scale", default=4, help="factor")
    assert "Make pairs." in parser.format_help()
    assert "Long story" not in parser.format_help()
    assert "(default: 4)" in parser.format_help()


def test_flags_are_written_out():
    parser = cli.argument_parser("Make it.")
    parser.add_argument("--output")
    with pytest.raises(SystemExit):
        parser.parse_args(["--out", "a"])


@pytest.mark.parametrize("number", cli.NOTED_SIGNALS)
def test_a_signal_is_noted_and_nothing_is_ended(number):
    with cli.Interruption() as interruption:
        assert interruption.signal is None
        os.kill(os.getpid(), number)
        assert interruption.signal is number


def test_the_signals_act_as_before_after_the_block():
    before = [signal.getsignal(number) for number in cli.NOTED_SIGNALS]
    with cli.Interruption():
        assert [signal.getsignal(number) for number in cli.NOTED_SIGNALS] != before
    assert [signal.getsignal(number) for number in cli.NOTED_SIGNALS] == before


def test_the_signals_act_as_before_after_an_error():
    before = [signal.getsignal(number) for number in cli.NOTED_SIGNALS]
    with pytest.raises(ZeroDivisionError), cli.Interruption():
        _ = 1 / 0
    assert [signal.getsignal(number) for number in cli.NOTED_SIGNALS] == before
