"""A full or read-only disk is one sentence, and all goes on once it is that no more."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from .conftest import ENVIRONMENT, Clone, Snakemake
from .faults import (
    TINY,
    SmallDisk,
    assert_success,
    copy_of,
    last_sentence,
    partial_files,
    small_disk,
)

DATA = ("volumes", "slices", "pairs")


@pytest.fixture
def disk(clone: Clone, tmp_path: Path) -> Iterator[SmallDisk]:
    """A clone whose results have a file system of their own."""
    clone(tmp_path)
    with small_disk(tmp_path / "results") as made:
        yield made


def seed(tiny: Path, directory: Path, finished: tuple[str, ...]) -> None:
    """Copy the results of some stages of a finished run, and Snakemake's records of them."""
    for name in finished:
        copy_of(tiny / "results" / name, directory / "results" / name)
    copy_of(tiny / ".snakemake/metadata", directory / ".snakemake/metadata")


class Stage(NamedTuple):
    """A stage that meets the full disk: what is finished before, what is free, who complains."""

    finished: tuple[str, ...]
    free_kb: int
    target: str
    complaint: str


STAGES = {
    "phantom": Stage((), 1000, "volumes/phantom.tif", "make_phantom: volumes/phantom.tif"),
    "slices": Stage(DATA[:1], 600, "slices/phantom.tif", "slice_volume: slices/phantom.tif"),
    "mask": Stage(DATA[:1], 1630, "slices/phantom.tif", "slice_volume: slices/phantom.mask.tif"),
    "pairs": Stage(DATA[:2], 300, "pairs/phantom.h5", "make_pairs: pairs/phantom.h5"),
    "predictions": Stage(
        DATA,
        80,
        "predictions/bicubic/phantom.h5",
        "super_resolve: predictions/bicubic/phantom.h5",
    ),
    "checkpoint": Stage(
        DATA,
        260,
        "models/srresnet/history.csv",
        "train: checkpoints/srresnet/step_000000006.npz",
    ),
    "weights": Stage(
        DATA,
        500,
        "models/srresnet/history.csv",
        "train: models/srresnet/generator_best.weights.h5",
    ),
    # Both files of a figure are written together.
    "figure": Stage(
        DATA,
        80,
        "figures/samples/phantom/pairs.png",
        "plot_pairs: figures/samples/phantom/pairs.pdf",
    ),
}
LONG = ("phantom", "slices", "mask", "predictions", "checkpoint", "weights")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.soak] * (name in LONG)) for name in STAGES],
)
def test_a_full_disk_is_one_sentence_and_room_completes_the_run(
    tiny: tuple[Path, str], disk: SmallDisk, snakemake: Snakemake, name: str
) -> None:
    stage = STAGES[name]
    directory = disk.folder.parent
    target = f"results/{stage.target}"
    seed(tiny[0], directory, stage.finished)
    disk.set_free(stage.free_kb)
    done = snakemake(directory, *TINY, targets=(target,))
    script, file = stage.complaint.split(": ")
    assert last_sentence(done) == (
        f"{script}: error: results/{file} cannot be written: "
        "no space left on device; free some and run again"
    )
    assert partial_files(directory) == []
    assert not (directory / target).exists()
    for folder in stage.finished:
        for whole in (tiny[0] / "results" / folder).iterdir():
            kept = directory / "results" / folder / whole.name
            assert kept.read_bytes() == whole.read_bytes()
    disk.enlarge()
    assert_success(snakemake(directory, *TINY, targets=(target,)))
    assert (directory / target).read_bytes() == (tiny[0] / target).read_bytes()


def test_a_full_disk_stops_a_run_before_its_first_job(
    disk: SmallDisk, snakemake: Snakemake
) -> None:
    directory = disk.folder.parent
    disk.set_free(8)
    done = snakemake(directory, *TINY)
    assert done.returncode == 2
    assert last_sentence(done) == (
        f"sandstone-srgan: error: nothing can be written into {disk.folder}: "
        "no space left on device; free some and run again"
    )
    assert list(disk.folder.iterdir()) == []


@pytest.mark.soak
def test_a_read_only_results_folder_stops_a_run_but_no_dry_run(
    disk: SmallDisk, snakemake: Snakemake
) -> None:
    directory = disk.folder.parent
    disk.set_read_only(read_only=True)
    assert_success(snakemake(directory, *TINY, "-n"))
    done = snakemake(directory, *TINY)
    assert done.returncode == 2
    assert last_sentence(done) == (
        f"sandstone-srgan: error: nothing can be written into {disk.folder}: "
        "the file system is read-only; make it writable, or run in another folder"
    )
    assert list(disk.folder.iterdir()) == []
    disk.set_read_only(read_only=False)
    assert_success(snakemake(directory, *TINY, targets=("results/volumes/phantom.tif",)))


@pytest.mark.parametrize("options", [(), ("-n",), ("--unlock",)])
def test_a_read_only_working_folder_is_one_sentence(
    clone: Clone, snakemake: Snakemake, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with small_disk(tmp_path / "here") as disk:
        clone(disk.folder)
        disk.set_read_only(read_only=True)
        done = snakemake(disk.folder, *TINY, *options)
        assert done.returncode == 2
        assert last_sentence(done).startswith(
            f"sandstone-srgan: error: nothing can be written into {disk.folder}: "
            "the file system is read-only"
        )


def test_a_full_working_folder_is_one_sentence(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "here") as disk:
        clone(disk.folder)
        disk.set_free(0)
        done = snakemake(disk.folder, *TINY)
        assert done.returncode == 2
        assert "no space left on device; free some and run again" in last_sentence(done)


@pytest.mark.soak
def test_a_disk_that_fills_up_meanwhile_takes_neither_logs_nor_records(
    tiny: tuple[Path, str], clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    target = "results/slices/phantom.tif"
    with small_disk(tmp_path / "here") as disk:
        clone(disk.folder)
        process = subprocess.Popen(
            ["snakemake", "--cores", "1", *TINY, "--", target],
            cwd=disk.folder,
            env={**ENVIRONMENT, "PYTHONDONTWRITEBYTECODE": "1"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        begun = disk.folder / "results/volumes/.partial.phantom.tif"
        while not begun.exists() and process.poll() is None:
            time.sleep(0.005)
        disk.set_free(0)
        stdout, stderr = process.communicate()
        assert process.returncode != 0
        assert "Traceback" not in stdout + stderr
        assert "no space left on device" in (stdout + stderr).lower()
        assert not (disk.folder / target).exists()
        assert partial_files(disk.folder) == []
        disk.enlarge()
        assert_success(snakemake(disk.folder, *TINY, targets=(target,)))
        assert (disk.folder / target).read_bytes() == (tiny[0] / target).read_bytes()


@pytest.mark.parametrize("exit_code", [0, 2])
def test_a_log_that_cannot_be_written_changes_no_exit_code(
    repository: Path, tmp_path: Path, exit_code: int
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    script = tmp_path / "script.py"
    script.write_text(f"print('told')\nraise SystemExit({exit_code})\n", encoding="utf-8")
    done = subprocess.run(
        [repository / "workflow" / "scripts" / "logged", "/dev/full", script],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    assert done.returncode == exit_code
    assert "told" in done.stdout


@pytest.mark.soak
def test_temporary_files_need_room_too(
    tiny: tuple[Path, str], snakemake: Snakemake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = copy_of(tiny[0], tmp_path / "run")
    shutil.rmtree(directory / "results/models")
    with small_disk(tmp_path / "temporary") as disk:
        disk.set_free(900)
        monkeypatch.setitem(ENVIRONMENT, "TMPDIR", str(disk.folder))
        done = snakemake(directory, *TINY, targets=("results/models/srresnet/history.csv",))
    assert f"train: error: {disk.folder}: temporary files need " in last_sentence(done)
    assert list((directory / "results/checkpoints/srresnet").glob("step_*.npz"))


def test_a_home_folder_that_cannot_be_written_stops_nothing(
    clone: Clone, snakemake: Snakemake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "HOME", "/proc")  # where root cannot make a folder either
    monkeypatch.delitem(ENVIRONMENT, "XDG_CACHE_HOME", raising=False)
    done = snakemake(clone(tmp_path), "-n", *TINY)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "make_phantom" in done.stdout
