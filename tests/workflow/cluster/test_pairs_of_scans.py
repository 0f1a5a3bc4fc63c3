"""A pair of scans through Slurm, with the profile as it is."""

import pytest
from helpers import pair_study

from workflow.conftest import Clone, Snakemake
from workflow.reproduce import compare

from .conftest import Submit

PAIR = ("--configfile", "pair.yaml")


@pytest.mark.soak
def test_a_pair_on_a_cluster_gives_the_bytes_of_a_local_run(
    clone: Clone, snakemake: Snakemake, submit: Submit, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here, there = (
        pair_study.write(clone(tmp_path_factory.mktemp(name))) for name in ("here", "there")
    )
    run = submit(there, *PAIR)
    done = snakemake(here, *PAIR)
    assert done.returncode == 0, done.stderr[-4000:]
    run.end()
    count, differences = compare(here / "results", there / "results")
    assert differences == []
    assert count > 50
