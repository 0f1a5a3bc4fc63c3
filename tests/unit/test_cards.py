"""Each process takes a free graphics card, as the driver or a scheduler names them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandstone import cards

SCRIPTS = Path(cards.__file__).parents[1]

# Takes a card, says which, and keeps it until its input ends.
JOB = """
import os, sys
from sandstone import cards

cards.has_cuda = lambda: True
cards.take()
print(os.environ.get(cards.VISIBLE), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Pretend that NVIDIA's driver sees two cards."""
    program = tmp_path / "nvidia-smi"
    names = [f"GPU-{tmp_path.name}-{number}" for number in (0, 1)]  # of this test alone
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' {' '.join(names)}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv(cards.VISIBLE, raising=False)
    return names


def job():
    return subprocess.Popen(
        [sys.executable, "-c", JOB],
        cwd=SCRIPTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_jobs_side_by_side_take_different_cards_and_a_third_says_that_it_shares(driver):
    jobs = []
    for _ in range(3):
        jobs.append(job())
        jobs[-1].taken = jobs[-1].stdout.readline().strip()  # before the next one starts
    notes = [each.communicate()[1] for each in jobs]
    assert [each.taken for each in jobs] == [*driver, driver[0]]
    assert notes == ["", "", "note: every graphics card is in use; this job shares one\n"]


def test_the_card_of_a_killed_job_is_free_again(driver):
    first = job()
    assert first.stdout.readline().strip() == driver[0]
    first.kill()
    first.communicate()
    second = job()
    assert second.communicate()[0].strip() == driver[0]


@pytest.mark.parametrize(
    ("variable", "names"),
    [("1", ["1"]), ("0, 2", ["0", "2"]), ("", []), ("-1", []), ("0,-1,1", ["0"])],
)
def test_who_sets_the_variable_decides(driver, monkeypatch, variable, names):
    monkeypatch.setenv(cards.VISIBLE, variable)
    assert cards.seen() == names


@pytest.mark.parametrize("script", ["exit 9", "sleep 60"], ids=["no card", "no answer"])
def test_a_driver_without_a_card_is_none(driver, tmp_path, monkeypatch, script):
    monkeypatch.setattr(cards, "SECONDS", 0.2)
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\nexec sh -c '{script}'\n", "utf-8")
    assert cards.seen() == []


def test_without_a_driver_nothing_is_taken(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(cards.VISIBLE, raising=False)
    cards.take()
    assert cards.VISIBLE not in os.environ


def test_without_cuda_a_card_is_left_to_others(driver, monkeypatch):
    monkeypatch.setattr(cards, "has_cuda", lambda: False)
    cards.take()
    assert cards.VISIBLE not in os.environ
