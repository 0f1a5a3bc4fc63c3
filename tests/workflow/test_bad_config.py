"""A wrong config stops every call at once: one sentence, exit code 2, nothing written."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

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


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["rock.isq"], "this format is not read; it is that of Scanco"),
        (["rock/1.tif", "rock/1.png", "rock/2.png"], "holds 2 PNG files and 1 TIFF"),
        (["rock.tif"], "rock.tif: "),
        (["rock.dat"], "unknown suffix '.dat'"),
    ],
)
def test_a_volume_that_cannot_be_read_stops_a_dry_run_too(
    clone: Clone, snakemake: Snakemake, tmp_path: Path, files: list[str], expected: str
) -> None:
    directory = clone(tmp_path)
    for file in files:
        (directory / file).parent.mkdir(exist_ok=True)
        (directory / file).write_bytes(bytes(100))
    path = files[0].partition("/")[0]
    sample = f"{{mine: {{path: {path}, voxel_size_um: 2}}}}"
    overlay = f"samples: {sample}\nevaluation: {{samples: [mine]}}"
    (directory / "overlay.yaml").write_text(overlay, encoding="utf-8")
    done = snakemake(directory, "-n", "--configfile", "overlay.yaml")
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_notes_on_a_volume_stay_out_of_the_graph(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    (directory / "rock").mkdir()
    for name in ("rock1.tif", "rock3.tif", "rock_spr.tif"):
        tifffile.imwrite(directory / "rock" / name, np.zeros((8, 8), np.uint8))
    overlay = "samples: {mine: {path: rock, voxel_size_um: 2}}\nevaluation: {samples: [mine]}"
    (directory / "overlay.yaml").write_text(overlay, encoding="utf-8")
    done = snakemake(directory, "--rulegraph", "--configfile", "overlay.yaml")
    assert done.returncode == 0
    assert done.stdout.startswith("digraph")
