"""The coarse scan of a pair on the LR pixels of the fine scan's slices."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

import resample_coarse
from sandstone import files
from sandstone.errors import InputError
from sandstone.registration.transform import Transform

WINDOW = {"low": 100.0, "high": 300.0}
SHAPE = (12, 24, 30)  # of the fine scan's slices, 2 µm


@pytest.fixture
def resample(tmp_path: Path):
    """Run the script on a coarse scan; return its slices and where it shows them."""

    def run(
        voxels: np.ndarray,
        *flags: object,
        voxel_um: float = 6.0,
        transform: Transform | None = None,
        grey: dict | None = None,
        shape: tuple[int, int, int] = SHAPE,
    ) -> tuple[np.ndarray, np.ndarray]:
        tifffile.imwrite(tmp_path / "coarse.tif", voxels, photometric="minisblack")
        metadata = {
            "sample": "rock",
            "source": {},
            "dtype": "uint8",
            "field_of_view": {},
            "voxel_size_um": [2.0, 2.0, 2.0],
            "shape": shape,
            "origin": [0, 0, 0],
            "window": WINDOW,
            "grey_max": 255,
        }
        files.write_json(tmp_path / "rock.json", metadata)
        transform = transform or Transform()
        files.write_json(tmp_path / "where.json", {"transform": transform.as_dict()})
        grey = grey or {"fine": [0, 1], "coarse": [0, 1]}
        files.write_json(tmp_path / "fit.json", {"grey": grey})
        words = [
            *("--lr", tmp_path / "coarse.tif", "--lr-voxel-size-um", voxel_um),
            *("--metadata", tmp_path / "rock.json", "--registration", tmp_path / "where.json"),
            *("--degradation", tmp_path / "fit.json", "--scale", 3, *flags),
            *("--slices", tmp_path / "lr.tif", "--mask", tmp_path / "lr.mask.tif"),
            *("--provenance", tmp_path / "lr.provenance.json"),
        ]
        resample_coarse.main(list(map(str, words)))
        return tifffile.imread(tmp_path / "lr.tif"), tifffile.imread(tmp_path / "lr.mask.tif") > 0

    return run


def scan(shape: tuple[int, int, int] = (4, 8, 10)) -> np.ndarray:
    return np.random.default_rng(1).integers(100, 300, shape).astype(np.uint16)


def test_levels_are_stretched_as_the_slices_are(resample):
    voxels = scan()
    lr, shown = resample(voxels)
    assert lr.shape == (12, 8, 10)
    assert lr.dtype == np.uint8
    assert shown.all()
    expected = np.rint((voxels - 100.0) / 200 * 255)
    np.testing.assert_allclose(lr[1::3], expected, atol=1)  # halves round either way


def test_levels_become_those_of_the_fine_scan(resample):
    plain, _ = resample(scan())
    # Another exposure: dark at 1000, and four times the contrast.
    grey = {"fine": [100, 200, 300], "coarse": [1000, 1400, 1800]}
    mapped, _ = resample((scan() - 100) * 4 + 1000, grey=grey)
    assert np.abs(mapped.astype(int) - plain).max() <= 1


def test_a_ratio_that_is_not_whole_is_resampled_and_told(resample, capsys):
    lr, shown = resample(scan((5, 9, 11)), voxel_um=5.5)
    assert lr.shape == (12, 8, 10)
    assert shown.all()
    assert "5.5 x 5.5 µm are resampled to 6 x 6 µm" in capsys.readouterr().out


def test_what_the_coarse_scan_does_not_show_is_no_rock(resample):
    _, shown = resample(scan(), transform=Transform((0.0, 0.0, 12.0)))
    assert shown[:, :, :8].all()
    assert not shown[:, :, 8:].any()


def test_the_record_names_the_voxels_of_lr(resample, tmp_path: Path):
    resample(scan())
    record = json.loads((tmp_path / "lr.provenance.json").read_text(encoding="utf-8"))
    assert record["voxel_size_um"] == [2.0, 6.0, 6.0]
    assert {"coarse.tif", "rock.json", "where.json", "fit.json"} <= {
        Path(file.get("path") or file["name"]).name for file in record["inputs"]
    }


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"voxel_um": 8.0}, r"so 4 x 4 and not --scale 3; set --scale to 4"),
        ({"voxel_um": 1.0}, "is finer than the fine one"),
        ({"transform": Transform((0.0, 500.0, 0.0))}, "shows nothing of the fine scan's slices"),
        ({"grey": {"fine": [1, 1], "coarse": [0, 1]}}, "holds no map of grey levels"),
        ({"grey": {"fine": [1]}}, "holds no map of grey levels"),
    ],
)
def test_what_makes_no_pair_is_refused(resample, tmp_path: Path, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        resample(scan(), **settings)
    assert not (tmp_path / "lr.tif").exists()
    assert not (tmp_path / "lr.mask.tif").exists()
