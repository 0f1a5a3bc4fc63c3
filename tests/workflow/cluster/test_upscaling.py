"""A whole volume through Slurm: each slab is a job of its own."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from workflow.conftest import Snakemake
from workflow.reproduce import compare

from .conftest import Submit
from .one_node import OneNodeCluster, wait_until

IMAGE = "results/upscaled/plug/plug.ome.zarr/zarr.json"
CONFIGS = ("--configfile", "tests/config/tiny.yaml", "plug.yaml")
BLOCKS = re.compile(r"(\d+) blocks, of which (\d+) are there already")


def with_volume(tiny: Path, directory: Path, *, slabs: int) -> Path:
    """Copy the tiny run and add a volume to upscale, in small tiles to keep the jobs busy."""
    shutil.copytree(tiny, directory, symlinks=True)
    voxels = np.random.default_rng(1).integers(0, 60000, (64, 160, 144), np.uint16)
    np.save(directory / "plug.npy", voxels)
    plug = {"path": "plug.npy", "voxel_size_um": 8.0, "model": "srgan", "tile": 16, "slabs": slabs}
    (directory / "plug.yaml").write_text(yaml.safe_dump({"upscale": {"plug": plug}}))
    return directory


@pytest.mark.soak
def test_eight_slabs_on_a_cluster_give_the_bytes_of_one_though_a_job_is_killed(
    tiny: tuple[Path, str],
    snakemake: Snakemake,
    cluster: OneNodeCluster,
    submit: Submit,
    tmp_path: Path,
) -> None:
    local = with_volume(tiny[0], tmp_path / "local", slabs=1)
    done = snakemake(local, *CONFIGS, targets=(IMAGE,))
    assert done.returncode == 0, done.stderr[-6000:]

    directory = with_volume(tiny[0], tmp_path / "cluster", slabs=8)
    run = submit(directory, *CONFIGS, "--", IMAGE)
    chunks = directory / "results/checkpoints/upscaled/plug"
    wait_until(lambda: any(chunks.glob("*/0/c/*/*/*")), "a first block", patience=120)
    killed = cluster.tell("squeue", "-h", "-t", "RUNNING", "-o", "%i").split()
    cluster.tell("scancel", "--full", "--signal=KILL", *killed)
    run.end()

    assert len(run.submitted) == 11, "the layout, eight slabs, one of them twice, and the image"
    logs = sorted((directory / "results/logs/upscale_slab/plug").glob("*.log"))
    found = [BLOCKS.search(log.read_text(encoding="utf-8")) for log in logs]
    blocks = [(int(each[1]), int(each[2])) for each in found if each]
    assert len(blocks) == 8
    assert [0 < there < count for count, there in blocks].count(True) == 1, blocks

    count, differences = compare((local / IMAGE).parent, (directory / IMAGE).parent)
    assert differences == []
    assert count > 90
