"""A wrong config stops every call at once: one sentence, exit code 2, nothing written."""

from pathlib import Path

import pytest

from .conftest import Clone, Snakemake


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ("pairs: {hr_sise: 128}", "did you mean 'hr_size'?"),
        ("models: {srgan: {learning_rate: 1e-4}}", "1.0e-4"),
        ("models: {srresnet: {init_from: srgan}}", "runs in a circle"),
        ("pairs: {scale: 3}", "not a multiple of pairs.scale 3"),
        (
            "samples: {mine: {path: none.tif}}\nevaluation: {samples: [mine]}",
            "samples.mine.path is 'none.tif'",
        ),
        (
            "upscale: {plug: {path: none.tif, model: srgan}}",
            "upscale.plug.path is 'none.tif'",
        ),
        ("samples: {'$(touch hacked)': {path: a.tif}}", "a-z, 0-9 and _"),
    ],
)
def test_one_sentence_and_exit_code_2(
    clone: Clone, snakemake: Snakemake, tmp_path: Path, overlay: str, expected: str
) -> None:
    directory = clone(tmp_path)
    (directory / "overlay.yaml").write_text(overlay, encoding="utf-8")
    done = snakemake(directory, "--configfile", "overlay.yaml")
    assert done.returncode == 2
    sentences = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(sentences) == 1
    assert expected in sentences[0]
    assert "Traceback" not in done.stderr
    assert not (directory / "results").exists()
    assert not (directory / "hacked").exists()
