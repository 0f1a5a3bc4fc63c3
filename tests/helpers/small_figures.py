"""What every figure script reads, small and synthetic, and the command lines that draw it."""

import csv
import importlib
import json

import matplotlib.image
import numpy as np

from helpers import tile_pairs
from sandstone.dataset import slices
from sandstone.metrics import tables
from sandstone.models import options
from sandstone.tiff_stack import write_stack
from sandstone.training import history

SAMPLE, SCALE, HR, GREY_MAX = "plug", 4, 32, 255
VOXEL_UM = (2.0, 2.0, 2.0)
METHODS = ("bicubic", "srresnet")
Z = {"train": [0, 0, 2], "val": [6], "test": [10, 11, 13]}
SLICES = {"train": (0, 3), "val": (6, 7), "test": (10, 13)}


def tiles(count, size, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, GREY_MAX + 1, (count, size, size), dtype=np.uint8)


def corners(name):
    z = np.asarray(Z[name], np.int32)
    return z, np.arange(z.size, dtype=np.int32) * 8, np.full_like(z, 16)


def write_pairs(path):
    hr, lr = (
        {name: tiles(len(zs), size, seed) for seed, (name, zs) in enumerate(Z.items())}
        for size in (HR, HR // SCALE)
    )
    places = {name: corners(name) for name in Z}
    tile_pairs.write(path, hr, lr, corners=places, slices=SLICES, sample=SAMPLE)


def write_predictions(path, reference, method, **changes):
    tile_pairs.predict(path, reference, tiles(len(Z["test"]), HR, 9), method=method, **changes)


def write_csv(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def write_metrics(path, method, psnr=(26.0, 28.0, 27.0), sample=SAMPLE):
    rows = [
        [sample, method, tile, *corner, value, 0.7 + tile / 100]
        for tile, (*corner, value) in enumerate(zip(*corners("test"), psnr, strict=True))
    ]
    write_csv(path, ["sample", "method", "tile", "z", "y", "x", "psnr_db", "ssim"], rows)


def write_summary(path, methods=METHODS, interval=(26.5, 27.5)):
    rows = [
        [SAMPLE, method, metric, mean, *bounds, 3, mean, *[""] * 9]
        for method in methods
        for metric, mean, bounds in (("psnr_db", 27.0, interval), ("ssim", 0.71, (0.7, 0.72)))
    ]
    write_csv(path, tables.SUMMARY_COLUMNS, rows)


def write_spectrum(path, method, hr=1.0, sample=SAMPLE):
    frequencies = [k / (2.0 * HR) for k in range(1, HR // 2 + 1)]
    rows = [
        [sample, name, f, level / f**2, 0.5]
        for name, level in (("hr", hr), (method, 0.5))
        for f in frequencies
    ]
    write_csv(path, tables.SPECTRUM_COLUMNS, rows)


def write_history(path, *, adversarial):
    rows = []
    for step in range(1, 41):
        row = {"step": step, "learning_rate": 1e-3, "loss": 1 / step, "loss_pixel": 1 / step}
        if adversarial:
            row |= {"loss_content": 0.3, "loss_adversarial": 0.7, "loss_discriminator": 0.6}
            row |= {"discriminator_real": 0.6, "discriminator_fake": 0.4}
        if step % 10 == 0:
            row |= {"val_psnr_db": 25 + step / 10, "val_ssim": 0.7}
        rows.append(row)
    path.write_text(history.to_csv(rows), encoding="utf-8")


def write_slices(folder):
    shape = (3, 20, 24)
    grey = np.random.default_rng(5).integers(1, GREY_MAX, shape, dtype=np.uint8)
    mask = np.zeros(shape, np.uint8)
    mask[:, 5:15, 4:14] = slices.ROCK
    grey[mask == 0] = 0
    grey[:, 5, 4:14] = GREY_MAX
    for name, stack in (("slices", grey), ("mask", mask)):
        write_stack(
            folder / f"{name}.tif", stack, shape=shape, dtype=np.uint8, voxel_size_um=VOXEL_UM
        )
    metadata = {
        "sample": SAMPLE,
        "source": {"files": [], "shape": [14, 90, 60], "dtype": "uint16"},
        "voxel_size_um": VOXEL_UM,
        "shape": shape,
        "dtype": "uint8",
        "origin": [0, 0, 4],
        "window": {"low": 1000.0, "high": 30000.0, "percentiles": [0.1, 99.9]},
        "grey_max": GREY_MAX,
        "field_of_view": {"mode": "auto"},
    }
    (folder / "slices.json").write_text(json.dumps(metadata), encoding="utf-8")


def write_fit(path, noise_slope=0.0001):
    """What `fit_degradation` writes of a pair of scans."""
    grey = [60.0, 80.0, 100.0]
    fit = {
        "sample": SAMPLE,
        "scale": SCALE,
        "fine_voxel_size_um": VOXEL_UM,
        "coarse_voxel_size_um": [2.0, 8.0, 8.0],
        "psf_sigma": [3.2, 3.4, 3.6],
        "grey": {"fine": grey, "coarse": [70.0, 85.0, 104.0]},
        "grey_bins": {"fine": grey, "coarse": [71.0, 84.0, 104.5], "counts": [400, 50, 2000]},
        "noise": {"noise": 0.015, "noise_slope": noise_slope, "correlation": [0.9, 0.8, 0.8]},
        "noise_bins": {"grey": [0.2, 0.7], "variance": [2.4e-4, 3e-4], "counts": [300, 900]},
        "residual": {"deviation": 0.016, "correlation": 0.99},
        "spectrum": {
            "frequency_per_um": [0.01, 0.03, 0.06],
            "coarse": [9.0, 0.2, 0.003],
            "model": [8.9, 0.15, 1e-5],
        },
    }
    path.write_text(json.dumps(fit), encoding="utf-8")


def write_inputs(path):
    """Write the inputs of every figure into a folder."""
    write_pairs(path / "pairs.h5")
    write_slices(path)
    for method in METHODS:
        write_predictions(path / f"{method}.h5", path / "pairs.h5", method)
        write_metrics(path / f"{method}.csv", method)
        write_spectrum(path / f"{method}.spectrum.csv", method)
    write_summary(path / "summary.csv")
    write_fit(path / "fit.json")
    write_history(path / "gan.csv", adversarial=True)
    generator = options.generator_config(batch_norm=True)
    discriminator = options.discriminator_config()
    for name, network in (("generator", generator), ("discriminator", discriminator), ("no", {})):
        (path / f"{name}.json").write_text(json.dumps(network), encoding="utf-8")


ARGUMENTS = {
    "pairs": ["plot_pairs", "--pairs", "pairs.h5"],
    "histogram": [
        *("plot_histogram", "--slices", "slices.tif"),
        *("--mask", "mask.tif", "--metadata", "slices.json"),
    ],
    "split": ["plot_split", "--pairs", "pairs.h5", "--metadata", "slices.json"],
    "degradation": ["plot_degradation", "--fit", "fit.json"],
    "generator": ["plot_network", "--network", "generator.json"],
    "training": ["plot_training", "--history", "gan.csv", "--model", "gan"],
    "comparison": [
        *("plot_comparison", "--pairs", "pairs.h5"),
        *("--predictions", "bicubic.h5", "srresnet.h5"),
        *("--metrics", "bicubic.csv", "srresnet.csv"),
    ],
    "metrics": [
        *("plot_metrics", "--metrics", "bicubic.csv", "srresnet.csv"),
        *("--summary", "summary.csv"),
    ],
    "spectra": [
        *("plot_spectra", "--spectra", "bicubic.spectrum.csv", "srresnet.spectrum.csv"),
        *("--pairs", "pairs.h5"),
    ],
}


def call(arguments, stem):
    script, *flags = arguments
    main = importlib.import_module(script).main
    main([*flags, "--png", f"{stem}.png", "--pdf", f"{stem}.pdf"])


def swapped(figure, **replacements):
    return [replacements.get(word.split(".")[0], word) for word in ARGUMENTS[figure]]


def assert_same_figures(folder):
    for suffix in ("png", "pdf"):
        first, second = ((folder / f"{stem}.{suffix}").read_bytes() for stem in ("first", "second"))
        assert first == second
    height, width, _ = matplotlib.image.imread(folder / "first.png").shape
    assert min(height, width) >= 200
    assert (folder / "first.pdf").read_bytes().startswith(b"%PDF")
