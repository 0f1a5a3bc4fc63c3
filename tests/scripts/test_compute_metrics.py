import csv
from pathlib import Path

import numpy as np
import pytest
from helpers import tile_pairs
from scipy.ndimage import gaussian_filter

import compute_metrics
from sandstone.errors import InputError
from sandstone.imaging import grey
from sandstone.imaging.resample import resize
from sandstone.metrics import quality, spectra

SIZE = 48
VOXEL_UM = 2.5


def random_tiles(dtype: type, n: int = 10) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    hr = random.integers(0, np.iinfo(dtype).max, (n, SIZE, SIZE), endpoint=True, dtype=dtype)
    sr = ((hr.astype(int) + np.roll(hr, 1, axis=2)) // 2).astype(dtype)
    return hr, sr


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def arguments(tmp_path: Path):
    """Write pairs and predictions and return the flags that name them."""

    def write(hr: np.ndarray, sr: np.ndarray, **pairs_settings) -> list[str]:
        settings = {"hr_voxel_size_um": (VOXEL_UM,) * 3, **pairs_settings}
        reference = tile_pairs.write(tmp_path / "rock.h5", {"test": hr}, **settings)
        predictions = tile_pairs.predict(tmp_path / "sr.h5", reference, sr, method="blur")
        inputs = ["--pairs", reference, "--predictions", predictions]
        outputs = ["--output", tmp_path / "out.csv", "--spectrum", tmp_path / "out.spectrum.csv"]
        return [str(argument) for argument in inputs + outputs]

    return write


@pytest.fixture
def measure(arguments):
    def run(hr: np.ndarray, sr: np.ndarray, *flags: object, **pairs_settings) -> None:
        compute_metrics.main([*arguments(hr, sr, **pairs_settings), *map(str, flags)])

    return run


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_row_a_tile(measure, tmp_path: Path, dtype: type) -> None:
    hr, sr = random_tiles(dtype)
    measure(hr, sr, "--border", 4)
    rows = rows_of(tmp_path / "out.csv")
    assert list(rows[0]) == [
        "sample",
        "method",
        "tile",
        "z",
        "y",
        "x",
        "psnr_db",
        "ssim",
        "lr_rmse",
    ]
    assert [row["tile"] for row in rows] == [str(i) for i in range(10)]
    assert {(row["sample"], row["method"], row["y"], row["x"]) for row in rows} == {
        ("rock", "blur", "3", "7")
    }
    assert [int(row["z"]) for row in rows] == list(range(40, 50))
    settings = {"data_range": np.iinfo(dtype).max, "border": 4}
    for i, row in enumerate(rows):
        psnr = quality.psnr(hr[i], sr[i], **settings)
        ssim = quality.ssim(hr[i], sr[i], **settings)
        assert float(row["psnr_db"]) == pytest.approx(psnr, abs=1e-6)
        assert float(row["ssim"]) == pytest.approx(ssim, abs=1e-6)


def test_the_lr_error_is_that_of_sr_degraded_again(measure, tmp_path: Path) -> None:
    hr, _ = random_tiles(np.uint8)
    lr = np.stack([resize(tile, (SIZE // 4,) * 2, "bicubic") for tile in grey.to_unit(hr)])
    lr = grey.from_unit(lr, hr.dtype)
    lr[:, :3] = 0  # pixels that show the border of 4 HR pixels
    brighter = (hr // 2 + np.uint8(51)).astype(np.uint8)
    measure(hr, hr, lr={"test": lr})
    assert {row["lr_rmse"] for row in rows_of(tmp_path / "out.csv")} == {"0.000000"}
    lr[:, 3:] -= np.uint8(10)
    measure(hr, hr, lr={"test": lr})
    for row in rows_of(tmp_path / "out.csv"):
        assert float(row["lr_rmse"]) == pytest.approx(100 * 10 / 255, abs=1e-6)
    measure(hr, brighter, lr={"test": lr})
    assert {float(row["lr_rmse"]) > 1 for row in rows_of(tmp_path / "out.csv")} == {True}


@pytest.mark.parametrize(
    ("edge", "kernel", "reason"),
    [
        (SIZE, "scanned", "nobody measured how its coarse scan blurs"),
        (16, "bicubic", "every LR pixel of tiles of 4 pixels"),
    ],
)
def test_without_lr_error_the_log_says_why(arguments, capsys, edge, kernel, reason) -> None:
    hr, sr = (tiles[:, :edge, :edge] for tiles in random_tiles(np.uint8))
    words = arguments(hr, sr, degradation={"kernel": kernel})
    compute_metrics.main([*words, "--border", "0"])
    table = Path(words[words.index("--output") + 1])
    assert list(rows_of(table)[0])[-2:] == ["psnr_db", "ssim"]
    assert reason in capsys.readouterr().out


def test_spectra_of_reference_and_method(measure, tmp_path: Path) -> None:
    hr, sr = random_tiles(np.uint8)
    measure(hr, sr, "--border", 8)
    rows = rows_of(tmp_path / "out.spectrum.csv")
    assert list(rows[0]) == ["sample", "method", "frequency_per_um", "power", "ring_correlation"]
    assert list(dict.fromkeys(row["method"] for row in rows)) == ["hr", "blur"]
    for method, tiles in (("hr", hr), ("blur", sr)):
        expected = [
            spectra.radial_power_spectrum(tile[8:-8, 8:-8] / 255, VOXEL_UM) for tile in tiles
        ]
        mine = [row for row in rows if row["method"] == method]
        np.testing.assert_allclose(
            [float(row["frequency_per_um"]) for row in mine], expected[0][0], rtol=1e-8
        )
        np.testing.assert_allclose(
            [float(row["power"]) for row in mine],
            np.mean([power for _, power in expected], axis=0),
            rtol=1e-5,  # tiles are float32 on the way
        )


def test_ring_correlation_is_that_of_all_tiles(measure, tmp_path: Path) -> None:
    hr, sr = random_tiles(np.uint8)
    measure(hr, sr, "--border", 0)
    own = {"hr": [], "blur": []}
    for row in rows_of(tmp_path / "out.spectrum.csv"):
        own[row["method"]].append(float(row["ring_correlation"]))
    sums = [
        sum(
            spectra.cross_spectrum(a / 255, b / 255, VOXEL_UM)[1]
            for a, b in zip(*pair, strict=True)
        )
        for pair in ((hr, sr), (hr, hr), (sr, sr))
    ]
    assert set(own["hr"]) == {1.0}
    np.testing.assert_allclose(own["blur"], spectra.ring_correlation(*sums), rtol=1e-4)


def test_border_is_cut(measure, tmp_path: Path) -> None:
    hr, sr = random_tiles(np.uint8)
    sr = sr.copy()
    sr[:, :4] = 255 - sr[:, :4]
    measure(hr, sr, "--border", 4)
    inner = (tmp_path / "out.csv").read_text(encoding="utf-8")
    measure(hr, random_tiles(np.uint8)[1], "--border", 4)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == inner
    measure(hr, sr, "--border", 0)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") != inner


def test_identical_tile_is_inf(measure, tmp_path: Path) -> None:
    hr, sr = random_tiles(np.uint8)
    sr[2] = hr[2]
    measure(hr, sr)
    rows = rows_of(tmp_path / "out.csv")
    assert rows[2]["psnr_db"] == "inf"
    assert rows[2]["ssim"] == "1.000000"
    assert sum(row["psnr_db"] == "inf" for row in rows) == 1


def test_same_input_same_bytes(measure, tmp_path: Path) -> None:
    outputs = [tmp_path / "out.csv", tmp_path / "out.spectrum.csv"]
    measure(*random_tiles(np.uint8))
    first = [path.read_bytes() for path in outputs]
    measure(*random_tiles(np.uint8))
    assert [path.read_bytes() for path in outputs] == first
    assert b"\r" not in first[0]


@pytest.mark.parametrize(
    ("flags", "settings", "complaint"),
    [
        (["--border", 24], {}, "border"),
        (["--border", -1], {}, "border"),
        (["--border", 20], {}, "SSIM needs 11"),
        ([], {"hr_voxel_size_um": (2.0, 2.0, 3.0)}, "square pixels"),
        (["--lpips-weights", "absent.npz", "--border", 9], {}, "LPIPS needs 32"),
    ],
)
def test_user_mistakes(measure, tmp_path: Path, flags, settings, complaint) -> None:
    with pytest.raises(InputError, match=complaint):
        measure(*random_tiles(np.uint8, n=2), *flags, **settings)
    assert not list(tmp_path.glob("*out*"))


def test_empty_test_split(measure) -> None:
    none = np.zeros((0, SIZE, SIZE), np.uint8)
    with pytest.raises(InputError, match="holds no tile"):
        measure(none, none)


def test_predictions_of_other_pairs_end_with_exit_code_2(run_script, tmp_path: Path) -> None:
    hr, sr = random_tiles(np.uint8, n=3)
    reference = tile_pairs.write(tmp_path / "a.h5", {"test": hr})
    predictions = tile_pairs.predict(tmp_path / "sr.h5", reference, sr, method="blur")
    other = tile_pairs.write(tmp_path / "b.h5", {"test": hr[:2]})
    done = run_script(
        "compute_metrics",
        *("--pairs", other, "--predictions", predictions),
        *("--output", tmp_path / "out.csv", "--spectrum", tmp_path / "out.spectrum.csv"),
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("*out*"))


def test_lpips_is_that_of_the_reference(
    run_script, arguments, tmp_path: Path, shared_weights: Path
) -> None:
    known = np.load(shared_weights / "lpips_reference.npz")
    # 16 bits keep the images to 1e-5.
    hr, sr = (np.rint(known[name] * 65535).astype(np.uint16) for name in ("a", "b"))
    # A process of its own, since TensorFlow's determinism is set for all of a process.
    flags = ["--border", 0, "--lpips-weights", shared_weights / "lpips_alex.npz"]
    done = run_script("compute_metrics", *arguments(hr, sr), *flags)
    assert done.returncode == 0, done.stderr
    values = [float(row["lpips"]) for row in rows_of(tmp_path / "out.csv")]
    np.testing.assert_allclose(values, known["lpips"], atol=1e-4)


def test_a_second_psnr_is_against_hr_without_its_noise(measure, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    smooth = gaussian_filter(rng.normal(size=(3, 64, 64)), (0, 4, 4))
    truth = 127 + 100 * smooth / np.abs(smooth).max()
    hr = np.rint(truth + rng.normal(0, 8, truth.shape)).clip(0, 255).astype(np.uint8)
    sr = np.rint(truth).astype(np.uint8)
    measure(hr, sr, "--denoise-sigma", 1.5)
    for i, row in enumerate(rows_of(tmp_path / "out.csv")):
        reference = gaussian_filter(hr[i].astype(float), 1.5, mode="nearest")
        expected = quality.psnr(reference, sr[i], data_range=255, border=4)
        assert float(row["psnr_denoised_db"]) == pytest.approx(expected, abs=1e-6)
        assert expected > float(row["psnr_db"]) + 6
    measure(hr, sr)
    assert "psnr_denoised_db" not in rows_of(tmp_path / "out.csv")[0]
