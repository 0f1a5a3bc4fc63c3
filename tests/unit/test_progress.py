import pytest

from sandstone import progress
from sandstone.progress import Progress, duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = {"seconds": 100.0}
    monkeypatch.setattr(progress.time, "monotonic", lambda: now["seconds"])
    return now


def run(told, clock, steps, seconds):
    """Do single units, each after so many seconds."""
    for _ in range(steps):
        clock["seconds"] += seconds
        told.add(1)


def test_a_line_is_shown_every_few_seconds_and_at_the_end(clock, capsys):
    run(Progress("phantom", 8, "slices"), clock, 8, 2)
    assert capsys.readouterr().out.splitlines() == [
        "phantom: 3 of 8 slices, 0.5 slices/s, 0:00:10 left",
        "phantom: 6 of 8 slices, 0.5 slices/s, 0:00:04 left",
        "phantom: 8 of 8 slices, 0.5 slices/s, 0:00:00 left",
    ]


def test_voxels_are_shown_in_millions(clock, capsys):
    told = Progress("slab 1 of 2", 9_000_000, "voxels")
    clock["seconds"] += 10
    told.add(3_000_000)
    line = "slab 1 of 2: 3.00 of 9.00 Mvoxels, 300.0 kvoxels/s, 0:00:20 left\n"
    assert capsys.readouterr().out == line


def test_what_an_earlier_run_has_done_counts_for_the_place_and_not_for_the_speed(clock, capsys):
    told = Progress("training", 1000, "steps", done=500)
    clock["seconds"] += 10
    told.add(100)
    assert capsys.readouterr().out == "training: 600 of 1000 steps, 10.0 steps/s, 0:00:40 left\n"


def test_a_line_before_its_time_with_a_note(clock, capsys):
    told = Progress("training", 10, "steps")
    clock["seconds"] += 1
    told.add(1, note="validation 31.23 dB", now=True)
    told.add(1, note="not due")
    line = "training: 1 of 10 steps, validation 31.23 dB, 1.0 steps/s, 0:00:09 left\n"
    assert capsys.readouterr().out == line


def test_a_job_that_takes_no_time_has_a_last_line(clock, capsys):
    Progress("nearest", 2, "tiles").add(2)
    line = capsys.readouterr().out
    assert line.startswith("nearest: 2 of 2 tiles, ")
    assert line.endswith("tiles/s, 0:00:00 left\n")


def test_a_job_that_has_done_nothing_tells_no_speed(clock, capsys):
    Progress("nearest", 2, "tiles").add(0, now=True)
    assert capsys.readouterr().out == "nearest: 0 of 2 tiles\n"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0:00:00"), (59.4, "0:00:59"), (59.6, "0:01:00"), (3600 * 30 + 62, "30:01:02")],
)
def test_durations_are_hours_minutes_seconds(seconds, expected):
    assert duration(seconds) == expected
