import csv
from pathlib import Path

import numpy as np
import pytest
from helpers import tile_pairs

import summarise_metrics
from sandstone.errors import InputError
from sandstone.metrics import bootstrap

HEADER = "sample,method,tile,z,y,x,psnr_db,ssim"
DEPTHS = [0, 0, 5, 5, 30, 30, 60, 60]
GUARD_SLICES = 20


def write_pairs(path: Path, sample: str, guard_slices: int = GUARD_SLICES) -> Path:
    return tile_pairs.write(path, {}, sample=sample, guard_slices=guard_slices)


def psnr_of(sample: str, method: str) -> np.ndarray:
    seed = sum(map(ord, sample + method))
    return np.round(np.random.default_rng(seed).normal(27, 1, len(DEPTHS)), 6)


def write_table(
    folder: Path, sample: str, method: str, psnr: object = None, depths: list[int] = DEPTHS
) -> Path:
    values = psnr_of(sample, method) if psnr is None else psnr
    path = folder / f"{method}.{sample}.csv"
    rows = [
        f"{sample},{method},{i},{z},0,{i},{values[i]},{0.5 + i / 100}" for i, z in enumerate(depths)
    ]
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def summarise(tmp_path: Path):
    def run(tables: list[Path], references: list[Path], *flags: object) -> Path:
        output = tmp_path / "summary.csv"
        paths = ["--metrics", *tables, "--pairs", *references, "--output", output]
        summarise_metrics.main([str(argument) for argument in (*paths, *flags)])
        return output

    return run


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_samples_sorted_and_methods_in_the_order_given(summarise, tmp_path: Path) -> None:
    order = [("b", "srgan"), ("a", "srgan"), ("b", "bicubic"), ("a", "bicubic")]
    tables = [write_table(tmp_path, *names) for names in order]
    references = [write_pairs(tmp_path / f"{name}.h5", name) for name in "ba"]
    output = summarise(tables, references)
    rows = rows_of(output)
    assert list(rows[0]) == ["sample", "method", "metric", "mean", "ci_low", "ci_high", "n"]
    assert [(row["sample"], row["method"], row["metric"]) for row in rows] == [
        (sample, method, metric)
        for sample in "ab"
        for method in ("srgan", "bicubic")
        for metric in ("psnr_db", "ssim")
    ]


def test_values_are_those_of_the_block_bootstrap(summarise, tmp_path: Path, capsys) -> None:
    reference = write_pairs(tmp_path / "a.h5", "a")
    flags = ["--confidence", 0.8, "--resamples", 300, "--seed", 9]
    output = summarise([write_table(tmp_path, "a", "bicubic")], [reference], *flags)
    row = rows_of(output)[0]
    expected = bootstrap.block_bootstrap(
        psnr_of("a", "bicubic"), DEPTHS, GUARD_SLICES, confidence=0.8, resamples=300, seed=9
    )
    measured = [float(row[name]) for name in ("mean", "ci_low", "ci_high", "n")]
    assert measured == pytest.approx(list(expected), abs=1e-6)
    assert row["n"] == "8"
    printed = capsys.readouterr().out
    assert "8 tiles in 3 depth block(s) of 20 slices" in printed
    assert "80% interval" in printed


def test_one_block_leaves_the_interval_empty(summarise, tmp_path: Path, capsys) -> None:
    reference = write_pairs(tmp_path / "a.h5", "a", guard_slices=500)
    output = summarise([write_table(tmp_path, "a", "bicubic")], [reference])
    for row in rows_of(output):
        assert (row["ci_low"], row["ci_high"], row["n"]) == ("", "", "8")
        assert float(row["mean"]) > 0
    assert "[none]" in capsys.readouterr().out


def test_without_a_guard_each_slice_is_a_block(summarise, tmp_path: Path, capsys) -> None:
    reference = write_pairs(tmp_path / "a.h5", "a", guard_slices=0)
    summarise([write_table(tmp_path, "a", "bicubic")], [reference])
    assert "4 depth block(s) of 1 slices" in capsys.readouterr().out


def test_too_short_a_guard_is_told_beside_the_intervals(summarise, tmp_path: Path, capsys) -> None:
    table = write_table(tmp_path, "a", "bicubic")
    reference = tile_pairs.write(
        tmp_path / "a.h5", {}, sample="a", guard_slices=4, correlation=tile_pairs.correlation(6)
    )
    summarise([table], [reference])
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note:")]
    assert len(told) == 1
    assert "guard_um 8 of sample a, 4 slice(s), is too short" in told[0]
    assert "set it to 12 (6 slices) or more" in told[0]
    summarise([table], [write_pairs(tmp_path / "b.h5", "a")])
    assert "note:" not in capsys.readouterr().out


def test_infinite_psnr_makes_the_mean_infinite(summarise, tmp_path: Path) -> None:
    psnr = [27.0, "inf", *[28.0] * 6]
    table = write_table(tmp_path, "a", "bicubic", psnr)
    output = summarise([table], [write_pairs(tmp_path / "a.h5", "a")])
    row, ssim = rows_of(output)
    assert (row["mean"], row["ci_low"], row["ci_high"], row["n"]) == ("inf", "", "", "8")
    assert ssim["ci_low"]


def test_same_input_same_bytes(summarise, tmp_path: Path) -> None:
    tables = [write_table(tmp_path, "a", method) for method in ("bicubic", "srgan")]
    references = [write_pairs(tmp_path / "a.h5", "a")]
    output = summarise(tables, references)
    first = output.read_bytes()
    summarise(tables, references)
    assert output.read_bytes() == first
    assert b"\r" not in first


def test_mistake_is_one_sentence_and_exit_code_2(run_script, tmp_path: Path) -> None:
    output = tmp_path / "summary.csv"
    paths = ["--metrics", "absent.csv", "--pairs", "absent.h5", "--output", output]
    done = run_script("summarise_metrics", *paths)
    assert done.returncode == 2
    assert "absent.csv" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not output.exists()


def test_methods_on_different_tiles(summarise, tmp_path: Path) -> None:
    bicubic = write_table(tmp_path, "a", "bicubic")
    srgan = write_table(tmp_path, "a", "srgan", depths=DEPTHS[:-1])
    with pytest.raises(InputError, match="different tiles"):
        summarise([bicubic, srgan], [write_pairs(tmp_path / "a.h5", "a")])


def test_table_given_twice(summarise, tmp_path: Path) -> None:
    tables = [write_table(tmp_path, "a", "bicubic")] * 2
    with pytest.raises(InputError, match="second table"):
        summarise(tables, [write_pairs(tmp_path / "a.h5", "a")])


def test_pairs_given_twice(summarise, tmp_path: Path) -> None:
    references = [write_pairs(tmp_path / name, "a") for name in ("1.h5", "2.h5")]
    with pytest.raises(InputError, match="second pairs file"):
        summarise([write_table(tmp_path, "a", "bicubic")], references)


def test_sample_without_pairs(summarise, tmp_path: Path) -> None:
    table = write_table(tmp_path, "a", "bicubic")
    with pytest.raises(InputError, match="no pairs file"):
        summarise([table], [write_pairs(tmp_path / "b.h5", "b")])


@pytest.mark.parametrize(
    "content",
    [
        "",
        HEADER + "\n",
        "sample,method,tile,z,y,x\na,bicubic,0,1,2,3\n",
        HEADER + "\na,bicubic,0,1,2,3,high,0.5\n",
        HEADER + "\na,bicubic,0,deep,2,3,27,0.5\n",
        HEADER + "\na,bicubic,0,1,2,3,27,0.5\na,bicubic,1,1,2,3,27,0.5\n",
        HEADER + "\na,bicubic,0,1,2,3,27,0.5\na,srgan,1,1,2,4,27,0.5\n",
        HEADER + "\na,bicubic,0,1,2,3,,0.5\na,bicubic,1,1,2,4,27,0.5\n",
    ],
    ids=["nothing", "no rows", "no metric", "text", "depth", "tile twice", "two methods", "gap"],
)
def test_tables_that_are_none(tmp_path: Path, content: str) -> None:
    table = tmp_path / "broken.csv"
    table.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"broken\.csv"):
        summarise_metrics.read_table(str(table))
