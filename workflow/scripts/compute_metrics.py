"""Make the table of metrics, one row a test tile, and the mean power spectra of one method.

Both compare the method's predictions with the HR tiles of the test split, after cutting a
border that no method can know well.
"""

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

    from sandstone.dataset.pairs import Predictions, Split

    Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]

CORNER_COLUMNS = ["sample", "method", "tile", "z", "y", "x"]
SPECTRUM_COLUMNS = ["sample", "method", "frequency_per_um", "power"]
BATCH = 8  # tiles in memory at once
LPIPS_EDGE = 32  # pixels; AlexNet halves a tile until nothing is left of a smaller one


def read_batches(
    test: "Split", predictions: "Predictions", border: int
) -> Iterator[tuple["np.ndarray", "np.ndarray"]]:
    """Yield a few HR and SR tiles at a time, shapes (n, y, x), without their border."""
    from sandstone.metrics import quality
    from sandstone.progress import Progress

    progress = Progress(f"measuring {predictions.attrs.method}", len(test), "tiles")
    for start in range(0, len(test), BATCH):
        tiles = slice(start, start + BATCH)
        hr, sr = test.hr[tiles], predictions.sr[tiles]
        yield quality.cut_border(hr, border), quality.cut_border(sr, border)
        progress.add(len(hr))


def lpips_distance(weights: str, edge: int, threads: int) -> "Distance":
    """Return LPIPS for tiles of `edge` pixels: deterministic, and in full float32 on a GPU.

    Raises
    ------
    InputError
        If the tiles are too small or the weights are missing or others.
    """
    if edge < LPIPS_EDGE:
        raise InputError(
            f"LPIPS needs tiles of {LPIPS_EDGE} pixels after cutting the border, not {edge}:"
            " take larger tiles, a smaller border, or no LPIPS"
        )
    from sandstone.models import backend

    backend.start(threads=threads)

    from sandstone.models import perceptual

    return perceptual.LpipsAlex(weights).distance


def tile_metrics(
    hr: "np.ndarray", sr: "np.ndarray", data_range: int, distance: "Distance | None"
) -> dict[str, list[float]]:
    """Return PSNR in dB, SSIM and, given a distance, LPIPS of each tile.

    Parameters
    ----------
    hr, sr : ndarray of unsigned integers, shape (n, y, x)
        Tiles without border.
    data_range : int
        Largest grey level of the dtype.
    distance : callable or None
        LPIPS of float32 tiles (n, y, x, 1) in [0, 1], shape (n,).
    """
    from sandstone.imaging import grey
    from sandstone.metrics import quality

    tiles = list(zip(hr, sr, strict=True))
    metrics = {
        "psnr_db": [quality.psnr(a, b, data_range=data_range) for a, b in tiles],
        "ssim": [quality.ssim(a, b, data_range=data_range) for a, b in tiles],
    }
    if distance:
        lpips = distance(grey.to_unit(hr)[..., None], grey.to_unit(sr)[..., None])
        metrics["lpips"] = [float(value) for value in lpips]
    return metrics


def summed_power(tiles: "np.ndarray", pixel_um: float) -> tuple["np.ndarray", "np.ndarray"]:
    """Return the frequencies and the sum over tiles (n, y, x) of their radial power spectra."""
    from sandstone.imaging import grey
    from sandstone.metrics import spectra

    results = [spectra.radial_power_spectrum(tile, pixel_um) for tile in grey.to_unit(tiles)]
    return results[0][0], sum(power for _, power in results)


def metric_table(test: "Split", sample: str, method: str, metrics: dict[str, list[float]]) -> str:
    """Return the table of metrics as CSV text; identical tiles have the PSNR `inf`."""
    values = zip(*metrics.values(), strict=True)
    rows = (
        [sample, method, tile, z, y, x, *(f"{value:.6f}" for value in row)]
        for tile, (z, y, x, row) in enumerate(zip(test.z, test.y, test.x, values, strict=True))
    )
    return _csv_text([*CORNER_COLUMNS, *metrics], rows)


def spectrum_table(sample: str, frequency: "np.ndarray", spectra: dict[str, "np.ndarray"]) -> str:
    """Return the spectra, named by method, as CSV text."""
    rows = (
        [sample, method, f"{f:.9g}", f"{p:.9g}"]
        for method, power in spectra.items()
        for f, p in zip(frequency, power, strict=True)
    )
    return _csv_text(SPECTRUM_COLUMNS, rows)


def measure(
    test: "Split",
    predictions: "Predictions",
    *,
    border: int,
    pixel_um: float,
    distance: "Distance | None",
) -> tuple[str, str]:
    """Measure all test tiles and return the table of metrics and the spectra as CSV text."""
    metrics: dict[str, list[float]] = {}
    hr_power = sr_power = 0.0
    for hr, sr in read_batches(test, predictions, border):
        for name, values in tile_metrics(hr, sr, predictions.attrs.grey_max, distance).items():
            metrics.setdefault(name, []).extend(values)
        frequency, power = summed_power(hr, pixel_um)
        hr_power = hr_power + power
        sr_power = sr_power + summed_power(sr, pixel_um)[1]

    sample, method, n = predictions.attrs.sample, predictions.attrs.method, len(test)
    spectra = {"hr": hr_power / n, method: sr_power / n}
    return metric_table(test, sample, method, metrics), spectrum_table(sample, frequency, spectra)


def _csv_text(header: list[str], rows: Iterator[list]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--pairs", type=cli.InputPath, required=True, help="tile pairs of one sample (.h5)")
    add(
        "--predictions",
        type=cli.InputPath,
        required=True,
        help="super-resolved test tiles of one method (.h5)",
    )
    add("--border", type=int, default=4, help="HR pixels cut from each side of a tile")
    add(
        "--lpips-weights",
        type=cli.InputPath,
        help="LPIPS-AlexNet weights (.npz); without them, no LPIPS",
    )
    add("--threads", type=cli.positive_int, default=2, help="of one operation; part of the result")
    add("--output", type=cli.OutputPath, required=True, help="table of metrics to write (.csv)")
    add(
        "--spectrum",
        type=cli.OutputPath,
        required=True,
        help="table of power spectra to write (.csv)",
    )
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read pairs and predictions, measure them, write both tables."""
    args = parser().parse_args(argv)
    from sandstone import files
    from sandstone.dataset import pairs
    from sandstone.metrics import spectra

    with pairs.open_pairs(args.pairs) as reference, pairs.open_predictions(args.predictions) as sr:
        pairs.check_aligned(reference, sr)
        test = reference.split("test")
        if not len(test):
            raise InputError(f"the test split of {args.pairs} holds no tile: give it more slices")
        pixel_um = spectra.in_plane_voxel_size_um(reference.attrs.hr_voxel_size_um)
        distance = None
        if args.lpips_weights:
            edge = reference.hr_size - 2 * args.border
            distance = lpips_distance(args.lpips_weights, edge, args.threads)
        table, spectrum = measure(
            test, sr, border=args.border, pixel_um=pixel_um, distance=distance
        )
    files.write_text(args.output, table)
    files.write_text(args.spectrum, spectrum)
    write_record(__file__, args, voxel_size_um=reference.attrs.hr_voxel_size_um)


if __name__ == "__main__":
    sys.exit(cli.run(main))
