"""A file of a finished run that is cut short is refused by name, and comes back once deleted."""

from pathlib import Path

import pytest

from .conftest import Snakemake
from .faults import TINY, assert_success, copy_of, last_sentence

# The file that is cut, and a result of the stage that reads it.
IN_EVERY_TEST_RUN = [
    ("slices/phantom.tif", "pairs/phantom.h5"),
    ("pairs/phantom.h5", "predictions/bicubic/phantom.h5"),
]
LONG = [
    ("volumes/phantom.tif", "slices/phantom.tif"),
    ("models/srresnet/history.csv", "figures/models/srresnet/training.png"),
    ("slices/phantom.mask.tif", "pairs/phantom.h5"),
    ("slices/phantom.json", "pairs/phantom.h5"),
    ("models/srresnet/generator.weights.h5", "predictions/srresnet/phantom.h5"),
    ("models/srresnet/generator.json", "predictions/srresnet/phantom.h5"),
    ("predictions/bicubic/phantom.h5", "metrics/bicubic/phantom.csv"),
    ("metrics/bicubic/phantom.csv", "metrics/summary.csv"),
    ("metrics/bicubic/phantom.spectrum.csv", "figures/evaluation/phantom/spectra.png"),
    ("metrics/summary.csv", "figures/evaluation/phantom/metrics.png"),
    ("models/srgan/discriminator.json", "figures/models/srgan/discriminator.png"),
]


@pytest.mark.parametrize(
    ("file", "target"),
    [*IN_EVERY_TEST_RUN, *(pytest.param(*case, marks=pytest.mark.soak) for case in LONG)],
)
def test_a_cut_file_is_refused_and_comes_back_once_deleted(
    tiny: tuple[Path, str], snakemake: Snakemake, tmp_path: Path, file: str, target: str
) -> None:
    results = copy_of(tiny[0], tmp_path) / "results"
    whole, made = (results / file).read_bytes(), (results / target).read_bytes()
    (results / file).write_bytes(whole[: len(whole) * 3 // 5])
    done = snakemake(tmp_path, *TINY, targets=(f"results/{target}",))
    sentence = last_sentence(done)
    assert f"results/{file}" in sentence
    # No reader of volumes says "delete": it cannot know that this one is synthetic.
    assert ("copy the whole file again" if file.startswith("volumes/") else "delete") in sentence
    assert not (results / target).exists()
    (results / file).unlink()
    assert_success(snakemake(tmp_path, *TINY, targets=(f"results/{target}",)))
    assert (results / file).read_bytes() == whole
    assert (results / target).read_bytes() == made
