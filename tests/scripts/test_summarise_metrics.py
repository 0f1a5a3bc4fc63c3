import csv
import json
from pathlib import Path

import numpy as np
import pytest
from helpers import tile_pairs

import summarise_metrics
from sandstone.dataset.pairs import open_pairs
from sandstone.errors import InputError
from sandstone.metrics import bootstrap, domain
from sandstone.metrics.tables import SUMMARY_COLUMNS
from sandstone.provenance.record import RECORD_SUFFIX

HEADER = "sample,method,tile,z,y,x,psnr_db,ssim"
DEPTHS = [0, 0, 5, 5, 30, 30, 60, 60]
GUARD_SLICES = 20


def write_pairs(path: Path, sample: str, guard_slices: int = GUARD_SLICES) -> Path:
    return tile_pairs.write(path, {}, sample=sample, guard_slices=guard_slices)


def psnr_of(sample: str, method: str) -> np.ndarray:
    seed = sum(map(ord, sample + method))
    return np.round(np.random.default_rng(seed).normal(27, 1, len(DEPTHS)), 6)


def write_table(
    folder: Path,
    sample: str,
    method: str,
    psnr: object = None,
    *,
    depths: list[int] = DEPTHS,
    header: str = HEADER,
) -> Path:
    values = psnr_of(sample, method) if psnr is None else psnr
    path = folder / f"{method}.{sample}.csv"
    rows = [
        f"{sample},{method},{i},{z},0,{i},{values[i]},{0.5 + i / 100}" for i, z in enumerate(depths)
    ]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
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
    assert tuple(rows[0]) == SUMMARY_COLUMNS
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


def test_the_noise_of_hr_is_told_beside_its_psnr(summarise, tmp_path: Path, capsys) -> None:
    levels = np.random.default_rng(0).normal(120, 6, (len(DEPTHS), 64, 64))
    hr = np.rint(levels).astype(np.uint8)
    reference = tile_pairs.write(tmp_path / "a.h5", {"test": hr}, sample="a", guard_slices=20)
    output = summarise([write_table(tmp_path, "a", "bicubic")], [reference])
    psnr, ssim = rows_of(output)
    assert float(psnr["ceiling"]) == pytest.approx(20 * np.log10(255 / 6), abs=0.8)
    assert ssim["ceiling"] == ""
    assert "HR has a noise of 2." in capsys.readouterr().out


def test_the_spread_between_seeds_stands_beside_the_first(summarise, tmp_path, capsys) -> None:
    reference = write_pairs(tmp_path / "a.h5", "a")
    psnr = psnr_of("a", "srgan")
    tables = [
        write_table(tmp_path, "a", name, psnr + shift)
        for name, shift in (("bicubic", -2), ("srgan", 0), ("srgan_seed2", 0.3), ("other", 1))
    ]
    output = summarise(tables, [reference], "--siblings", "srgan/srgan_seed2")
    rows = {row["method"]: row for row in rows_of(output) if row["metric"] == "psnr_db"}
    assert rows["srgan"]["seeds"] == "2"
    assert float(rows["srgan"]["seed_sd"]) == pytest.approx(0.3 / np.sqrt(2), abs=1e-6)
    for name in ("bicubic", "srgan_seed2", "other"):
        assert (rows[name]["seeds"], rows[name]["seed_sd"]) == ("", "")
    assert "srgan, psnr_db of 2 seeds: from" in capsys.readouterr().out


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


# --- medians ---


def test_the_median_stands_beside_a_mean_that_a_few_tiles_pull(
    summarise, tmp_path: Path, capsys
) -> None:
    psnr = [27.0, 27.25, 27.5, 27.75, 28.0, 28.25, 44.0, 46.0]
    table = write_table(tmp_path, "a", "bicubic", psnr)
    row, ssim = rows_of(summarise([table], [write_pairs(tmp_path / "a.h5", "a")]))
    assert (row["mean"], row["median"]) == ("31.968750", "27.875000")
    assert ssim["median"] == ssim["mean"] == "0.535000"
    printed = capsys.readouterr().out
    assert "such as air, pull at means of psnr_db: read the medians" in printed
    assert "] 27.8750" in printed


def test_tiles_that_are_alike_pull_at_no_mean(summarise, tmp_path: Path, capsys) -> None:
    table = write_table(tmp_path, "a", "bicubic", [0.7] * 8)  # whose mean rounds below 0.7
    summarise([table], [write_pairs(tmp_path / "a.h5", "a")])
    assert "pull at" not in capsys.readouterr().out


def test_an_infinite_tile_leaves_the_median(summarise, tmp_path: Path, capsys) -> None:
    table = write_table(tmp_path, "a", "bicubic", [27.0, "inf", *[28.0] * 6])
    row, _ = rows_of(summarise([table], [write_pairs(tmp_path / "a.h5", "a")]))
    assert (row["mean"], row["median"]) == ("inf", "28.000000")
    assert "pull at means of psnr_db" in capsys.readouterr().out


# --- gains ---

BASE = [24.0, 26.0, 25.0, 30.0, 29.0, 22.0, 27.0, 31.0]
SLIGHTLY = [0.008, 0.009, 0.01, 0.007, 0.006, 0.008, 0.009, 0.011]


def gains_of(output: Path) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["method"], row["metric"]): row for row in rows_of(output)}


def test_a_gain_is_seen_where_the_intervals_of_the_means_overlap(
    summarise, tmp_path: Path, capsys
) -> None:
    given = [
        write_table(tmp_path, "a", "nearest", np.subtract(BASE, 1)),
        write_table(tmp_path, "a", "lanczos", BASE),
        write_table(tmp_path, "a", "srgan", np.add(BASE, SLIGHTLY)),
    ]
    found = gains_of(summarise(given, [write_pairs(tmp_path / "a.h5", "a")]))
    model, best = found["srgan", "psnr_db"], found["lanczos", "psnr_db"]
    assert float(model["ci_low"]) < float(best["mean"]) < float(model["ci_high"])
    expected = bootstrap.block_bootstrap(
        SLIGHTLY, DEPTHS, GUARD_SLICES, confidence=0.95, resamples=2000, seed=1
    )
    measured = [float(model[name]) for name in ("gain", "gain_low", "gain_high")]
    assert measured == pytest.approx(list(expected[:3]), abs=1e-6)
    assert measured[1] > 0
    assert found["nearest", "psnr_db"]["gain"] == "-1.000000"
    assert "lanczos   +0.0085 [+0.0070, +0.0100]   better" in capsys.readouterr().out


def test_the_best_interpolation_is_chosen_by_metric_and_has_no_gain(
    summarise, tmp_path: Path
) -> None:
    header = HEADER.replace("ssim", "lpips")
    given = [
        write_table(tmp_path, "a", "bicubic", BASE, header=header),
        write_table(tmp_path, "a", "lanczos", np.add(BASE, 1), header=header),
    ]
    text = given[1].read_text(encoding="utf-8")
    given[1].write_text(text.replace(",0.5", ",0.6"), encoding="utf-8")  # LPIPS: worse
    found = gains_of(summarise(given, [write_pairs(tmp_path / "a.h5", "a")]))
    for metric, best, gain in (("psnr_db", "lanczos", "-1.000000"), ("lpips", "bicubic", "-0.1")):
        other = "bicubic" if best == "lanczos" else "lanczos"
        assert {found[method, metric]["baseline"] for method in (best, other)} == {best}
        assert found[best, metric]["gain"] == found[best, metric]["gain_low"] == ""
        assert float(found[other, metric]["gain"]) == pytest.approx(float(gain))


def test_one_block_leaves_the_gain_without_verdict_and_says_so(
    summarise, tmp_path: Path, capsys
) -> None:
    given = [
        write_table(tmp_path, "a", "bicubic", BASE),
        write_table(tmp_path, "a", "srgan", np.add(BASE, SLIGHTLY)),
    ]
    references = [write_pairs(tmp_path / "a.h5", "a", guard_slices=500)]
    row = gains_of(summarise(given, references))["srgan", "psnr_db"]
    assert (row["gain"], row["gain_low"], row["gain_high"]) == ("0.008500", "", "")
    printed = capsys.readouterr().out
    assert "one depth block leaves no interval and no verdict" in printed
    assert "+0.0085 [none]               no verdict" in printed
    assert "too narrow" not in printed


def test_without_interpolation_there_is_nothing_to_gain_over(
    summarise, tmp_path: Path, capsys
) -> None:
    output = summarise([write_table(tmp_path, "a", "srgan")], [write_pairs(tmp_path / "a.h5", "a")])
    for row in rows_of(output):
        assert {row[name] for name in ("baseline", "gain", "gain_low", "gain_high")} == {""}
    assert "gain over" not in capsys.readouterr().out


def test_tiles_without_error_by_both_gain_nothing(summarise, tmp_path: Path) -> None:
    flat = ["inf", *BASE[1:]]
    given = [
        write_table(tmp_path, "a", "bicubic", flat),
        write_table(tmp_path, "a", "srgan", ["inf", *np.add(BASE[1:], 0.8)]),
        write_table(tmp_path, "a", "srresnet", BASE),
    ]
    found = gains_of(summarise(given, [write_pairs(tmp_path / "a.h5", "a")]))
    assert found["srgan", "psnr_db"]["gain"] == "0.700000"
    assert found["srgan", "psnr_db"]["gain_low"]
    lost = found["srresnet", "psnr_db"]
    assert (lost["gain"], lost["gain_low"]) == ("-inf", "")


# --- seen and unseen rock ---


def write_training(
    folder: Path, model: str, samples: list[str], parent: str = "", **told: object
) -> Path:
    weights = [f"results/models/{parent}/generator.weights.h5"] if parent else []
    pairs = [f"results/pairs/{sample}.h5" for sample in samples]
    record = {
        **dict.fromkeys(("script", "command"), "train"),
        "parameters": {},
        "packages": {},
        "outputs": [],
        "code": [],
        "voxel_size_um": {sample: [2.0, 2.0, 2.0] for sample in samples},
        "inputs": [{"path": path, "sha256": "ab" * 32} for path in (*pairs, *weights)],
    }
    record |= told
    path = folder / model / f"training{RECORD_SUFFIX}"
    path.parent.mkdir()
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def test_a_matrix_of_rocks_and_models_marks_seen_rock(summarise, tmp_path: Path, capsys) -> None:
    methods = ("bicubic", "first", "tuned", "lost")
    given = [write_table(tmp_path, rock, method) for rock in "abc" for method in methods]
    references = [write_pairs(tmp_path / f"{rock}.h5", rock) for rock in "abc"]
    trainings = [
        write_training(tmp_path, "first", ["a"]),
        write_training(tmp_path, "tuned", ["b"], parent="first"),
        write_training(tmp_path, "lost", ["b"], parent="elsewhere"),
    ]
    output = summarise(given, references, "--trainings", *trainings)
    rows = {(row["method"], row["sample"]): row["rock"] for row in rows_of(output)}
    assert [[rows[method, rock] for rock in "abc"] for method in methods] == [
        ["", "", ""],
        ["seen", "unseen", "unseen"],
        ["seen", "seen", "unseen"],
        ["unknown", "seen", "unknown"],
    ]
    of_c = capsys.readouterr().out.partition("\nc: ")[2]
    assert "first           unseen   psnr_db" in of_c
    assert "bicubic         unseen" not in of_c


def test_a_model_outside_of_its_domain_is_told(summarise, tmp_path: Path, capsys) -> None:
    hr = np.random.default_rng(0).integers(0, 255, (len(DEPTHS), 64, 64), dtype=np.uint8)
    reference = tile_pairs.write(tmp_path / "a.h5", {"test": hr}, sample="a", guard_slices=20)
    with open_pairs(reference) as pairs:
        own = domain.of_tiles(pairs.split("test").lr)
    softer = own._replace(detail=own.detail - 2)
    trainings = [
        write_training(tmp_path, "fitting", ["a"], domain={"a": own.plain()}),
        write_training(tmp_path, "soft", ["a"], domain={"a": softer.plain()}),
        write_training(tmp_path, "old", ["a"]),
    ]
    methods = ("bicubic", "fitting", "soft", "old")
    given = [write_table(tmp_path, "a", method) for method in methods]
    output = summarise(given, [reference], "--trainings", *trainings)
    told = {row["method"]: row["domain"] for row in rows_of(output)}
    assert [told[method] for method in methods] == [
        *("", ""),
        "sharper or noisier than what it has learned from (finest details 100 times stronger)",
        "",
    ]
    notes = [line for line in capsys.readouterr().out.splitlines() if "outside" in line]
    assert len(notes) == 1
    assert notes[0].startswith("note: soft is used outside of its domain: LR is sharper or noisier")


def test_what_a_model_without_record_has_seen_is_unknown(summarise, tmp_path: Path) -> None:
    table = write_table(tmp_path, "a", "srgan")
    rows = rows_of(summarise([table], [write_pairs(tmp_path / "a.h5", "a")]))
    assert {row["rock"] for row in rows} == {"unknown"}


def test_the_lr_error_of_a_real_scan_ranks_nobody(
    summarise, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = HEADER.replace("ssim", "lr_rmse")
    tables = [write_table(tmp_path, "a", name, header=header) for name in ("bicubic", "lanczos")]
    made = {"kernel": "scanned", "psf_sigma": [3.0, 3.0, 3.0]}
    pairs = tile_pairs.write(tmp_path / "a.h5", {}, sample="a", degradation=made)
    found = {row["metric"]: row["baseline"] for row in rows_of(summarise(tables, [pairs]))}
    assert found["psnr_db"]
    assert found["lr_rmse"] == ""
    assert "its LR error ranks nobody" in capsys.readouterr().out
