"""A raw volume that is replaced, changed while it is read, or cut: never a stale result."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from .conftest import ENVIRONMENT, Clone, Snakemake
from .faults import TINY, assert_success, last_sentence, partial_files
from .planning import planned_jobs

OVERLAY = """
samples: {rock: {path: rock.npy, voxel_size_um: 4.0}}
slices: {field_of_view: full}
evaluation: {samples: [rock]}
"""
ROCK = (*TINY, "rock.yaml")
SLICES = "results/slices/rock.tif"
SHAPE = (40, 96, 96)


def write_rock(path: Path, seed: int) -> None:
    """Write a small volume of noise."""
    np.save(path, np.random.default_rng(seed).integers(0, 4096, SHAPE, dtype=np.uint16))


@pytest.fixture
def rock(clone: Clone, tmp_path: Path) -> Path:
    """A clone with a volume of the user's."""
    directory = clone(tmp_path)
    (directory / "rock.yaml").write_text(OVERLAY, encoding="utf-8")
    write_rock(directory / "rock.npy", seed=1)
    return directory


@pytest.mark.soak
def test_a_volume_replaced_by_an_older_file_is_sliced_again(
    rock: Path, snakemake: Snakemake
) -> None:
    target = "results/pairs/rock.h5"
    assert_success(snakemake(rock, *ROCK, targets=(target,)))
    before = (rock / target).read_bytes()
    assert planned_jobs(snakemake(rock, "-n", *ROCK, targets=(target,))) == set()
    write_rock(rock / "rock.npy", seed=2)
    os.utime(rock / "rock.npy", (1e9, 1e9))
    assert planned_jobs(snakemake(rock, "-n", *ROCK, targets=(target,))) == {
        "slice_volume rock",
        "make_pairs rock",
    }
    assert_success(snakemake(rock, *ROCK, targets=(target,)))
    assert (rock / target).read_bytes() != before
    assert planned_jobs(snakemake(rock, "-n", *ROCK, targets=(target,))) == set()


def test_a_volume_that_changes_while_it_is_read_is_refused(
    rock: Path, snakemake: Snakemake
) -> None:
    process = subprocess.Popen(
        ["snakemake", "--cores", "1", *ROCK, "--", SLICES],
        cwd=rock,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    begun = rock / "results/slices/.partial.rock.tif"
    while not begun.exists() and process.poll() is None:
        time.sleep(0.001)
    volume = np.load(rock / "rock.npy", mmap_mode="r+")
    volume[0] = 0
    volume.flush()
    os.utime(rock / "rock.npy")
    stdout, stderr = process.communicate()
    done = subprocess.CompletedProcess([], process.returncode, stdout, stderr)
    assert last_sentence(done) == (
        "slice_volume: error: rock.npy: changed while it was read; "
        "start again once nothing writes to it"
    )
    assert list((rock / "results/slices").glob("*")) == []
    assert_success(snakemake(rock, *ROCK, targets=(SLICES,)))
    assert partial_files(rock) == []


def test_a_cut_volume_is_refused_and_a_whole_one_gives_the_same_slices(
    rock: Path, snakemake: Snakemake
) -> None:
    assert_success(snakemake(rock, *ROCK, targets=(SLICES,)))
    before = (rock / SLICES).read_bytes()
    shutil.copy2(rock / "rock.npy", rock / "whole.npy")
    with (rock / "rock.npy").open("r+b") as stream:
        stream.truncate(300_000)
    sentence = last_sentence(snakemake(rock, *ROCK, targets=(SLICES,)))
    assert sentence.startswith("sandstone-srgan: error: rock.npy: shape and dtype need ")
    assert "copy the whole file again" in sentence
    shutil.copy2(rock / "whole.npy", rock / "rock.npy")
    assert_success(snakemake(rock, *ROCK, targets=(SLICES,)))
    assert (rock / SLICES).read_bytes() == before
