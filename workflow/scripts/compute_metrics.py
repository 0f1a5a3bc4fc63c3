"""Make the table of metrics, one row a test tile, and the mean power spectra of one method.

Both compare the method's predictions with the HR tiles of the test split, after cutting a
border that no method can know well. The table also compares them, degraded again, with LR.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.config.validity import check_border
from sandstone.errors import InputError, note
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

    from sandstone.dataset.pairs import Pairs, Predictions, Split
    from sandstone.imaging.degrade import Degradation

    Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]
    # By the grid of a metric: reference and image, tiles (n, y, x) without border.
    Compared = dict[str, tuple[np.ndarray, np.ndarray]]

BATCH = 8  # tiles in memory at once


def denoised(tiles: "np.ndarray", sigma: float) -> "np.ndarray":
    """Return tiles (n, y, x), each blurred by a Gaussian of `sigma` HR voxels, as float64."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(tiles.astype(np.float64), (0, sigma, sigma), mode="nearest")


def read_batches(
    test: "Split",
    predictions: "Predictions",
    border: int,
    degradation: "Degradation | None",
    denoise_sigma: float,
) -> Iterator["Compared"]:
    """Yield what the metrics compare of a few tiles at a time.

    Parameters
    ----------
    test : Split
    predictions : Predictions
    border : int
        HR pixels cut from each side of HR and SR. LR pixels that show some of them are cut too.
    degradation : Degradation, optional
        From SR to LR; without it, nothing is compared on the grid of LR.
    denoise_sigma : float
        Of the Gaussian that takes the noise off HR, HR voxels; at 0, nothing is compared with that.
    """
    from sandstone.imaging import redegrade
    from sandstone.metrics import quality
    from sandstone.progress import Progress

    scale = predictions.attrs.scale
    progress = Progress(f"measuring {predictions.attrs.method}", len(test), "tiles")
    for start in range(0, len(test), BATCH):
        tiles = slice(start, start + BATCH)
        hr, sr = test.hr[tiles], predictions.sr[tiles]
        compared = {"hr": (quality.cut_border(hr, border), quality.cut_border(sr, border))}
        if denoise_sigma:
            smooth = quality.cut_border(denoised(hr, denoise_sigma), border)
            compared["denoised"] = (smooth, compared["hr"][1])
        if degradation:
            margin = redegrade.margin(degradation, scale, border)
            again = redegrade.degrade_again(sr, scale, degradation)
            lr = test.lr[tiles]
            compared["lr"] = (quality.cut_border(lr, margin), quality.cut_border(again, margin))
        yield compared
        progress.add(len(hr))


def known_degradation(pairs: "Pairs", border: int) -> "Degradation | None":
    """Return how to degrade SR tiles; None, with a note, where that cannot be held against LR."""
    from sandstone.imaging import redegrade

    degradation = redegrade.without_noise(pairs.attrs.degradation)
    if degradation is None:
        note(
            f"no LR error of {pairs.attrs.sample}: nobody measured how its coarse scan blurs; make "
            "the pairs again with --degradation-fit to have one"
        )
    elif 2 * redegrade.margin(degradation, pairs.attrs.scale, border) >= pairs.lr_size:
        note(
            f"no LR error of {pairs.attrs.sample}: every LR pixel of tiles of {pairs.lr_size} "
            "pixels shows some of the border or beyond; take larger tiles or a smaller border"
        )
        return None
    return degradation


def lpips_distance(weights: str, threads: int) -> "Distance":
    """Return LPIPS: deterministic, and in full float32 on a GPU.

    Raises
    ------
    InputError
        If the weights are missing or others.
    """
    from sandstone.models import backend

    backend.start(threads=threads)

    from sandstone.models.lpips import LpipsAlex

    return LpipsAlex(weights).distance


def tile_metrics(
    compared: "Compared", data_range: int, networks: "Mapping[str, Distance]"
) -> dict[str, list[float]]:
    """Return every metric of each tile, by column, of what is compared and what networks there are.

    Parameters
    ----------
    compared : mapping of str to pair of ndarray
        By grid, reference and image: tiles of unsigned integers, shape (n, y, x).
    data_range : int
        Largest grey level of the dtype.
    networks : mapping of str to callable
        By column, the distances, shape (n,), of float32 tiles (n, y, x, 1) in [0, 1].
    """
    from sandstone.imaging import grey
    from sandstone.metrics import quality

    measured: dict[str, list[float]] = {}
    values: Iterable[float]
    for metric in (each for each in quality.METRICS if each.grid in compared):
        references, images = compared[metric.grid]
        if metric.of_tile:
            values = [
                metric.of_tile(reference, image, data_range=data_range)
                for reference, image in zip(references, images, strict=True)
            ]
        elif metric.column in networks:
            distance = networks[metric.column]
            values = distance(*(grey.to_unit(each)[..., None] for each in (references, images)))
        else:
            continue
        measured[metric.column] = [float(value) for value in values]
    return measured


def summed_spectrum(
    first: "np.ndarray", second: "np.ndarray", pixel_um: float
) -> tuple["np.ndarray", "np.ndarray"]:
    """Return the frequencies and the sum of the cross spectra of tiles (n, y, x), pair by pair."""
    import numpy as np

    from sandstone.imaging import grey
    from sandstone.metrics import spectra

    pairs = zip(grey.to_unit(first), grey.to_unit(second), strict=True)
    results = [spectra.cross_spectrum(*pair, pixel_um) for pair in pairs]
    return results[0][0], sum((power for _, power in results), np.zeros_like(results[0][1]))


def metric_table(test: "Split", sample: str, method: str, metrics: dict[str, list[float]]) -> str:
    """Return the table of metrics as CSV text; identical tiles have the PSNR `inf`."""
    from sandstone.files import csv_text
    from sandstone.metrics import tables

    values = zip(*metrics.values(), strict=True)
    rows = (
        [sample, method, tile, z, y, x, *(f"{value:.6f}" for value in row)]
        for tile, (z, y, x, row) in enumerate(zip(test.z, test.y, test.x, values, strict=True))
    )
    return csv_text([*tables.TILE_COLUMNS, *metrics], rows)


def spectrum_table(
    sample: str,
    frequency: "np.ndarray",
    spectra: "dict[str, tuple[np.ndarray, np.ndarray]]",
) -> str:
    """Return the power spectra and ring correlations with HR, named by method, as CSV text."""
    from sandstone.files import csv_text
    from sandstone.metrics import tables

    rows = (
        [sample, method, *(f"{value:.9g}" for value in row)]
        for method, measured in spectra.items()
        for row in zip(frequency, *measured, strict=True)
    )
    return csv_text(tables.SPECTRUM_COLUMNS, rows)


def measure(
    test: "Split",
    predictions: "Predictions",
    *,
    border: int,
    degradation: "Degradation | None",
    denoise_sigma: float,
    pixel_um: float,
    networks: "Mapping[str, Distance]",
) -> tuple[str, str]:
    """Measure all test tiles and return the table of metrics and the spectra as CSV text."""
    from sandstone.metrics.spectra import ring_correlation

    metrics: dict[str, list[float]] = {}
    hr_power: Any = 0.0  # arrays from the first batch on
    sr_power: Any = 0.0
    shared: Any = 0.0
    for compared in read_batches(test, predictions, border, degradation, denoise_sigma):
        for name, values in tile_metrics(compared, predictions.attrs.grey_max, networks).items():
            metrics.setdefault(name, []).extend(values)
        hr, sr = compared["hr"]
        frequency, power = summed_spectrum(hr, hr, pixel_um)
        hr_power = hr_power + power
        sr_power = sr_power + summed_spectrum(sr, sr, pixel_um)[1]
        shared = shared + summed_spectrum(hr, sr, pixel_um)[1]

    sample, method, n = predictions.attrs.sample, predictions.attrs.method, len(test)
    spectra = {
        "hr": (hr_power / n, ring_correlation(hr_power, hr_power, hr_power)),
        method: (sr_power / n, ring_correlation(shared, hr_power, sr_power)),
    }
    return metric_table(test, sample, method, metrics), spectrum_table(sample, frequency, spectra)


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
        "--denoise-sigma",
        type=cli.non_negative_float,
        default=0,
        help="blur that takes the noise off HR for a second PSNR, HR voxels; 0 for none",
    )
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
        lpips = args.lpips_weights is not None
        check_border("--border", args.border, reference.hr_size, lpips=lpips)
        test = reference.split("test")
        if not len(test):
            raise InputError(f"the test split of {args.pairs} holds no tile: give it more slices")
        pixel_um = spectra.in_plane_voxel_size_um(reference.attrs.hr_voxel_size_um)
        networks = {}
        if lpips:
            networks["lpips"] = lpips_distance(args.lpips_weights, args.threads)
        table, spectrum = measure(
            test,
            sr,
            border=args.border,
            degradation=known_degradation(reference, args.border),
            denoise_sigma=args.denoise_sigma,
            pixel_um=pixel_um,
            networks=networks,
        )
    files.write_text(args.output, table)
    files.write_text(args.spectrum, spectrum)
    write_record(__file__, args, voxel_size_um=reference.attrs.hr_voxel_size_um)


if __name__ == "__main__":
    sys.exit(cli.run(main))
